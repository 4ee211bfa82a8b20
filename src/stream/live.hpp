// Live: one pipeline in the gateway: its plan, the topics it reads, what it writes, and its counters.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "stream/json_rows.hpp"
#include "stream/outputs.hpp"
#include "stream/plan.hpp"
#include "stream/stream.hpp"

namespace skerry::stream {

struct Live {
  std::string name;
  std::string version;
  std::string text;
  std::string origin;  // pipeline:NAME
  std::unique_ptr<Plan> plan;
  std::vector<SinkForm> sinks;
  std::vector<std::string> reads;                // a topic filter a table, as in plan->tables()
  record::Position start;                        // records before it are not its business
  std::optional<record::Position> done_through;  // results of causes up to here stand in the log already
  std::atomic<std::uint64_t> rows_in{0};
  std::atomic<std::uint64_t> rows_out{0};
  std::atomic<std::uint64_t> late{0};
  std::atomic<std::uint64_t> errors{0};
  metrics::Counter* rows_in_total = nullptr;
  metrics::Counter* rows_out_total = nullptr;
  metrics::Counter* errors_total = nullptr;
  metrics::Counter* dropped_total = nullptr;
};

// Plans a text for the gateway: every table needs 'connector'='mqtt', a topic and JSON. Errors name the pipeline.
Result<std::unique_ptr<Live>> make_live(const PipelineText& from, const Deps& deps);
// Refuses pipelines that read what they write, by themselves or round each other.
Result<> check_circles(const std::vector<std::unique_ptr<Live>>& all);

}  // namespace skerry::stream
