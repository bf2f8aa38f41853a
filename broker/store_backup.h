#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>

namespace lepus {

/// Where a running broker is asked.
struct BackupRequest {
  std::string url;       ///< of its management API; empty: http://127.0.0.1:15672
  std::string user;      ///< empty: guest
  std::string password;  ///< empty: that of the environment (LEPUS_PASSWORD), or guest
};

/// `lepus store backup DIR --to PATH`: makes a data directory of a stopped one. Returns 0, or 2
/// with a line that says why not.
[[nodiscard]] int backup_stopped_store(const std::filesystem::path& data_directory,
                                       const std::filesystem::path& to, std::ostream& out,
                                       std::ostream& error);

/// `lepus store backup --to PATH`: has a running broker do it, on its own machine. Blocks until it
/// is done. Returns as the other does.
[[nodiscard]] int backup_running_store(const BackupRequest& request,
                                       const std::filesystem::path& to, std::ostream& out,
                                       std::ostream& error);

}  // namespace lepus
