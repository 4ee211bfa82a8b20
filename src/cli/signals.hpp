// Signals: Ctrl-C and SIGTERM end the program cleanly, SIGHUP asks a service to read its settings again.
#pragma once

#include <csignal>

namespace skerry::cli {

sigset_t our_signals();  // SIGINT, SIGTERM, SIGHUP
void block_signals();    // before the first thread starts: threads inherit it
int wait_for_signal();   // one of them

}  // namespace skerry::cli
