// Rows of one CSV or NDJSON text into a table's columns, by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "stream/json_rows.hpp"
#include "stream/node.hpp"

namespace skerry::stream {

class FileRows {
 public:
  // Reads the header of a CSV. Code::invalid when it has none of the table's columns. `text` must outlive this.
  static Result<FileRows> open(TableNode& table, std::string_view text, std::string_view path);
  // Adds the next row that can be read. False at the end.
  bool add(std::uint32_t record, Arena& arena);

  std::uint64_t rows = 0;
  std::uint64_t malformed = 0;
  std::uint64_t wrong = 0;

 private:
  FileRows(TableNode& table, std::string_view text) : table_(&table), text_(text) {}
  Result<> read_header(std::string_view path);
  bool next_line(std::string_view& line);
  bool split(std::string_view line, Arena& arena);
  void fill_received_at(std::size_t row);

  TableNode* table_;
  std::string_view text_;
  bool is_json_ = false;
  char separator_ = ',';
  std::vector<int> column_of_field_;  // -1: none wants it
  int time_ms_field_ = -1;            // a column called time_ms: numbers in it are milliseconds, however small
  std::vector<std::string_view> fields_;
  JsonRows json_;
};

}  // namespace skerry::stream
