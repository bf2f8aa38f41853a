#pragma once

#include <rocksdb/options.h>

namespace lepus::storage {

/// For every iterator over a database.
///
/// Nobody deletes ranges here, and RocksDB must not look for such: at the end of a table it stops
/// for them, and when the next table of the level can't be read it goes on from there as if that
/// were empty, without an error (7.8; mended in 8.6: facebook/rocksdb#11782).
[[nodiscard]] inline rocksdb::ReadOptions iteration_options() {
  rocksdb::ReadOptions options;
  options.ignore_range_deletions = true;
  return options;
}

}  // namespace lepus::storage
