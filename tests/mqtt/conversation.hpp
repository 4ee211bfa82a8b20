// Conversation: a .wire text, packets in and out of the broker, run line by line.
//
//   # comment
//   a > connect v5 id=dev1 clean keep=60 expiry=100 will=t/will:gone:1      packets of connection `a`
//   a > publish t/x hello qos=1 id=7 retain dup expiry=5 alias=3
//   a > subscribe id=1 t/# qos=1 sub=9 nolocal rap rh=2
//   a > unsubscribe id=2 t/# · puback 7 · pubrec 7 · pubrel 7 · pubcomp 7 · ping · disconnect [reason] [expiry=N]
//   a > hex [v5] 30 05 00 01 61 68 69
//   a > cut                      the connection breaks
//   a < connack ok [present]     what must come, in this order;  a < nothing;  a < closed
//   commit · wait 5s · crash · restart · option NAME=VALUE (before the first packet)
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/mqtt/rig.hpp"

namespace skerry::mqtt {

class Conversation {
 public:
  // What was wrong (line and why); empty when all was as written.
  std::string run(std::string_view text);

 private:
  struct Side final : ConnectionHandler {
    std::unique_ptr<Connection> connection;
    Buffer in;
    bool closed = false;
    Version version = Version::v311;
    void on_bytes(Bytes bytes) override { append_bytes(in, bytes); }
    void on_closed(const Error&) override { closed = true; }
  };

  std::string line(std::string_view text);
  std::string packet_out(Side& side, const std::vector<std::string>& words);
  std::string packet_in(Side& side, const std::string& expected);
  Side& side(const std::string& name);
  void option(const std::string& assignment);
  Rig& rig();

  Options options_;
  std::unique_ptr<Rig> rig_;
  std::map<std::string, std::unique_ptr<Side>> sides_;
};

// A packet as the text shows it.
std::string packet_text(const Frame& frame, Version version);

}  // namespace skerry::mqtt
