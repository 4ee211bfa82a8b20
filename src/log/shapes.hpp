// Shapes: of the rows in a log, by which they are made the JSON that they stand for. Bytes: docs/format/row.md.
//
// The file holds every shape ever used here, each durable before the first row of it. Should it be lost, the pipelines
// put their shapes back at their next start; rows of a shape that nobody puts back are `null`, counted.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/metrics.hpp"
#include "codec/row.hpp"
#include "log/log.hpp"

namespace skerry::log {

class Shapes {
 public:
  Shapes(Files& files, std::string path, metrics::Registry* metrics = nullptr);

  void load();  // an unreadable file counts as empty
  // Durable when it returns. A row's payload is this id, 4 bytes little-endian, and its values.
  Result<std::uint32_t> add(Bytes shape);
  // What a reader is given: rows as their JSON, or without them.
  Chunk finish(Chunk chunk, Rows rows) const;
  void append_json(std::string& to, Bytes payload) const;

 private:
  struct Known {
    Buffer bytes;
    codec::Shape shape;
  };
  using All = std::map<std::uint32_t, Known>;
  std::shared_ptr<const All> all() const;

  Files& files_;
  std::string path_;
  metrics::Counter* unreadable_ = nullptr;
  mutable std::mutex mutex_;
  std::shared_ptr<const All> all_ = std::make_shared<All>();
};

}  // namespace skerry::log
