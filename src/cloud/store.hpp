// SqlStore: what the cloud applied, in SQLite or PostgreSQL (a commit is on disk).
//
// The one writer of a SQLite file; on PostgreSQL any number of them, in as many processes, each under the lease of the
// gateways that its transaction is about. begin() … commit() as sync::Store says; what was written is told to `tell`
// after the commit that holds it. shelve() sorts readings when there is time.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "cloud/database.hpp"
#include "sync/store.hpp"
#include "twin/twin.hpp"

namespace skerry::cloud {

// What a committed transaction brought, for event streams.
struct News {
  std::string event;  // alert, command, reading
  std::string device;
  std::string item;  // JSON as the API gives it
};

class SqlStore final : public sync::Store {
 public:
  using Tell = std::function<void(std::vector<News>)>;
  static Result<std::unique_ptr<SqlStore>> open(const std::string& where, Clock& clock, metrics::Registry& metrics);

  ~SqlStore() override;
  SqlStore(const SqlStore&) = delete;
  SqlStore& operator=(const SqlStore&) = delete;

  void on_news(Tell tell) { tell_ = std::move(tell); }
  std::atomic<bool> listening{false};  // somebody wants news: otherwise none are made

  Result<> begin() override;
  Result<> commit() override;
  void rollback() override;
  Result<std::optional<sync::Standing>> standing(std::string_view gateway) override;
  Result<bool> is_fenced(std::string_view gateway, std::uint64_t epoch) override;
  Result<> put_standing(std::string_view gateway, std::string_view software, const sync::Standing& standing) override;
  Result<sync::Stream> stream(const sync::StreamName& name, std::uint64_t base) override;
  Result<> put_stream(const sync::StreamName& name, const sync::Stream& stream) override;
  Result<std::uint64_t> put_records(const sync::StreamName& name, const sync::Batch& batch, std::uint64_t from,
                                    std::uint64_t to) override;
  Result<> put_aside(const sync::StreamName& name, const sync::Entry& entry) override;
  Result<> put_gap(const sync::StreamName& name, std::uint64_t from, std::uint64_t to, sync::Reason reason) override;
  Result<> put_refusal(std::string_view gateway, std::uint64_t epoch, sync::Refusal refusal,
                       std::string_view why) override;

  // ---- commands for gateways (orders.cpp); each inside begin() … commit() ----
  struct Order {
    std::string gateway;  // empty: the only one that the device was heard behind
    std::string device;
    std::string id;
    std::string command;
    std::string alert_id;
    std::string payload;
    std::string request;  // what the caller names its request by, so that asking again asks once; empty: nothing
    Wall not_after;
  };
  struct Ordered {
    std::string id;  // of this request, or of the one before by the same name
    std::string gateway;
  };
  // Code::not_found: no such gateway or device; Code::exists: the device is known behind several, or the request's name
  // stands for another; Code::full: too many wait for that gateway. Nothing has been written then.
  Result<Ordered> put_order(const Order& order);
  Result<std::vector<sync::Item>> take_items(const sync::Connected& to, std::size_t max) override;
  Result<> put_answer(const sync::Connected& from, const sync::ItemAnswer& answer) override;
  // Those whose not-after has passed: never sent is `expired`, sent and not answered is `unknown`. True: there were
  // some.
  Result<bool> end_late_orders();

  // ---- twins (twins.cpp) ----
  struct TwinWrite {
    std::string gateway;  // empty: the gateway of that id, or the only one that the device is known behind
    std::string id;
    twin::Patch patch{};
    std::string by;
    std::string conflict{};  // to be reversed, instead of a patch
  };
  // Inside begin() … commit(). Errors as put_order(); Code::full: too many fields or too much.
  Result<Ordered> write_twin(const TwinWrite& write);

  // One gateway's oldest loose blocks become shelf blocks, in a transaction of its own. False: there was little to do.
  Result<bool> shelve();

 private:
  struct Statements;
  struct Touched {  // of a device, in this transaction
    Wall first;
    Wall last;
    std::uint64_t readings = 0;
    bool has_reading = false;
    EventTime timestamp;
    Wall received_at;
    std::uint64_t epoch = 0;
    record::Class cls = record::Class::medium;
    std::uint64_t offset = 0;
    std::string payload;
    std::string status;
  };
  struct Place {
    std::int64_t gw = 0;
    const sync::StreamName& name;
  };

  SqlStore(Clock& clock, metrics::Registry& metrics);
  Result<std::int64_t> gateway_row(std::string_view gateway);  // 0: unknown
  Result<std::string> gateway_name(std::int64_t row);
  std::int64_t now_us();
  Touched& touch(std::int64_t gw, std::string_view device, Wall at);
  Result<bool> put_record(const Place& place, const sync::Entry& entry);  // false: set aside
  Result<bool> put_alert(const Place& place, const sync::Entry& entry);
  Result<bool> put_command(const Place& place, const sync::Entry& entry);
  Result<bool> put_fate(const Place& place, const sync::Entry& entry);
  struct Twin {
    bool known = false;
    twin::State state;
    std::int64_t changed = 0;  // by what the gateway has not said itself
  };
  Result<Twin> find_twin(std::int64_t gw, std::string_view id);
  Result<> keep_twin(std::int64_t gw, std::string_view id, const Twin& twin, std::uint64_t epoch);
  Result<bool> put_twin(const Place& place, const sync::Entry& entry);  // false: set aside
  Result<std::int64_t> gateway_of_twin(const TwinWrite& write);
  Result<> take_twins(const sync::Connected& to, std::int64_t gw, std::size_t max, std::vector<sync::Item>& items);
  Result<> answer_twin(const sync::Connected& from, std::int64_t gw, const sync::ItemAnswer& answer);
  Result<> put_message(const Place& place, const sync::Entry& entry);
  Result<> set_aside(const Place& place, const sync::Entry& entry, std::string_view why);
  void take_reading(const Place& place, const record::RecordView& record, std::string_view device, EventTime at);
  Result<> put_devices();
  Result<std::uint64_t> shelve_under_lease(std::string_view name, std::int64_t gw, std::uint64_t epoch);
  Result<> tell_order(std::int64_t gw, std::string_view id, std::string_view device, std::string_view state);
  Result<std::int64_t> gateway_of(const Order& order);
  void add_news(std::string event, std::string_view device, std::string item);

  Clock& clock_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Statements> statements_;
  std::map<std::string, std::int64_t, std::less<>> gateway_rows_;
  std::map<std::pair<std::int64_t, std::string>, Touched> touched_;
  std::map<std::int64_t, std::string> gateway_names_;
  std::vector<News> news_;
  Tell tell_;
  metrics::Counter& records_;
  metrics::Counter& readings_;
  metrics::Counter& aside_;
  metrics::Counter& gap_records_;
  metrics::Counter& commits_;
  metrics::Counter& shelved_;
  metrics::Counter& orders_;
  metrics::Counter& orders_sent_;
  metrics::Counter& twin_writes_;
  metrics::Counter& twin_conflicts_;
  std::uint64_t records_pending_ = 0;
  std::uint64_t readings_pending_ = 0;
  metrics::Registry& metrics_;
};

}  // namespace skerry::cloud
