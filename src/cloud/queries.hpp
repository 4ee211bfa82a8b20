// Queries of what the cloud applied: a connection of its own that only reads. One thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "cloud/database.hpp"
#include "cloud/limits.hpp"
#include "sync/sync.hpp"

namespace skerry::cloud {

struct ListQuery {
  std::string gateway;            // empty: all
  std::string device;             // empty: all
  std::string type;               // alerts: alert_type; commands: the command's name; empty: all
  std::optional<EventTime> from;  // readings: inclusive
  std::optional<EventTime> to;    // readings: exclusive
  bool descending = false;        // readings
  std::size_t limit = page_items_default;
  std::string cursor;
};

class Queries {
 public:
  static Result<std::unique_ptr<Queries>> open(const std::string& where);  // as Database::open()

  // Lists as JSON: {"items":[…],"next":…}. Pages put together give every row once. Code::invalid: a cursor of none.
  Result<std::string> readings(const ListQuery& query);  // by (event time, gateway, offset)
  Result<std::string> devices(const ListQuery& query);   // by (id, gateway)
  Result<std::string> alerts(const ListQuery& query);    // newest first, as are the following
  Result<std::string> commands(const ListQuery& query);
  Result<std::string> analytics(const ListQuery& query);
  Result<std::string> gateways();  // with marks, gaps and refusals
  Result<std::string> gaps(const ListQuery& query);
  Result<std::string> aside(const ListQuery& query);
  Result<std::string> device(std::string_view id, std::string_view gateway);  // Code::not_found
  Result<std::string> alert(std::string_view id);
  Result<std::string> command(std::string_view id);
  Result<std::string> twins(const ListQuery& query);  // by (id, gateway); `type` open: those with an open conflict
  Result<std::string> twin(std::string_view id, std::string_view gateway);  // Code::not_found; Code::exists: several
  Result<std::string> counts();
  Result<std::vector<std::string>> waiting_gateways();  // that have a command here which was not sent yet
  struct Stream {
    std::uint64_t base = 0;
    sync::Intervals applied;
    std::uint64_t own = 0;
  };
  struct Gateway {
    std::int64_t row = 0;
    std::string id;
    std::uint64_t epoch = 0;
    sync::PerClass<Stream> streams;
  };
  // Of that name, or the only one when it is empty.
  Result<Gateway> gateway(std::string_view id);
  // Everything that is kept of this epoch, in no order; topic and payload as they came where `exact`.
  struct Kept {
    record::Class cls = record::Class::medium;
    std::uint64_t offset = 0;
    std::uint64_t past = 0;  // of a gap: [offset, past); else offset + 1
    bool gap = false;
    bool exact = false;
    std::string_view topic;
    Bytes payload;
  };
  Result<> walk(const Gateway& gateway, const std::function<void(const Kept&)>& take);
  // What does not add up, a line each: stretches against counts, gaps and blocks. Empty: all is well.
  Result<std::vector<std::string>> check();

 private:
  struct CommandRow {
    std::string_view gateway;
    std::int64_t gw = 0;
    std::string_view id;
    std::string_view payload;
    Wall issued_at;
    bool arrived = false;  // at the gateway: it has said so by its log
  };
  Result<std::string> command_item(const CommandRow& row);
  std::unique_ptr<Database> database_;
};

}  // namespace skerry::cloud
