// Tokens, challenges and sessions.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "identity/identity_impl.hpp"

namespace skerry::identity {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t failures_of_a_suspect = 5;  // of an address within limits::failure_window

constexpr std::size_t reassessed_at_once = 2'000;  // of 100,000 sessions each is looked at within a minute

std::string time_text(Wall at) { return format_rfc3339(to_event(at)); }

Json factors_json(const Risk& risk) {
  Json factors = Json::array();
  for (const auto& each : risk.factors)
    factors.push_back({{"factor", each.name}, {"value", each.value}, {"why", each.why}});
  return factors;
}

int rank_of(std::string_view level) { return level == "minimal" ? 2 : level == "restricted" ? 1 : 0; }

}  // namespace

Answer<Token> IdentityImpl::authenticate(std::string_view id, const Caller& caller, const Origin& from) {
  return durably([&]() -> Answer<Token> {
    const auto* const device = registry_.device(id);
    if (device == nullptr) return refuse(Kind::not_found, "device_not_found", "no device of that id is registered");
    if (caller.role != Role::device || caller.id != id || caller.serial.empty()) {
      const Refusal other{Kind::unauthenticated, "certificate_name_mismatch",
                          "the client certificate is another identity's"};
      refused(other, caller.text(), from, id);
      return std::unexpected(other);
    }
    if (auto fast = hurries(caller.text(), from)) return std::unexpected(*fast);
    const auto at = time();
    Claims claims{.id = base64url(random_bytes(chance_, 16)),
                  .device_id = device->id,
                  .device_type = device->type,
                  .issued_at = at,
                  .expires_at = at + limits::token_valid};
    auto token = tokens_->sign(claims);
    if (!token) return refuse(Kind::unavailable, "cannot_sign", token.error().what);
    const Json data{{"token", claims.id}, {"expires", time_text(claims.expires_at)}};
    if (auto done = record({{caller.text(), from.address, "token", std::string(id), "ok", data.dump()}}); !done)
      return std::unexpected(done.error());
    return Token{std::move(*token), limits::token_valid, *registry_.device(id)};
  });
}

Answer<std::string> IdentityImpl::challenge(std::string_view id, const Origin& from) {
  const auto held = lock();
  look();
  if (auto fast = hurries_from(from)) return std::unexpected(*fast);
  if (auto wait = waits(id, from)) return std::unexpected(*wait);
  if (registry_.device(id) == nullptr) {
    const Refusal unknown{Kind::not_found, "device_not_found", "no device of that id is registered"};
    refused(unknown, id, from, id);
    return std::unexpected(unknown);
  }
  if (auto fast = hurries("challenge " + std::string(id) + " " + from.address, from)) return std::unexpected(*fast);
  const auto mono = clock_.mono();
  std::erase_if(challenges_, [mono](const auto& each) { return each.second.expires <= mono; });
  std::size_t own = 0;
  auto oldest = challenges_.end();
  for (auto at = challenges_.begin(); at != challenges_.end() && challenges_.size() < 10'000; ++at) {
    if (at->second.device != id) continue;
    ++own;
    if (oldest == challenges_.end() || at->second.expires < oldest->second.expires) oldest = at;
  }
  if (own >= limits::challenges_per_device_max) challenges_.erase(oldest);
  if (challenges_.size() >= limits::challenges_max)
    return refuse(Kind::unavailable, "too_many_challenges", "too many challenges wait to be answered");
  auto text = base64(random_bytes(chance_, 32));
  challenges_[text] = {std::string(id), mono + limits::challenge_valid};
  return text;
}

// Used up by looking at it: a second answer to one challenge is a replay.
Answer<> IdentityImpl::take_challenge(std::string_view id, std::string_view challenge) {
  const auto found = challenges_.find(challenge);
  const bool good = found != challenges_.end() && found->second.device == id && found->second.expires > clock_.mono();
  if (found != challenges_.end()) challenges_.erase(found);
  if (!good)
    return refuse(Kind::unauthenticated, "invalid_challenge",
                  "the challenge is unknown, used, expired or another device's");
  return {};
}

// Over the 32 bytes that the text stands for, or over the text itself: both are "the challenge's bytes".
bool IdentityImpl::signed_by_device(const Device& device, std::string_view challenge, Bytes signature) const {
  const auto bytes = from_base64(challenge);
  if (!bytes) return false;
  return std::ranges::any_of(device.serials, [&](const auto& serial) {
    const auto* const issued = registry_.certificate(serial);
    if (issued == nullptr || issued->revoked || crl_serials_.contains(serial)) return false;
    const auto key = Key::from_public_pem(issued->public_key);
    return key && (key->verifies(*bytes, signature) || key->verifies(as_bytes(challenge), signature));
  });
}

bool IdentityImpl::suspicious(std::string_view address) {
  if (address.empty()) return false;
  return std::ranges::any_of(options_.suspicious, [address](const auto& n) { return in_network(address, n); }) ||
         guard_.failures(address, clock_.mono()) >= failures_of_a_suspect;
}

