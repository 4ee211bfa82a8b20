// A simulated host: a Loop whose network is the World's, with delays, cut connections and a power switch.
//
// Bytes of a connection arrive in order, in pieces the seed chooses, after delays the seed chooses. cut() breaks
// connections as a network does: each side learns of it later, and bytes on the way are lost. crash() is the power
// switch: the program on this host is gone, nothing it had planned happens, peers learn of it later.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/loop.hpp"
#include "sim/world.hpp"

namespace skerry::sim {

class Host;

// What connects hosts: who listens where. Loopback and network are one: ports are unique in a Network.
class Network {
 public:
  explicit Network(World& world) : world_(world) {}

  std::chrono::microseconds delay_max{500};

 private:
  friend class Host;
  struct Port;
  World& world_;
  std::map<std::uint16_t, std::weak_ptr<Port>> ports_;
  std::uint16_t next_port_ = 20'000;
};

class Host final : public Loop {
 public:
  Host(World& world, Network& network);
  ~Host() override;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  void post(std::function<void()> work) override;
  void at_turn_end(std::function<void()> work) override;
  std::unique_ptr<Timer> after(std::chrono::nanoseconds delay, std::function<void()> work) override;
  Result<std::unique_ptr<Listener>> listen(const Address& address, Accept accept) override;
  using Loop::connect;
  void connect(const Address& address, const Via& via, Connected connected) override;
  Clock& clock() override { return world_; }

  void crash();    // before what runs on it is destroyed
  void cut_all();  // every connection of this host breaks
  std::size_t connections() const;

  struct End;  // one side of a connection

 private:
  friend class HostConnection;
  void run(std::function<void()> work);  // as one turn
  void end_turn();
  void wire(const std::shared_ptr<End>& end);

  World& world_;
  Network& network_;
  std::shared_ptr<bool> powered_;
  std::vector<std::function<void()>> turn_end_;
  std::vector<std::weak_ptr<End>> dirty_;
  std::vector<std::weak_ptr<End>> ends_;
  bool in_turn_ = false;
};

}  // namespace skerry::sim
