// All that both sides of a stream of readings know, and how a frame is coded with it.
//
// A frame is what one device said at one time. A source is a device with the list of sensors that it says together:
// its frames share a rhythm, and who speaks after whom is learnt. docs/format/readings.md
#pragma once

#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "codec/limits.hpp"
#include "codec/names.hpp"
#include "codec/readings.hpp"
#include "codec/time_coder.hpp"
#include "codec/value_coder.hpp"

namespace skerry::codec {

struct Source {
  std::uint32_t device = 0;
  std::vector<std::uint32_t> series;
  TimeHabit time;
  std::uint32_t followed_by = 0;       // who spoke after it the last time
  std::uint32_t next = 0, before = 0;  // ring of all sources in the order in which they spoke
  Bit expected;                        // speaks when it is the first candidate
};

class ReadingsStream {
 public:
  static constexpr std::uint32_t none = UINT32_MAX;

  // A reading as the stream numbers it: names are numbered in the order in which they are first coded.
  struct Row {
    std::uint32_t device;
    std::uint32_t sensor;
    std::int64_t time_ms;
    double value;
  };

  // Codes a batch. Decoding appends to `rows`, encoding reads them. False: over a limit, or bytes that no encoder
  // wrote.
  template <typename Io>
  bool code(Io& io, std::vector<Row>& rows);

  Names devices;
  Names sensors;

 private:
  struct Candidates {
    std::array<std::uint32_t, 4> source;
    std::array<std::int64_t, 4> due;
    std::array<bool, 4> follows;
    std::size_t count = 0;
  };
  template <typename Io>
  bool code_frame(Io& io, std::vector<Row>& rows, std::size_t& at, std::size_t count);
  template <typename Io>
  bool code_slots(Io& io, std::vector<Row>& rows, std::size_t& at, std::size_t count, Source& source,
                  std::int64_t time);
  template <typename Io>
  std::uint32_t code_source(Io& io, std::uint32_t wanted, const std::vector<Row>& rows, std::size_t at,
                            std::size_t end);
  template <typename Io>
  std::uint32_t code_new_source(Io& io, const std::vector<Row>& rows, std::size_t at, std::size_t end);
  template <typename Io>
  std::uint32_t code_name(Io& io, std::uint32_t number, Names& names, std::uint32_t& known, TextModel& text, Bit& fresh,
                          std::array<Bit, 4096>& index);
  template <typename Io>
  std::uint32_t code_index(Io& io, std::uint32_t index, std::uint32_t size, std::array<Bit, 4096>& tree);

  Candidates candidates() const;
  // The source that the rows from `at` on are a frame of, and how many; none when there is no such source yet.
  std::uint32_t find_source(const std::vector<Row>& rows, std::size_t at, std::size_t count, std::size_t& end);
  bool begins_with(const Source& source, const std::vector<Row>& rows, std::size_t at, std::size_t end) const;
  std::uint32_t series_of(std::uint32_t device, std::uint32_t sensor);
  std::uint32_t add_source(std::uint32_t device, const std::vector<std::uint32_t>& sensor_list);
  void spoke(std::uint32_t source);
  Kind& kind_of(std::uint32_t sensor) { return *kinds_[sensor % kinds_max]; }
  static std::uint64_t key_of(std::uint32_t device, std::uint64_t hash) {
    return (hash ^ device) * 0x9e3779b97f4a7c15U;
  }

  std::uint32_t devices_known_ = 0;  // to both sides
  std::uint32_t sensors_known_ = 0;
  std::deque<Series> series_;
  std::deque<Source> sources_;
  std::vector<std::unique_ptr<Kind>> kinds_;
  std::unordered_map<std::uint64_t, std::uint32_t> series_by_names_;
  std::unordered_multimap<std::uint64_t, std::uint32_t> sources_by_list_;  // encoder only
  std::vector<std::vector<std::uint32_t>> sources_of_;                     // of a device; encoder only

