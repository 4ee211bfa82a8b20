// Source: what the devices of a demo have to say, in order of time, and how they obey.
//
// Pure: no clock and no socket. The same seed, and the same orders between the same steps, give the same steps. Times
// are the source's own (milliseconds since 1970, UTC); whoever plays it decides how fast they pass.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace skerry::demo {

struct Step {
  enum class Kind : std::uint8_t { reading, leave, come };  // leave: off the network, without a word; come: back on it
  std::uint32_t device = 0;                                 // index into devices()
  std::int64_t at_ms = 0;
  Kind kind = Kind::reading;
};

// What became of an order at the device.
struct Obeyed {
  bool done = true;
  std::string detail;
};

// What was wrong with a device, known because it was put there.
struct Fault {
  std::uint32_t device = 0;
  std::string kind;  // bearing_wear, overheating, …
  std::int64_t from_ms = 0;
  std::int64_t to_ms = 0;             // when it is repaired
  std::int64_t fades_ms = 0;          // until when the device may still show it
  std::vector<std::string> found_by;  // types of the alerts that say so
};

class Source {
 public:
  virtual ~Source() = default;
  virtual const std::string& name() const = 0;
  virtual double usual_speed() const = 0;
  virtual const std::vector<std::string>& devices() const = 0;
  virtual std::int64_t begin_ms() const = 0;
  // What happens next, never earlier than the step before. `fields` gets what a reading says, as members of a JSON
  // object without its time: `"temperature":21.5,"humidity":48`. Nothing: the end, which only recordings have.
  virtual std::optional<Step> next(std::string& fields) = 0;
  // Shows in the device's readings from the next step on.
  virtual Obeyed obey(std::uint32_t device, std::string_view command) = 0;
  virtual const std::deque<Fault>& faults() const = 0;  // oldest first; the newest few hundred
};

// The simulated sites by name: plant, factory, crossing, farm. Nothing: there is none of that name.
std::unique_ptr<Source> make_site(std::string_view name, std::uint64_t seed);
std::string site_names();
// The newest fault that this device had at that time; nothing when it was sound.
const Fault* fault_at(const Source& source, std::uint32_t device, std::int64_t at_ms);
// A recording (recording.hpp), again and again unless `once`.
Result<std::unique_ptr<Source>> make_recording(Bytes bytes, std::string_view name, bool once);

}  // namespace skerry::demo
