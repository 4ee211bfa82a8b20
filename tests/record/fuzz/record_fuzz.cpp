// Any bytes as a record and as topics: what decodes encodes to a record that decodes to the same.
#include "record/record.hpp"

using namespace skerry;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  Reader reader(bytes);
  if (const auto got = record::decode(reader)) {
    Buffer once;
    record::encode(once, *got);
    Reader again(once);
    const auto back = record::decode(again);
    INVARIANT(back.has_value());
    INVARIANT(again.rest().empty());
    Buffer twice;
    record::encode(twice, *back);
    INVARIANT(once == twice);
  }
  const auto text = as_text(bytes);
  const auto middle = size / 2;
  const auto filter = text.substr(0, middle);
  const auto topic = text.substr(middle);
  const bool fits = record::matches(filter, topic);
  if (record::check_topic(topic)) {
    INVARIANT(record::matches(topic, topic));
    INVARIANT(record::device_of(topic).size() <= topic.size());
  }
  if (record::check_filter(filter) && record::check_topic(filter)) INVARIANT(fits == (filter == topic));
  return 0;
}
