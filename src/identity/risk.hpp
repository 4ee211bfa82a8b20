// Contextual risk of a session, as required (REQUIREMENTS 7): what was unusual, how much each adds, and the level that
// results. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace skerry::identity {

struct RiskWeights {
  double location = 0.3;
  double hour = 0.2;
  double address = 0.4;
  double cloned = 0.4;           // one key seen at two places (research/security: identity_cloned)
  double crl_stale = 0.1;        // the revocation list is past its nextUpdate: who was revoked since is not known
  int day_begins = 6;            // hours below are unusual
  int day_ends = 22;             // hours above are unusual
  double behaviour_above = 0.5;  // an anomaly above it adds its own value
  double restricted_from = 0.2;  // below: the device's clearance
  double minimal_from = 0.5;     // below: restricted
};

struct RiskInput {
  std::string_view usual_location;  // empty: none known, nothing to differ from
  std::string_view location;        // empty: not said, which differs from a known one
  int local_hour = 12;              // 0–23, by site.time_zone
  bool suspicious_address = false;
  double behaviour_anomaly = 0;  // 0–1
  std::string behaviour_why;     // empty: somebody said so
  bool cloned = false;
  bool crl_stale = false;
};

struct RiskFactor {
  std::string name;  // location, hour, address, behaviour, cloned, crl_stale
  double value = 0;  // what it adds
  std::string why;
};

struct Risk {
  double score = 0;                 // capped at 1
  std::vector<RiskFactor> factors;  // only those that add something
};

Risk assess(const RiskInput& input, const RiskWeights& weights = {});
// `clearance`, `restricted` or `minimal`.
std::string access_level(double score, std::string_view clearance, const RiskWeights& weights = {});

}  // namespace skerry::identity
