#pragma once

#include "storage/rocksdb_database.h"
#include "storage/store.h"

namespace lepus::storage {

/// Reads one chunk: the durable and the transient rows of a sub-queue merged by position. Its
/// iterators live for the call only, so that they keep no dead table alive. Any thread; blocks on
/// the disk.
/// @param durable_dead  tells a shared body that was dropped from one that is missing
[[nodiscard]] ReadOutcome read_rows(const RocksdbDatabase& durable,
                                    const RocksdbDatabase& transient, const DeadRows& durable_dead,
                                    const ReadRequest& request, const RowVisitor& visit);

}  // namespace lepus::storage
