// Receiver: the cloud's side of one connection. Frames in; frames out, and jobs that a Ledger carries out elsewhere.
//
// Jobs of one connection are run in order, and each Outcome comes back by on_outcome() in that order. Credit bounds
// what waits for the ledger; an acknowledgement leaves only for what an outcome said. One thread.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "sync/frames.hpp"
#include "sync/ledger.hpp"

namespace skerry::sync {

struct ReceiverOut {
  std::vector<Buffer> frames;
  std::vector<Job> jobs;
  bool close = false;
  std::string why;
};

class Receiver {
 public:
  struct Options {
    std::uint64_t window = window_bytes;
    std::chrono::milliseconds idle_max{90'000};  // a gateway's canaries come more often
    std::string gateway;                         // only this one may say HELLO; empty: any
  };

  Receiver(const Options& options, Mono now);

  void on_frame(Bytes frame, Mono now, ReceiverOut& out);
  // Of the oldest job that has none; RefusedJob has none.
  void on_outcome(const Outcome& outcome, ReceiverOut& out);
  // The ledger failed for all jobs that have no outcome yet: the gateway is told to come again.
  void on_ledger_failed(const Error& error, ReceiverOut& out);
  void on_tick(Mono now, ReceiverOut& out);
  // There may be something new for this gateway: asks the ledger, at once or when it has answered.
  void look(ReceiverOut& out);

  const std::string& gateway() const { return hello_.gateway; }
  std::uint64_t epoch() const { return hello_.epoch; }
  std::uint64_t session() const { return session_; }
  bool ready() const { return state_ == State::ready; }
  bool ended() const { return state_ == State::ended; }
  std::uint64_t malformed() const { return malformed_; }

 private:
  enum class State : std::uint8_t { hello, joining, proof, proving, ready, ended };

  void refuse(Refusal reason, std::string why, ReceiverOut& out);
  void send(const Frame& frame, ReceiverOut& out);
  void flush(ReceiverOut& out);
  void on(const BatchFrame& frame, std::uint64_t size, ReceiverOut& out);
  bool take_credit(std::uint64_t size, ReceiverOut& out);
  void on_refused(const Refuse& refuse, ReceiverOut& out);
  void on(ItemAnswer& answer, ReceiverOut& out);
  void on_items(const std::vector<Item>& items, ReceiverOut& out);

  Options options_;
  State state_ = State::hello;
  Hello hello_;
  std::uint64_t session_ = 0;
  std::uint64_t credit_given_;            // that the gateway may still use
  std::vector<std::uint64_t> in_ledger_;  // sizes of frames without an outcome
  std::uint64_t to_give_back_ = 0;
  std::uint64_t ack_credit_ = 0;  // that we may still use
  PerClass<Intervals> applied_;
  record::ClassMask to_ack_ = 0;
  std::set<std::pair<ItemKind, std::string>> items_out_;  // sent, and not answered
  bool looking_ = false;                                  // the ledger is asked
  bool look_again_ = false;
  Mono heard_at_;
  Mono began_at_;
  std::uint64_t malformed_ = 0;
};

}  // namespace skerry::sync
