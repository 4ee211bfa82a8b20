// Any bytes in any pieces to the connection machine: no crash, acknowledgements never more than what was taken.
#include "mqtt/session.hpp"

#include <cstdlib>

using namespace skerry;
using namespace skerry::mqtt;

namespace {

void carry_out(Session& session, State& state, Effects& effects, std::uint64_t& position, Buffer& send) {
  for (const auto& effect : effects.list) {
    if (const auto* const append = std::get_if<Append>(&effect)) {
      if (append->packet_id != 0) session.await(append->then, append->packet_id, Position{position});
      ++position;
    } else if (const auto* const answer = std::get_if<Answer>(&effect)) {
      session.answer(*answer, send);
    } else if (std::holds_alternative<Ping>(effect)) {
      session.answer_ping(send);
    } else if (const auto* const connecting = std::get_if<Connecting>(&effect)) {
      state.client_id = connecting->packet.client_id;
      state.expiry_s = connecting->packet.clean_start ? 0 : 100;
      session.connected(connecting->packet, state, {}, 0, Position{position++}, send);
    } else if (const auto* const subscribing = std::get_if<Subscribing>(&effect)) {
      Buffer suback;
      encode_suback(suback, session.version(), subscribing->packet.packet_id, {});
      session.answer_whole(std::move(suback), {}, send);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Options options;
  options.packet_bytes_max = 4096;
  const record::ClassRules rules;
  State state;
  for (std::uint16_t id = 1; id < 5; ++id) {
    state.window.put({.position = {id}, .packet_id = id, .qos = static_cast<std::uint8_t>(1 + id % 2)});
  }
  Session session(options, rules, Mono{});
  session.grant(std::make_shared<Grant>());
  Effects effects;
  Buffer send;
  std::uint64_t position = 10;
  Bytes in = std::as_bytes(std::span(data, size));
  while (!in.empty()) {
    // The first byte of a piece says how long it is.
    const auto piece = std::min<std::size_t>(1 + std::to_integer<unsigned>(in[0]) % 64, in.size() - 1);
    auto rest = in.subspan(1, piece);
    in = in.subspan(1 + piece);
    while (!rest.empty()) {
      const auto before = rest.size();
      rest = session.on_bytes(rest, {}, effects);
      carry_out(session, state, effects, position, send);
      if (rest.size() > before) std::abort();
      for (const auto& effect : effects.list) {
        if (std::holds_alternative<Refused>(effect) || std::holds_alternative<Leaving>(effect)) return 0;
      }
    }
    session.on_committed(Position{position}, send);
    if (!session.idle()) std::abort();
  }
  return 0;
}
