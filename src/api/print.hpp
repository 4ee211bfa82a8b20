// The API's JSON: readings, devices, lists. Payloads pass through as they were sent.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "history/history.hpp"

namespace skerry::api {

// Appends to an object that is being written: {"a":1,"b":"x"}. Destroy, or end(), closes it.
class ObjectText {
 public:
  explicit ObjectText(std::string& to) : to_(to) { to_ += '{'; }
  ObjectText& text(std::string_view key, std::string_view value);
  ObjectText& raw(std::string_view key, std::string_view json);  // already JSON
  ObjectText& number(std::string_view key, double value);
  ObjectText& count(std::string_view key, std::uint64_t value);
  ObjectText& flag(std::string_view key, bool value);
  ObjectText& time(std::string_view key, Wall value);
  void end() { to_ += '}'; }

 private:
  void key(std::string_view key);
  std::string& to_;
  bool first_ = true;
};

std::string base64(std::string_view bytes);
void append_reading(std::string& to, const history::Reading& reading);
void append_device(std::string& to, const history::Device& device);
// What follows the items of a list: `],"next":…}`.
void append_next(std::string& to, const std::optional<std::string>& next);

}  // namespace skerry::api
