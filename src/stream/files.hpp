// Pipelines over files: `skerry pipeline run` and `skerry pipeline test`. The same plan and operators as in the
// gateway.
//
// A file is CSV with a header or NDJSON, plain or gzip; it feeds CREATE TABLE's columns by name, whatever the
// connector. Rows are processed in the file's order. Out: NDJSON, one row a line, column names as keys; a row of INSERT
// INTO carries
// "_to". Where a file lacks `device_id` or `timestamp`, its columns `device` and `time_ms` stand in for them.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"

namespace skerry::stream {

struct RunCounts {
  std::uint64_t rows_in = 0;
  std::uint64_t rows_out = 0;
  std::uint64_t late = 0;        // older than the watermark
  std::uint64_t malformed = 0;   // lines that are no JSON object or have another number of fields than the header
  std::uint64_t wrong_type = 0;  // fields that do not fit their column: taken as NULL
};

// `inputs`: FILE, when the pipeline reads one table, or TABLE=FILE.
Result<RunCounts> run_files(Files& files, std::string_view sql, const std::vector<std::string>& inputs,
                            std::ostream& out);

struct TestCounts {
  std::uint64_t passed = 0;
  std::uint64_t failed = 0;
};

// Runs every *.sqltest below `dir` (or the one file) and tells each failure with file, line, and what came instead.
// The format: docs/sql.md.
Result<TestCounts> test_dir(Files& files, std::string_view dir, std::ostream& out);

}  // namespace skerry::stream
