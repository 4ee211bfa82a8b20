// A gateway and a cloud in memory, wired together by hand: for conversations that are about one thing.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "sync/receiver.hpp"
#include "sync/sender.hpp"

namespace skerry::sync::rig {

// What a gateway has of each class; offsets below `begin` are gone.
class MemorySource final : public Source {
 public:
  PerClass<std::uint64_t> ends() override {
    PerClass<std::uint64_t> ends{};
    for (std::size_t c = 0; c < record::class_count; ++c) ends[c] = texts[c].size();
    return ends;
  }
  Result<Slice> read(Class cls, std::uint64_t from, std::uint64_t to, std::uint64_t bytes_max) override {
    const auto c = static_cast<std::size_t>(cls);
    Slice slice;
    if (from < begin[c]) {
      slice.gone = std::min(to, begin[c]) - from;
      slice.reason = reason;
      return slice;
    }
    std::uint64_t bytes = 0;
    for (auto offset = from; offset < to && (bytes < bytes_max || slice.records.empty()); ++offset) {
      record::RecordView view;
      view.cls = cls;
      view.topic = "sensors/d/data";
      view.payload = as_bytes(texts[c][offset]);
      view.offset = {offset};
      view.position = {offset * 2};
      view.appended_at = Wall{std::chrono::microseconds{1'000'000 + static_cast<std::int64_t>(offset)}};
      slice.records.push_back(view);
      bytes += view.payload.size() + 30;
      ++reads;
    }
    return slice;
  }
  void append(Class cls, std::uint64_t many, const std::string& text = "{}") {
    auto& all = texts[static_cast<std::size_t>(cls)];
    for (; many > 0; --many) all.push_back(text + std::to_string(all.size()));
  }

  PerClass<std::deque<std::string>> texts;
  PerClass<std::uint64_t> begin{};
  Reason reason = Reason::age;
  std::uint64_t reads = 0;
};

struct Kept {
  Stream stream;
  std::vector<std::uint64_t> offsets;  // as they were applied
  std::array<std::vector<std::uint64_t>, 2> of_lane;
  std::vector<std::tuple<std::uint64_t, std::uint64_t, Reason>> gaps;
  std::vector<std::uint64_t> aside;
};

// Transactions are the simulation's business: here everything is kept at once.
class MemoryStore final : public Store {
 public:
  Result<> begin() override { return {}; }
  Result<> commit() override {
    if (full) return fail(Code::full, "the disk is full");
    return {};
  }
  void rollback() override {}
  Result<std::optional<Standing>> standing(std::string_view gateway) override {
    const auto found = standings.find(gateway);
    if (found == standings.end()) return std::nullopt;
    return found->second;
  }
  Result<bool> is_fenced(std::string_view, std::uint64_t epoch) override { return fenced.contains(epoch); }
  Result<> put_standing(std::string_view gateway, std::string_view, const Standing& standing) override {
    const auto found = standings.find(gateway);
    if (found != standings.end() && found->second.epoch != standing.epoch) fenced[found->second.epoch] = true;
    standings[std::string(gateway)] = standing;
    return {};
  }
  Result<Stream> stream(const StreamName& name, std::uint64_t base) override {
    auto& stream = of(name.epoch, name.cls).stream;
    if (stream.applied.all().empty()) stream.applied = Intervals(base);
    return stream;
  }
  Result<> put_stream(const StreamName& name, const Stream& stream) override {
    of(name.epoch, name.cls).stream = stream;
    return {};
  }
  Result<std::uint64_t> put_records(const StreamName& name, const Batch& batch, std::uint64_t from,
                                    std::uint64_t to) override {
    for (const auto& entry : batch.entries) {
      const auto offset = entry.record.offset.value;
      if (entry.wrong == nullptr && offset >= from && offset < to) {
        of(name.epoch, name.cls).offsets.push_back(offset);
        of(name.epoch, name.cls).of_lane[static_cast<std::size_t>(batch.lane)].push_back(offset);
      }
    }
    return 0;
  }
  Result<> put_aside(const StreamName& name, const Entry& entry) override {
    of(name.epoch, name.cls).aside.push_back(entry.record.offset.value);
    return {};
  }
  Result<> put_gap(const StreamName& name, std::uint64_t from, std::uint64_t to, Reason reason) override {
    of(name.epoch, name.cls).gaps.emplace_back(from, to, reason);
    return {};
  }
  Result<> put_refusal(std::string_view, std::uint64_t, Refusal refusal, std::string_view) override {
    refusals.push_back(refusal);
    return {};
  }
  Result<std::vector<Item>> take_items(const Connected&, std::size_t max) override {
    std::vector<Item> taken;
    for (; !items.empty() && taken.size() < max; items.pop_front()) taken.push_back(items.front());
    return taken;
  }
  Result<> put_answer(const Connected&, const ItemAnswer& answer) override {
    answers.push_back(answer);
    return {};
  }
  Kept& of(std::uint64_t epoch, Class cls) { return kept[{epoch, cls}]; }

