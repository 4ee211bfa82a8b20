// Who speaks next, and which frames the encoder sees in a run of readings.
#include "codec/readings_stream.hpp"

#include <algorithm>

namespace skerry::codec {

ReadingsStream::Candidates ReadingsStream::candidates() const {
  Candidates c;
  if (speaker_ == none) return c;
  const auto& speaker = sources_[speaker_];
  const auto now = time_.now;
  std::array<bool, 4> last{};
  const auto take = [&](std::uint32_t source, bool follows) {
    const auto& h = sources_[source].time;
    const auto due = h.period > 0 ? time::due(h, now) : now;
    // In the order in which they are due; who has missed several turns comes last.
    const bool stale = h.period > 0 && time::apart(h.last, due) > 3 * h.period;
    auto i = c.count++;
    for (; i > 0 && ((last[i - 1] && !stale) || (last[i - 1] == stale && c.due[i - 1] > due)); --i) {
      c.source[i] = c.source[i - 1];
      c.due[i] = c.due[i - 1];
      c.follows[i] = c.follows[i - 1];
      last[i] = last[i - 1];
    }
    c.source[i] = source;
    c.due[i] = due;
    c.follows[i] = follows;
    last[i] = stale;
  };
  take(speaker.followed_by, true);
  auto at = speaker.next;
  for (unsigned steps = 0; steps < 8 && c.count < 4 && at != speaker_; ++steps, at = sources_[at].next) {
    if (at != speaker.followed_by) take(at, false);
  }
  return c;
}

bool ReadingsStream::begins_with(const Source& source, const std::vector<Row>& rows, std::size_t at,
                                 std::size_t end) const {
  if (source.series.size() < end - at || source.device != rows[at].device) return false;
  for (std::size_t i = 0; at + i < end; ++i)
    if (series_[source.series[i]].sensor != rows[at + i].sensor) return false;
  return true;
}

std::uint32_t ReadingsStream::find_source(const std::vector<Row>& rows, std::size_t at, std::size_t count,
                                          std::size_t& end) {
  // The longest run of one device and time in which no sensor repeats.
  ++frame_;
  const auto& first = rows[at];
  std::uint64_t hash = 14695981039346656037U;
  end = at;
  while (end < count && end - at < frame_sensors_max && rows[end].device == first.device &&
         rows[end].time_ms == first.time_ms) {
    if (rows[end].sensor >= seen_.size()) seen_.resize(rows[end].sensor + 1U, 0);
    if (seen_[rows[end].sensor] == frame_) break;
    seen_[rows[end].sensor] = frame_;
    hash = (hash ^ rows[end].sensor) * 1099511628211U;
    ++end;
  }
  const bool cut = end == count;
  const auto fits = [&](std::uint32_t source) {
    return (cut || sources_[source].series.size() == end - at) && begins_with(sources_[source], rows, at, end);
  };
  if (speaker_ != none && fits(sources_[speaker_].followed_by)) return sources_[speaker_].followed_by;
  if (cut && first.device < sources_of_.size()) {
    const auto& of = sources_of_[first.device];
    for (std::size_t i = 0; i < of.size() && i < 16; ++i)
      if (fits(of[i])) return of[i];
  }
  const auto [from, to] = sources_by_list_.equal_range(key_of(first.device, hash));
  for (auto it = from; it != to; ++it)
    if (sources_[it->second].series.size() == end - at && begins_with(sources_[it->second], rows, at, end))
      return it->second;
  return none;
}

std::uint32_t ReadingsStream::series_of(std::uint32_t device, std::uint32_t sensor) {
  const auto [it, fresh] =
      series_by_names_.try_emplace((std::uint64_t{device} << 32) | sensor, static_cast<std::uint32_t>(series_.size()));
  if (fresh) {
    auto& series = series_.emplace_back();
    series.device = device;
    series.sensor = sensor;
  }
  return it->second;
}

std::uint32_t ReadingsStream::add_source(std::uint32_t device, const std::vector<std::uint32_t>& sensor_list) {
  const auto number = static_cast<std::uint32_t>(sources_.size());
  auto& source = sources_.emplace_back();
  source.device = device;
  std::uint64_t hash = 14695981039346656037U;
  for (const auto sensor : sensor_list) {
    source.series.push_back(series_of(device, sensor));
    hash = (hash ^ sensor) * 1099511628211U;
  }
  source.time.last = time_.now;
  source.followed_by = number;
  source.next = source.before = number;
  sources_by_list_.emplace(key_of(device, hash), number);
  if (device >= sources_of_.size()) sources_of_.resize(device + 1U);
  sources_of_[device].push_back(number);
  return number;
}

void ReadingsStream::spoke(std::uint32_t source) {
  if (speaker_ != none) {
    auto& before = sources_[speaker_];
    before.followed_by = source;
    if (source != speaker_ && before.next != source) {
      auto& s = sources_[source];
      sources_[s.before].next = s.next;
      sources_[s.next].before = s.before;
      s.next = before.next;
      s.before = speaker_;
      sources_[before.next].before = source;
      before.next = source;
    }
  }
  speaker_ = source;
}

}  // namespace skerry::codec
