// MQTT 3.1.1 by hand, as little of it as measuring needs.
#include "client.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace bench {
namespace {

constexpr int keepalive_s = 600;

void put16(std::string& to, unsigned value) {
  to += static_cast<char>(value >> 8);
  to += static_cast<char>(value);
}
void put_text(std::string& to, std::string_view text) {
  put16(to, static_cast<unsigned>(text.size()));
  to += text;
}
void put_packet(std::string& to, unsigned char head, std::string_view body) {
  to += static_cast<char>(head);
  auto left = body.size();
  do {
    auto digit = static_cast<unsigned char>(left & 127);
    left >>= 7;
    if (left != 0) digit |= 128;
    to += static_cast<char>(digit);
  } while (left != 0);
  to += body;
}
unsigned get16(std::string_view from) {
  return static_cast<unsigned>(static_cast<unsigned char>(from[0])) << 8 | static_cast<unsigned char>(from[1]);
}
void put_ack(std::string& to, unsigned char head, unsigned id) {
  std::string body;
  put16(body, id);
  put_packet(to, head, body);
}

}  // namespace

Nanos now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<Nanos>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

void die(const std::string& why) {
  std::fprintf(stderr, "bench_load: %s\n", why.c_str());
  std::exit(2);
}

Crowd::Crowd(const Options& options) : options_(options), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  devices_.resize(static_cast<std::size_t>(options.devices));
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    auto& device = devices_[i];
    auto number = std::to_string(i);
    number.insert(0, number.size() < 5 ? 5 - number.size() : 0, '0');
    device.id = options.prefix + "-" + number;
    device.topic = "sensors/" + device.id + "/data";
    device.sent_at.assign(static_cast<std::size_t>(options.window) + 1, 0);
    for (int id = options.window; id >= 1; --id) device.free_ids.push_back(static_cast<std::uint16_t>(id));
    dial(device);
  }
}

void Crowd::dial(Device& device) {
  device.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (device.fd < 0) die(std::string("socket: ") + std::strerror(errno));
  const int one = 1;
  setsockopt(device.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options_.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(device.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    die("nobody listens on port " + std::to_string(options_.port));
  }
  fcntl(device.fd, F_SETFL, O_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &device;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, device.fd, &event);
  std::string body;
  put_text(body, "MQTT");
  body += '\x04';  // MQTT 3.1.1
  body += '\x02';  // a clean session
  put16(body, keepalive_s);
  put_text(body, device.id);
  put_packet(device.out, 0x10, body);
  flush(device);
}

void Crowd::wait_ready() {
  const auto until = now() + 20'000'000'000;
  const auto all_ready = [this] {
    for (const auto& device : devices_) {
      if (!device.ready) return false;
    }
    return true;
  };
  while (!all_ready()) {
    if (closed != 0 || now() > until) die("not all devices could connect");
    turn(5'000'000);
  }
}

void Crowd::publish(Device& device, std::string_view payload) {
  const auto id = device.free_ids.back();
  device.free_ids.pop_back();
  device.sent_at[id] = now();
  std::string body;
  body.reserve(device.topic.size() + payload.size() + 4);
  put_text(body, device.topic);
  put16(body, id);
  body += payload;
  put_packet(device.out, 0x32, body);
  ++published;
}

void Crowd::want_write(Device& device, bool on) {
  if (device.waits_to_write == on) return;
  device.waits_to_write = on;
  epoll_event event{};
  event.events = EPOLLIN | (on ? static_cast<unsigned>(EPOLLOUT) : 0U);
  event.data.ptr = &device;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, device.fd, &event);
}

void Crowd::flush(Device& device) {
  while (device.sent < device.out.size()) {
    const auto n = send(device.fd, device.out.data() + device.sent, device.out.size() - device.sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return want_write(device, true);
    if (n < 0) return drop(device);
    device.sent += static_cast<std::size_t>(n);
  }
  device.out.clear();
  device.sent = 0;
  want_write(device, false);
}

void Crowd::drop(Device& device) {
  if (device.closed) return;
  close(device.fd);
  device.closed = true;
  ++closed;
}

void Crowd::turn(Nanos wait) {
  epoll_event events[256];
  const timespec time{wait / 1'000'000'000, wait % 1'000'000'000};
  const int n = epoll_pwait2(epoll_, events, 256, &time, nullptr);
  for (int i = 0; i < n; ++i) {
    auto& device = *static_cast<Device*>(events[i].data.ptr);
    if (device.closed) continue;
    if ((events[i].events & EPOLLOUT) != 0) flush(device);
    if (!device.closed && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) readable(device);
  }
}

void Crowd::readable(Device& device) {
  char buffer[65'536];
  const auto n = recv(device.fd, buffer, sizeof buffer, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return drop(device);
  device.in.append(buffer, static_cast<std::size_t>(n));
  std::size_t at = 0;
  while (at + 2 <= device.in.size()) {
    std::size_t length = 0;
    auto begin = at + 1;
    bool whole = false;
    for (int shift = 0; begin < device.in.size() && shift <= 21 && !whole; shift += 7) {
      const auto digit = static_cast<unsigned char>(device.in[begin++]);
      length |= static_cast<std::size_t>(digit & 127) << shift;
      whole = digit < 128;
    }
    if (!whole || begin + length > device.in.size()) break;
    packet(device, static_cast<unsigned char>(device.in[at]), std::string_view(device.in).substr(begin, length));
    at = begin + length;
  }
  device.in.erase(0, at);
  if (!device.out.empty()) flush(device);
}

void Crowd::packet(Device& device, unsigned char head, std::string_view body) {
  switch (head >> 4) {
    case 2:  // CONNACK
      if (body.size() < 2 || body[1] != 0) die("the broker refused " + device.id);
      if (!options_.commands) {
        device.ready = true;
        break;
      }
      {
        std::string wish;
        put16(wish, 65'535);
        put_text(wish, "commands/" + device.id);
        wish += '\x02';
        put_packet(device.out, 0x82, wish);
      }
      break;
    case 9:  // SUBACK
      if (body.size() < 3 || static_cast<unsigned char>(body[2]) != 2) die("no QoS 2 for commands/" + device.id);
      device.ready = true;
      break;
    case 4: {  // PUBACK
      const auto id = get16(body);
      if (id == 0 || id >= device.sent_at.size()) die("a PUBACK for nothing");
      ack_ms.push_back(static_cast<float>(static_cast<double>(now() - device.sent_at[id]) / 1e6));
      device.free_ids.push_back(static_cast<std::uint16_t>(id));
      ++acked;
      break;
    }
    case 3: command(device, head, body); break;
    case 6: put_ack(device.out, 0x70, get16(body)); break;  // PUBREL: PUBCOMP
    default: die("packet type " + std::to_string(head >> 4) + " from the broker");
  }
}

void Crowd::command(Device& device, unsigned char head, std::string_view body) {
  ++commands;
  if (device.spikes.empty()) {
    ++unasked;
  } else {
    decide_ms.push_back(static_cast<float>(static_cast<double>(now() - device.spikes.front()) / 1e6));
    device.spikes.pop_front();
  }
  if (((head >> 1) & 3) == 2) put_ack(device.out, 0x50, get16(body.substr(2 + get16(body))));
}

}  // namespace bench
