#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/storage/simulated_file_system.h"

namespace lepus::storage {

/// A file or a directory.
struct SimulatedFileSystem::Node {
  /// Names that get a file, or none, in one step.
  using Change = std::vector<std::pair<std::string, NodePointer>>;

  struct Range {
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  void change(Change change) {
    apply(change, entries);
    unsynced_changes.push_back(std::move(change));
  }

  static void apply(const Change& change, std::map<std::string, NodePointer>& names) {
    for (const auto& [name, node] : change) {
      if (node == nullptr) {
        names.erase(name);
      } else {
        names[name] = node;
      }
    }
  }

  bool is_directory = false;
  // Of a file:
  std::string bytes;
  std::size_t synced_bytes = 0;
  std::vector<Range> doubtful;  ///< a sync of them failed
  // Of a directory:
  std::map<std::string, NodePointer> entries;
  std::map<std::string, NodePointer> synced_entries;
  std::vector<Change> unsynced_changes;  ///< what leads from the synced ones to the others
};

}  // namespace lepus::storage
