// Any body: what is taken is JSON objects of known devices, found in the body, one after the other.
#include <cstdint>
#include <cstdlib>

#include "api/readings_in.hpp"
#include "codec/json.hpp"
#include "record/record.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const auto format : {skerry::api::BodyFormat::json, skerry::api::BodyFormat::ndjson}) {
    const auto got = skerry::api::parse_readings(body, format);
    if (!got) {
      if (got.error().detail.empty()) std::abort();
      continue;
    }
    const char* at = body.data();
    for (const auto& reading : *got) {
      const auto object = reading.object;
      if (object.data() < at || object.data() + object.size() > body.data() + body.size()) std::abort();
      at = object.data() + object.size();
      if (!object.starts_with('{') || !skerry::codec::is_json(skerry::as_bytes(object))) std::abort();
      if (!skerry::record::check_device_id(reading.device)) std::abort();
    }
  }
  return 0;
}