  std::uint32_t speaker_ = none;  // of the last frame
  std::uint32_t frame_ = 0;
  std::uint32_t cut_source_ = none;  // a frame that the end of the batch cut
  std::size_t cut_at_ = 0;
  std::uint64_t count_ = 0;          // readings of the last batch
  std::vector<std::uint32_t> list_;  // sensors of the newest source
  std::vector<std::uint32_t> seen_;  // the last frame that held a sensor; encoder only

  TimeModel time_;
  TextModel device_text_, sensor_text_;
  Bit same_count_, continues_, known_source_, same_list_, known_device_, new_device_, new_sensor_;
  NumberModel number_;
  NumberHabit count_habit_, list_habit_;
  std::array<Bit, 4 * 2 * 8> chosen_;
  Mixer<2> chosen_mixer_;
  std::array<Bit, 4096> source_index_, device_index_, sensor_index_;
};

// ---- coding ----

template <typename Io>
bool ReadingsStream::code(Io& io, std::vector<Row>& rows) {
  auto count = static_cast<std::uint64_t>(rows.size());
  if (!code_bit<30>(io, count == count_, same_count_)) count_ = code_magnitude(io, count, number_, count_habit_);
  count = count_;
  if (count > batch_readings_max) return false;
  if constexpr (Io::decoding) rows.reserve(count);
  std::size_t at = 0;
  if (cut_source_ != none && count > 0) {
    auto& source = sources_[cut_source_];
    bool goes_on = false;
    if constexpr (!Io::decoding) {
      const auto left = std::min<std::size_t>(source.series.size() - cut_at_, count);
      goes_on = rows[0].device == source.device;
      for (std::size_t i = 0; i < left && goes_on; ++i) {
        goes_on = rows[i].device == source.device && rows[i].time_ms == time_.now &&
                  rows[i].sensor == series_[source.series[cut_at_ + i]].sensor;
      }
    }
    if (code_bit<30>(io, goes_on, continues_)) {
      if (!code_slots(io, rows, at, count, source, time_.now)) return false;
    } else {
      cut_source_ = none;
    }
  }
  while (at < count)
    if (!code_frame(io, rows, at, count)) return false;
  return true;
}

template <typename Io>
bool ReadingsStream::code_frame(Io& io, std::vector<Row>& rows, std::size_t& at, std::size_t count) {
  std::uint32_t wanted = none;
  auto end = at;
  std::int64_t time = 0;
  if constexpr (!Io::decoding) {
    wanted = find_source(rows, at, count, end);
    time = rows[at].time_ms;
  }
  const auto chosen = code_source(io, wanted, rows, at, end);
  if (chosen == none) return false;
  auto& source = sources_[chosen];
  spoke(chosen);
  time = code_time(io, time, source.time, time_);
  cut_source_ = chosen;
  cut_at_ = 0;
  return code_slots(io, rows, at, count, source, time);
}

template <typename Io>
bool ReadingsStream::code_slots(Io& io, std::vector<Row>& rows, std::size_t& at, std::size_t count, Source& source,
                                std::int64_t time) {
  FrameSoFar frame;
  frame.late = (source.time.hits & 1U) == 0;
  for (; cut_at_ < source.series.size() && at < count; ++cut_at_, ++at) {
    auto& series = series_[source.series[cut_at_]];
    auto& kind = kind_of(series.sensor);
    if constexpr (Io::decoding) {
      rows.push_back({source.device, series.sensor, time, code_value(io, 0, series, kind, frame)});
    } else {
      code_value(io, rows[at].value, series, kind, frame);
    }
  }
  if (cut_at_ == source.series.size()) cut_source_ = none;
  return true;
}

template <typename Io>
std::uint32_t ReadingsStream::code_source(Io& io, std::uint32_t wanted, const std::vector<Row>& rows, std::size_t at,
                                          std::size_t end) {
  const auto from = candidates();
  const auto& grid = grids[time_.grid];
  for (std::size_t i = 0; i < from.count; ++i) {
    std::size_t gap = 0;
    if (i + 1 < from.count) {
      const auto wait = time::apart(from.due[i], from.due[i + 1]);
      const auto ticks = time::in_reach(wait) ? wait * grid.parts / grid.ms : 1000;
      gap = ticks < 0 ? 1 : ticks == 0 ? 2 : ticks == 1 ? 3 : ticks < 4 ? 4 : ticks < 16 ? 5 : ticks < 128 ? 6 : 7;
    }
    const std::array<Bit*, 2> models{&chosen_[(i * 2 + (from.follows[i] ? 1U : 0U)) * 8 + gap],
                                     &sources_[from.source[i]].expected};
    if (code_bit<120>(io, from.source[i] == wanted, models, chosen_mixer_)) return from.source[i];
  }
  if (!sources_.empty() && code_bit<60>(io, wanted != none, known_source_)) {
    return code_index(io, wanted, static_cast<std::uint32_t>(sources_.size()), source_index_);
  }
  return code_new_source(io, rows, at, end);
}

template <typename Io>
std::uint32_t ReadingsStream::code_new_source(Io& io, const std::vector<Row>& rows, std::size_t at, std::size_t end) {
  if (sources_.size() >= stream_sources_max) return none;
  const auto device = code_name(io, Io::decoding ? 0 : rows[at].device, devices, devices_known_, device_text_,
                                new_device_, device_index_);
  if (device == none) return none;
  bool same = end - at == list_.size();
  for (std::size_t i = 0; i < list_.size() && same; ++i) same = rows[at + i].sensor == list_[i];
  if (!code_bit<30>(io, same, same_list_)) {
    const auto size = code_magnitude(io, end - at, number_, list_habit_);
    if (size == 0 || size > frame_sensors_max) return none;
    std::vector<std::uint32_t> list;
    for (std::size_t i = 0; i < size; ++i) {
      const auto sensor = code_name(io, Io::decoding ? 0 : rows[at + i].sensor, sensors, sensors_known_, sensor_text_,
                                    new_sensor_, sensor_index_);
      if (sensor == none) return none;
      if (sensor >= kinds_.size() && kinds_.size() < kinds_max) kinds_.push_back(std::make_unique<Kind>());
      list.push_back(sensor);
    }
    list_ = std::move(list);
  }
  if (list_.empty() || series_.size() + list_.size() > stream_series_max) return none;
  return add_source(device, list_);
}

template <typename Io>
std::uint32_t ReadingsStream::code_name(Io& io, std::uint32_t number, Names& names, std::uint32_t& known,
                                        TextModel& text, Bit& fresh, std::array<Bit, 4096>& index) {
  if (known > 0 && !code_bit<60>(io, number == known, fresh)) return code_index(io, number, known, index);
  std::string name;
  if constexpr (!Io::decoding) name = names[number];
  if (!text.code(io, name, name_bytes_max)) return none;
  if constexpr (Io::decoding) {
    if (names.bytes() + name.size() > stream_names_bytes_max || names.find(name) != Names::none) return none;
    names.add(name);
  }
  return known++;
}

// The top bits of an index in a tree of what was chosen before, the rest as they are.
template <typename Io>
std::uint32_t ReadingsStream::code_index(Io& io, std::uint32_t index, std::uint32_t size, std::array<Bit, 4096>& tree) {
  const auto bits = static_cast<int>(std::bit_width(size - 1));
  const auto in_tree = std::min(bits, 11);
  std::uint32_t node = 1;
  std::uint32_t got = 0;
  for (int i = bits - 1; i >= bits - in_tree; --i) {
    // Where only one way leads to an index that there is, nothing is asked.
    const auto upper = (got * 2 + 1) << i;
    const bool bit = upper < size && code_bit<60>(io, ((index >> i) & 1U) != 0, tree[node]);
    node = node * 2 + (bit ? 1 : 0);
    got = got * 2 + (bit ? 1U : 0U);
  }
  const auto left = static_cast<unsigned>(bits - in_tree);
  if (left > 0) got = (got << left) | static_cast<std::uint32_t>(io.raw(index & ((1U << left) - 1U), left));
  return std::min(got, size - 1);
}

}  // namespace skerry::codec
