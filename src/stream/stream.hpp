// stream: pipelines of Flink SQL over the log. A pipeline reads topics, and what it inserts goes back into the log.
//
// Every row gives its results at its arrival. Each result carries the record it came from (cause) and who made it
// (origin `pipeline:NAME`); the results of one micro-batch are appended in one append(). State is checkpointed together
// with the log's position, and what already stands in the log is not appended again: after kill -9 the rows are those
// of an uninterrupted run. A text that has changed begins with fresh state from now on. SQL and its options:
// docs/sql.md.
//
// Thread: one calls step(), checkpoint() and replace(); pipelines() and position() any.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/metrics.hpp"
#include "base/result.hpp"
#include "log/checkpoint.hpp"
#include "log/follower.hpp"
#include "log/log.hpp"
#include "record/classes.hpp"

namespace skerry::stream {

struct PipelineText {
  std::string name;  // letters, digits, - and _
  std::string text;
};

struct PipelineInfo {
  std::string name;
  std::string version;  // a hash of the text
  std::string text;
  std::uint64_t rows_in = 0;
  std::uint64_t rows_out = 0;
  std::uint64_t late = 0;    // dropped: older than the watermark
  std::uint64_t errors = 0;  // malformed payloads, fields of the wrong type, results that could not be sent
};

struct Options {
  std::size_t keys_max = 100'000;                 // per window; the least recently seen goes first
  std::size_t window_rows_max = 200'000;          // per key; the oldest goes first
  std::uint64_t checkpoint_records_min = 256;     // fewer since the last checkpoint are not worth another
  std::chrono::milliseconds command_ttl{30'000};  // a command's not-after, where the table does not say 'ttl'
};

struct Deps {
  log::Log& log;
  Files& files;
  Clock& clock;  // only to measure latency
  metrics::Registry& metrics;
  record::ClassRules classes;
  Options options = {};
  log::Saver* saver = nullptr;  // saves checkpoints; nothing: the stepping thread itself
};

class Engine : public log::Follower {
 public:
  // Makes `state_dir` when missing. Code::invalid names the pipeline, line and column: nothing runs then.
  static Result<std::unique_ptr<Engine>> open(Deps deps, std::string_view state_dir,
                                              std::vector<PipelineText> pipelines);
  virtual std::vector<PipelineInfo> pipelines() const = 0;
  // Runs these from now on. One whose text is the same goes on with its state; a new or changed one begins with fresh
  // state at the end of the log. Errors as of open(), or Code::busy: the log pushes back; nothing has changed then.
  virtual Result<> replace(std::vector<PipelineText> pipelines) = 0;
};

// Parses and plans only. What is wrong with a text, or nothing.
Result<> check(std::string_view sql);
// Eight characters that change when the text says something else; spaces and comments count for nothing.
std::string version_of(std::string_view sql);
// Every `*.sql` below `dir`, sorted by name; the name is the file's without its ending.
Result<std::vector<PipelineText>> read_pipelines(Files& files, std::string_view dir);

}  // namespace skerry::stream
