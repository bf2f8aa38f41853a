#pragma once

#include <memory>

#include <rocksdb/sst_partitioner.h>

namespace lepus::storage {

/// Ends a table where a sub-queue ends, once it is worth a file of its own. New rows of a sub-queue
/// stand behind all its old ones, so that a table with rows of one sub-queue overlaps nothing
/// further down and moves there without being rewritten; a table with rows of many lies across all
/// of them and is written again on each level.
class RocksdbPartitionerFactory final : public rocksdb::SstPartitionerFactory {
 public:
  [[nodiscard]] std::unique_ptr<rocksdb::SstPartitioner> CreatePartitioner(
      const rocksdb::SstPartitioner::Context& context) const override;

  [[nodiscard]] const char* Name() const override { return "lepus.sub_queues"; }
};

}  // namespace lepus::storage
