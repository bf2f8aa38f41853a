#include "storage/rocksdb_partitioner.h"

#include <algorithm>
#include <cstdint>

#include "storage/record_format.h"

namespace lepus::storage {

namespace {

constexpr std::uint64_t table_bytes_min = std::uint64_t{4} << 20;

/// The part of a message key that names the sub-queue.
constexpr std::size_t sub_queue_bytes = message_key_bytes - sizeof(Position);

class SubQueuePartitioner final : public rocksdb::SstPartitioner {
 public:
  [[nodiscard]] const char* Name() const override { return "lepus.sub_queues"; }

  rocksdb::PartitionerResult ShouldPartition(const rocksdb::PartitionerRequest& request) override {
    if (request.current_output_file_size < table_bytes_min) {
      return rocksdb::kNotRequired;
    }
    const rocksdb::Slice next(request.current_user_key->data(),
                              std::min(request.current_user_key->size(), sub_queue_bytes));
    return request.prev_user_key->starts_with(next) ? rocksdb::kNotRequired : rocksdb::kRequired;
  }

  bool CanDoTrivialMove(const rocksdb::Slice& /*smallest*/,
                        const rocksdb::Slice& /*largest*/) override {
    return true;
  }
};

}  // namespace

std::unique_ptr<rocksdb::SstPartitioner> RocksdbPartitionerFactory::CreatePartitioner(
    const rocksdb::SstPartitioner::Context& /*context*/) const {
  return std::make_unique<SubQueuePartitioner>();
}

}  // namespace lepus::storage
