// A gateway, a cloud of two replicas and the links between them, with everything that can go wrong, from one seed.
//
// Every record knows its own number and that of the record before it in its class, so that the cloud's rows show by
// themselves whether they come from one history. The checker runs with each row that is applied; check_end() asks for
// accepted = applied + declared gaps when all faults are over.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "sim/world.hpp"
#include "sync/batch.hpp"
#include "sync/receiver.hpp"
#include "sync/sender.hpp"

namespace skerry::sync::simulated {

// What the test must notice. `none`: the protocol as it is.
enum class Mutant : std::uint8_t {
  none,
  no_epoch_check,              // the cloud takes every epoch and believes every proof
  two_transactions,            // rows are kept before the marks are
  delete_before_acknowledged,  // the gateway deletes what it has sent
};

struct Accepted {  // one record of a gateway
  std::uint64_t id = 0;
  std::uint64_t before = 0;  // id of the record at the offset before it; 0: the first
  std::int64_t us = 0;
  bool own = false;
  bool bad = false;  // the cloud cannot use it
};

enum class Fate : std::uint8_t { there, lost, deleted };  // lost: budget or damage; deleted: after it was acknowledged

// All that a gateway has on disk. Copied, it is an image.
struct EdgeDisk {
  std::uint64_t epoch = 0;
  PerClass<std::uint64_t> bases{};
  PerClass<std::vector<Accepted>> records;
  PerClass<std::vector<Fate>> fates;
  PerClass<std::vector<Reason>> reasons;
  Memory memory;
  std::uint64_t cursor(std::size_t c) const { return memory.acked[c].prefix_end(); }
};

struct Row {
  std::uint64_t id = 0;
  std::uint64_t before = 0;
};

struct CloudStream {
  Stream stream;
  std::map<std::uint64_t, Row> rows;
  std::set<std::uint64_t> aside;
  std::map<std::uint64_t, Reason> gaps;  // each offset
  std::array<std::uint64_t, 2> lane_next{};
};

// The cloud's disk. Copied, it is an image.
struct CloudDisk {
  std::map<std::string, Standing> standings;
  std::set<std::pair<std::string, std::uint64_t>> fenced;
  std::map<std::tuple<std::string, std::uint64_t, Class>, CloudStream> streams;
};

class Scenario;

class SimStore final : public Store {
 public:
  SimStore(Scenario& run, Mutant mutant) : run_(run), mutant_(mutant) {}

  Result<> begin() override;
  Result<> commit() override;
  void rollback() override;
  Result<std::optional<Standing>> standing(std::string_view gateway) override;
  Result<bool> is_fenced(std::string_view gateway, std::uint64_t epoch) override;
  Result<> put_standing(std::string_view gateway, std::string_view software, const Standing& standing) override;
  Result<Stream> stream(const StreamName& name, std::uint64_t base) override;
  Result<> put_stream(const StreamName& name, const Stream& stream) override;
  Result<std::uint64_t> put_records(const StreamName& name, const Batch& batch, std::uint64_t from,
                                    std::uint64_t to) override;
  Result<> put_aside(const StreamName& name, const Entry& entry) override;
  Result<> put_gap(const StreamName& name, std::uint64_t from, std::uint64_t to, Reason reason) override;
  Result<> put_refusal(std::string_view, std::uint64_t, Refusal refusal, std::string_view) override;

  CloudDisk disk;
  bool full = false;
  std::map<Refusal, std::uint64_t> refusals;

 private:
  CloudStream& find(const StreamName& name);
  void keep(std::function<void()> undo);  // what rollback() does, last first

  Scenario& run_;
  Mutant mutant_;
  std::vector<std::function<void()>> undo_;
  std::vector<std::uint64_t> applied_ids_;
};

// One connection. Frames arrive in order after delays; after a cut what is on the way may still arrive, much later.
struct Link {
  std::size_t replica = 0;
  bool edge_open = true;
  bool cloud_open = true;
  Mono to_cloud_at{};
  Mono to_edge_at{};
  std::uint64_t on_the_way = 0;
  bool slow = false;         // after a cut
  std::vector<Buffer> sent;  // by the edge, to be repeated by a ghost
  std::unique_ptr<Receiver> receiver;
  bool ghost = false;
  std::deque<Buffer> ghost_frames;  // not repeated yet
};

class Gateway final : public Source {
 public:
  Gateway(Scenario& run, EdgeDisk disk, Mutant mutant);

  PerClass<std::uint64_t> ends() override;
  Result<Slice> read(Class cls, std::uint64_t from, std::uint64_t to, std::uint64_t bytes_max) override;

  void start();
  void crash();  // all but the disk is gone
  void append(Class cls);
  void connect();
  void cut();
  void pump();
  void save_cursor();
  void delete_acknowledged();
  void lose(Reason reason);  // the oldest of the least important class, or a stretch somewhere
  void new_epoch();
  bool done() const;

  EdgeDisk disk;
  std::unique_ptr<Sender> sender;
  std::shared_ptr<Link> link;
  bool powered = false;
  bool is_clone = false;

 private:
  friend class Scenario;
  void give(Out& out);

  Scenario& run_;
  Mutant mutant_;
  SenderOptions options_;
};

class Scenario {
 public:
  Scenario(std::uint64_t seed, Mutant mutant);

  // The first thing that is wrong, or nothing.
  std::optional<std::string> play();
  std::uint64_t events() const { return world_.events(); }
  std::uint64_t rows() const { return rows_; }
  std::uint64_t late() const { return late_; }  // declared gone because their class drops what is late
  const std::map<Refusal, std::uint64_t>& refusals() const { return store_.refusals; }

 private:
  friend class SimStore;
  friend class Gateway;

  void wrong(std::string what);
  sim::World& world() { return world_; }
  Chance& chance() { return world_.chance(); }
  void to_cloud(const std::shared_ptr<Link>& link, Buffer frame);
  void to_edge(Gateway& gateway, const std::shared_ptr<Link>& link, Buffer frame);
  void give(const std::shared_ptr<Link>& link, ReceiverOut& out);
  void write();  // the cloud's transaction
  void replica_crashes(std::size_t replica);
  void ghost();
  void ghost_speaks(const std::shared_ptr<Link>& link, std::size_t frames);
  void fault();
  void turn();
  void operator_looks(Gateway& gateway);
  void heal();
  void check_end(Gateway& gateway);

  sim::World world_;
  Mutant mutant_;
  SimStore store_;
  Ledger ledger_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<Gateway> clone_;
  std::vector<EdgeDisk> edge_images_;
  std::vector<CloudDisk> cloud_images_;
  std::vector<std::shared_ptr<Link>> links_;
  struct Waiting {
    std::shared_ptr<Link> link;
    std::shared_ptr<Job> job;
  };
  std::deque<Waiting> jobs_;
  std::vector<std::vector<Buffer>> recorded_;
  std::set<std::uint64_t> applied_ever_;  // ids
  // ids; an older image may have it again after its gap was declared
  std::set<std::uint64_t> gone_ever_;
  std::set<std::uint64_t> lost_ever_;
  std::optional<std::string> wrong_;
  std::uint64_t next_id_ = 1;
  std::uint64_t rows_ = 0;
  std::uint64_t late_ = 0;
  std::uint64_t window_ = window_bytes;
  std::uint64_t split_ = 0;
  QueuesOptions queues_;
  bool partitioned_ = false;
  bool calm_ = false;
  bool ghost_writes_ = false;
};

}  // namespace skerry::sync::simulated
