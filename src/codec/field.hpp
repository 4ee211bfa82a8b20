// One field of a JSON payload as a number: what a chart draws. Any thread; nothing here throws.
#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.hpp"

namespace skerry::codec {

// The number in a top-level field of a JSON object; nothing where there is none.
std::optional<double> number_at(Bytes payload, std::string_view field);

}  // namespace skerry::codec
