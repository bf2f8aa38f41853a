#include "broker/model/delayed_messages.h"

#include <algorithm>
#include <utility>

#include "broker/base/assert.h"

namespace lepus::model {

void DelayedMessages::restart_sequence() {
  LEPUS_ASSERT(is_empty(), "positions are used once");
  sequence_ = 0;
  ++due_ms_max_;  // The next position of the record may not fall.
}

// No position of that millisecond or a later one has been taken.
std::int64_t DelayedMessages::first_free_ms() const {
  return first_ms_after(std::max(taken_below_, accepted_from_));
}

Position DelayedMessages::push(MessagePtr message, std::int64_t due_ms) {
  LEPUS_ASSERT(!is_full(), "the caller looked");
  due_ms = std::min(std::max(due_ms, first_free_ms()), due_ms_limit);
  due_ms_max_ = std::max(due_ms_max_, due_ms);
  const Position position = position_at(due_ms, sequence_++);
  memory_bytes_ += message->memory_bytes();
  Unwritten& unwritten = unwritten_[position];
  if (position < near_below_) {
    add_near(position, std::move(message));
  } else {
    ++far_count_;
    unwritten.message = std::move(message);
  }
  return position;
}

void DelayedMessages::add_near(Position position, MessagePtr message) {
  near_bytes_ += message->memory_bytes();
  const bool added = near_.emplace(position, std::move(message)).second;
  LEPUS_ASSERT(added, "a message waits in one place");
}

std::optional<Position> DelayedMessages::front() const {
  return near_.empty() ? std::nullopt : std::optional{near_.begin()->first};
}

MessagePtr DelayedMessages::take_front() {
  LEPUS_ASSERT(!near_.empty(), "the caller saw front()");
  auto node = near_.extract(near_.begin());
  const Position position = node.key();
  MessagePtr message = std::move(node.mapped());
  near_bytes_ -= message->memory_bytes();
  taken_bytes_ += message->memory_bytes();
  taken_.emplace(position, Taken{message->body().size(), message->memory_bytes()});
  if (position > taken_below_) {
    settled_.add_range({taken_below_, position});
  }
  taken_below_ = position + 1;
  return message;
}

bool DelayedMessages::is_stored(Position position) const {
  const auto unwritten = unwritten_.find(position);
  return is_stored_ && (unwritten == unwritten_.end() || unwritten->second.is_sealed);
}

void DelayedMessages::settle(Position position) {
  const auto taken = taken_.find(position);
  LEPUS_ASSERT(taken != taken_.end(), "only what was taken is settled");
  if (is_stored(position)) {
    --stored_count_;
    stored_bytes_ -= taken->second.body_bytes;
  }
  taken_bytes_ -= taken->second.memory_bytes;
  memory_bytes_ -= taken->second.memory_bytes;
  taken_.erase(taken);
  settled_.add(position);
  const auto unwritten = unwritten_.find(position);
  if (unwritten != unwritten_.end() && unwritten->second.is_doubtful) {
    unwritten_.erase(unwritten);
  }
}

void DelayedMessages::clear() {
  near_.clear();
  unwritten_.clear();
  reread_.clear();
  taken_.clear();
  doubtful_.clear();
  near_bytes_ = 0;
  taken_bytes_ = 0;
  far_count_ = 0;
  memory_bytes_ -= std::size_t{memory_bytes_};
  read_in_flight_ = false;
  ++read_generation_;
}

// ---- memory and disk

std::optional<storage::PositionRange> DelayedMessages::wanted_read(
    std::size_t window_bytes_max) const {
  if (far_count_ == 0 || read_in_flight_ || near_bytes_ > window_bytes_max / 2) {
    return std::nullopt;
  }
  return storage::PositionRange{near_below_, UINT64_MAX};
}

std::uint64_t DelayedMessages::read_started() {
  LEPUS_ASSERT(!read_in_flight_, "one chunk is in flight");
  read_in_flight_ = true;
  return ++read_generation_;
}

bool DelayedMessages::rows_read(std::uint64_t generation, std::vector<StoredRow> rows,
                                Position covered_below) {
  if (generation != read_generation_) {
    return true;
  }
  read_in_flight_ = false;
  // Those that were being written meanwhile may be among the rows, or not.
  std::map<Position, MessagePtr> in_memory = std::exchange(reread_, {});
  const auto begin = unwritten_.lower_bound(near_below_);
  near_below_ = std::max(near_below_, covered_below);
  for (auto each = begin; each != unwritten_.end() && each->first < near_below_; ++each) {
    if (each->second.message != nullptr) {
      in_memory.emplace(each->first, std::move(each->second.message));
    }
  }
  bring_near(in_memory);
  bool complete = true;
  for (auto& row : rows) {
    if (settled_.contains(row.position) || row.position < taken_below_ ||
        near_.contains(row.position)) {
      continue;
    }
    if (far_count_ == 0) {
      complete = false;  // more rows than messages: the counts are wrong
      break;
    }
    --far_count_;
    memory_bytes_ += row.message->memory_bytes();
    add_near(row.position, std::move(row.message));
  }
  if (near_below_ == UINT64_MAX && far_count_ > 0) {
    complete = false;
    far_count_ = 0;
    count_stored_anew();
  }
  if (far_count_ == 0) {
    near_below_ = UINT64_MAX;
  }
  return complete;
}

/// What is far again although it is still in memory is forgotten if it can be read.
void DelayedMessages::bring_near(std::map<Position, MessagePtr>& in_memory) {
  for (auto& [position, message] : in_memory) {
    if (position < near_below_) {
      --far_count_;
      add_near(position, std::move(message));
    } else {
      memory_bytes_ -= message->memory_bytes();
    }
  }
}

void DelayedMessages::read_failed(std::uint64_t generation) {
  if (generation != read_generation_) {
    return;
  }
  read_in_flight_ = false;
  for (const auto& [position, message] : std::exchange(reread_, {})) {
    memory_bytes_ -= message->memory_bytes();
  }
}

void DelayedMessages::shrink_to(std::size_t window_bytes) {
  while (near_bytes_ > window_bytes && near_.size() > 1 && !read_in_flight_) {
    auto node = near_.extract(std::prev(near_.end()));
    near_below_ = node.key();
    near_bytes_ -= node.mapped()->memory_bytes();
    ++far_count_;
    const auto unwritten = unwritten_.find(node.key());
    if (unwritten != unwritten_.end()) {
      unwritten->second.message = std::move(node.mapped());
    } else {
      memory_bytes_ -= node.mapped()->memory_bytes();
    }
  }
}

void DelayedMessages::row_sealed(Position position, const Message& message) {
  unwritten_.at(position).is_sealed = true;
  if (is_stored_) {
    ++stored_count_;
    stored_bytes_ += message.body().size();
  }
}

void DelayedMessages::row_committed(Position position, bool committed) {
  const auto found = unwritten_.find(position);
  LEPUS_ASSERT(found != unwritten_.end(), "a row is written once");
  if (committed) {
    doubtful_are_written();
    forget_unwritten(found);
  } else if (settled_.contains(position)) {
    unwritten_.erase(found);
  } else {
    found->second.is_doubtful = true;
    doubtful_.push_back(position);
  }
}

void DelayedMessages::doubtful_are_written() {
  for (const Position position : std::exchange(doubtful_, {})) {
    const auto found = unwritten_.find(position);
    if (found != unwritten_.end()) {
      forget_unwritten(found);
    }
  }
}

void DelayedMessages::forget_unwritten(std::map<Position, Unwritten>::iterator unwritten) {
  const Position position = unwritten->first;
  const MessagePtr message = std::move(unwritten->second.message);
  unwritten_.erase(unwritten);
  if (message == nullptr) {
    return;
  }
  if (read_in_flight_) {
    reread_.emplace(position, message);
  } else {
    memory_bytes_ -= message->memory_bytes();
  }
}

/// Rows were missing: what is counted is what is in memory now.
void DelayedMessages::count_stored_anew() {
  stored_count_ = 0;
  stored_bytes_ = 0;
  const auto count = [this](Position position, std::uint64_t body_bytes) {
    if (is_stored(position)) {
      ++stored_count_;
      stored_bytes_ += body_bytes;
    }
  };
  for (const auto& [position, message] : near_) {
    count(position, message->body().size());
  }
  for (const auto& [position, taken] : taken_) {
    count(position, taken.body_bytes);
  }
}

storage::SubQueueProgress DelayedMessages::make_progress() const {
  storage::SubQueueProgress progress;
  progress.priority = priority_;
  progress.next_position = next_position(due_ms_max_, is_full() ? sequences_max : sequence_);
  progress.floor = settled_.floor();
  progress.settled = settled_.ranges();
  progress.stored_count = stored_count_;
  progress.stored_bytes = stored_bytes_;
  return progress;
}

void DelayedMessages::restore(const storage::SubQueueProgress& progress) {
  LEPUS_ASSERT(unwritten_.empty() && near_.empty(), "only a new one is restored");
  settled_ = PositionSet(progress.floor, progress.settled);
  taken_below_ = progress.floor;
  accepted_from_ = progress.settled.empty() ? progress.floor : progress.settled.back().end;
  due_ms_max_ = std::max<std::int64_t>(due_ms_of(progress.next_position) - 1, 0);
  sequence_ = next_sequence_of(progress.next_position);
  stored_count_ = progress.stored_count;
  stored_bytes_ = progress.stored_bytes;
  far_count_ = progress.stored_count;
  if (far_count_ > 0) {
    near_below_ = progress.floor;
  } else {
    // What was on its way when it ended had gone with its shard's memory.
    settled_.add_range({0, accepted_from_});
    taken_below_ = accepted_from_;
  }
}

std::optional<Position> DelayedMessages::take_moved_transient_floor() {
  if (noted_transient_floor_ == taken_below_) {
    return std::nullopt;
  }
  noted_transient_floor_ = taken_below_;
  return taken_below_;
}

void DelayedMessages::check_invariants() const {
  std::size_t bytes = 0;
  std::size_t near_bytes = 0;
  for (const auto& [position, message] : near_) {
    LEPUS_ASSERT(position >= taken_below_ && position < near_below_,
                 "near ones are in their range");
    LEPUS_ASSERT(!settled_.contains(position), "what waits is not settled");
    near_bytes += message->memory_bytes();
  }
  std::uint64_t far_in_memory = 0;
  for (const auto& [position, unwritten] : unwritten_) {
    if (unwritten.message != nullptr) {
      LEPUS_ASSERT(position >= near_below_, "only far ones are kept beside the near");
      bytes += unwritten.message->memory_bytes();
      ++far_in_memory;
    }
  }
  for (const auto& [position, message] : reread_) {
    bytes += message->memory_bytes();
  }
  LEPUS_ASSERT(far_in_memory <= far_count_, "they are counted");
  LEPUS_ASSERT(near_bytes == near_bytes_, "the window is counted as it is used");
  std::size_t taken_bytes = 0;
  for (const auto& [position, taken] : taken_) {
    LEPUS_ASSERT(position < taken_below_ && !settled_.contains(position), "taken, not settled");
    taken_bytes += taken.memory_bytes;
  }
  LEPUS_ASSERT(taken_bytes == taken_bytes_, "what is taken is counted");
  LEPUS_ASSERT(bytes + near_bytes + taken_bytes == std::size_t{memory_bytes_},
               "memory is counted as it is used");
}

}  // namespace lepus::model
