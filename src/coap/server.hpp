// The server's inside: libcoap's context driven by a loop, and answers that come later.
#pragma once

#include <coap3/coap.h>

#include <map>
#include <set>
#include <unordered_map>

#include "coap/calls.hpp"
#include "coap/coap.hpp"
#include "coap/dtls.hpp"
#include "coap/message.hpp"

namespace skerry::coap {

struct Responder::Answer {
  std::optional<Response> response;
  std::function<void()> late;  // set once the request has been acknowledged without an answer
};

class LibServer final : public Server {
 public:
  LibServer(NetLoop& loop, metrics::Registry& metrics, Settle settle);
  ~LibServer() override;
  LibServer(const LibServer&) = delete;
  LibServer& operator=(const LibServer&) = delete;
  Result<> start();

  void route(Method method, std::string path, Handler handler) override;
  void route_below(Method method, std::string prefix, Handler handler) override;
  void offer(std::string_view path, std::string_view type) override;
  void offered_below(std::string prefix, TypeOf type) override;
  bool changed(std::string_view path) override;
  Result<std::uint16_t> listen(const Address& address) override { return listen_by(address, COAP_PROTO_UDP); }
  Result<std::uint16_t> listen_secure(const Address& address, SecureOptions options) override;
  Result<> reload(std::string_view chain_pem, std::string_view key_pem) override {
    return dtls_ ? dtls_->reload(chain_pem, key_pem) : Result<>();
  }
  void recheck() override;
  void call(Call call, std::function<void(Outcome)> done) override {
    calls_->start(std::move(call), std::move(done));
    turn_soon();
  }

 private:
  struct Exchange {  // one call of libcoap's request handler
    coap_resource_t* resource;
    coap_session_t* session;
    const coap_pdu_t* request;
    const coap_string_t* query;
    coap_pdu_t* response;
  };
  using Late = std::map<std::uint64_t, std::shared_ptr<Responder::Answer>>;

  Result<std::uint16_t> listen_by(const Address& address, coap_proto_t protocol);
  static void on_request(coap_resource_t* resource, coap_session_t* session, const coap_pdu_t* request,
                         const coap_string_t* query, coap_pdu_t* response);
  void serve(const Exchange& exchange);
  bool serve_late(const Exchange& exchange);
  bool serve_anew(const Exchange& exchange, const Request& request);
  void put_off(const Exchange& exchange, std::shared_ptr<Responder::Answer> answer);
  void answer(const Exchange& exchange, Response response);
  const Handler* handler_of(Method method, std::string_view path, bool& path_known) const;
  bool more_to_read() const;
  void turn();
  void turn_soon();

  NetLoop& loop_;
  metrics::Registry& metrics_;
  Settle settle_;
  coap_context_t* context_ = nullptr;
  std::unique_ptr<Calls> calls_;
  std::unique_ptr<Dtls> dtls_;
  std::map<std::pair<std::string, Method>, Handler, std::less<>> routes_;
  std::map<std::pair<std::string, Method>, Handler, std::less<>> below_;
  std::map<std::string, TypeOf, std::less<>> types_below_;
  std::unordered_map<std::string, coap_resource_t*> offered_;
  Late late_;
  std::uint64_t late_next_ = 1;
  bool turn_posted_ = false;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<Timer> timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace skerry::coap
