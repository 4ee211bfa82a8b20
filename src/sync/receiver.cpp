// The cloud's side of a connection: the handshake, credit, and acknowledgements for what the ledger did.
#include "sync/receiver.hpp"

#include <algorithm>

namespace skerry::sync {

Receiver::Receiver(const Options& options, Mono now)
    : options_(options), credit_given_(options.window), heard_at_(now), began_at_(now) {}

void Receiver::send(const Frame& frame, ReceiverOut& out) {
  auto bytes = encode(frame);
  if (uses_credit(frame)) ack_credit_ -= std::min<std::uint64_t>(ack_credit_, bytes.size());
  out.frames.push_back(std::move(bytes));
}

void Receiver::on_refused(const Refuse& refuse, ReceiverOut& out) {
  send(refuse, out);
  state_ = State::ended;
  out.close = true;
  out.why = std::string(name(refuse.reason)) + ": " + refuse.why;
}

void Receiver::refuse(Refusal reason, std::string why, ReceiverOut& out) {
  Refuse refuse{reason, is_final(reason) ? std::uint64_t{60} : std::uint64_t{1}, std::move(why)};
  if (reason == Refusal::malformed) ++malformed_;
  if (!hello_.gateway.empty()) out.jobs.emplace_back(RefusedJob{hello_.gateway, hello_.epoch, refuse});
  on_refused(refuse, out);
}

void Receiver::on_frame(Bytes bytes, Mono now, ReceiverOut& out) {
  if (state_ == State::ended) return;
  heard_at_ = now;
  if (state_ != State::ready && bytes.size() > hello_bytes_max)
    return refuse(Refusal::malformed, "more than 4 KiB before READY", out);
  auto frame = decode(bytes);
  if (!frame) return refuse(Refusal::malformed, frame.error().text(), out);
  if (const auto* ping = std::get_if<Ping>(&*frame)) return send(Pong{ping->nonce}, out);
  if (auto* hello = std::get_if<Hello>(&*frame); hello != nullptr && state_ == State::hello) {
    hello_ = std::move(*hello);
    if (!options_.gateway.empty() && options_.gateway != hello_.gateway)
      return refuse(Refusal::denied, "the certificate is that of gateway " + options_.gateway, out);
    state_ = State::joining;
    ack_credit_ = hello_.window;
    out.jobs.emplace_back(JoinJob{hello_});
    return;
  }
  if (auto* proof = std::get_if<Proof>(&*frame); proof != nullptr && state_ == State::proof) {
    state_ = State::proving;
    out.jobs.emplace_back(ProveJob{hello_, std::move(*proof), applied_});
    return;
  }
  if (state_ == State::ready) {
    if (const auto* batch = std::get_if<BatchFrame>(&*frame)) return on(*batch, bytes.size(), out);
    if (const auto* gap = std::get_if<GapFrame>(&*frame)) {
      if (!take_credit(bytes.size(), out)) return;
      out.jobs.emplace_back(GapJob{hello_.gateway, hello_.epoch, session_, *gap});
      return;
    }
    if (const auto* credit = std::get_if<Credit>(&*frame)) {
      if (credit->bytes > hello_.window - std::min(hello_.window, ack_credit_))
        return refuse(Refusal::malformed, "CREDIT: more than was used", out);
      ack_credit_ += credit->bytes;
      return flush(out);
    }
    if (std::holds_alternative<Pong>(*frame)) return;
    if (auto* answer = std::get_if<ItemAnswer>(&*frame)) return on(*answer, out);
  }
  if (std::holds_alternative<Refuse>(*frame)) {
    state_ = State::ended;
    out.close = true;
    out.why = "the gateway refuses: " + std::get<Refuse>(*frame).why;
    return;
  }
  refuse(Refusal::malformed, "a frame that may not come now", out);
}

// A frame longer than the window may come when nothing else is on the way.
bool Receiver::take_credit(std::uint64_t size, ReceiverOut& out) {
  if (size > credit_given_ && credit_given_ < options_.window) {
    refuse(Refusal::malformed, "more bytes than there was credit for", out);
    return false;
  }
  credit_given_ -= std::min(credit_given_, size);
  in_ledger_.push_back(std::min(size, options_.window));
  return true;
}

void Receiver::on(const BatchFrame& frame, std::uint64_t size, ReceiverOut& out) {
  if (!take_credit(size, out)) return;
  auto batch = unpack(frame.cls, frame.from, frame.count, Buffer(frame.block.begin(), frame.block.end()));
  if (!batch) return refuse(Refusal::malformed, "BATCH: " + batch.error().text(), out);
  batch->lane = frame.lane;
  batch->fingerprint = frame.fingerprint;
  out.jobs.emplace_back(BatchJob{hello_.gateway, hello_.epoch, session_, std::move(*batch)});
}

void Receiver::on_outcome(const Outcome& outcome, ReceiverOut& out) {
  if (state_ == State::ended) return;
  if (outcome.refused) return on_refused(*outcome.refused, out);
  if (outcome.of == Outcome::Of::items) return on_items(outcome.items, out);
  if (outcome.of == Outcome::Of::answer) return look(out);
  if (state_ == State::joining) {
    state_ = State::proof;
    applied_ = outcome.applied;
    const auto version = std::min(hello_.version_most, version_max);
    send(Welcome{.version = version, .window = options_.window, .applied = outcome.applied}, out);
    return;
  }
  if (state_ == State::proving) {
    state_ = State::ready;
    session_ = outcome.session;
    applied_ = outcome.applied;
    send(Ready{}, out);
    return look(out);
  }
  INVARIANT(state_ == State::ready);
  INVARIANT(!in_ledger_.empty());
  to_give_back_ += in_ledger_.front();
  in_ledger_.erase(in_ledger_.begin());
  applied_[static_cast<std::size_t>(outcome.cls)] = outcome.applied[static_cast<std::size_t>(outcome.cls)];
  to_ack_ |= record::mask(outcome.cls);
  flush(out);
}

// Acknowledgements are state: while the gateway gives no credit for them, the newest takes the place of older ones.
void Receiver::flush(ReceiverOut& out) {
  if (to_ack_ != 0) {
    const Frame ack = Ack{to_ack_, applied_};
    auto bytes = encode(ack);
    if (bytes.size() <= ack_credit_) {
      ack_credit_ -= bytes.size();
      out.frames.push_back(std::move(bytes));
      to_ack_ = 0;
    }
  }
  if (to_give_back_ == 0) return;
  credit_given_ += to_give_back_;
  send(Credit{to_give_back_}, out);
  to_give_back_ = 0;
}

void Receiver::look(ReceiverOut& out) {
  if (state_ != State::ready || hello_.version_most < version_items || items_out_.size() >= items_out_max) return;
  look_again_ = looking_;
  if (looking_) return;
  looking_ = true;
  out.jobs.emplace_back(ItemsJob{hello_.gateway, hello_.epoch, session_, items_out_max - items_out_.size(),
                                 std::min(hello_.version_most, version_max)});
}

void Receiver::on_items(const std::vector<Item>& items, ReceiverOut& out) {
  looking_ = false;
  for (const auto& item : items) {
    items_out_.emplace(item.kind, item.id);
    send(item, out);
  }
  if (look_again_) look(out);
}

void Receiver::on(ItemAnswer& answer, ReceiverOut& out) {
  if (items_out_.erase({answer.kind, answer.id}) == 0)
    return refuse(Refusal::malformed, "ANSWER: to nothing that was sent", out);
  out.jobs.emplace_back(AnswerJob{hello_.gateway, hello_.epoch, session_, std::move(answer)});
}

void Receiver::on_ledger_failed(const Error& error, ReceiverOut& out) {
  if (state_ == State::ended) return;
  on_refused(Refuse{Refusal::busy, 2, "nothing can be stored now: " + error.text()}, out);
}

void Receiver::on_tick(Mono now, ReceiverOut& out) {
  if (state_ == State::ended) return;
  if (state_ != State::ready && now - began_at_ > handshake_max)
    return refuse(Refusal::malformed, "the handshake took too long", out);
  if (now - heard_at_ > options_.idle_max) {
    state_ = State::ended;
    out.close = true;
    out.why = "the gateway was silent for too long";
  }
}

}  // namespace skerry::sync
