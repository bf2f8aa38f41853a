#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace lepus {

/// What `lepus store …` is to do.
struct StoreCommand {
  enum class Kind : std::uint8_t { none, check, repair, export_messages, import_messages, backup };

  Kind kind = Kind::none;
  std::string directory;            ///< the data directory; empty for a running broker's backup
  bool as_json = false;             ///< check
  bool accept_loss = false;         ///< repair
  std::vector<std::string> queues;  ///< export: VHOST/NAME; none: all
  bool definitions_only = false;    ///< export
  std::string to;                   ///< backup
  std::string url;                  ///< backup of a running broker: its management API
  std::string user;
  std::string password;
};

/// Adds `store` with its subcommands; parsing fills in the command.
void add_store_commands(CLI::App& app, StoreCommand& command);

}  // namespace lepus
