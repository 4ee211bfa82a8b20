// The API's JSON: readings, devices, lists. Payloads pass through as they were sent.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "history/history.hpp"
#include "http/http.hpp"

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
// Times of steps as milliseconds since 1970: [at, count, min, max, mean].
void append_series(std::string& to, std::string_view device, std::string_view field, const history::Series& series);
void append_device(std::string& to, const history::Device& device);
// {"items":[…],"next":…}
http::Response list_of(const std::vector<std::string>& items, const std::optional<std::string>& next);
// What follows the items of a list: `],"next":…}`.
void append_next(std::string& to, const std::optional<std::string>& next);

}  // namespace skerry::api
