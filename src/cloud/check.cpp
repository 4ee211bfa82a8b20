// What does not add up: every applied offset must be in exactly one place.
#include <map>

#include "cloud/queries.hpp"
#include "cloud/shelf.hpp"
#include "sync/sync.hpp"

namespace skerry::cloud {
namespace {

constexpr std::int64_t blocks_per_page = 200;

struct StreamKey {
  std::int64_t gw = 0;
  std::uint64_t epoch = 0;
  std::int64_t cls = 0;
  auto operator<=>(const StreamKey&) const = default;
};

// Of one stream: where each offset was found, as bits.
struct Found {
  std::string name;
  sync::Intervals applied;
  std::uint64_t own = 0;
  std::uint64_t past = 0;
  std::vector<bool> seen;
  std::uint64_t count = 0;
  std::vector<std::string> wrong;

  void see(std::uint64_t offset, std::string_view what) {
    const auto at = offset - applied.base();
    if (!applied.contains(offset))
      return tell("offset " + std::to_string(offset) + " is kept (" + std::string(what) + ") and not in the marks");
    if (at >= seen.size()) seen.resize(at + 1);
    if (seen[at]) return tell("offset " + std::to_string(offset) + " is there twice (" + std::string(what) + ")");
    seen[at] = true;
    ++count;
  }
  void tell(std::string what) {
    if (wrong.size() < 20) wrong.push_back(name + ": " + std::move(what));
  }
};

using All = std::map<StreamKey, Found>;

Result<> read_streams(Database& database, All& all) {
  auto rows =
      TRY(database.prepare("SELECT s.gw, s.epoch, s.class, g.id, s.base, s.applied, s.own, s.records + s.own + s.aside "
                           "+ s.gap_budget + s.gap_age + "
                           "s.gap_damage + s.gap_ttl FROM streams s JOIN gateways g USING (gw)"));
  rows.with();
  while (TRY(rows.step())) {
    auto& found = all[{rows.integer(0), rows.count(1), rows.integer(2)}];
    found.name = "gateway " + std::string(rows.text(3)) + " epoch " + std::to_string(rows.count(1)) + " " +
                 std::string(record::name(static_cast<record::Class>(rows.integer(2) & 3)));
    std::vector<sync::Interval> intervals;
    Reader from(rows.blob(5));
    while (!from.rest().empty() && from.ok()) {
      const auto first = from.varint();
      const auto past = from.varint();
      intervals.push_back({first, past, from.le<std::uint64_t>()});
    }
    auto applied = sync::Intervals::of(rows.count(4), std::move(intervals));
    if (!applied) {
      found.tell("marks that are none");
      continue;
    }
    found.applied = std::move(*applied);
    found.own = rows.count(6);
    if (found.applied.count() != rows.count(7))
      found.tell("marks hold " + std::to_string(found.applied.count()) + " offsets, and the counts " +
                 std::to_string(rows.count(7)));
  }
  return {};
}

Result<> see_rows(Database& database, All& all, std::string_view table) {
  auto rows =
      TRY(database.prepare("SELECT gw, epoch, class, offset FROM " + std::string(table) + " WHERE offset >= 0"));
  rows.with();
  while (TRY(rows.step())) all[{rows.integer(0), rows.count(1), rows.integer(2)}].see(rows.count(3), table);
  return {};
}

Result<> see_gaps(Database& database, All& all) {
  auto rows = TRY(database.prepare("SELECT gw, epoch, class, first, past FROM gaps"));
  rows.with();
  while (TRY(rows.step())) {
    for (auto offset = rows.count(3); offset < rows.count(4); ++offset)
      all[{rows.integer(0), rows.count(1), rows.integer(2)}].see(offset, "gap");
  }
  return {};
}

// In pages: all blocks at once may not fit memory.
Result<> see_blocks(Database& database, All& all, std::vector<std::string>& wrong) {
  auto loose = TRY(database.prepare(
      "SELECT gw, epoch, class, batch, offsets, first, past, block, seq FROM loose WHERE seq > ?1 ORDER "
      "BY seq LIMIT ?2"));
  auto shelf = TRY(database.prepare("SELECT gw, epoch, block, seq FROM shelf WHERE seq > ?1 ORDER BY seq LIMIT ?2"));
  bool more = true;
  for (std::int64_t seq = 0; more;) {
    more = false;
    for (loose.with(seq, blocks_per_page); TRY(loose.step()); more = true) {
      seq = loose.integer(8);
      const auto gw = loose.integer(0);
      const auto epoch = loose.count(1);
      const LooseBlock block{static_cast<record::Class>(loose.integer(2) & 3), loose.count(3), loose.count(4),
                             loose.count(5), loose.count(6)};
      const auto read = read_loose(block, loose.blob(7), [&](const ReadingView& r) {
        all[{gw, epoch, static_cast<std::int64_t>(r.cls)}].see(r.offset, "reading");
      });
      if (!read) wrong.push_back("loose block " + std::to_string(seq) + ": " + read.error().text());
    }
  }
  more = true;
  for (std::int64_t seq = 0; more;) {
    more = false;
    for (shelf.with(seq, blocks_per_page); TRY(shelf.step()); more = true) {
      seq = shelf.integer(3);
      const auto gw = shelf.integer(0);
      const auto epoch = shelf.count(1);
      const auto read = read_shelf(shelf.blob(2), "", [&](const ReadingView& r) {
        all[{gw, epoch, static_cast<std::int64_t>(r.cls)}].see(r.offset, "reading");
      });
      if (!read) wrong.push_back("shelf block " + std::to_string(seq) + ": " + read.error().text());
    }
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> Queries::check() {
  TRY(database_->begin(Database::Access::read));
  std::vector<std::string> wrong;
  const auto done = [&]() -> Result<> {
    All all;
    TRY(read_streams(*database_, all));
    for (const auto* table : {"alerts", "commands", "fates", "analytics", "messages", "aside"})
      TRY(see_rows(*database_, all, table));
    TRY(see_gaps(*database_, all));
    TRY(see_blocks(*database_, all, wrong));
    for (auto& [key, found] : all) {
      if (found.wrong.empty() && found.count + found.own != found.applied.count())
        found.tell("marks hold " + std::to_string(found.applied.count()) + " offsets, and " +
                   std::to_string(found.count) + " are kept, " + std::to_string(found.own) + " are the gateway's own");
      wrong.insert(wrong.end(), found.wrong.begin(), found.wrong.end());
    }
    return {};
  }();
  database_->rollback();  // it has only read
  if (!done) return std::unexpected(done.error());
  return wrong;
}

Result<Queries::Gateway> Queries::gateway(std::string_view id) {
  auto find = TRY(database_->prepare("SELECT gw, id, epoch FROM gateways WHERE ?1 = '' OR id = ?1"));
  find.with(id);
  if (!TRY(find.step())) return fail(Code::not_found, "the cloud knows no such gateway", std::string(id));
  Gateway gateway{find.integer(0), std::string(find.text(1)), find.count(2), {}};
  if (TRY(find.step())) return fail(Code::invalid, "the cloud knows several gateways; name one with --gateway");
  All all;
  TRY(read_streams(*database_, all));
  for (auto& [key, found] : all) {
    if (key.gw != gateway.row || key.epoch != gateway.epoch) continue;
    gateway.streams[static_cast<std::size_t>(key.cls & 3)] = {found.applied.base(), found.applied, found.own};
  }
  return gateway;
}

Result<> Queries::walk(const Gateway& gateway, const std::function<void(const Kept&)>& take) {
  const auto cls_of = [](const Statement& row) { return static_cast<record::Class>(row.integer(0) & 3); };
  for (const std::string table : {"alerts", "commands", "fates", "analytics", "aside"}) {
    auto rows =
        TRY(database_->prepare("SELECT class, offset FROM " + table + " WHERE gw = ?1 AND epoch = ?2 AND offset >= 0"));
    rows.with(gateway.row, gateway.epoch);
    while (TRY(rows.step())) take({.cls = cls_of(rows), .offset = rows.count(1), .past = rows.count(1) + 1});
  }
  auto messages =
      TRY(database_->prepare("SELECT class, offset, topic, payload FROM messages WHERE gw = ?1 AND epoch = ?2"));
  messages.with(gateway.row, gateway.epoch);
  while (TRY(messages.step())) {
    take({.cls = cls_of(messages),
          .offset = messages.count(1),
          .past = messages.count(1) + 1,
          .exact = true,
          .topic = messages.text(2),
          .payload = messages.blob(3)});
  }
  auto gaps = TRY(database_->prepare("SELECT class, first, past FROM gaps WHERE gw = ?1 AND epoch = ?2"));
  gaps.with(gateway.row, gateway.epoch);
  while (TRY(gaps.step())) take({.cls = cls_of(gaps), .offset = gaps.count(1), .past = gaps.count(2), .gap = true});
  std::string topic;
  const auto reading = [&](const ReadingView& r) {
    topic = "sensors/" + std::string(r.device) + "/data";
    take({.cls = r.cls, .offset = r.offset, .past = r.offset + 1, .exact = true, .topic = topic, .payload = r.payload});
  };
  auto loose = TRY(
      database_->prepare("SELECT class, batch, offsets, first, past, block FROM loose WHERE gw = ?1 AND epoch = ?2"));
  loose.with(gateway.row, gateway.epoch);
  while (TRY(loose.step()))
    TRY(read_loose({cls_of(loose), loose.count(1), loose.count(2), loose.count(3), loose.count(4)}, loose.blob(5),
                   reading));
  auto shelf = TRY(database_->prepare("SELECT block FROM shelf WHERE gw = ?1 AND epoch = ?2"));
  shelf.with(gateway.row, gateway.epoch);
  while (TRY(shelf.step())) TRY(read_shelf(shelf.blob(0), "", reading));
  return {};
}

}  // namespace skerry::cloud
