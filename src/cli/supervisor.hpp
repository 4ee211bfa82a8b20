// Supervisor: what systemd wants to hear from a service (sd_notify(3)): READY=1, WATCHDOG=1, STOPPING=1.
#pragma once

#include <string_view>

namespace skerry::cli {

// Sent to $NOTIFY_SOCKET; nothing happens where there is none. Any thread.
void tell_supervisor(std::string_view state);

}  // namespace skerry::cli
