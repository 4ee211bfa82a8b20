// Actions: a pipeline asks for a call to a CoAP server, and what came of it is a record. At most once, whatever
// crashes.
//
// A message on `actions/{device}/coap` asks: {"target": a name of coap.targets, "path": "/device/t1/cool", "method":
// "POST" or "PUT" (POST when missing), "body": an object, "not_after": RFC 3339 (append time + not_after when
// missing)}. Life: wanted -> calling (on disk before the first datagram leaves) -> done (2.xx) | failed (4.xx, 5.xx,
// nobody there, a bad request) | expired | unknown (no answer, or the gateway stopped meanwhile; never called again).
// The end is a message on `actions/{device}/coap/result`: {action_id, device_id, target, path, status, code, detail,
// timestamp}.
//
// A follower of the log; ended() may be called on any thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "base/metrics.hpp"
#include "coap/coap.hpp"
#include "log/checkpoint.hpp"
#include "log/follower.hpp"
#include "record/classes.hpp"

namespace skerry::coap {

inline constexpr std::size_t actions_open_max = 10'000;  // not ended yet; more are refused

struct ActionOptions {
  std::map<std::string, std::string> targets;   // name -> coap://host:port
  std::chrono::milliseconds not_after{30'000};  // from when it was asked for
  std::string checkpoint_path;                  // empty: none is kept
  log::Saver* saver = nullptr;                  // saves it; nothing: the stepping thread itself
  record::ClassRules classes;
};

class Actions : public log::Follower {
 public:
  // `send` is called by step(), once for an action, when its record says `calling` on disk.
  using Send = std::function<void(const std::string& id, const Call& call)>;
  static Result<std::unique_ptr<Actions>> open(log::Log& log, Files& files, Clock& clock, const ActionOptions& options,
                                               metrics::Registry& metrics, Send send);
  // The end of a call that `send` was asked for.
  virtual void ended(const std::string& id, const Outcome& outcome) = 0;
  virtual std::size_t open_count() const = 0;
};

}  // namespace skerry::coap
