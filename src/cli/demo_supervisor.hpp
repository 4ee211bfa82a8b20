// Supervisor: runs a gateway in a process of its own under demo devices, and starts it again when it dies.
#pragma once

#include <memory>

#include "cli/cli.hpp"
#include "demo/demo.hpp"

namespace skerry::cli {

// Until a signal says to end; the exit code. `cloud_http`: of a cloud side in this process, which a kill does not
// touch; 0: none. Signals must be blocked (block_signals).
int supervise(const UpOptions& options, std::uint16_t cloud_http, std::unique_ptr<demo::Demo> demo);

}  // namespace skerry::cli
