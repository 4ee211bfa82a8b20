// Readings with a stated error, in the unit of the field: fewer digits (quantise) or fewer readings (dead band).
//
// Lossy, and only on request: every original value differs by at most the bound from what is kept for it. Never for
// what alerts are decided on: who calls says which fields those are, and hands them on as they are. Pure.
#pragma once

#include <optional>

namespace skerry::codec {

// Values rounded to a step of 1, 2 or 5 times a power of ten, the largest that keeps within the bound: short decimals,
// which the coder of readings packs well. What is no finite number stays as it is, and so does all at a bound of 0.
class Quantiser {
 public:
  // `bound` ≥ 0; anything else counts as 0.
  explicit Quantiser(double bound);
  double operator()(double value) const;
  double bound() const { return bound_; }

 private:
  double bound_ = 0;
  double step_ = 0;  // whole / power, or whole * power
  double whole_ = 0;
  double power_ = 1;
  bool divides_ = true;
};

// Leaves out what is within the bound of the last value kept; the receiver holds that one until the next.
class DeadBand {
 public:
  explicit DeadBand(double bound);
  // The value where it must be kept; nothing where the last one stands for it.
  std::optional<double> next(double value);

 private:
  double bound_ = 0;
  std::optional<double> kept_;
};

}  // namespace skerry::codec
