// Session state and its events.
#include "mqtt/state.hpp"

#include <algorithm>

namespace skerry::mqtt {

// ---- Window ----

InFlight* Window::find(std::uint16_t packet_id) {
  if (head_ == entries_.size()) return nullptr;
  // Ids are given in a row, so the place is usually known without looking.
  const auto guess = head_ + static_cast<std::uint16_t>(packet_id - entries_[head_].packet_id);
  if (guess < entries_.size() && entries_[guess].packet_id == packet_id && entries_[guess].phase != Phase::done) {
    return &entries_[guess];
  }
  for (auto i = head_; i < entries_.size(); ++i) {
    if (entries_[i].packet_id == packet_id && entries_[i].phase != Phase::done) return &entries_[i];
  }
  return nullptr;
}

void Window::put(const InFlight& entry) {
  if (auto* const same = find(entry.packet_id)) finish(*same);
  entries_.push_back(entry);
  ++active_;
  last_id_ = entry.packet_id;
}

void Window::finish(InFlight& entry) {
  INVARIANT(entry.phase != Phase::done);
  entry.phase = Phase::done;
  --active_;
  while (head_ < entries_.size() && entries_[head_].phase == Phase::done) ++head_;
  if (head_ == entries_.size()) {
    head_ = 0;
    entries_.clear();
    if (entries_.capacity() > 64) entries_.shrink_to_fit();
  } else if (head_ > 64 && head_ > entries_.size() / 2) {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

std::uint16_t Window::next_packet_id() {
  INVARIANT(active_ < 0xffff);
  auto id = last_id_;
  do {
    if (++id == 0) id = 1;
  } while (active_ != 0 && find(id) != nullptr);
  return id;
}

void Window::clear() {
  entries_.clear();
  head_ = 0;
  active_ = 0;
}

// ---- PacketIds ----

namespace {
constexpr std::size_t few_max = 64;
constexpr std::size_t bitmap_words = 65'536 / 64;
std::uint64_t bit_of(std::uint16_t id) { return 1ULL << (id % 64); }
}  // namespace

bool PacketIds::contains(std::uint16_t id) const {
  if (!bits_.empty()) return (bits_[id / 64] & bit_of(id)) != 0;
  return std::ranges::find(few_, id) != few_.end();
}

bool PacketIds::insert(std::uint16_t id) {
  if (contains(id)) return false;
  ++size_;
  if (bits_.empty() && few_.size() < few_max) {
    few_.push_back(id);
    return true;
  }
  if (bits_.empty()) {
    bits_.resize(bitmap_words);
    for (const auto each : few_) bits_[each / 64] |= bit_of(each);
    few_ = {};
  }
  bits_[id / 64] |= bit_of(id);
  return true;
}

bool PacketIds::erase(std::uint16_t id) {
  if (!contains(id)) return false;
  if (bits_.empty())
    std::erase(few_, id);
  else
    bits_[id / 64] &= ~bit_of(id);
  if (--size_ == 0) clear();
  return true;
}

void PacketIds::clear() {
  few_.clear();
  bits_ = {};
  size_ = 0;
}

std::vector<std::uint16_t> PacketIds::all() const {
  if (bits_.empty()) return few_;
  std::vector<std::uint16_t> ids;
  for (std::uint32_t id = 1; id < 65'536; ++id) {
    if (contains(static_cast<std::uint16_t>(id))) ids.push_back(static_cast<std::uint16_t>(id));
  }
  return ids;
}

Subscription* State::find(std::string_view filter) {
  const auto found = std::ranges::find(subscriptions, filter, &Subscription::filter);
  return found == subscriptions.end() ? nullptr : &*found;
}

// ---- events ----

namespace {

constexpr std::uint8_t bits_of(bool a, bool b) { return static_cast<std::uint8_t>((a ? 1U : 0U) | (b ? 2U : 0U)); }

void put_event(Buffer& to, Event event) { append_byte(to, static_cast<std::uint8_t>(event)); }

void put_subscription(Buffer& to, const Subscription& s) {
  append_counted(to, as_bytes(s.filter));
  append_varint(to, s.id);
  append_byte(to, s.qos);
  append_byte(to, bits_of(s.no_local, s.retain_as_published));
}

Subscription take_subscription(Reader& in) {
  Subscription s;
  s.filter = as_text(in.counted());
  s.id = static_cast<std::uint32_t>(in.varint());
  s.qos = in.byte() & 3;
  const auto bits = in.byte();
  s.no_local = (bits & 1) != 0;
  s.retain_as_published = (bits & 2) != 0;
  return s;
}

void put_in_flight(Buffer& to, const InFlight& e) {
  append_varint(to, e.position.value);
  append_le(to, e.packet_id);
  append_byte(to, static_cast<std::uint8_t>(e.qos | (static_cast<unsigned>(e.phase) << 2)));
  append_byte(to, bits_of(e.retain, e.told));
}

InFlight take_in_flight(Reader& in) {
  InFlight e;
  e.position = {in.varint()};
  e.packet_id = in.le<std::uint16_t>();
  const auto how = in.byte();
  e.qos = how & 3;
  e.phase = static_cast<Phase>((how >> 2) & 3);
  const auto bits = in.byte();
  e.retain = (bits & 1) != 0;
  e.told = (bits & 2) != 0;
  return e;
}

void put_window(Buffer& to, const Window& window) {
  append_varint(to, window.active());
  window.each([&](const InFlight& e) { put_in_flight(to, e); });
}

void take_window(Reader& in, Window& window) {
  window.clear();
  const auto count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const auto entry = take_in_flight(in);
    if (in.ok() && entry.packet_id != 0 && entry.phase != Phase::done) window.put(entry);
  }
}

void put_will(Buffer& to, const StoredWill& w) {
  append_counted(to, as_bytes(w.topic));
  append_counted(to, w.payload);
  append_counted(to, w.properties);
  append_byte(to, w.qos);
  append_byte(to, bits_of(w.retain, w.message_expiry_s.has_value()));
  append_varint(to, w.delay_s);
  append_varint(to, w.message_expiry_s.value_or(0));
}

std::unique_ptr<StoredWill> take_will(Reader& in) {
  auto w = std::make_unique<StoredWill>();
  w->topic = as_text(in.counted());
  append_bytes(w->payload, in.counted());
  append_bytes(w->properties, in.counted());
  w->qos = in.byte() & 3;
  const auto bits = in.byte();
  w->retain = (bits & 1) != 0;
  w->delay_s = static_cast<std::uint32_t>(in.varint());
  const auto expiry = static_cast<std::uint32_t>(in.varint());
  if ((bits & 2) != 0) w->message_expiry_s = expiry;
  return w;
}

}  // namespace

Buffer event_connected(std::uint32_t expiry_s) {
  Buffer b;
  put_event(b, Event::connected);
  append_varint(b, expiry_s);
  return b;
}
Buffer event_subscribed(const Subscription& subscription) {
  Buffer b;
  put_event(b, Event::subscribed);
  put_subscription(b, subscription);
  return b;
}
Buffer event_unsubscribed(std::string_view filter) {
  Buffer b;
  put_event(b, Event::unsubscribed);
  append_counted(b, as_bytes(filter));
  return b;
}
Buffer event_assigned(const InFlight& entry) {
  Buffer b;
  put_event(b, Event::assigned);
  put_in_flight(b, entry);
  return b;
}
Buffer event_packet(Event event, std::uint16_t packet_id) {
  Buffer b;
  put_event(b, event);
  append_le(b, packet_id);
  return b;
}
Buffer event_parked(const State& state) {
  Buffer b;
  put_event(b, Event::parked);
  append_varint(b, state.expiry_s);
  append_varint(b, state.next.value);
  put_window(b, state.window);
  return b;
}
Buffer event_bare(Event event) {
  Buffer b;
  put_event(b, event);
  return b;
}
Buffer event_will(const StoredWill& will) {
  Buffer b;
  put_event(b, Event::will_set);
  put_will(b, will);
  return b;
}

namespace {

void apply_packet(State& state, Event event, std::uint16_t packet_id) {
  if (event == Event::released) {
    state.inbound.erase(packet_id);
    return;
  }
  auto* const entry = state.window.find(packet_id);
  if (entry == nullptr) return;
  if (event == Event::received)
    entry->phase = Phase::received;
  else
    state.window.finish(*entry);
}

void apply_subscribed(State& state, Subscription s, Position position) {
  s.since = position;
  if (auto* const same = state.find(s.filter)) {
    s.since = same->since;
    *same = std::move(s);
  } else {
    state.subscriptions.push_back(std::move(s));
  }
}

void apply_assigned(State& state, InFlight entry) {
  entry.phase = Phase::sent;  // it may have left
  state.window.put(entry);
  state.qos2_from = std::max(state.qos2_from, entry.position + 1);
}

void apply_parked(State& state, Reader& in, Wall at) {
  state.expiry_s = static_cast<std::uint32_t>(in.varint());
  state.next = {in.varint()};
  take_window(in, state.window);
  state.connected = false;
  state.left_at = at;
}

}  // namespace

Result<> apply(State& state, const record::RecordView& record) {
  Reader in(record.payload);
  const auto event = static_cast<Event>(in.byte());
  switch (event) {
    case Event::connected:
      state.expiry_s = static_cast<std::uint32_t>(in.varint());
      state.connected = true;
      break;
    case Event::subscribed: apply_subscribed(state, take_subscription(in), record.position); break;
    case Event::unsubscribed: {
      const auto filter = as_text(in.counted());
      std::erase_if(state.subscriptions, [&](const auto& s) { return s.filter == filter; });
      break;
    }
    case Event::assigned: {
      const auto entry = take_in_flight(in);
      if (in.ok() && entry.packet_id != 0) apply_assigned(state, entry);
      break;
    }
    case Event::received:
    case Event::completed:
    case Event::released: apply_packet(state, event, in.le<std::uint16_t>()); break;
    case Event::parked: apply_parked(state, in, record.appended_at); break;
    case Event::removed: state.ended = true; break;
    case Event::will_set: state.will = take_will(in); break;
    case Event::will_cleared: state.will.reset(); break;
    default: return fail(Code::damaged, "a session record of an unknown kind", std::string(record.topic));
  }
  if (!in.ok()) return fail(Code::damaged, "a session record that is cut off", std::string(record.topic));
  return {};
}

// ---- all of it ----

void encode(Buffer& to, const State& s, Position next) {
  append_counted(to, as_bytes(s.client_id));
  append_varint(to, s.expiry_s);
  append_byte(to, bits_of(s.connected, s.will != nullptr));
  append_le(to, s.left_at.time_since_epoch().count());
  append_varint(to, s.subscriptions.size());
  for (const auto& subscription : s.subscriptions) {
    put_subscription(to, subscription);
    append_varint(to, subscription.since.value);
  }
  put_window(to, s.window);
  const auto inbound = s.inbound.all();
  append_varint(to, inbound.size());
  for (const auto id : inbound) append_le(to, id);
  append_varint(to, next.value);
  append_varint(to, s.qos2_from.value);
  if (s.will) put_will(to, *s.will);
  append_varint(to, s.retained.size());
  for (const auto position : s.retained) append_varint(to, position.value);
}

Result<State> decode_state(Reader& in) {
  State s;
  s.client_id = as_text(in.counted());
  s.expiry_s = static_cast<std::uint32_t>(in.varint());
  const auto bits = in.byte();
  s.connected = (bits & 1) != 0;
  s.left_at = Wall{std::chrono::microseconds{in.le<std::int64_t>()}};
  for (auto count = in.varint(); count > 0 && in.ok(); --count) {
    s.subscriptions.push_back(take_subscription(in));
    s.subscriptions.back().since = {in.varint()};
  }
  take_window(in, s.window);
  for (auto count = in.varint(); count > 0 && in.ok(); --count) s.inbound.insert(in.le<std::uint16_t>());
  s.next = {in.varint()};
  s.qos2_from = {in.varint()};
  if ((bits & 2) != 0) s.will = take_will(in);
  for (auto count = in.varint(); count > 0 && in.ok(); --count) s.retained.push_back({in.varint()});
  if (!in.ok()) return fail(Code::damaged, "a session in the checkpoint is cut off", s.client_id);
  return s;
}

}  // namespace skerry::mqtt
