// Waiting for a signal.
#include "cli/signals.hpp"

#include <pthread.h>

#include <csignal>

namespace skerry::cli {

sigset_t our_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGHUP);
  return set;
}

void block_signals() {
  auto set = our_signals();
  ::sigaddset(&set, SIGCHLD);  // for who waits for a process: no thread may take it away
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
