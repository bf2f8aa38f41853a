#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/store.h"

namespace lepus::storage {

/// A batch as the list of its changes. Rows are shared with the backend that commits it, not
/// copied.
class MemoryBatch final : public Batch {
 public:
  struct MessageRow {
    MessageKey key;
    bool transient = false;
    std::shared_ptr<const std::string> payload;
  };

  /// Transient rows below the floor are dead.
  struct TransientFloor {
    QueueId queue{};
    Priority priority = 0;
    Position floor = 0;
  };

  /// A progress record, or none where the queue was deleted.
  struct QueueChange {
    QueueId queue{};
    std::optional<QueueProgress> progress;
  };

  /// A record of the topology, or none where it was erased.
  struct TopologyChange {
    std::string key;
    std::optional<std::string> value;
  };

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

  [[nodiscard]] std::size_t size_bytes() const override { return size_bytes_; }

  [[nodiscard]] bool needs_sync() const override { return needs_sync_; }

  [[nodiscard]] std::span<const MessageRow> messages() const { return messages_; }

  /// The owners of each body; the rows hold their bodies themselves.
  [[nodiscard]] std::span<const std::vector<MessageKey>> bodies() const { return bodies_; }

  [[nodiscard]] std::span<const TransientFloor> transient_floors() const {
    return transient_floors_;
  }

  [[nodiscard]] std::span<const QueueChange> queues() const { return queues_; }

  [[nodiscard]] std::span<const TopologyChange> topology() const { return topology_; }

  [[nodiscard]] std::uint64_t reserved_below() const { return reserved_below_; }

 private:
  void add_message(MessageKey key, bool transient, std::span<const std::string_view> payload);

  std::vector<MessageRow> messages_;
  std::vector<std::vector<MessageKey>> bodies_;
  std::vector<TransientFloor> transient_floors_;
  std::vector<QueueChange> queues_;
  std::vector<TopologyChange> topology_;
  std::uint64_t reserved_below_ = 0;
  std::size_t size_bytes_ = 0;
  bool needs_sync_ = false;
};

}  // namespace lepus::storage
