// Forgotten: devices that somebody asked to forget, and up to which position. A record of kind config with the topic
// `$skerry/forget/{device}` says so; readers keep this, and show nothing of the device from before it.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "record/record.hpp"

namespace skerry::record {

class Forgotten {
 public:
  static std::string topic(std::string_view device);
  // The device that this record says to forget; empty: it is another record.
  static std::string_view device_of(const RecordView& record);

  void note(std::string_view device, Position at);
  bool hides(std::string_view device, Position position) const;
  bool empty() const { return until_.empty(); }
  // What lies before `begin` has been trimmed: there is nothing left to hide.
  void drop_before(Position begin);

  void encode(Buffer& to) const;  // nothing when it is empty
  void decode(Reader& from);      // what is left of `from`; from.ok() says whether it was that

 private:
  std::map<std::string, Position, std::less<>> until_;
};

}  // namespace skerry::record
