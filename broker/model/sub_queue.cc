#include "broker/model/sub_queue.h"

#include <algorithm>
#include <utility>

#include "broker/base/assert.h"

namespace lepus::model {

SubQueue::Pushed SubQueue::push(MessagePtr message, std::size_t window_bytes_max) {
  const Position position = next_position_++;
  const bool durable_row = stores(*message);
  ++ready_count_;
  ready_bytes_ += message->body().size();
  memory_bytes_ += message->memory_bytes();
  if (!paged_ && head_bytes_ >= window_bytes_max) {
    paged_ = true;
    gap_begin_ = position;
  }
  if (paged_) {
    tail_.push_back({std::move(message), position});
    return {position, true};
  }
  append_to_head({std::move(message), position});
  return {position, durable_row};
}

void SubQueue::append_to_head(ReadyMessage message) {
  head_bytes_ += message.message->memory_bytes();
  head_.push_back(std::move(message));
}

const ReadyMessage* SubQueue::front() const {
  if (!returned_.empty()) [[unlikely]] {
    return &returned_.begin()->second;
  }
  return head_.empty() ? nullptr : &head_.front();
}

ReadyMessage SubQueue::take_front() {
  ReadyMessage taken;
  if (!returned_.empty()) [[unlikely]] {
    auto node = returned_.extract(returned_.begin());
    taken = std::move(node.mapped());
  } else {
    LEPUS_ASSERT(!head_.empty(), "the caller saw front()");
    taken = std::move(head_.front());
    head_.pop_front();
    head_bytes_ -= taken.message->memory_bytes();
  }
  --ready_count_;
  ready_bytes_ -= taken.message->body().size();
  memory_bytes_ -= taken.message->memory_bytes();
  delivered_below_ = std::max(delivered_below_, taken.position + 1);
  leave_paged_mode_if_gap_is_read();
  return taken;
}

void SubQueue::mark_unacked(const ReadyMessage& taken, ConsumerId consumer) {
  unacked_bytes_ += taken.message->body().size();
  memory_bytes_ += taken.message->memory_bytes();
  const bool added =
      unacked_
          .emplace(taken.position, UnackedMessage{taken.message, consumer, taken.delivery_count})
          .second;
  LEPUS_ASSERT(added, "a message is with one consumer at a time");
}

const UnackedMessage* SubQueue::find_unacked(Position position) const {
  auto found = unacked_.find(position);
  return found == unacked_.end() ? nullptr : &found->second;
}

void SubQueue::reassign_unacked(Position position, ConsumerId consumer) {
  auto found = unacked_.find(position);
  LEPUS_ASSERT(found != unacked_.end(), "the queue looked it up");
  found->second.consumer = consumer;
}

std::vector<Position> SubQueue::unacked_of(ConsumerId consumer) const {
  std::vector<Position> positions;
  for (const auto& [position, unacked] : unacked_) {
    if (unacked.consumer == consumer) {
      positions.push_back(position);
    }
  }
  std::ranges::sort(positions);
  return positions;
}

void SubQueue::settle(Position position, const Message& message) {
  if (is_stored(position, message)) {
    --stored_count_;
    stored_bytes_ -= message.body().size();
  }
  note_settled(position);
}

void SubQueue::settle_unacked(Position position) {
  auto found = unacked_.find(position);
  LEPUS_ASSERT(found != unacked_.end(), "the queue looked it up");
  const MessagePtr message = std::move(found->second.message);
  unacked_.erase(found);
  unacked_bytes_ -= message->body().size();
  memory_bytes_ -= message->memory_bytes();
  settle(position, *message);
}

void SubQueue::give_back(Position position) {
  auto found = unacked_.find(position);
  LEPUS_ASSERT(found != unacked_.end(), "the queue looked it up");
  UnackedMessage unacked = std::move(found->second);
  unacked_.erase(found);
  unacked_bytes_ -= unacked.message->body().size();
  ++ready_count_;
  ready_bytes_ += unacked.message->body().size();
  const std::uint32_t delivery_count = unacked.delivery_count + 1;
  delivery_counts_.set(position, delivery_count);
  const bool added = returned_
                         .emplace(position, ReadyMessage{std::move(unacked.message), position,
                                                         delivery_count, true})
                         .second;
  LEPUS_ASSERT(added, "a position is either unacked or ready");
}

std::uint64_t SubQueue::purge() {
  const std::uint64_t purged = ready_count_;
  for (const auto& [position, ready] : returned_) {
    memory_bytes_ -= ready.message->memory_bytes();
    note_settled(position);
  }
  returned_.clear();
  for (auto* messages : {&head_, &tail_}) {
    for (const auto& ready : *messages) {
      memory_bytes_ -= ready.message->memory_bytes();
      note_settled(ready.position);
    }
    messages->clear();
  }
  if (paged_) {
    // All that is left between the head and the newest position is ready, and settled now.
    settled_.add_range({gap_begin_, next_position_});
  }
  delivery_counts_.keep_if([this](Position position) { return unacked_.contains(position); });
  paged_ = false;
  gap_count_ = 0;
  head_bytes_ = 0;
  ready_count_ = 0;
  ready_bytes_ = 0;
  stored_count_ = 0;
  stored_bytes_ = 0;
  for (const auto& [position, unacked] : unacked_) {
    if (is_stored(position, *unacked.message)) {
      ++stored_count_;
      stored_bytes_ += unacked.message->body().size();
    }
  }
  read_in_flight_ = false;
  ++read_generation_;  // what is being read now is settled
  return purged;
}

void SubQueue::leave_paged_mode_if_gap_is_read() {
  if (!paged_ || gap_count_ > 0 || !head_.empty()) {
    return;
  }
  if (read_in_flight_) {  // of positions that are all settled
    read_in_flight_ = false;
    ++read_generation_;
  }
  settle_absent(gap_begin_, gap_end());
  // Nothing is on disk only: the uncommitted tail becomes the head, and new messages follow it in
  // memory.
  for (auto& ready : tail_) {
    append_to_head(std::move(ready));
  }
  tail_.clear();
  paged_ = false;
}

std::optional<storage::PositionRange> SubQueue::wanted_read(std::size_t window_bytes_max) const {
  if (!paged_ || read_in_flight_ || gap_begin_ >= gap_end() || head_bytes_ > window_bytes_max / 2) {
    return std::nullopt;
  }
  return storage::PositionRange{gap_begin_, gap_end()};
}

std::uint64_t SubQueue::read_started() {
  LEPUS_ASSERT(!read_in_flight_, "one chunk per sub-queue is in flight");
  read_in_flight_ = true;
  return ++read_generation_;
}

bool SubQueue::rows_read(std::uint64_t generation, std::vector<StoredRow> rows,
                         Position covered_below) {
  if (generation != read_generation_) {
    return true;  // a purge came in between
  }
  read_in_flight_ = false;
  bool complete = true;
  Position absent_from = gap_begin_;
  for (auto& row : rows) {
    if (row.position < gap_begin_ || settled_.contains(row.position)) {
      continue;
    }
    if (gap_count_ == 0) {
      complete = false;  // more rows than messages: the counts are wrong
      break;
    }
    --gap_count_;
    settle_absent(absent_from, row.position);
    absent_from = row.position + 1;
    memory_bytes_ += row.message->memory_bytes();
    const bool redelivered = was_delivered_before(row.position);
    append_to_head(
        {std::move(row.message), row.position, delivery_counts_.of(row.position), redelivered});
  }
  gap_begin_ = std::clamp(covered_below, gap_begin_, gap_end());
  settle_absent(absent_from, gap_begin_);
  if (gap_begin_ == gap_end() && gap_count_ > 0) {
    complete = false;
    forget_missing_messages();
  }
  leave_paged_mode_if_gap_is_read();
  return complete;
}

void SubQueue::read_failed(std::uint64_t generation) {
  if (generation == read_generation_) {
    read_in_flight_ = false;
  }
}

void SubQueue::page_out() {
  const bool is_on_disk = !head_.empty() && head_.back().position < committed_below_ &&
                          std::ranges::all_of(head_, [this](const ReadyMessage& ready) {
                            return stores(*ready.message);
                          });
  if (!is_on_disk || read_in_flight_) {
    return;
  }
  paged_ = true;
  gap_begin_ = head_.front().position;
  gap_count_ += head_.size();
  for (const ReadyMessage& ready : head_) {
    memory_bytes_ -= ready.message->memory_bytes();
  }
  head_.clear();
  head_bytes_ = 0;
}

void SubQueue::committed(Position below) {
  committed_below_ = std::max(committed_below_, below);
  if (!paged_) {
    return;
  }
  while (!tail_.empty() && tail_.front().position < below) {
    memory_bytes_ -= tail_.front().message->memory_bytes();
    tail_.pop_front();
    ++gap_count_;
  }
}

void SubQueue::row_sealed(const Message& message) {
  if (stores(message)) {
    ++stored_count_;
    stored_bytes_ += message.body().size();
  }
}

/// The gap was read to its end and rows were missing: what is counted is what is in memory now.
void SubQueue::forget_missing_messages() {
  ready_count_ -= gap_count_;
  gap_count_ = 0;
  ready_bytes_ = 0;
  stored_count_ = 0;
  stored_bytes_ = 0;
  const auto count_stored = [this](Position position, const Message& message) {
    if (is_stored(position, message)) {
      ++stored_count_;
      stored_bytes_ += message.body().size();
    }
  };
  const auto count_ready = [&](const ReadyMessage& ready) {
    ready_bytes_ += ready.message->body().size();
    count_stored(ready.position, *ready.message);
  };
  for (const auto& [position, ready] : returned_) {
    count_ready(ready);
  }
  std::ranges::for_each(head_, count_ready);
  std::ranges::for_each(tail_, count_ready);
  for (const auto& [position, unacked] : unacked_) {
    count_stored(position, *unacked.message);
  }
}

void SubQueue::note_settled(Position position) {
  delivery_counts_.erase(position);
  settled_.add(position);
}

/// No row was found there: what the restart has lost was transient.
void SubQueue::settle_absent(Position begin, Position end) {
  end = std::min(end, restored_below_);
  if (begin < end) [[unlikely]] {
    settled_.add_range({begin, end});
    delivery_counts_.erase({begin, end});
  }
}

storage::SubQueueProgress SubQueue::seal_progress() {
  storage::SubQueueProgress progress;
  progress.priority = priority_;
  progress.next_position = next_position_;
  progress.floor = settled_.floor();
  progress.delivered_below = delivered_below_;
  progress.stored_count = stored_count_;
  progress.stored_bytes = stored_bytes_;
  progress.had_consumer = had_consumer_;
  seal_sets(progress);
  return progress;
}

void SubQueue::seal_sets(storage::SubQueueProgress& progress) {
  // Small again are only much smaller ones, so that it does not change to and fro.
  const std::size_t items_max =
      pages_ == nullptr ? progress_limits_.items_max : progress_limits_.items_max / 4;
  if (settled_.range_count() + delivery_counts_.size() > items_max) [[unlikely]] {
    if (pages_ == nullptr) {
      pages_ = std::make_unique<ProgressPages>(settled_, delivery_counts_,
                                               progress_limits_.page_positions);
    }
    pages_->seal(progress);
    return;
  }
  progress.settled = settled_.ranges();
  progress.returned = delivery_counts_.ranges();
  if (pages_ != nullptr) [[unlikely]] {
    pages_->seal_end(progress);
    pages_.reset();
  }
}

bool SubQueue::restore(const storage::SubQueueProgress& progress, bool clean_stop) {
  LEPUS_ASSERT(next_position_ == 0, "only a new sub-queue is restored");
  next_position_ = progress.next_position;
  sealed_below_ = progress.next_position;
  restored_below_ = progress.next_position;
  committed_below_ = progress.next_position;
  had_consumer_ = progress.had_consumer;
  // After an unclean stop deliveries since the last commit left no trace: flag all rather than too
  // few.
  redelivered_below_ =
      !clean_stop && progress.had_consumer ? progress.next_position : progress.delivered_below;
  delivered_below_ = redelivered_below_;
  restore_sets(progress);
  if (progress.stored_count == 0) {
    settled_.add_range({0, progress.next_position});  // what is not settled was transient
    delivery_counts_.erase({0, progress.next_position});
    return false;
  }
  stored_count_ = ready_count_ = gap_count_ = progress.stored_count;
  stored_bytes_ = ready_bytes_ = progress.stored_bytes;
  paged_ = true;
  gap_begin_ = progress.floor;
  return delivered_below_ != progress.delivered_below;
}

void SubQueue::restore_sets(const storage::SubQueueProgress& progress) {
  settled_ = PositionSet(progress.floor, progress.settled);
  delivery_counts_ = DeliveryCounts(progress.returned);
  for (const storage::ProgressPage& page : progress.pages) {
    for (const storage::PositionRange& range : page.settled) {
      settled_.add_range(range);
    }
    delivery_counts_.add(page.returned);
  }
  if (!progress.pages.empty()) {
    pages_ = std::make_unique<ProgressPages>(settled_, delivery_counts_,
                                             progress_limits_.page_positions);
    pages_->restore(progress.pages);
  }
}

std::optional<Position> SubQueue::take_moved_transient_floor() {
  const Position floor = transient_floor();
  if (floor == noted_transient_floor_) {
    return std::nullopt;
  }
  noted_transient_floor_ = floor;
  return floor;
}

Position SubQueue::transient_floor() const {
  // Only what lies below everything that may still be read; unacked and returned messages are held
  // in memory.
  if (paged_) {
    return gap_begin_;
  }
  return head_.empty() ? next_position_ : head_.front().position;
}

void SubQueue::check_invariants() const {
  LEPUS_ASSERT(ready_count_ == head_.size() + returned_.size() + gap_count_ + tail_.size(),
               "every ready message is in exactly one place");
  LEPUS_ASSERT(paged_ || (tail_.empty() && gap_count_ == 0), "a tail needs a gap");
  std::size_t bytes = 0;
  Position last = 0;
  for (const auto* messages : {&head_, &tail_}) {
    for (const auto& ready : *messages) {
      LEPUS_ASSERT(ready.position >= last, "positions rise");
      LEPUS_ASSERT(!settled_.contains(ready.position), "what is ready is not settled");
      last = ready.position + 1;
      bytes += ready.message->memory_bytes();
    }
  }
  for (const auto& [position, ready] : returned_) {
    LEPUS_ASSERT(!settled_.contains(position), "what was returned is not settled");
    bytes += ready.message->memory_bytes();
  }
  for (const auto& [position, unacked] : unacked_) {
    LEPUS_ASSERT(!settled_.contains(position), "what is unacked is not settled");
    bytes += unacked.message->memory_bytes();
  }
  LEPUS_ASSERT(bytes == std::size_t{memory_bytes_}, "memory is counted as it is used");
}

}  // namespace lepus::model
