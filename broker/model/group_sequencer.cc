#include "broker/model/group_sequencer.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace lepus::model {

void GroupSequencer::submit(SubmitGroup&& group) {
  for (auto& [shard, added] : group.parts) {
    GroupPart& part = parts_[shard];
    std::ranges::move(added.changes, std::back_inserter(part.changes));
    part.waiters.insert(part.waiters.end(), added.waiters.begin(), added.waiters.end());
  }
}

std::optional<CommitGroups> GroupSequencer::cut() {
  std::optional<CommitGroups> own;
  const storage::Cut cut{++last_number_, static_cast<std::uint32_t>(parts_.size())};
  for (auto& [shard, part] : std::exchange(parts_, {})) {
    CommitGroups commit{cut, std::move(part)};
    if (shard == self_) {
      own = std::move(commit);
    } else {
      mailboxes_.send(shard, std::move(commit));
    }
  }
  return own;
}

}  // namespace lepus::model