  std::map<std::string, Standing, std::less<>> standings;
  std::map<std::uint64_t, bool> fenced;
  std::map<std::pair<std::uint64_t, Class>, Kept> kept;
  std::vector<Refusal> refusals;
  std::deque<Item> items;
  std::vector<ItemAnswer> answers;
  bool full = false;
};

inline constexpr std::uint64_t epoch = 7;

inline SenderOptions options(std::uint64_t of_epoch = epoch) {
  return {.gateway = "gw", .software = "test", .epoch = of_epoch, .split_records = 100};
}

// One connection of `sender` to a cloud over `store`; time is a number that the test moves.
class Wire {
 public:
  Wire(Sender& sender, MemoryStore& store) : sender_(sender), store_(store), receiver_({}, now) {
    Out out;
    sender_.on_open(now, out);
    give(out);
  }
  ~Wire() { sender_.on_closed(); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // So many rounds of: what waits arrives, the gateway sends more.
  void run(int rounds = 50) {
    for (int i = 0; i < rounds && open; ++i) round();
  }
  void round() {
    now += std::chrono::milliseconds{10};
    Out out;
    if (open) sender_.pump(room, now, out);
    give(out);
    auto up = std::exchange(to_cloud, {});
    for (const auto& frame : up) {
      ReceiverOut answer;
      receiver_.on_frame(frame, now, answer);
      give(answer);
    }
    auto down = std::exchange(to_edge, {});
    for (const auto& frame : down) {
      if (deaf && sender_.phase() == Phase::sending) continue;
      Out answer;
      sender_.on_frame(frame, now, answer);
      give(answer);
    }
  }
  void give(Out& out) {
    for (auto& frame : out.frames) to_cloud.push_back(std::move(frame));
    if (out.close) open = false;
  }
  void give(ReceiverOut& out) {
    for (auto& frame : out.frames) to_edge.push_back(std::move(frame));
    Ledger ledger(store_);
    for (const auto& job : out.jobs) {
      const auto outcome = ledger.run(job);
      const auto kept = store_.commit();
      ReceiverOut answer;
      if (!kept) {
        receiver_.on_ledger_failed(kept.error(), answer);
      } else if (!std::holds_alternative<RefusedJob>(job)) {
        receiver_.on_outcome(*outcome, answer);
      }
      give(answer);
    }
  }
  Receiver& receiver() { return receiver_; }

  static inline Mono now{std::chrono::seconds{1}};
  std::vector<Buffer> to_cloud;
  std::vector<Buffer> to_edge;
  bool open = true;
  Room room;          // what the link takes
  bool deaf = false;  // what the cloud says after READY is lost

 private:
  Sender& sender_;
  MemoryStore& store_;
  Receiver receiver_;
};

}  // namespace skerry::sync::rig
