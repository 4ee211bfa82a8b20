// Calls to others: one confirmable request each, repeated by libcoap until it is acknowledged or its time is over.
#pragma once

#include <coap3/coap.h>

#include <map>

#include "coap/coap.hpp"

namespace skerry::coap {

class Calls {
 public:
  Calls(NetLoop& loop, coap_context_t* context, metrics::Registry& metrics);
  ~Calls();
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  void start(Call call, std::function<void(Outcome)> done);
  // From libcoap's callbacks.
  void answered(const coap_session_t* session, const coap_pdu_t* received);
  void failed(const coap_session_t* session, coap_nack_reason_t reason);

 private:
  struct Open {
    coap_session_t* session = nullptr;
    std::function<void(Outcome)> done;
    std::unique_ptr<Timer> over;
  };
  Result<coap_session_t*> send(const Call& call);
  void end(const coap_session_t* session, Outcome outcome);

  NetLoop& loop_;
  coap_context_t* context_;
  metrics::Registry& metrics_;
  std::map<const coap_session_t*, Open> open_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace skerry::coap
