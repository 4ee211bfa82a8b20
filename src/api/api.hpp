// The HTTP API of a gateway: where HTTP meets the rooms. What it answers: src/api/openapi.json, docs/api.md.
//
// Order of calls: open(), then listen() for each address. Everything on the thread of the loop it is given, which
// should be its own: queries and packing answers must not delay devices. Destroy it on that thread, or when the loop
// no longer runs. A 2xx for data leaves only when the log has committed it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "act/act.hpp"
#include "api/worker.hpp"
#include "base/chance.hpp"
#include "base/loop.hpp"
#include "base/metrics.hpp"
#include "history/history.hpp"
#include "http/http.hpp"
#include "log/log.hpp"
#include "record/classes.hpp"
#include "twin/twin.hpp"

namespace skerry::identity {
class Identity;
}

namespace skerry::api {

struct Pipeline {
  std::string name;
  std::string version;
  std::string text;  // its SQL
  std::uint64_t rows_in = 0;
  std::uint64_t rows_out = 0;
  std::uint64_t late = 0;
  std::uint64_t errors = 0;
};

struct Info {
  std::string version;
  std::string gateway_id;
  std::string time_zone = "UTC";  // of the site, a name of the tz database
  Wall started_at{};
};

// A demo that this gateway runs under. Without `act` it has no routes (docs/demos.md).
struct Demo {
  std::string name;                    // empty: none
  std::function<std::string()> state;  // JSON; empty: not known yet
  // kill, fill, release, cut, mend; what it asks for happens after the answer
  std::function<Result<>(std::string_view what)> act;
};

using Ports = std::map<std::string, std::uint16_t>;

// The settings as JSON.
struct Configuration {
  std::function<std::string()> items;   // objects with commas between
  std::function<std::string()> status;  // an object
};

// What takes a while and is done elsewhere. `done` is called once, on any thread, with a JSON object or what was wrong.
using Done = std::function<void(Result<std::string>)>;
struct Housekeeping {
  std::function<void(Done done)> reload;    // what has changed; an error: nothing has
  std::function<void(Done done)> snapshot;  // of the data folder, for a backup
  std::function<void(std::string id, Done done)> drop_snapshot;
};

// How the link to the cloud is shared, as JSON.
struct Link {
  std::function<std::string()> status;
  std::function<std::string(std::string_view cursor, std::size_t limit)> devices;  // a list
};

// All outlive the Api; the functions are called on the loop's thread.
struct Deps {
  Loop& loop;
  log::Log& log;
  history::History& history;
  act::Tracker& act;
  metrics::Registry& metrics;
  Chance& chance;
  record::ClassRules classes;
  Info info;
  Demo demo{};
  std::function<std::vector<Pipeline>()> pipelines;
  std::function<Ports()> ports;
  Configuration configuration{};                         // none: its paths answer 404
  Housekeeping housekeeping{};                           // likewise
  std::function<std::string()> uplink{};                 // the link to the cloud as JSON; none: shown as null
  Link link{};                                           // none: its paths answer 404
  const metrics::Histogram* decision_seconds = nullptr;  // reading in -> command out; none: shown as zero
  const metrics::Histogram* commit_seconds = nullptr;
  twin::Twins* twins = nullptr;            // none: their paths answer 404
  identity::Identity* identity = nullptr;  // none: there are no accounts
  bool login_needed = false;               // on the plain door as well
};

struct Options {
  http::Options http;
  act::Options act;       // for commands that are issued here
  int query_threads = 1;  // for queries of devices and readings; 0: on the loop's thread
};

class Api {
 public:
  static Result<std::unique_ptr<Api>> open(Deps deps, const Options& options);
  virtual ~Api() = default;

  // Code::busy: the port is taken. Gives the port that was chosen.
  virtual Result<std::uint16_t> listen(const Address& address, const Listen& through = {}) = 0;
  virtual http::Server& server() = 0;     // for routes of others (https.hpp), before listen()
  virtual Worker& identity_worker() = 0;  // for theirs that take milliseconds; ends before the server
  virtual std::vector<http::RouteName> routes() const = 0;
  virtual void gate(http::Gate gate) = 0;  // before listen()
  // Takes of the options what http::Server::reconfigure() takes.
  virtual void reconfigure(const Options& options) = 0;
};

}  // namespace skerry::api
