// CSV (RFC 4180, ',' or ';') and NDJSON, line by line.
#include "stream/file_rows.hpp"

#include <algorithm>
#include <charconv>

#include "stream/limits.hpp"

namespace skerry::stream {

Result<FileRows> FileRows::open(TableNode& table, std::string_view text, std::string_view path) {
  FileRows to(table, text);
  if (to.text_.starts_with("\xef\xbb\xbf")) to.text_.remove_prefix(3);
  const auto first = to.text_.find_first_not_of(" \r\n\t");
  to.is_json_ = first != std::string_view::npos && to.text_[first] == '{';
  if (to.is_json_)
    to.json_.attach(table, false);
  else
    TRY(to.read_header(path));
  return to;
}

bool FileRows::next_line(std::string_view& line) {
  if (text_.empty()) return false;
  // A line break within quotes belongs to the field.
  bool quoted = false;
  std::size_t end = 0;
  for (; end < text_.size(); ++end) {
    if (text_[end] == '"' && !is_json_)
      quoted = !quoted;
    else if (text_[end] == '\n' && !quoted)
      break;
  }
  line = text_.substr(0, end);
  text_.remove_prefix(std::min(end + 1, text_.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return true;
}

bool FileRows::split(std::string_view line, Arena& arena) {
  fields_.clear();
  while (true) {
    if (!line.starts_with('"')) {
      const auto end = line.find(separator_);
      fields_.push_back(line.substr(0, end));
      if (end == std::string_view::npos) return true;
      line.remove_prefix(end + 1);
      continue;
    }
    std::string field;
    std::size_t i = 1;
    for (; i < line.size(); ++i) {
      if (line[i] == '"' && (i + 1 == line.size() || line[i + 1] != '"')) break;
      if (line[i] == '"') ++i;
      field += line[i];
    }
    if (i >= line.size()) return false;
    fields_.push_back(arena.keep(field));
    line.remove_prefix(i + 1);
    if (line.empty()) return true;
    if (line.front() != separator_) return false;
    line.remove_prefix(1);
  }
}

Result<> FileRows::read_header(std::string_view path) {
  std::string_view line;
  if (!next_line(line)) return {};  // an empty file has no rows
  if (line.find(',') == std::string_view::npos && line.find(';') != std::string_view::npos) separator_ = ';';
  Arena arena;
  if (!split(line, arena)) return fail(Code::invalid, "the header is no CSV", std::string(path) + ", line 1");
  bool any = false;
  const auto has = [&](std::string_view name) { return std::ranges::find(fields_, name) != fields_.end(); };
  for (auto name : fields_) {
    if (name == "device" && !has("device_id")) name = "device_id";
    if (name == "time_ms") time_ms_field_ = static_cast<int>(column_of_field_.size());
    if (name == "time_ms" && !has("timestamp")) name = "timestamp";
    int column = -1;
    for (std::size_t i = 0; i < table_->scope.size(); ++i) {
      const auto& own = table_->scope[i].name;
      if ((own == name || own == fields_[column_of_field_.size()]) && !table_->is_computed[i])
        column = static_cast<int>(i);
    }
    any |= column >= 0;
    column_of_field_.push_back(column);
  }
  if (any) return {};
  std::string names;
  for (const auto& one : table_->scope) names += (names.empty() ? "" : ", ") + one.name;
  return fail(Code::invalid, "the header names none of the columns of " + table_->table + " (" + names + ")",
              std::string(path) + ", line 1");
}

// Where a file does not say when a reading came in: when it happened.
void FileRows::fill_received_at(std::size_t row) {
  if (table_->time_column < 0) return;
  const auto time = static_cast<std::size_t>(table_->time_column);
  if (!table_->used[time] || table_->is_computed[time] || table_->column(time).null[row]) return;
  for (std::size_t i = 0; i < table_->scope.size(); ++i) {
    if (!table_->used[i] || table_->table_ast.columns[i].metadata != "received_at") continue;
    auto& column = table_->column(i);
    if (!column.null[row]) continue;
    column.null[row] = 0;
    column.i64[row] = table_->column(time).i64[row];
  }
}

bool FileRows::add(std::uint32_t record, Arena& arena) {
  std::string_view line;
  while (next_line(line)) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    RowMeta meta;
    meta.record = record;
    if (is_json_) {
      if (!json_.add({.payload = as_bytes(line)}, meta, arena, wrong)) {
        ++malformed;
        continue;
      }
      // Nothing is ahead of a clock here.
      table_->at_last().ahead = false;
    } else {
      if (line.size() > file_line_bytes_max || !split(line, arena) || fields_.size() != column_of_field_.size()) {
        ++malformed;
        continue;
      }
      const auto row = table_->add_row(meta);
      for (std::size_t i = 0; i < table_->scope.size(); ++i) {
        if (table_->used[i] && !table_->is_computed[i]) set_null(table_->column(i), row);
      }
      for (std::size_t i = 0; i < fields_.size(); ++i) {
        const auto column = column_of_field_[i];
        if (column < 0 || !table_->used[static_cast<std::size_t>(column)]) continue;
        auto& to = table_->column(static_cast<std::size_t>(column));
        const auto field = fields_[i];
        if (static_cast<int>(i) == time_ms_field_ && to.held == Held::i64 &&
            std::from_chars(field.data(), field.data() + field.size(), to.i64[row]).ptr ==
                field.data() + field.size() &&
            !field.empty()) {
          to.null[row] = 0;
          continue;
        }
        wrong += !put_text(table_->column(static_cast<std::size_t>(column)), row,
                           table_->scope[static_cast<std::size_t>(column)].type, fields_[i], arena);
      }
    }
    const auto row = table_->rows() - 1;
    fill_received_at(row);
    if (table_->time_column >= 0) {
      const auto time = static_cast<std::size_t>(table_->time_column);
      if (table_->used[time] && !table_->is_computed[time]) table_->at_last().now = table_->column(time).i64[row];
    }
    ++rows;
    return true;
  }
  return false;
}

}  // namespace skerry::stream
