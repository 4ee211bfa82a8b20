// Access: who may connect, and to what. The hook that identity fills in; without one everything is allowed.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/loop.hpp"

namespace skerry::mqtt {

// What one client that was let in may do; it lives as long as its connection. Loop thread; must answer at once.
class Grant {
 public:
  virtual ~Grant() = default;
  virtual bool may_publish(std::string_view /*topic*/) { return true; }
  virtual bool may_subscribe(std::string_view /*filter*/) { return true; }
  virtual void published(std::string_view /*topic*/, std::size_t /*bytes*/) {}  // a message that was taken
  // Whether it may still stay; Broker::recheck() asks.
  virtual bool may_stay() { return true; }
  // Whether it may take over the session that `held` has connected under the same client id.
  virtual bool may_take_over(const Grant& /*held*/) { return true; }
  virtual void was_taken_over() {}
};

class Access {
 public:
  struct Caller {
    std::string_view client_id;
    std::optional<std::string_view> user;
    std::optional<Bytes> password;
    const Address& peer;
    Bytes certificate{};  // DER, of a TLS client that has shown to hold its key; empty: none
    bool secure = false;  // over TLS
  };

  virtual ~Access() = default;
  // Nothing: it is refused. Loop thread; views are valid for the call.
  virtual std::shared_ptr<Grant> connect(const Caller&) { return std::make_shared<Grant>(); }
};

}  // namespace skerry::mqtt
