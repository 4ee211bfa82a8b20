// The CoAP paths of a gateway: where the CoAP door meets the rooms. What they answer: docs/coap.md.
//
// open(), then listen() for each address; everything on the thread of the loop it is given, which should be its own.
// A 2.xx for data leaves only when the log has committed it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/loop.hpp"
#include "base/metrics.hpp"
#include "coap/actions.hpp"
#include "coap/coap.hpp"
#include "coap/exchanges.hpp"
#include "history/history.hpp"
#include "log/log.hpp"
#include "record/classes.hpp"

namespace skerry::api {

// All outlive the CoapApi.
struct CoapDeps {
  NetLoop& loop;
  log::Log& log;
  history::History& history;
  coap::Exchanges& exchanges;
  coap::Actions& actions;
  metrics::Registry& metrics;
  record::ClassRules classes;
  // The newest retained message of a topic, by its place in the log.
  std::function<std::optional<record::Position>(const std::string& topic)> retained;
};

class CoapApi {
 public:
  static Result<std::unique_ptr<CoapApi>> open(CoapDeps deps);
  virtual ~CoapApi() = default;
  virtual Result<std::uint16_t> listen(const Address& address) = 0;
  // As coap::Server does it; on the loop's thread, as are the two below.
  virtual Result<std::uint16_t> listen_secure(const Address& address, coap::SecureOptions options) = 0;
  virtual void reload(std::string_view chain_pem, std::string_view key_pem) = 0;
  virtual void recheck() = 0;
  // Makes the call of an action and tells how it ended. Any thread.
  virtual void call(const std::string& id, const coap::Call& call) = 0;
};

}  // namespace skerry::api
