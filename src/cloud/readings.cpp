// Readings by device and time, out of loose and sorted blocks.
#include <algorithm>
#include <charconv>
#include <map>

#include "api/print.hpp"
#include "cloud/print.hpp"
#include "cloud/queries.hpp"

namespace skerry::cloud {
namespace {

struct Key {
  std::int64_t ms = 0;
  std::int64_t gw = 0;
  std::uint64_t epoch = 0;
  std::uint64_t cls = 0;
  std::uint64_t offset = 0;
  auto operator<=>(const Key&) const = default;
};

std::string cursor_of(const Key& key, bool descending) {
  return (descending ? "d_" : "a_") + std::to_string(key.ms) + "_" + std::to_string(key.gw) + "_" +
         std::to_string(key.epoch) + "_" + std::to_string(key.cls) + "_" + std::to_string(key.offset);
}

Result<Key> key_of(std::string_view cursor, bool descending) {
  const auto wrong = [] {
    return fail(Code::invalid, "is no cursor of this query; pass `next` of the page before", "cursor");
  };
  if (!cursor.starts_with(descending ? "d_" : "a_")) return wrong();
  cursor.remove_prefix(2);
  Key key;
  const auto take = [&cursor](auto& value, bool last) {
    const auto read = std::from_chars(cursor.data(), cursor.data() + cursor.size(), value);
    if (read.ec != std::errc{}) return false;
    cursor.remove_prefix(static_cast<std::size_t>(read.ptr - cursor.data()));
    if (last) return cursor.empty();
    if (!cursor.starts_with('_')) return false;
    cursor.remove_prefix(1);
    return true;
  };
  if (!take(key.ms, false) || !take(key.gw, false) || !take(key.epoch, false) || !take(key.cls, false) ||
      !take(key.offset, true))
    return wrong();
  return key;
}

// The first rows of an order behind a cursor: what does not fit is dropped from the far end.
class Page {
 public:
  Page(const ListQuery& query, std::optional<Key> after) : query_(query), after_(after) {}

  // False: nothing at this time or further on can be wanted.
  bool wants(std::int64_t ms) const {
    if (rows_.size() <= query_.limit) return true;
    const auto bound = query_.descending ? rows_.begin()->first.ms : std::prev(rows_.end())->first.ms;
    return query_.descending ? ms >= bound : ms <= bound;
  }
  void add(const Key& key, std::string_view gateway, const ReadingView& reading) {
    if (query_.from && reading.timestamp < *query_.from) return;
    if (query_.to && reading.timestamp >= *query_.to) return;
    if (after_ && (query_.descending ? !(key < *after_) : !(*after_ < key))) return;
    if (!wants(key.ms)) return;
    std::string text;
    append_reading(text, gateway, reading);
    rows_.insert_or_assign(key, std::move(text));
    if (rows_.size() > query_.limit + 1) rows_.erase(query_.descending ? rows_.begin() : std::prev(rows_.end()));
  }
  std::string text() const {
    std::string to = R"({"items":[)";
    std::optional<std::string> next;
    std::size_t taken = 0;
    const auto take = [&](const auto& row) {
      if (taken == query_.limit || to.size() > page_bytes_max) return false;
      if (taken++ > 0) to += ',';
      to += row.second;
      next = cursor_of(row.first, query_.descending);
      return true;
    };
    bool all = true;
    if (query_.descending) {
      for (auto row = rows_.rbegin(); row != rows_.rend() && all; ++row) all = take(*row);
    } else {
      for (auto row = rows_.begin(); row != rows_.end() && all; ++row) all = take(*row);
    }
    if (all) next.reset();
    api::append_next(to, next);
    return to;
  }

 private:
  const ListQuery& query_;
  std::optional<Key> after_;
  std::map<Key, std::string> rows_;
};

struct BlockRow {
  bool shelf = false;
  std::int64_t seq = 0;
  std::int64_t earliest = 0;
  std::int64_t latest = 0;
};

}  // namespace

Result<std::string> Queries::readings(const ListQuery& query) {
  std::optional<Key> after;
  if (!query.cursor.empty()) after = TRY(key_of(query.cursor, query.descending));
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  auto from = query.from ? query.from->time_since_epoch().count() : least;
  auto to = query.to ? query.to->time_since_epoch().count() : most;
  if (after)
    (query.descending ? to : from) = query.descending ? std::min(to, after->ms + 1) : std::max(from, after->ms);
  TRY(database_->begin(Database::Access::read));  // one state of both kinds of blocks
  const auto done = [&]() -> Result<std::string> {
    std::vector<BlockRow> blocks;
    auto loose =
        TRY(database_->prepare("SELECT l.seq, l.earliest, l.latest FROM loose l JOIN gateways g USING (gw) WHERE "
                               "l.latest >= ?1 AND l.earliest < "
                               "?2 AND (?3 = '' OR g.id = ?3)"));
    loose.with(from, to, query.gateway);
    while (TRY(loose.step())) blocks.push_back({false, loose.integer(0), loose.integer(1), loose.integer(2)});
    auto shelf = TRY(database_->prepare(
        "SELECT s.seq, s.earliest, s.latest FROM shelf s JOIN gateways g USING (gw) WHERE s.latest >= ?1 AND "
        "s.earliest < "
        "?2 AND (?3 = '' OR g.id = ?3) AND (?4 = '' OR (s.first_device <= ?4 AND s.last_device >= ?4))"));
    shelf.with(from, to, query.gateway, query.device);
    while (TRY(shelf.step())) blocks.push_back({true, shelf.integer(0), shelf.integer(1), shelf.integer(2)});
    if (query.descending) {
      std::ranges::sort(blocks, std::greater{}, &BlockRow::latest);
    } else {
      std::ranges::sort(blocks, {}, &BlockRow::earliest);
    }
    auto open_loose =
        TRY(database_->prepare("SELECT g.id, l.gw, l.epoch, l.block, l.class, l.batch, l.offsets, l.first, l.past FROM "
                               "loose l JOIN gateways g "
                               "USING (gw) WHERE l.seq = ?1"));
    auto open_shelf = TRY(database_->prepare(
        "SELECT g.id, s.gw, s.epoch, s.block FROM shelf s JOIN gateways g USING (gw) WHERE s.seq = ?1"));
    Page page(query, after);
    for (const auto& block : blocks) {
      if (!page.wants(query.descending ? block.latest : block.earliest)) break;
      auto& open = (block.shelf ? open_shelf : open_loose).with(block.seq);
      if (!TRY(open.step())) continue;
      const std::string gateway(open.text(0));
      const auto gw = open.integer(1);
      const auto epoch = open.count(2);
      const auto take = [&](const ReadingView& r) {
        if (!query.device.empty() && r.device != query.device) return;
        page.add({r.timestamp.time_since_epoch().count(), gw, epoch, static_cast<std::uint64_t>(r.cls), r.offset},
                 gateway, r);
      };
      if (block.shelf) {
        TRY(read_shelf(open.blob(3), query.device, take));
      } else {
        const LooseBlock loose_block{static_cast<record::Class>(open.integer(4) & 3), open.count(5), open.count(6),
                                     open.count(7), open.count(8)};
        TRY(read_loose(loose_block, open.blob(3), take));
      }
    }
    return page.text();
  }();
  database_->rollback();  // it has only read
  return done;
}

}  // namespace skerry::cloud
