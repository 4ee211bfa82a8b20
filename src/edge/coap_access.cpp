// Letting CoAP clients in.
#include "edge/coap_access.hpp"

#include "edge/rights.hpp"

namespace skerry::edge {
namespace {

constexpr const char* door = "coaps";

class Known final : public coap::Speaker {
 public:
  Known(identity::Identity& identity, identity::Caller caller, identity::Origin from)
      : rights_(identity, std::move(caller), std::move(from)) {}
  bool may_publish(std::string_view topic) override { return rights_.may_publish(topic); }
  bool may_subscribe(std::string_view filter) override { return rights_.may_subscribe(filter); }
  bool may_stay() override { return rights_.may_stay(); }
  void published(std::string_view topic, std::size_t bytes) override { rights_.published(topic, bytes); }

 private:
  Rights rights_;
};

}  // namespace

tls::Verdict alert_of(identity::Fault fault) {
  using identity::Fault;
  switch (fault) {
    case Fault::none: return tls::Verdict::good;
    case Fault::expired: return tls::Verdict::expired;
    case Fault::unknown_ca: return tls::Verdict::unknown_ca;
    case Fault::revoked: return tls::Verdict::revoked;
    case Fault::wrong_use: return tls::Verdict::unsupported;
    default: return tls::Verdict::bad;
  }
}

coap::SecureOptions coap_access(identity::Identity& identity) {
  coap::SecureOptions options;
  options.authorities_pem = identity.ca_pem();
  options.verify = [&identity](Bytes leaf, const Address& peer) {
    const auto verdict = identity.judge(leaf, false);
    if (!verdict.good()) (void)identity.by_certificate(leaf, {peer.host, door});  // counted, audited
    return alert_of(verdict.fault);
  };
  options.key_of = [&identity](std::string_view name, const Address&) { return identity.psk_of(name); };
  options.gave_up = [&identity](std::string_view name, const Address& peer) {
    identity.psk_failed(name, {peer.host, door});
  };
  options.admit = [&identity](const coap::Shown& shown) -> std::shared_ptr<coap::Speaker> {
    const identity::Origin from{shown.peer.host, door};
    auto caller = shown.certificate.empty() ? identity.by_psk(shown.key_name, from)
                                            : identity.by_certificate(shown.certificate, from);
    if (!caller || !identity.paced(*caller, from)) return nullptr;
    identity.connected(*caller, from);
    return std::make_shared<Known>(identity, std::move(*caller), from);
  };
  return options;
}

}  // namespace skerry::edge
