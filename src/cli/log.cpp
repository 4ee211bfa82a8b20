// `skerry log`: a look into the durable log, also of a running gateway.
#include <cstdio>

#include "cli/cli.hpp"
#include "log/tools.hpp"

namespace skerry::cli {
namespace {

// The folder that was named, or the log in the data folder that was named.
std::string log_dir(const std::string& dir) {
  const auto inner = join_path(dir, "log");
  const auto there = system_files().exists(inner);
  return there && *there ? inner : dir;
}

void print(std::string_view line) { std::fwrite(line.data(), 1, line.size(), stdout); }

}  // namespace

int log_verify(const LogOptions& options) {
  const auto done = log::verify(system_files(), log_dir(options.dir),
                                options.json ? log::Sink([](std::string_view) {}) : log::Sink(print));
  if (!done) return failed(done.error());
  const auto n = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  if (options.json) {
    std::printf(
        "{\"records\":%llu,\"batches\":%llu,\"segments\":%llu,\"blocks\":%llu,\"torn_bytes\":%llu,\"gone\":%llu,"
        "\"problems\":%llu}\n",
        n(done->records), n(done->batches), n(done->segments), n(done->blocks), n(done->torn_bytes), n(done->gone),
        n(done->problems));
  } else {
    std::printf("%llu records in %llu batches of %llu segments and %llu blocks, %llu gone as declared, %llu problems\n",
                n(done->records), n(done->batches), n(done->segments), n(done->blocks), n(done->gone),
                n(done->problems));
  }
  return done->problems == 0 ? 0 : 1;
}

int log_inspect(const LogOptions& options) {
  const auto done = log::inspect(system_files(), log_dir(options.dir), print);
  return done ? 0 : failed(done.error());
}

int log_dump(const LogOptions& options) {
  log::DumpOptions dump;
  dump.from = {options.from};
  if (const auto cls = record::class_named(options.only_class)) dump.classes = record::mask(*cls);
  if (options.limit > 0) dump.limit = options.limit;
  const auto done = log::dump(system_files(), log_dir(options.dir), dump, print);
  return done ? 0 : failed(done.error());
}

}  // namespace skerry::cli
