// TCP options and TCP_INFO. A file of its own: the kernel's header and the C library's, which Asio includes, exclude
// each other, and only the kernel's has all of tcp_info.
#include "base/tcp_path.hpp"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>

namespace skerry::tcp_path {

bool keep_unsent_below(int fd, std::size_t bytes) {
  const auto value = static_cast<unsigned>(std::clamp<std::size_t>(bytes, 2, 1U << 30U));
  return ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, sizeof value) == 0;
}

bool use_congestion_control(int fd, const std::string& name) {
  return ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), static_cast<socklen_t>(name.size())) == 0;
}

std::optional<PathInfo> path_info(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  if (size < offsetof(tcp_info, tcpi_delivery_rate) + sizeof info.tcpi_delivery_rate) return {};
  // As much as an IPv4 and a TCP header with timestamps; of IPv6 it is 20 more a segment.
  constexpr std::uint64_t header_bytes = 52;
  const bool counts = size >= offsetof(tcp_info, tcpi_bytes_sent) + sizeof info.tcpi_bytes_sent;
  int outstanding = 0;
  (void)::ioctl(fd, SIOCOUTQ, &outstanding);
  return PathInfo{.rate = info.tcpi_delivery_rate,
                  .rate_is_ours = info.tcpi_delivery_rate_app_limited != 0,
                  .rtt = std::chrono::microseconds{info.tcpi_rtt},
                  .rtt_min = std::chrono::microseconds{info.tcpi_min_rtt},
                  .unsent = info.tcpi_notsent_bytes,
                  .outstanding = static_cast<std::uint64_t>(std::max(outstanding, 0)),
                  .in_flight = info.tcpi_unacked,
                  .resent = info.tcpi_total_retrans,
                  .bytes_out = counts ? info.tcpi_bytes_sent + header_bytes * info.tcpi_segs_out : 0,
                  .bytes_in = counts ? info.tcpi_bytes_received + header_bytes * info.tcpi_segs_in : 0};
}

}  // namespace skerry::tcp_path
