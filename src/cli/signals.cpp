// Waiting for a signal.
#include "cli/signals.hpp"

#include <pthread.h>

#include <csignal>

namespace skerry::cli {
namespace {

sigset_t our_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

void block_signals() {
  const auto set = our_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

int wait_for_signal() {
  const auto set = our_signals();
  int number = 0;
  while (::sigwait(&set, &number) != 0) {
  }
  return number;
}

}  // namespace skerry::cli
