// Trying, proving and leaving ways, and what is told of it.
#include "link/ways.hpp"

#include <array>
#include <utility>

#include "base/logger.hpp"
#include "sync/frames.hpp"

namespace skerry::link {

std::string_view name(WayState state) {
  switch (state) {
    case WayState::unused: return "unused";
    case WayState::trying: return "trying";
    case WayState::up: return "up";
    case WayState::down: return "down";
  }
  return "";
}

Ways::Ways(const Deps& deps, const UplinkOptions& options, Owner& owner)
    : deps_(deps),
      options_(options),
      owner_(owner),
      failover_(failover_options(options), deps.chance),
      connects_(deps.metrics.counter("skerry_link_connects_total", "Connections to the cloud that were tried.")),
      failovers_(deps.metrics.counter("skerry_link_failovers_total",
                                      "Times that another way to the cloud than before came into use.")) {
  for (const auto& each : options.ways) {
    Way way{.status = {.options = each, .since = {}, .trouble = {}}};
    const auto bytes = [&](const char* direction) {
      return &deps.metrics.counter("skerry_link_way_bytes_total",
                                   "Of connections by this way, TCP's and IP's headers among them.",
                                   {{"way", each.name}, {"direction", direction}});
    };
    way.in_use = &deps.metrics.gauge("skerry_link_way_in_use",
                                     "1 for the way to the cloud that is used, once a canary "
                                     "came back by it.",
                                     {{"way", each.name}});
    way.out = bytes("out");
    way.in = bytes("in");
    ways_.push_back(std::move(way));
  }
}

Ways::~Ways() = default;

Failover::Options Ways::failover_options(const UplinkOptions& options) {
  Failover::Options all{.ways = {}, .back_every = options.back_every};
  for (const auto& way : options.ways) all.ways.push_back({way.priority, way.cost});
  return all;
}

std::unique_ptr<Wire> Ways::begin(std::size_t way) {
  connects_.add();
  ++ways_[way].status.connects;
  auto wire = std::make_unique<Wire>(Wire::Deps{deps_.loop, deps_.files, deps_.chance},
                                     Wire::Options{.way = way,
                                                   .to = options_.ways[way],
                                                   .credentials = options_.credentials,
                                                   .congestion_control = options_.congestion_control},
                                     static_cast<Wire::Owner&>(*this));
  wire->begin();
  return wire;
}

void Ways::turn() {
  count();
  if (stopped_) return;
  if (!wire_) {
    const auto next = failover_.next(now());
    if (next.way) {
      failover_.tried();
      set(*next.way, WayState::trying);
      wire_ = begin(*next.way);
    } else if (next.at != Mono::max()) {
      retry_ = deps_.loop.after(next.at - now(), [this] { turn(); });
    }
  }
  if (probe_ && now() - probe_->begun() > probe_within)
    end_probe(Trouble{"closed", "it does not answer canaries steadily"});
  if (probe_) return;
  if (const auto better = failover_.look(now())) {
    probe_answers_since_.reset();
    probe_ = begin(*better);
  }
}

void Ways::stop() {
  stopped_ = true;
  retry_.reset();
  end_probe({});
  if (!wire_) return;
  let_go(std::move(wire_));
  owner_.on_gone({});
}

void Ways::retry() {
  failover_.no_pause();
  turn();
}

const WayOptions& Ways::chosen() const { return options_.ways[wire_ ? wire_->way() : failover_.order().front()]; }

// ---- the connection in use ----

void Ways::on_open(Wire& wire) {
  if (&wire == probe_.get()) return ping();
  owner_.on_open();
}

void Ways::on_message(Wire& wire, Bytes message) {
  if (&wire == wire_.get()) return owner_.on_message(message);
  const auto frame = sync::decode(message);
  const auto* const pong = frame ? std::get_if<sync::Pong>(&*frame) : nullptr;
  if (pong != nullptr && pong->nonce == nonce_) return on_pong();
  end_probe(Trouble{"closed", "it answers a canary with something else"});
}

void Ways::on_end(Wire& wire, Trouble why) {
  if (&wire == probe_.get()) return end_probe(std::move(why));
  const auto way = wire.way();
  let_go(std::move(wire_));
  failed(way, std::move(why));
}

void Ways::on_read(Wire& wire) {
  if (&wire == wire_.get()) owner_.on_read();
}

void Ways::on_drained(Wire& wire) {
  if (&wire == wire_.get()) owner_.on_drained();
}

void Ways::proven() {
  const auto way = wire_->way();
  if (failover_.in_use() == way) return;
  failover_.up(way, now());
  set(way, WayState::up);
  ways_[way].status.trouble.reset();
  moved(way, lost_);
}

void Ways::give_up(Trouble why, std::optional<std::chrono::milliseconds> pause) {
  if (!wire_) return;
  const auto way = wire_->way();
  let_go(std::move(wire_));
  failed(way, std::move(why));
  if (pause) failover_.hold(*pause, now());
}

void Ways::failed(std::size_t way, Trouble why) {
  end_probe({});  // it is tried in its turn
  if (options_.ways.size() > 1) why.text = options_.ways[way].name + ": " + why.text;
  if (failover_.in_use() == way) lost_ = why.text;
  failover_.failed(way, now());
  set(way, WayState::down);
  ways_[way].status.trouble = why;
  owner_.on_gone(std::move(why));
  if (!stopped_) retry_ = deps_.loop.after(std::chrono::nanoseconds{0}, [this] { turn(); });
}

// It may be running right now: it goes when the turn is over.
void Ways::let_go(std::unique_ptr<Wire> wire) {
  if (!wire) return;
  auto& before = ways_[wire->way()].before;
  const auto& more = wire->traffic();
  before = {before.out + more.out, before.in + more.in};
  wire->close();
  deps_.loop.post([held = std::shared_ptr<Wire>(std::move(wire))] {});
}

// ---- a better way, looked at ----

void Ways::ping() {
  nonce_ = deps_.chance.next();
  probe_->send(std::array{sync::encode(sync::Ping{nonce_})});
}

void Ways::on_pong() {
  if (!probe_answers_since_) probe_answers_since_ = now();
  if (now() - *probe_answers_since_ < probe_steady) {
    ping_ = deps_.loop.after(probe_every, [this] { ping(); });
    return;
  }
  const auto from = wire_->way();
  const auto to = probe_->way();
  set(from, WayState::unused);
  let_go(std::move(wire_));
  owner_.on_gone({});
  wire_ = std::move(probe_);
  failover_.up(to, now());
  set(to, WayState::up);
  ways_[to].status.trouble.reset();
  moved(to, "a better way works again: " + options_.ways[to].name + " answered every canary for " +
                std::to_string(probe_steady.count() / 1'000) + " s");
  owner_.on_open();
}

void Ways::end_probe(std::optional<Trouble> why) {
  ping_.reset();
  if (!probe_) return;
  const auto way = probe_->way();
  let_go(std::move(probe_));
  if (!why) return;
  why->text = options_.ways[way].name + ": " + why->text;
  set(way, WayState::down);
  ways_[way].status.trouble = std::move(why);
}

// ---- what is told ----

void Ways::set(std::size_t way, WayState state) {
  auto& status = ways_[way].status;
  if (status.state == state) return;
  status.state = state;
  status.since = deps_.loop.clock().wall();
}

void Ways::moved(std::size_t to, std::string reason) {
  const auto from = std::exchange(last_up_, to);
  if (!from || *from == to) return;
  failovers_.add();
  moves_.push_back({deps_.loop.clock().wall(), options_.ways[*from].name, options_.ways[to].name, std::move(reason)});
  if (moves_.size() > moves_kept) moves_.pop_front();
  const auto& move = moves_.back();
  logger::warn("link", "another way to the cloud is used",
               {{"from", move.from}, {"to", move.to}, {"why", move.reason}});
  owner_.on_move(move);
}

void Ways::count() {
  for (std::size_t i = 0; i < ways_.size(); ++i) {
    auto& way = ways_[i];
    auto all = way.before;
    for (auto* const wire : {wire_.get(), probe_.get()}) {
      if (wire == nullptr || wire->way() != i) continue;
      const auto& more = wire->traffic();
      all = {all.out + more.out, all.in + more.in};
    }
    way.out->add(all.out - way.counted.out);
    way.in->add(all.in - way.counted.in);
    way.counted = all;
    way.in_use->set(way.status.state == WayState::up ? 1 : 0);
  }
}

std::vector<WayStatus> Ways::status() {
  std::vector<WayStatus> all;
  for (const auto i : failover_.order()) {
    auto status = ways_[i].status;
    status.bytes_out = ways_[i].counted.out;
    status.bytes_in = ways_[i].counted.in;
    all.push_back(std::move(status));
  }
  return all;
}

}  // namespace skerry::link
