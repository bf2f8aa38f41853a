#include "broker/connection/outgoing_buffer.h"

#include <algorithm>
#include <cstring>

#include "broker/base/assert.h"

namespace lepus::connection {

namespace {

/// Dropped segments are kept in the vector until there are so many, to move the rest rarely.
constexpr std::size_t dropped_segments_max = 64;
/// The rest of a block is used behind a reference only if it is worth a segment.
constexpr std::size_t block_rest_bytes_min = 512;

std::unique_ptr<char[]> take_from(std::vector<std::unique_ptr<char[]>>& spare,
                                  std::size_t block_bytes) {
  if (spare.empty()) {
    return std::make_unique_for_overwrite<char[]>(block_bytes);
  }
  std::unique_ptr<char[]> block = std::move(spare.back());
  spare.pop_back();
  return block;
}

void give_to(std::vector<std::unique_ptr<char[]>>& spare, std::size_t kept_max,
             std::unique_ptr<char[]> block) {
  if (spare.size() < kept_max) {
    spare.push_back(std::move(block));
  }
}

}  // namespace

std::unique_ptr<char[]> BlockPool::take(std::size_t block_bytes) {
  if (block_bytes == small_block_bytes) {
    return take_from(small_, block_bytes);
  }
  if (block_bytes == large_block_bytes) {
    return take_from(large_, block_bytes);
  }
  return std::make_unique_for_overwrite<char[]>(block_bytes);
}

void BlockPool::give(std::unique_ptr<char[]> block, std::size_t block_bytes) {
  if (block_bytes == small_block_bytes) {
    give_to(small_, small_blocks_kept_max, std::move(block));
  } else if (block_bytes == large_block_bytes) {
    give_to(large_, large_blocks_kept_max, std::move(block));
  }
}

void OutgoingBuffer::append(std::string_view bytes) {
  if (!bytes.empty()) {
    std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
    commit(bytes.size());
  }
}

void OutgoingBuffer::append_reference(const model::MessagePtr& message, std::string_view part) {
  if (part.empty()) {
    return;
  }
  Segment reference{.message = message, .begin = part.data(), .end = part.data() + part.size()};
  size_bytes_ += part.size();
  if (room_bytes_ < block_rest_bytes_min) {
    close_last();
    segments_.push_back(std::move(reference));
    return;
  }
  // The block goes on behind the reference; the last segment in a block owns it.
  Segment& before = segments_.back();
  before.end = write_position_;
  Segment rest{.block = std::move(before.block),
               .block_bytes = before.block_bytes,
               .begin = write_position_,
               .end = write_position_};
  segments_.push_back(std::move(reference));
  segments_.push_back(std::move(rest));
}

void OutgoingBuffer::add_block(std::size_t bytes) {
  close_last();
  std::size_t block_bytes =
      segments_.empty() ? BlockPool::small_block_bytes : BlockPool::large_block_bytes;
  if (bytes > block_bytes) {
    block_bytes = std::max(bytes, BlockPool::large_block_bytes);
  }
  std::unique_ptr<char[]> block = pool_->take(block_bytes);
  write_position_ = block.get();
  room_bytes_ = block_bytes;
  segments_.push_back({.block = std::move(block),
                       .block_bytes = block_bytes,
                       .begin = write_position_,
                       .end = write_position_});
}

void OutgoingBuffer::close_last() {
  if (write_position_ != nullptr) {
    segments_.back().end = write_position_;
    write_position_ = nullptr;
    room_bytes_ = 0;
  }
}

const char* OutgoingBuffer::end_of(std::size_t index) const {
  return index + 1 == segments_.size() && write_position_ != nullptr ? write_position_
                                                                     : segments_[index].end;
}

std::size_t OutgoingBuffer::gather(std::span<std::span<const char>> pieces) const {
  std::size_t count = 0;
  for (std::size_t index = first_; index < segments_.size() && count < pieces.size(); ++index) {
    const char* begin = segments_[index].begin;
    const char* end = end_of(index);
    if (begin != end) {
      pieces[count++] = {begin, end};
    }
  }
  return count;
}

void OutgoingBuffer::drop(Segment& segment) {
  drained_cost_ += segment.delivery_cost;
  waiting_cost_ -= segment.delivery_cost;
  if (segment.block) {
    pool_->give(std::move(segment.block), segment.block_bytes);
  }
  segment = Segment{};
}

void OutgoingBuffer::consume(std::size_t bytes) {
  LEPUS_ASSERT(bytes <= size_bytes_, "only what gather() gave can be written");
  size_bytes_ -= bytes;
  if (size_bytes_ == 0) {
    clear();
    return;
  }
  while (bytes != 0) {
    Segment& segment = segments_[first_];
    const auto here = static_cast<std::size_t>(end_of(first_) - segment.begin);
    if (bytes < here) {
      segment.begin += bytes;
      break;
    }
    bytes -= here;
    drop(segment);  // Not the last one: something is left.
    ++first_;
  }
  if (first_ >= dropped_segments_max) {
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void OutgoingBuffer::clear() {
  for (std::size_t index = first_; index < segments_.size(); ++index) {
    drop(segments_[index]);
  }
  segments_.clear();
  if (segments_.capacity() > dropped_segments_max) {
    segments_.shrink_to_fit();
  }
  first_ = 0;
  write_position_ = nullptr;
  room_bytes_ = 0;
  size_bytes_ = 0;
}

}  // namespace lepus::connection
