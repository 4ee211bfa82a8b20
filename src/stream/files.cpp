// Files into a plan and its rows out.
#include "stream/files.hpp"

#include <zlib.h>
#include <algorithm>
#include <ostream>

#include "stream/file_rows.hpp"
#include "stream/json_out.hpp"
#include "stream/lexer.hpp"
#include "stream/limits.hpp"
#include "stream/plan.hpp"

namespace skerry::stream {
namespace {

Result<std::string> gunzip(const Buffer& from, std::string_view path) {
  z_stream z{};
  if (inflateInit2(&z, 15 + 32) != Z_OK) return fail(Code::io, "zlib did not start");
  z.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(from.data()));
  z.avail_in = static_cast<uInt>(from.size());
  std::string to;
  int state = Z_OK;
  while (state == Z_OK && to.size() < 4 * GiB) {
    const auto at = to.size();
    to.resize(at + MiB);
    z.next_out = reinterpret_cast<Bytef*>(to.data() + at);
    z.avail_out = MiB;
    state = inflate(&z, Z_NO_FLUSH);
    to.resize(to.size() - z.avail_out);
    if (state == Z_STREAM_END && z.avail_in > 0)
      state = inflateReset(&z);  // files put together with cat
    else if (state == Z_OK && z.avail_in == 0 && z.avail_out > 0)
      break;
  }
  inflateEnd(&z);
  if (state != Z_STREAM_END)
    return fail(Code::damaged, "the gzip data end too early or are damaged", std::string(path));
  return to;
}

Result<std::string> read_text(Files& files, std::string_view path) {
  auto bytes = TRY(read_file(files, path, GiB));
  if (bytes.size() > 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b}) return gunzip(bytes, path);
  return std::string(as_text(bytes));
}

// The table an input is for, and its file.
Result<std::pair<TableNode*, std::string>> target_of(const Plan& plan, const std::string& input) {
  std::vector<std::string> names;
  for (const auto* table : plan.tables()) names.push_back(table->table);
  const auto equals = input.find('=');
  if (equals != std::string::npos && input.find('/') > equals) {
    const auto name = input.substr(0, equals);
    for (auto* table : plan.tables()) {
      if (table->table == name) return std::pair(table, input.substr(equals + 1));
    }
    const auto near = nearest(name, names);
    return fail(Code::not_found,
                "the pipeline reads no table " + name + (near.empty() ? "" : "; did you mean " + near + "?"), input);
  }
  if (plan.tables().size() == 1) return std::pair(plan.tables()[0], input);
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
  return fail(
      Code::invalid,
      "the pipeline reads " + (all.empty() ? std::string("no table") : "the tables " + all) + ": say TABLE=FILE",
      input);
}

class Runner {
 public:
  Runner(Plan& plan, std::ostream& out) : plan_(plan), out_(out) {
    for (const auto& sink : plan.sinks()) {
      writers_.emplace_back(sink.rows->scope, TimeStyle::sql, false);
      to_.push_back(sink.table ? sink.table->name : std::string{});
    }
  }

  void run_batch() {
    plan_.run(arena_);
    // In the order of the causes, then of the statements: it must not matter where a batch ends.
    struct Ref {
      std::uint32_t record;
      std::uint32_t sink;
      std::uint32_t row;
    };
    std::vector<Ref> refs;
    for (std::uint32_t s = 0; s < plan_.sinks().size(); ++s) {
      const auto& batch = plan_.sinks()[s].rows->out;
      for (std::uint32_t r = 0; r < batch.rows; ++r) refs.push_back({batch.meta[r].record, s, r});
    }
    std::ranges::stable_sort(refs, {}, [](const Ref& r) { return r.record; });
    std::string line;
    for (const auto& ref : refs) {
      line = "{";
      if (!to_[ref.sink].empty()) line += "\"_to\":\"" + to_[ref.sink] + "\"";
      writers_[ref.sink].append_fields(line, plan_.sinks()[ref.sink].rows->out, ref.row);
      line += "}\n";
      out_ << line;
      ++counts.rows_out;
    }
    for (auto* table : plan_.tables()) table->begin_batch();
    arena_.reset();
    for (const auto& node : plan_.nodes()) counts.late += node->take_late();
  }

  Result<> feed(TableNode& table, std::string_view text, std::string_view path) {
    auto rows = TRY(FileRows::open(table, text, path));
    std::uint32_t record = 0;
    while (rows.add(record, arena_)) {
      if (++record % file_batch_rows == 0) run_batch();
    }
    run_batch();
    counts.rows_in += rows.rows;
    counts.malformed += rows.malformed;
    counts.wrong_type += rows.wrong;
    return {};
  }

  RunCounts counts;

 private:
  Plan& plan_;
  std::ostream& out_;
  Arena arena_;
  std::vector<RowJson> writers_;
  std::vector<std::string> to_;
};

}  // namespace

Result<RunCounts> run_files(Files& files, std::string_view sql, const std::vector<std::string>& inputs,
                            std::ostream& out) {
  auto plan = TRY(Plan::make(sql));
  Runner runner(*plan, out);
  if (plan->has_values()) runner.run_batch();
  for (const auto& input : inputs) {
    const auto [table, path] = TRY(target_of(*plan, input));
    const auto text = TRY(read_text(files, path));
    TRY(runner.feed(*table, text, path));
  }
  return runner.counts;
}

}  // namespace skerry::stream
