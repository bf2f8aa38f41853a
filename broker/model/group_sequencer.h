#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "broker/model/operations.h"

namespace lepus::model {

/// The shard that gives groups their order.
inline constexpr ShardIndex sequencer_shard = 0;

/// Changes to queues of several shards that are committed together or not at all: transactions, and
/// a dead letter with the settlement of its source. All groups go through the one sequencer, which
/// sends each shard its part of everything that has come since the last cut, under one number; the
/// shard seals right behind it, and the parts of one number go into one write of the store (see
/// storage::CutGate). As all shards get cuts in the same order, none waits for another in a circle.
///
/// One, on sequencer_shard's thread.
class GroupSequencer {
 public:
  GroupSequencer(ShardIndex self, Mailboxes& mailboxes) : self_(self), mailboxes_(mailboxes) {}

  void submit(SubmitGroup&& group);

  [[nodiscard]] bool has_groups() const { return !parts_.empty(); }

  /// Sends everything that was submitted since the last cut.
  /// @return this shard's own part, if it has one.
  std::optional<CommitGroups> cut();

 private:
  const ShardIndex self_;
  Mailboxes& mailboxes_;
  std::uint64_t last_number_ = 0;
  std::map<ShardIndex, GroupPart> parts_;
};

}  // namespace lepus::model
