// Packets on a pair of Unix sockets.
#include "cli/control.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/bytes.hpp"

namespace skerry::cli {
namespace {

constexpr std::size_t message_bytes_max = 192 * KiB;  // below the usual socket buffer, so that one always fits

}  // namespace

Result<std::pair<Control, Control>> Control::make() {
  int both[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, both) != 0)
    return fail(Code::io, std::string("no pair of sockets: ") + std::strerror(errno));
  ::fcntl(both[0], F_SETFD, FD_CLOEXEC);
  return std::pair{Control(both[0]), Control(both[1])};
}

Control& Control::operator=(Control&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

Control::~Control() {
  if (number_ >= 0) ::close(number_);
}

void Control::send(std::string_view message) const {
  if (message.size() > message_bytes_max) return;
  static_cast<void>(::send(number_, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

std::optional<std::string> Control::receive(std::chrono::milliseconds within) const {
  pollfd one{number_, POLLIN, 0};
  if (::poll(&one, 1, static_cast<int>(within.count())) <= 0) return std::string();
  std::string message(message_bytes_max, '\0');
  const auto got = ::recv(number_, message.data(), message.size(), 0);
  if (got <= 0) return {};
  message.resize(static_cast<std::size_t>(got));
  return message;
}

}  // namespace skerry::cli
