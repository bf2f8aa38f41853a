#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

namespace lepus {

struct ExportOptions {
  std::vector<std::string> queues;  ///< VHOST/NAME; none: everything
  bool definitions_only = false;
};

/// `lepus store export`: prints the definitions and then the messages of a stopped store, each
/// queue's in its order, one JSON object a line. Changes nothing. Returns 0, or 2 where it is
/// impossible.
[[nodiscard]] int export_store(const std::filesystem::path& data_directory,
                               const ExportOptions& options, std::ostream& out,
                               std::ostream& error);

}  // namespace lepus
