#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/model/message.h"

namespace lepus::connection {

/// Spare blocks of one shard, so that busy connections do not allocate theirs again and again.
/// Outlives its buffers.
class BlockPool {
 public:
  /// A buffer begins with a small block (many connections may have a little to write at the same
  /// time) and goes on with large ones.
  static constexpr std::size_t small_block_bytes = std::size_t{4} * 1024;
  static constexpr std::size_t large_block_bytes = std::size_t{32} * 1024;
  static constexpr std::size_t small_blocks_kept_max = 256;
  static constexpr std::size_t large_blocks_kept_max = 128;

  [[nodiscard]] std::unique_ptr<char[]> take(std::size_t block_bytes);
  void give(std::unique_ptr<char[]> block, std::size_t block_bytes);

 private:
  std::vector<std::unique_ptr<char[]>> small_;
  std::vector<std::unique_ptr<char[]>> large_;
};

/// The octets that wait to be written to one socket: blocks of memory, and between them parts of
/// messages that are referenced instead of copied. Empty, it holds no block. Belongs to its
/// connection's thread.
class OutgoingBuffer {
 public:
  explicit OutgoingBuffer(BlockPool& pool) : pool_(&pool) {}

  ~OutgoingBuffer() { clear(); }

  OutgoingBuffer(const OutgoingBuffer&) = delete;
  OutgoingBuffer& operator=(const OutgoingBuffer&) = delete;

  // ---- for the protocol

  /// Room for `bytes` octets in a row, to be followed by commit(). Valid until the next call.
  [[nodiscard]] char* reserve(std::size_t bytes) {
    if (bytes > room_bytes_) [[unlikely]] {
      add_block(bytes);
    }
    return write_position_;
  }

  /// The first `bytes` octets of the last reserve() are filled.
  void commit(std::size_t bytes) {
    write_position_ += bytes;
    room_bytes_ -= bytes;
    size_bytes_ += bytes;
  }

  /// Copies octets in.
  void append(std::string_view bytes);

  /// Refers to a part of the message, which is kept until it is written.
  void append_reference(const model::MessagePtr& message, std::string_view part);

  /// A delivery ended here: its cost is reported by take_drained_cost() once everything up to here
  /// was written.
  void end_delivery(std::uint64_t cost) {
    segments_.back().delivery_cost += cost;
    waiting_cost_ += cost;
  }

  // ---- for the transport

  [[nodiscard]] bool empty() const { return size_bytes_ == 0; }

  [[nodiscard]] std::size_t size_bytes() const { return size_bytes_; }

  /// Fills `pieces` with what comes first, for one writev. The octets stay where they are until
  /// consume() passes them, also when more is appended meanwhile.
  /// @return how many pieces were filled.
  [[nodiscard]] std::size_t gather(std::span<std::span<const char>> pieces) const;

  /// The first `bytes` octets were written. (A connection's output is consumed by
  /// Connection::output_written().)
  void consume(std::size_t bytes);

  /// Drops everything; its deliveries count as drained.
  void clear();

  // ---- for the output window

  /// Cost of deliveries that are still in here.
  [[nodiscard]] std::uint64_t waiting_cost() const { return waiting_cost_; }

  /// Cost of the deliveries that left since the last call.
  [[nodiscard]] std::uint64_t take_drained_cost() { return std::exchange(drained_cost_, 0); }

 private:
  struct Segment {
    std::unique_ptr<char[]> block;  ///< in the last segment that lies in it
    std::size_t block_bytes = 0;
    model::MessagePtr message;    ///< of a reference
    const char* begin = nullptr;  ///< first octet not yet written
    const char* end =
        nullptr;  ///< of the last segment, if it is a block, write_position_ counts instead
    std::uint64_t delivery_cost = 0;
  };

  void add_block(std::size_t bytes);
  /// The last block gets no more octets.
  void close_last();
  void drop(Segment& segment);
  [[nodiscard]] const char* end_of(std::size_t index) const;

  BlockPool* pool_;
  std::vector<Segment> segments_;
  std::size_t first_ = 0;  ///< segments before it are gone
  char* write_position_ = nullptr;
  std::size_t room_bytes_ = 0;
  std::size_t size_bytes_ = 0;
  std::uint64_t waiting_cost_ = 0;
  std::uint64_t drained_cost_ = 0;
};

}  // namespace lepus::connection
