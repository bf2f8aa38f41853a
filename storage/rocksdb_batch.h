#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <rocksdb/write_batch.h>

#include "storage/dead_rows.h"
#include "storage/rocksdb_database.h"
#include "storage/store.h"

namespace lepus::storage {

/// A batch as RocksDB's own: rows are copied once, from the caller's parts into the bytes that are
/// written. It also carries what its commit makes dead, worked out here so that the committer only
/// publishes it.
class RocksdbBatch final : public Batch {
 public:
  struct TransientFloor {
    QueueId queue{};
    Priority priority = 0;
    Position floor = 0;
  };

  /// A page of a progress record that the batch writes or erases.
  struct PageChange {
    MessageKey key;
    bool is_erased = false;
  };

  RocksdbBatch(const RocksdbFamilies& durable, rocksdb::ColumnFamilyHandle* transient)
      : durable_families_(durable), transient_family_(transient) {}

  void put_message(MessageKey key, std::span<const std::string_view> payload) override;
  void put_body(std::span<const MessageKey> owners, std::string_view body) override;
  void put_message_with_body(MessageKey key, std::span<const std::string_view> payload,
                             MessageKey body_key, std::string_view body) override;
  void put_transient_message(MessageKey key, std::span<const std::string_view> payload) override;
  void put_progress(QueueId queue, const QueueProgress& progress) override;
  void note_transient_floor(QueueId queue, Priority priority, Position floor) override;
  void delete_queue(QueueId queue) override;
  void put_topology(std::string_view key, std::string_view value) override;
  void erase_topology(std::string_view key) override;
  void reserve_queue_ids_below(std::uint64_t id) override;

  [[nodiscard]] std::size_t size_bytes() const override;
  [[nodiscard]] bool needs_sync() const override;

  /// For the durable instance. The committer adds its own records to the last batch of a commit.
  [[nodiscard]] rocksdb::WriteBatch& durable() { return durable_; }

  /// For the transient instance; null if there is nothing.
  [[nodiscard]] rocksdb::WriteBatch* transient() { return transient_.get(); }

  /// 0 if nothing was reserved.
  [[nodiscard]] std::uint64_t reserved_below() const { return reserved_below_; }

  [[nodiscard]] std::span<const QueueId> deleted_queues() const { return deleted_queues_; }

  /// In the order in which they were made.
  [[nodiscard]] std::span<const PageChange> pages() const { return pages_; }

  /// Pages of the queues that the batch deletes. Only the committer knows which there are.
  void erase_pages(const std::vector<MessageKey>& pages);

  /// Makes known what the batch declared dead. Only once it is committed and synced.
  void publish(DeadRows& durable_rows, DeadRows& transient_rows) const;

 private:
  void put_page(const MessageKey& key, const ProgressPage& page);

  const RocksdbFamilies& durable_families_;
  rocksdb::ColumnFamilyHandle* const transient_family_;
  rocksdb::WriteBatch durable_;
  std::unique_ptr<rocksdb::WriteBatch> transient_;
  std::vector<std::pair<QueueId, std::shared_ptr<const DeadQueue>>> dead_;
  std::vector<TransientFloor> transient_floors_;
  std::vector<QueueId> deleted_queues_;
  std::vector<PageChange> pages_;
  std::uint64_t reserved_below_ = 0;
};

/// One write of several: their records one after the other.
[[nodiscard]] rocksdb::WriteBatch join_write_batches(
    std::span<const rocksdb::WriteBatch* const> batches);

}  // namespace lepus::storage
