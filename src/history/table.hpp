// The table of devices: what was last heard of each. One thread at a time; History holds the lock.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "history/history.hpp"
#include "record/forgotten.hpp"

namespace skerry::history {

// What kind of message a topic carries, and of which device.
enum class Topic : std::uint8_t { reading, status, acknowledgement, other };
Topic topic_of(std::string_view topic);

class Table {
 public:
  struct Row {
    Wall first_seen{};
    Wall last_seen{};
    std::uint64_t readings = 0;
    record::Position last_position;  // of the last reading; only where readings > 0
    record::Offset last_offset;
    Wall last_received{};
    std::string payload;  // of the last reading; empty and `long_payload`: read it from the log
    bool long_payload = false;
    std::string status;
    bool has_status = false;
  };
  using Rows = std::map<std::string, Row, std::less<>>;

  explicit Table(const Options& options) : options_(options) {}

  // False: the record is of a device that has no room in the table.
  bool take(const record::RecordView& r);
  const Rows& rows() const { return rows_; }
  // What people say of it; null: nothing.
  const std::string* meta_of(std::string_view device) const;
  const Counts& counts() const { return counts_; }
  const record::Forgotten& forgotten() const { return forgotten_; }
  void drop_forgotten_before(record::Position begin) { forgotten_.drop_before(begin); }

  void encode(Buffer& to) const;
  Result<> decode(Bytes from, std::uint32_t version);

 private:
  bool take_meta(const record::RecordView& r);
  Row* row_of(std::string_view device, Wall at);

  Options options_;
  Rows rows_;
  std::map<std::string, std::string, std::less<>> metas_;  // also of devices that have not spoken yet
  Counts counts_;
  record::Forgotten forgotten_;
};

inline constexpr std::uint32_t table_version = 2;  // 1: without what people say of devices

}  // namespace skerry::history
