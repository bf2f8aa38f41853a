#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "storage/log_sink.h"

namespace rocksdb {
class Env;
}

namespace lepus::storage {

/// How much memory and disk a RocksDB store takes. The defaults keep the whole store below about
/// 150 MB of memory.
struct StoreOptions {
  /// Rows wait in so large a buffer before they become a table, and the dead among them never do.
  /// At most `message_write_buffer_count` of them exist at once.
  std::size_t message_write_buffer_bytes = std::size_t{24} << 20;
  int message_write_buffer_count = 3;

  /// The same for bodies that several queues share.
  std::size_t body_write_buffer_bytes = std::size_t{8} << 20;

  /// The same for transient rows, in the other instance.
  std::size_t transient_write_buffer_bytes = std::size_t{16} << 20;

  /// Bounds what a restart replays.
  std::size_t log_bytes_max = std::size_t{32} << 20;

  /// Blocks and indexes of both instances.
  std::size_t block_cache_bytes = std::size_t{32} << 20;
  std::size_t table_bytes = std::size_t{64} << 20;
  int open_files_max = 256;

  /// How often the reclaimer looks for tables of dead rows (only when something died). Zero: never,
  /// a test calls it.
  std::chrono::milliseconds reclaim_interval{2000};

  /// So many deleted queues come together before it is checked whether rows of them are left.
  std::size_t deleted_queues_check_min = 8192;

  /// False only to measure what a sync costs: then nothing is safe.
  bool sync_writes = true;

  /// The room on the disk that is kept for opening the store again when the disk is full: enough
  /// for what a log holds and a write more. 0: none is kept.
  std::uint64_t reserve_bytes = std::uint64_t{48} << 20;

  /// May be empty.
  LogSink log;

  /// Called when the store's health has changed, on any of its threads; must only hand over. May be
  /// empty.
  std::function<void()> health_changed;

  /// Where the files are and background work is done, for tests; outlives the store. Null: the
  /// operating system.
  rocksdb::Env* environment = nullptr;
};

}  // namespace lepus::storage
