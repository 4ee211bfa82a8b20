// Signals: Ctrl-C and SIGTERM end the program cleanly; all else of a signal is left to the system.
#pragma once

namespace skerry::cli {

void block_end_signals();   // before the first thread starts: threads inherit it
int wait_for_end_signal();  // returns the signal's number

}  // namespace skerry::cli
