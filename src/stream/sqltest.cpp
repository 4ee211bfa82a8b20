// The .sqltest format: a text with SQL, rows fed and rows expected; run by `skerry pipeline test`. See docs/sql.md.
#include <algorithm>
#include <ostream>
#include <sstream>

#include "stream/files.hpp"
#include "stream/limits.hpp"
#include "stream/sqltest.hpp"

namespace skerry::stream {
namespace {

std::string_view without_spaces(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r' || text.back() == '\t')) text.remove_suffix(1);
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  return text;
}

// Files that are fed live in memory.
class FedFiles final : public Files {
 public:
  std::vector<std::pair<std::string, std::string>> texts;

  Result<std::unique_ptr<File>> open(std::string_view path, Mode) override {
    for (const auto& [name, text] : texts) {
      if (name == path) return std::make_unique<Fed>(text);
    }
    return fail(Code::not_found, "nothing was fed by this name", std::string(path));
  }
  Result<> make_dirs(std::string_view) override { return {}; }
  Result<std::vector<Entry>> list(std::string_view) override { return std::vector<Entry>{}; }
  Result<bool> exists(std::string_view) override { return true; }
  Result<> remove(std::string_view) override { return {}; }
  Result<> rename(std::string_view, std::string_view) override { return {}; }
  Result<> sync_dir(std::string_view) override { return {}; }
  Result<Space> space(std::string_view) override { return Space{}; }
  Result<std::unique_ptr<File>> lock(std::string_view) override { return fail(Code::unsupported, "no locks here"); }

 private:
  class Fed final : public File {
   public:
    explicit Fed(const std::string& text) : text_(text) {}
    Result<> write(std::uint64_t, Bytes) override { return fail(Code::denied, "read only"); }
    Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) override {
      const auto rest = std::string_view(text_).substr(std::min<std::size_t>(offset, text_.size()), into.size());
      std::ranges::copy(as_bytes(rest), into.begin());
      return rest.size();
    }
    Result<> sync() override { return {}; }
    Result<> truncate(std::uint64_t) override { return {}; }
    Result<std::uint64_t> size() override { return text_.size(); }

   private:
    const std::string& text_;
  };
};

class TestReader {
 public:
  explicit TestReader(std::string_view text) : text_(text) {}

  bool next(std::string_view& line) {
    if (text_.empty()) return false;
    const auto end = text_.find('\n');
    line = text_.substr(0, end);
    text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++number;
    return true;
  }
  bool peek_blank_or_end() const { return text_.empty() || without_spaces(text_.substr(0, text_.find('\n'))).empty(); }
  std::string block() {  // lines up to a blank one
    std::string to;
    std::string_view line;
    while (!peek_blank_or_end() && next(line)) (to += line) += '\n';
    return to;
  }
  int number = 0;

 private:
  std::string_view text_;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> to;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (const auto bare = without_spaces(line); !bare.empty()) to.emplace_back(bare);
  }
  return to;
}

// `a 1 | b 2`: one row a bar; else the lines as they are.
std::string feed_rows(std::string_view inline_rows, TestReader& reader) {
  std::string to;
  while (!inline_rows.empty()) {
    const auto bar = inline_rows.find('|');
    (to += without_spaces(inline_rows.substr(0, bar))) += '\n';
    inline_rows = bar == std::string_view::npos ? std::string_view{} : inline_rows.substr(bar + 1);
  }
  return to.empty() ? reader.block() : to;
}

struct Case {
  std::string name;
  std::string sql;
  FedFiles fed;
};

std::string answer(Case& test, const std::string& query) {
  std::vector<std::string> inputs;
  for (const auto& [path, text] : test.fed.texts) inputs.push_back(path.substr(5) + "=" + path);
  std::ostringstream out;
  // A query may read fewer tables than were fed.
  const auto sql = test.sql + "\n" + query;
  while (true) {
    const auto counts = run_files(test.fed, sql, inputs, out);
    if (counts) return out.str();
    const auto& error = counts.error();
    const auto unread = std::ranges::find(inputs, error.where);
    if (error.code == Code::invalid && error.what.find("reads no table") != std::string::npos && unread != inputs.end())
      inputs.erase(unread);
    else if (error.code == Code::not_found && unread != inputs.end())
      inputs.erase(unread);
    else
      return "error: " + error.text() + "\n";
    out.str({});
  }
}

bool same_rows(const std::string& got, const std::string& wanted, bool sorted) {
  auto a = lines_of(got);
  auto b = lines_of(wanted);
  if (sorted) std::ranges::sort(a), std::ranges::sort(b);
  if (b.size() == 1 && b[0].starts_with("error: ") && a.size() == 1)
    return a[0].find(b[0].substr(7)) != std::string::npos && a[0].starts_with("error: ");
  return a == b;
}

}  // namespace

void run_test_text(Files& files, std::string_view text, std::string_view path, std::ostream& out, TestCounts& counts) {
  TestReader reader(text);
  Case test;
  std::string_view line;
  while (reader.next(line)) {
    const auto bare = without_spaces(line);
    if (bare.empty()) continue;
    if (bare.starts_with('#')) {
      test.name = without_spaces(bare.substr(1));
      continue;
    }
    const auto word = bare.substr(0, bare.find(' '));
    const auto rest = without_spaces(bare.substr(word.size()));
    if (word == "sql") {
      test.sql = reader.block();
      test.fed.texts.clear();
      if (rest.empty()) continue;
      const auto named = read_file(files, join_path(parent_path(path), rest));
      if (!named) {
        ++counts.failed;
        out << path << ":" << reader.number << ": " << named.error().text() << "\n";
        return;
      }
      test.sql = std::string(as_text(*named)) + test.sql;
    } else if (word == "feed") {
      const auto table = rest.substr(0, rest.find(' '));
      test.fed.texts.emplace_back("fed: " + std::string(table),
                                  feed_rows(without_spaces(rest.substr(table.size())), reader));
      test.fed.texts.back().first = "fed:/" + std::string(table);
    } else if (word == "query" || word == "run") {
      const int at = reader.number;
      const bool sorted = rest == "sorted";
      std::string query;
      while (reader.next(line) && without_spaces(line) != "----") (query += line) += '\n';
      const auto wanted = reader.block();
      const auto got = answer(test, query);
      if (same_rows(got, wanted, sorted)) {
        ++counts.passed;
        continue;
      }
      ++counts.failed;
      out << path << ":" << at << ": " << test.name << "\n--- expected\n" << wanted << "--- came\n" << got;
    } else {
      ++counts.failed;
      out << path << ":" << reader.number << ": expected sql, feed, query, run or a # comment, found '" << word
          << "'\n";
      return;
    }
  }
}

Result<TestCounts> test_dir(Files& files, std::string_view dir, std::ostream& out) {
  TestCounts counts;
  if (dir.ends_with(".sqltest")) {
    const auto bytes = TRY(read_file(files, dir));
    run_test_text(files, as_text(bytes), dir, out, counts);
    return counts;
  }
  for (const auto& entry : TRY(files.list(dir))) {
    const auto path = join_path(dir, entry.name);
    if (entry.is_dir) {
      const auto below = TRY(test_dir(files, path, out));
      counts.passed += below.passed;
      counts.failed += below.failed;
    } else if (entry.name.ends_with(".sqltest")) {
      const auto bytes = TRY(read_file(files, path));
      run_test_text(files, as_text(bytes), path, out, counts);
    }
  }
  return counts;
}

}  // namespace skerry::stream
