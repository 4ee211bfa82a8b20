// When a series leaves its scale: the encoder's choice alone, the decoder is told.
#include "codec/value_coder.hpp"

namespace skerry::codec::value {
namespace {

constexpr std::uint16_t roomy_max = 48;    // then one digit less
constexpr std::uint16_t misfit_cost = 16;  // a misfit is forgotten after so many that fit
constexpr std::uint16_t misfits_max = 32;
constexpr unsigned digits_at_once = 2;  // so many more digits are taken on at the first value that needs them

Plan to_scale(double value, Series& s, Scale scale) {
  s.roomy = 0;
  s.misfits = 0;
  const auto scaled = codec::scale(value, scale);
  return {Plan::Way::rescale, scale, scaled.value_or(Scaled{})};
}

}  // namespace

Plan plan(double value, Series& s) {
  const bool plain_number = std::isfinite(value) && !(value == 0 && std::signbit(value));
  if (!s.begun) return plain_number ? to_scale(value, s, scale_of(value)) : Plan{Plan::Way::escape, {}, {}};
  if (const auto scaled = codec::scale(value, s.scale); scaled && (plain_number || s.scale.form == Form::float64)) {
    if (s.misfits > 0) --s.misfits;
    if (s.scale.form == Form::decimal) {
      if (s.scale.digits > 0 && scaled->last_bits == 0) {
        s.roomy = scaled->whole % 10 == 0 ? static_cast<std::uint16_t>(s.roomy + 1) : std::uint16_t{0};
        if (s.roomy >= roomy_max)
          return to_scale(value, s, {Form::decimal, static_cast<std::uint8_t>(s.scale.digits - 1)});
      }
    } else if ((++s.roomy & 7U) == 0 && plain_number) {
      const auto wanted = scale_of(value);
      if (wanted.form < s.scale.form) return to_scale(value, s, wanted);
    }
    return {Plan::Way::plain, s.scale, *scaled};
  }
  if (!plain_number) return {Plan::Way::escape, {}, {}};
  const auto wanted = scale_of(value);
  const bool little_more = wanted.form == Form::decimal && s.scale.form == Form::decimal &&
                           wanted.digits > s.scale.digits && wanted.digits <= s.scale.digits + digits_at_once;
  s.misfits = static_cast<std::uint16_t>(s.misfits + misfit_cost);
  if (little_more || s.misfits >= misfits_max) return to_scale(value, s, wanted);
  return {Plan::Way::escape, {}, {}};
}

}  // namespace skerry::codec::value
