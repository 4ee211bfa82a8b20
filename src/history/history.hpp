// History: the table of devices, and readings by device and event time.
//
// A reading is a message with topic `sensors/{device}/data`; a status one with `devices/{device}/status`. Only
// committed records are read, so all that is given here is on disk. Payloads are given as they were sent, byte for
// byte.
//
// What people say of a device (its name, its place, units) is a record of kind config, topic `$skerry/device/{device}`;
// the newest counts, also from before the device's first message.
//
// Order of calls: open(), then step() until false and again after commits, checkpoint() now and then. Any thread may
// call anything; step() by two threads is taken in turns.
// Source: DESIGN.md, "HTTP"; issue 4, part 7.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/metrics.hpp"
#include "history/limits.hpp"
#include "log/checkpoint.hpp"
#include "log/follower.hpp"
#include "log/log.hpp"
#include "record/classes.hpp"

namespace skerry::history {

struct Options {
  std::size_t devices_max = history::devices_max;
  std::size_t device_payload_bytes_max = history::device_payload_bytes_max;
  std::size_t page_items_max = history::page_items_max;
  std::size_t page_bytes_max = history::page_bytes_max;
  std::uint64_t checkpoint_records = history::checkpoint_records;
  std::string checkpoint_path;                      // empty: none is kept
  log::Saver* saver = nullptr;                      // saves it; nothing: the stepping thread itself
  record::ClassMask classes = record::all_classes;  // that readings may be in: classes_of_readings(rules)
  bool rows_matter = true;                          // rows_matter(rules)
};

record::ClassMask classes_of_readings(const record::ClassRules& rules);
// Whether what the table is made of may be of class low, and so be stored as rows by a pipeline.
bool rows_matter(const record::ClassRules& rules);

inline constexpr std::string_view meta_topic = "$skerry/device/";  // + device

// Reads {name?, place?, units?: {field: unit}} and gives it whole and compact, as the record's payload. Code::invalid
// with the field as `where`; a field it does not know is an error too.
Result<std::string> parse_meta(Bytes json);

struct Reading {
  std::string device;
  EventTime timestamp;
  Wall received_at;
  record::Offset offset;
  record::Position position;
  std::string payload;     // as sent
  bool is_object = false;  // a JSON object; else the payload is some bytes
  bool ahead = false;      // its time is more than a minute after it was received
};

struct Device {
  std::string id;
  Wall first_seen;
  Wall last_seen;                     // its newest message of any kind
  std::optional<Reading> last;        // the reading received last
  std::optional<std::string> status;  // payload of the newest status, where that is JSON
  std::uint64_t readings = 0;
  std::optional<std::string> meta;  // as parse_meta() gave it
};

struct DevicesPage {
  std::vector<Device> items;  // by id
  std::optional<std::string> next;
};

struct ReadingsQuery {
  std::string_view device;        // empty: all
  std::optional<EventTime> from;  // inclusive
  std::optional<EventTime> to;    // exclusive
  bool descending = false;
  std::size_t limit = page_items_default;  // 1 to page_items_max, cut to it
  std::string_view cursor;                 // ReadingsPage::next of the page before
};

// In order of (timestamp, position); of the same time all are kept.
struct ReadingsPage {
  std::vector<Reading> items;
  std::optional<std::string> next;  // nothing: there were no more when this was read
};

struct SeriesQuery {
  std::string_view device;
  std::string_view field;    // of the reading's top level; what is no number there is left out
  EventTime from;            // inclusive
  EventTime to;              // exclusive, after `from`
  std::size_t points = 500;  // steps, about; 1 to series_points_max, cut to it
};

struct Step {
  EventTime at;  // where it begins
  std::uint64_t count = 0;
  double min = 0;
  double max = 0;
  double mean = 0;
};

// Only steps with readings. They begin at whole multiples of `step`; the first may begin before `from`.
struct Series {
  std::chrono::milliseconds step{};
  std::vector<Step> steps;
};

struct Counts {
  std::uint64_t devices = 0;
  std::uint64_t messages = 0;  // that came in by a door, ever, over restarts (what pipelines made is not counted)
  std::uint64_t readings = 0;
};

class History : public log::Follower {
 public:
  // The checkpoint, when there is one, and the log after it. All three outlive it.
  static Result<std::unique_ptr<History>> open(const log::Log& log, Files& files, const Options& options,
                                               metrics::Registry& metrics);

  // Code::invalid: a cursor that no page gave.
  virtual Result<DevicesPage> devices(std::size_t limit, std::string_view cursor) = 0;
  virtual Result<Device> device(std::string_view id) = 0;  // Code::not_found
  // Pages put together give every row once, whatever is appended meanwhile; what is appended behind a cursor's place
  // shows, before it does not. Code::invalid: a cursor of another order, or that no page gave.
  virtual Result<ReadingsPage> readings(const ReadingsQuery& query) = 0;
  // Reads every reading of that time: for a thread that may take its time.
  virtual Result<Series> series(const SeriesQuery& query) = 0;
  virtual Counts counts() const = 0;
};

}  // namespace skerry::history
