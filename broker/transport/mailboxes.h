#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "broker/model/operations.h"

namespace lepus::transport {

/// Where the shards' mail waits between its sender's turn and its receiver's: one
/// first-in-first-out box for each pair of shards. Its size is bounded by the back pressure above
/// it (see design, "Credit" and "Back pressure").
class MailExchange {
 public:
  static constexpr model::ShardIndex shards_max = 64;  ///< senders are bits of a word

  explicit MailExchange(std::uint32_t shard_count);

  /// How a shard is told that mail has come: called by the senders' threads, once until it
  /// collects. Set before any mail is handed over.
  void set_wake_up(model::ShardIndex to, std::function<void()> wake_up);

  /// Moves all operations into the box of this pair; leaves the vector empty.
  void hand_over(model::ShardIndex from, model::ShardIndex to,
                 std::vector<model::Operation>& operations);

  /// Passes on all that has come for this shard, the mail of one sender in its order. On the
  /// receiver's thread.
  /// @return whether there was any
  template <typename Receiver>
  bool collect(model::ShardIndex to, Receiver&& receive);

 private:
  struct Box {
    std::mutex mutex;
    std::vector<model::Operation> operations;  ///< protected by mutex
  };

  struct Receiving {
    std::atomic<std::uint64_t> senders{0};  ///< whose boxes hold mail, as bits
    std::function<void()> wake_up;
    std::vector<model::Operation> taken;  ///< the receiver's own: empty between its turns
  };

  /// A vector that a burst has made large is not kept.
  static constexpr std::size_t capacity_kept_max = 4096;

  void take(model::ShardIndex from, model::ShardIndex to);

  const std::uint32_t shard_count_;
  std::vector<Box> boxes_;            ///< [from * shard_count_ + to]
  std::vector<Receiving> receiving_;  ///< by shard
};

/// A shard's outgoing mail: collected during its turn, carried to the exchange at its end. Belongs
/// to the shard's thread.
class ShardMailboxes final : public model::Mailboxes {
 public:
  ShardMailboxes(MailExchange& exchange, model::ShardIndex from, std::uint32_t shard_count);

  void send(model::ShardIndex to, model::Operation operation) override;

  /// Hands everything over, at most one wake-up for each receiver.
  void carry();

 private:
  MailExchange& exchange_;
  const model::ShardIndex from_;
  std::uint64_t receivers_ = 0;  ///< who gets mail, as bits
  std::vector<std::vector<model::Operation>> outgoing_;
};

template <typename Receiver>
bool MailExchange::collect(model::ShardIndex to, Receiver&& receive) {
  Receiving& receiving = receiving_[to];
  // Cleared before the boxes are emptied: who puts something in afterwards wakes this shard again.
  std::uint64_t senders = receiving.senders.exchange(0);
  const bool any = senders != 0;
  for (model::ShardIndex from = 0; senders != 0; ++from, senders >>= 1U) {
    if ((senders & 1U) == 0) {
      continue;
    }
    take(from, to);
    for (model::Operation& operation : receiving.taken) {
      receive(std::move(operation));
    }
    if (receiving.taken.capacity() > capacity_kept_max) {
      receiving.taken = {};
    } else {
      receiving.taken.clear();
    }
  }
  return any;
}

}  // namespace lepus::transport
