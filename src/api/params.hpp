// The query of a request: names that are known, values that are read, errors that say which.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "http/http.hpp"

namespace skerry::api {

// Code::invalid: a name that is not in `known`; `where` is it.
Result<> check_names(const http::Request& request, std::initializer_list<std::string_view> known);
// Empty when missing.
Result<std::string> text_of(const http::Request& request, std::string_view name);
Result<std::size_t> limit_of(const http::Request& request, std::size_t otherwise, std::size_t max,
                             std::string_view name = "limit");
Result<std::optional<EventTime>> time_of(const http::Request& request, std::string_view name);
// `asc` (false) or `desc` (true).
Result<bool> descending_of(const http::Request& request);
// Empty when missing; else a device id that may exist. Code::denied: the visitor may not read that device's readings,
// or not all devices'.
Result<std::string> device_of(const http::Request& request);
// Without parameters and case: `application/json`.
std::string media_type(const http::Request& request);

}  // namespace skerry::api
