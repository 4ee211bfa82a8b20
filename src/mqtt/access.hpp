// Access: who may connect, and to what. The hook that identity fills in; without one everything is allowed.
#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/loop.hpp"

namespace skerry::mqtt {

// Loop thread; must answer at once. Views are valid for the call.
class Access {
 public:
  struct Caller {
    std::string_view client_id;
    std::optional<std::string_view> user;
    std::optional<Bytes> password;
    const Address& peer;
  };

  virtual ~Access() = default;
  virtual bool may_connect(const Caller&) { return true; }
  virtual bool may_publish(std::string_view /*client_id*/, std::string_view /*topic*/) { return true; }
  virtual bool may_subscribe(std::string_view /*client_id*/, std::string_view /*filter*/) { return true; }
};

}  // namespace skerry::mqtt
