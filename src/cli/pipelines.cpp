// `skerry pipeline`: SQL over files, and tests of SQL.
#include <cstdio>
#include <fstream>
#include <iostream>

#include "cli/cli.hpp"
#include "stream/files.hpp"

namespace skerry::cli {

int pipeline_run(const PipelineOptions& options) {
  const auto sql = read_file(system_files(), options.file);
  if (!sql) return failed(sql.error());
  std::ofstream file;
  if (options.output != "-") {
    file.open(options.output, std::ios::binary);
    if (!file) return failed({Code::io, "cannot be written", options.output});
  }
  std::ostream& out = options.output == "-" ? std::cout : file;
  std::ios::sync_with_stdio(false);
  auto done = stream::run_files(system_files(), as_text(*sql), options.inputs, out);
  out.flush();
  if (!done) {
    auto error = done.error();
    error.where = options.file + (error.where.empty() ? "" : ": " + error.where);
    return failed(error);
  }
  if (!out) return failed({Code::io, "not all rows could be written", options.output});
  std::fprintf(stderr, "%llu rows in, %llu out, %llu late, %llu malformed, %llu fields of the wrong type\n",
               static_cast<unsigned long long>(done->rows_in), static_cast<unsigned long long>(done->rows_out),
               static_cast<unsigned long long>(done->late), static_cast<unsigned long long>(done->malformed),
               static_cast<unsigned long long>(done->wrong_type));
  return 0;
}

int pipeline_test(const PipelineOptions& options) {
  const auto done = stream::test_dir(system_files(), options.file, std::cout);
  if (!done) return failed(done.error());
  std::printf("%llu passed, %llu failed\n", static_cast<unsigned long long>(done->passed),
              static_cast<unsigned long long>(done->failed));
  return done->failed == 0 ? 0 : 1;
}

}  // namespace skerry::cli
