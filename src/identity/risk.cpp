// The sum of what is unusual, in millionths so that the bounds are met exactly.
#include "identity/risk.hpp"

#include <algorithm>
#include <cmath>

namespace skerry::identity {
namespace {

long millionths(double value) { return std::lround(value * 1e6); }

}  // namespace

Risk assess(const RiskInput& input, const RiskWeights& weights) {
  Risk risk;
  const auto add = [&risk](const char* name, double value, std::string why) {
    risk.factors.push_back({name, value, std::move(why)});
  };
  if (!input.usual_location.empty() && input.location != input.usual_location) {
    add("location", weights.location,
        input.location.empty() ? "no location was said; the usual one is " + std::string(input.usual_location)
                               : std::string(input.location) + " instead of " + std::string(input.usual_location));
  }
  if (input.local_hour < weights.day_begins || input.local_hour > weights.day_ends)
    add("hour", weights.hour, "local hour " + std::to_string(input.local_hour));
  if (input.suspicious_address) add("address", weights.address, "the address is suspicious");
  if (input.behaviour_anomaly > weights.behaviour_above)
    add("behaviour", std::min(input.behaviour_anomaly, 1.0),
        input.behaviour_why.empty() ? "behaviour differs from the device's own past" : input.behaviour_why);
  if (input.cloned) add("cloned", weights.cloned, "the same identity was seen at two places");
  if (input.crl_stale) add("crl_stale", weights.crl_stale, "the revocation list is stale");
  long sum = 0;
  for (const auto& factor : risk.factors) sum += millionths(factor.value);
  risk.score = static_cast<double>(std::clamp(sum, 0L, 1'000'000L)) / 1e6;
  return risk;
}

std::string access_level(double score, std::string_view clearance, const RiskWeights& weights) {
  const auto n = millionths(score);
  if (n < millionths(weights.restricted_from)) return std::string(clearance);
  return n < millionths(weights.minimal_from) ? "restricted" : "minimal";
}

}  // namespace skerry::identity
