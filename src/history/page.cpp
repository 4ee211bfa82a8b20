// A bounded heap: what does not fit is dropped from the far end, and nothing behind it is taken again.
#include "history/page.hpp"

#include <algorithm>
#include <charconv>

namespace skerry::history {

// `a_` or `d_`, the time and the position: opaque to clients, readable to us. The letter keeps orders apart.
std::string cursor_of(const RowKey& key, bool descending) {
  return (descending ? "d_" : "a_") + std::to_string(key.time_ms) + "_" + std::to_string(key.position);
}

Result<RowKey> key_of_cursor(std::string_view cursor, bool descending) {
  const auto wrong = [&] {
    return fail(Code::invalid, "is no cursor of this query; pass `next` of the page before", "cursor");
  };
  if (!cursor.starts_with(descending ? "d_" : "a_")) return wrong();
  cursor.remove_prefix(2);
  RowKey key;
  const auto* const end = cursor.data() + cursor.size();
  const auto time = std::from_chars(cursor.data(), end, key.time_ms);
  if (time.ec != std::errc{} || time.ptr == end || *time.ptr != '_') return wrong();
  const auto position = std::from_chars(time.ptr + 1, end, key.position);
  if (position.ec != std::errc{} || position.ptr != end) return wrong();
  return key;
}

bool PageBuilder::wants(const RowKey& key) const {
  return (!after_ || before(*after_, key)) && (!bound_ || before(key, *bound_));
}

bool PageBuilder::wants_any(std::int64_t earliest, std::int64_t latest) const {
  if (!bound_) return true;
  return descending_ ? latest >= bound_->time_ms : earliest <= bound_->time_ms;
}

void PageBuilder::add(const RowKey& key, Reading reading) {
  INVARIANT(wants(key));
  bytes_ += reading.payload.size();
  heap_.push_back({key, std::move(reading)});
  const auto later_first = [this](const Row& a, const Row& b) { return before(a.key, b.key); };
  std::ranges::push_heap(heap_, later_first);
  while (heap_.size() > limits_.items_max || (bytes_ > limits_.bytes_max && heap_.size() > 1)) drop_last();
}

void PageBuilder::drop_last() {
  std::ranges::pop_heap(heap_, [this](const Row& a, const Row& b) { return before(a.key, b.key); });
  bound_ = heap_.back().key;
  bytes_ -= heap_.back().reading.payload.size();
  heap_.pop_back();
}

ReadingsPage PageBuilder::finish() && {
  std::ranges::sort(heap_, [this](const Row& a, const Row& b) { return before(a.key, b.key); });
  ReadingsPage page;
  if (bound_ && !heap_.empty()) page.next = cursor_of(heap_.back().key, descending_);
  for (auto& row : heap_) page.items.push_back(std::move(row.reading));
  return page;
}

}  // namespace skerry::history
