// Standings, streams and transactions of the SQLite store; records.cpp has what is in the batches.
#include "cloud/store.hpp"

#include "cloud/statements.hpp"
#include "cloud/tables.hpp"

namespace skerry::cloud {
namespace {

Buffer pack_bases(const sync::PerClass<std::uint64_t>& bases) {
  Buffer to;
  for (const auto base : bases) append_varint(to, base);
  return to;
}

Buffer pack_applied(const sync::Intervals& applied) {
  Buffer to;
  for (const auto& i : applied.all()) {
    append_varint(to, i.from);
    append_varint(to, i.to);
    append_le(to, i.fingerprint);
  }
  return to;
}

Result<sync::Intervals> unpack_applied(std::uint64_t base, Bytes bytes) {
  std::vector<sync::Interval> all;
  Reader from(bytes);
  while (!from.rest().empty() && from.ok()) {
    sync::Interval i;
    i.from = from.varint();
    i.to = from.varint();
    i.fingerprint = from.le<std::uint64_t>();
    all.push_back(i);
  }
  if (!from.ok()) return fail(Code::damaged, "applied stretches that end early", "streams");
  return sync::Intervals::of(base, std::move(all));
}

}  // namespace

SqlStore::SqlStore(Clock& clock, metrics::Registry& metrics)
    : clock_(clock),
      records_(metrics.counter("skerry_cloud_records_total", "Records of gateways that were applied.")),
      readings_(metrics.counter("skerry_cloud_readings_total", "Readings among them.")),
      aside_(metrics.counter("skerry_cloud_records_aside_total", "Records set aside with a reason.")),
      gap_records_(metrics.counter("skerry_cloud_gap_records_total", "Records that gateways declared gone.")),
      commits_(metrics.counter("skerry_cloud_commits_total", "Transactions that were kept.")),
      shelved_(metrics.counter("skerry_cloud_readings_shelved_total", "Readings sorted by device and time.")),
      orders_(metrics.counter("skerry_cloud_commands_total", "Commands that were asked for here.")),
      orders_sent_(metrics.counter("skerry_cloud_commands_sent_total", "Commands sent to gateways, repetitions too.")),
      twin_writes_(metrics.counter("skerry_cloud_twin_writes_total", "Changes of twins that were asked for here.")),
      twin_conflicts_(metrics.counter("skerry_cloud_twin_conflicts_total",
                                      "Fields that both sides had changed apart, found here.")),
      metrics_(metrics) {}

SqlStore::~SqlStore() = default;

Result<std::unique_ptr<SqlStore>> SqlStore::open(const std::string& where, Clock& clock, metrics::Registry& metrics) {
  std::unique_ptr<SqlStore> store(new SqlStore(clock, metrics));
  store->database_ = TRY(Database::open(where, Database::Mode::create));
  TRY(store->database_->make_tables(tables, tables_version));
  store->statements_ = std::make_unique<Statements>();
  TRY(store->statements_->prepare(*store->database_));
  return store;
}

std::int64_t SqlStore::now_us() { return clock_.wall().time_since_epoch().count(); }

Result<> SqlStore::begin() {
  INVARIANT(touched_.empty());
  return database_->begin(Database::Access::write);
}

Result<> SqlStore::commit() {
  auto kept = put_devices();
  if (kept) kept = database_->commit();
  if (!kept) {
    rollback();
    return kept;
  }
  commits_.add();
  records_.add(std::exchange(records_pending_, 0));
  readings_.add(std::exchange(readings_pending_, 0));
  auto news = std::exchange(news_, {});
  if (tell_ && !news.empty()) tell_(std::move(news));
  return {};
}

void SqlStore::rollback() {
  database_->rollback();  // none is open when the commit itself ended it
  touched_.clear();
  news_.clear();
  gateway_rows_.clear();
  records_pending_ = readings_pending_ = 0;
}

Result<std::int64_t> SqlStore::gateway_row(std::string_view gateway) {
  if (const auto found = gateway_rows_.find(gateway); found != gateway_rows_.end()) return found->second;
  auto& find = statements_->find_gateway.with(gateway);
  if (!TRY(find.step())) return 0;
  const auto row = find.integer(0);
  gateway_rows_.emplace(gateway, row);
  gateway_names_[row] = gateway;
  return row;
}

Result<std::string> SqlStore::gateway_name(std::int64_t row) {
  if (const auto found = gateway_names_.find(row); found != gateway_names_.end()) return found->second;
  auto& find = statements_->find_name.with(row);
  if (!TRY(find.step())) return fail(Code::damaged, "a gateway's row is missing", "gateways");
  return gateway_names_[row] = find.text(0);
}

Result<std::optional<sync::Standing>> SqlStore::standing(std::string_view gateway) {
  // All that a ledger decides begins here: from now on no other replica decides for this gateway.
  TRY(database_->lease(gateway, true));
  auto& find = statements_->find_gateway.with(gateway);
  if (!TRY(find.step())) return std::nullopt;
  sync::Standing standing{.epoch = find.count(1), .session = find.count(2)};
  Reader bases(find.blob(3));
  for (auto& base : standing.bases) base = bases.varint();
  return standing;
}

Result<bool> SqlStore::is_fenced(std::string_view gateway, std::uint64_t epoch) {
  const auto row = TRY(gateway_row(gateway));
  return TRY(statements_->find_fenced.with(row, epoch).step());
}

Result<> SqlStore::put_standing(std::string_view gateway, std::string_view software, const sync::Standing& standing) {
  const auto before = TRY(this->standing(gateway));
  TRY(statements_->put_gateway
          .with(gateway, software, standing.epoch, standing.session, pack_bases(standing.bases), now_us())
          .run());
  const auto row = TRY(gateway_row(gateway));
  if (before && before->epoch != standing.epoch) TRY(statements_->put_fenced.with(row, before->epoch, now_us()).run());
  return {};
}

Result<sync::Stream> SqlStore::stream(const sync::StreamName& name, std::uint64_t base) {
  sync::Stream stream{.applied = sync::Intervals(base)};
  const auto row = TRY(gateway_row(name.gateway));
  auto& find = statements_->find_stream.with(row, name.epoch, static_cast<int>(name.cls));
  if (!TRY(find.step())) return stream;
  stream.applied = TRY(unpack_applied(find.count(0), find.blob(1)));
  auto& counts = stream.counts;
  counts = {.records = find.count(2), .own = find.count(3), .aside = find.count(4)};
  for (std::size_t i = 0; i < sync::reason_count; ++i) counts.gaps[i] = find.count(static_cast<int>(5 + i));
  if (stream.applied.base() != base || stream.applied.count() != counts.all())
    return fail(Code::damaged, "the marks of gateway " + std::string(name.gateway) + " do not add up", "streams");
  return stream;
}

Result<> SqlStore::put_stream(const sync::StreamName& name, const sync::Stream& stream) {
  const auto row = TRY(gateway_row(name.gateway));
  const auto& c = stream.counts;
  return statements_->put_stream
      .with(row, name.epoch, static_cast<int>(name.cls), stream.applied.base(), pack_applied(stream.applied), c.records,
            c.own, c.aside, c.gaps[0], c.gaps[1], c.gaps[2], c.gaps[3])
      .run();
}

Result<> SqlStore::put_gap(const sync::StreamName& name, std::uint64_t from, std::uint64_t to, sync::Reason reason) {
  gap_records_.add(to - from);
  const auto row = TRY(gateway_row(name.gateway));
  return statements_->put_gap.with(row, name.epoch, static_cast<int>(name.cls), from, to, sync::name(reason), now_us())
      .run();
}

Result<> SqlStore::put_refusal(std::string_view gateway, std::uint64_t epoch, sync::Refusal refusal,
                               std::string_view why) {
  metrics_
      .counter("skerry_cloud_refusals_total", "Connections of gateways that were refused, by reason.",
               {{"reason", std::string(sync::name(refusal))}})
      .add();
  return statements_->put_refusal.with(gateway, sync::name(refusal), epoch, why, now_us()).run();
}

}  // namespace skerry::cloud
