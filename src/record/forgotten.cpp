// What was forgotten, by device.
#include "record/forgotten.hpp"

namespace skerry::record {
namespace {

constexpr std::string_view prefix = "$skerry/forget/";

}  // namespace

std::string Forgotten::topic(std::string_view device) { return std::string(prefix) + std::string(device); }

std::string_view Forgotten::device_of(const RecordView& record) {
  if (record.kind != Kind::config || !record.topic.starts_with(prefix)) return {};
  return record.topic.substr(prefix.size());
}

void Forgotten::note(std::string_view device, Position at) { until_.insert_or_assign(std::string(device), at); }

bool Forgotten::hides(std::string_view device, Position position) const {
  if (until_.empty()) return false;
  const auto found = until_.find(device);
  return found != until_.end() && position < found->second;
}

void Forgotten::drop_before(Position begin) {
  std::erase_if(until_, [begin](const auto& each) { return each.second <= begin; });
}

void Forgotten::encode(Buffer& to) const {
  if (until_.empty()) return;
  append_varint(to, until_.size());
  for (const auto& [device, at] : until_) {
    append_counted(to, as_bytes(device));
    append_varint(to, at.value);
  }
}

void Forgotten::decode(Reader& from) {
  if (from.rest().empty()) return;
  for (auto left = from.varint(); left > 0 && from.ok(); --left) {
    const std::string device(as_text(from.counted()));
    note(device, {from.varint()});
  }
}

}  // namespace skerry::record
