// The commands about identity: pki, device add|claim|revoke|release, policy, audit.
#pragma once

namespace CLI {
class App;
}

namespace skerry::cli {

// Adds them; a group that is there already gets more commands. What they need lives as long as the program.
void add_identity(CLI::App& app, int& exit_code);

}  // namespace skerry::cli