// What is known here, without where the device says it is.
RiskInput IdentityImpl::input_of(const Device& device, std::string_view address, Wall at) {
  const auto deviation = behaviour_.of(device.id, at);
  RiskInput input{.local_hour = zone_.hour(at),
                  .suspicious_address = suspicious(address),
                  .behaviour_anomaly = deviation.score,
                  .cloned = guard_.cloned(device.id, clock_.mono()),
                  .crl_stale = crl_is_stale(at)};
  if (deviation.score > options_.weights.behaviour_above) input.behaviour_why = deviation.why();
  return input;
}

// A session never gets more than it began with: its level only falls. A new one is assessed afresh.
void IdentityImpl::reassess(Wall at) {
  const auto some = registry_.sessions_after(reassessed_, reassessed_at_once);
  reassessed_ = some.size() < reassessed_at_once ? std::string() : some.back().id;
  for (const auto& session : some) {
    const auto* const device = registry_.device(session.device);
    if (device == nullptr || session.expires <= at) continue;
    auto input = input_of(*device, session.from, at);
    if (session.away) {
      input.usual_location = "the usual location";
      input.location = "another";
    }
    const auto risk = assess(input, options_.weights);
    const auto level = access_level(risk.score, device->clearance, options_.weights);
    if (rank_of(level) <= rank_of(session.level)) continue;
    const Json data{
        {"device", session.device}, {"level", level}, {"risk", risk.score}, {"factors", factors_json(risk)}};
    (void)record({{"gateway", session.from, "session_level", session.id, "ok", data.dump()}}, false);
  }
}

Answer<Opened> IdentityImpl::open_session(std::string_view id, std::string_view challenge, std::string_view signature,
                                          const Context& context, const Origin& from) {
  return durably([&]() -> Answer<Opened> {
    const auto no = [&](Kind kind, const char* reason, const char* what) -> Answer<Opened> {
      auto failed = fail_login({kind, reason, what}, id, from);
      return std::unexpected(failed.error());
    };
    if (auto wait = waits(id, from)) return std::unexpected(*wait);
    const auto* const device = registry_.device(id);
    if (device == nullptr) return no(Kind::unauthenticated, "device_not_found", "no device of that id is registered");
    if (device->status == "revoked")
      return no(Kind::unauthenticated, "certificate_revoked", "the device's certificates are revoked");
    if (device->status == "quarantined")
      return no(Kind::forbidden, "device_quarantined", "the device is in quarantine");
    if (const auto taken = take_challenge(id, challenge); !taken)
      return no(taken.error().kind, "invalid_challenge", "the challenge is unknown, used, expired or another device's");
    const auto bytes = from_base64(signature);
    if (!bytes || !signed_by_device(*device, challenge, *bytes))
      return no(Kind::unauthenticated, "invalid_challenge", "the challenge is not signed by this device's key");
    guard_.succeeded(id, from.address);

    const auto at = time();
    auto input = input_of(*device, from.address, at);
    input.usual_location = device->location;
    input.location = context.location;
    input.suspicious_address = input.suspicious_address || suspicious(context.ip_address);
    if (context.behaviour_anomaly > input.behaviour_anomaly) {
      input.behaviour_anomaly = context.behaviour_anomaly;
      input.behaviour_why.clear();
    }
    Opened opened{.session_id = base64url(random_bytes(chance_, 16)),
                  .expires_in = limits::session_valid,
                  .risk = assess(input, options_.weights)};
    opened.access_level = access_level(opened.risk.score, device->clearance, options_.weights);
    if (registry_.sessions(at).size() >= limits::sessions_max)
      return refuse(Kind::unavailable, "too_many_sessions", "too many sessions are open");
    Claims claims{.id = opened.session_id,
                  .device_id = device->id,
                  .device_type = device->type,
                  .access_level = opened.access_level,
                  .risk_score = opened.risk.score,
                  .issued_at = at,
                  .expires_at = at + limits::session_valid};
    auto token = tokens_->sign(claims);
    if (!token) return refuse(Kind::unavailable, "cannot_sign", token.error().what);
    opened.session_token = std::move(*token);
    const Json data{{"device", id},
                    {"level", opened.access_level},
                    {"risk", opened.risk.score},
                    {"factors", factors_json(opened.risk)},
                    {"expires", time_text(claims.expires_at)}};
    if (auto done =
            record({{"device:" + std::string(id), from.address, "session", opened.session_id, "ok", data.dump()}});
        !done)
      return std::unexpected(done.error());
    return opened;
  });
}

Answer<> IdentityImpl::end_session(std::string_view session, const Caller& by, const Origin& from) {
  return durably([&]() -> Answer<> {
    const auto* const open = registry_.session(session);
    if (open == nullptr || open->expires <= time())
      return refuse(Kind::not_found, "session_not_found", "no session of that id is open");
    if (by.role == Role::device && by.id != open->device)
      return refuse(Kind::forbidden, "forbidden", "a device may end its own sessions only");
    return record({{by.text(), from.address, "session_end", std::string(session), "ok", {}}});
  });
}

std::vector<Session> IdentityImpl::sessions() {
  const auto held = lock();
  look();
  return registry_.sessions(time());
}

}  // namespace skerry::identity
