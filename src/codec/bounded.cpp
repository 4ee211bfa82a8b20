// Steps and bands; each result is checked against the bound, so that rounding never breaks it.
#include "codec/bounded.hpp"

#include <cmath>

namespace skerry::codec {

Quantiser::Quantiser(double bound) {
  if (!(bound > 0) || !std::isfinite(bound)) return;
  bound_ = bound;
  const auto digits = std::floor(std::log10(2 * bound));
  if (std::fabs(digits) > 15) return;  // beyond what doubles write as short decimals: all stays as it is
  power_ = 1;
  for (int i = 0; i < static_cast<int>(std::fabs(digits)); ++i) power_ *= 10;
  divides_ = digits < 0;
  for (const double whole : {5.0, 2.0, 1.0}) {
    whole_ = whole;
    step_ = divides_ ? whole / power_ : whole * power_;
    if (step_ <= 2 * bound) break;
  }
}

double Quantiser::operator()(double value) const {
  if (step_ == 0 || !std::isfinite(value)) return value;
  const auto count = std::round(value / step_);
  const auto rounded = divides_ ? count * whole_ / power_ : count * whole_ * power_;
  return std::fabs(rounded - value) <= bound_ ? rounded : value;
}

DeadBand::DeadBand(double bound) : bound_(bound > 0 && std::isfinite(bound) ? bound : 0) {}

std::optional<double> DeadBand::next(double value) {
  const bool covered = kept_ && (std::fabs(value - *kept_) <= bound_ || (std::isnan(value) && std::isnan(*kept_)));
  if (covered) return {};
  kept_ = value;
  return value;
}

}  // namespace skerry::codec
