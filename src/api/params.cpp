// Reads query parameters.
#include "api/params.hpp"

#include <algorithm>
#include <charconv>

#include "record/record.hpp"

namespace skerry::api {

Result<> check_names(const http::Request& request, std::initializer_list<std::string_view> known) {
  const auto names = TRY(request.parameter_names());
  for (const auto& name : names) {
    if (std::ranges::find(known, std::string_view(name)) != known.end()) continue;
    std::string list;
    for (const auto k : known) list += (list.empty() ? "" : ", ") + std::string(k);
    return fail(Code::invalid, "is no parameter of this path; it has " + (list.empty() ? std::string("none") : list),
                name);
  }
  return {};
}

Result<std::string> text_of(const http::Request& request, std::string_view name) {
  return TRY(request.parameter(name)).value_or("");
}

Result<std::size_t> limit_of(const http::Request& request, std::size_t otherwise, std::size_t max,
                             std::string_view name) {
  const auto text = TRY(request.parameter(name));
  if (!text) return otherwise;
  std::size_t limit = 0;
  const auto* const end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, limit);
  if (read.ec != std::errc{} || read.ptr != end || limit == 0 || limit > max) {
    return fail(Code::invalid, "must be a number from 1 to " + std::to_string(max), std::string(name));
  }
  return limit;
}

Result<std::optional<EventTime>> time_of(const http::Request& request, std::string_view name) {
  auto text = TRY(request.parameter(name));
  if (!text) return std::nullopt;
  if (const auto time = parse_time(*text)) return time;
  // A '+' that was not written as %2B has become a space: 10:00:00 02:00.
  if (const auto space = text->rfind(' '); space != std::string::npos) {
    (*text)[space] = '+';
    if (const auto time = parse_time(*text)) return time;
  }
  double number = 0;
  const auto* const end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, number);
  if (read.ec == std::errc{} && read.ptr == end) {
    if (const auto time = time_of_number(number)) return time;
  }
  return fail(
      Code::invalid,
      "is no time; RFC 3339 such as 2026-01-31T23:59:59Z, or a number of seconds or milliseconds since 1970, is",
      std::string(name));
}

Result<bool> descending_of(const http::Request& request) {
  const auto text = TRY(request.parameter("order")).value_or("asc");
  if (text != "asc" && text != "desc") return fail(Code::invalid, "must be asc or desc", "order");
  return text == "desc";
}

Result<std::string> device_of(const http::Request& request) {
  const auto asked = TRY(request.parameter("device"));
  if (const auto checked = asked ? record::check_device_id(*asked) : Result<>(); !checked)
    return fail(Code::invalid, checked.error().text(), "device");
  auto device = asked.value_or("");
  if (request.visitor && !request.visitor->may_read(device))
    return fail(Code::denied,
                device.empty() ? "the policy allows one's own only; name a device" : "the policy does not allow it",
                "device");
  return device;
}

std::string media_type(const http::Request& request) {
  const auto value = request.header("content-type");
  std::string type(value.substr(0, value.find(';')));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  std::ranges::transform(type, type.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return type;
}

}  // namespace skerry::api
