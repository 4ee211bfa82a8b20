// Signals: Ctrl-C and SIGTERM end the program cleanly, SIGHUP asks a service to read its settings again.
#pragma once

namespace skerry::cli {

void block_signals();   // before the first thread starts: threads inherit it
int wait_for_signal();  // SIGINT, SIGTERM or SIGHUP

}  // namespace skerry::cli
