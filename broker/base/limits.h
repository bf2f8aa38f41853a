#pragma once

#include <cstddef>
#include <cstdint>

/// Our own limits in one place; the protocol's are in amqp/constants.h.
namespace lepus::limits {

/// A queue keeps this much of its head in memory; what comes behind lives on disk only.
inline constexpr std::size_t queue_window_bytes_max = std::size_t{8} << 20U;
/// All queues together keep this much in memory, unacked messages included; shards share it evenly.
inline constexpr std::size_t queues_bytes_max = std::size_t{256} << 20U;
/// Past so many bytes of unacked bodies nothing more is delivered until something is acked; shards
/// share it evenly.
inline constexpr std::size_t unacked_bytes_max = std::size_t{1} << 30U;
/// One read ahead from the store.
inline constexpr std::size_t read_chunk_bytes_max = std::size_t{1} << 20U;
inline constexpr std::size_t read_chunk_rows_max = 16384;
/// What a queue with consumers reads ahead at least, however scarce memory is.
inline constexpr std::size_t read_chunk_bytes_min = std::size_t{64} << 10U;
static_assert(read_chunk_bytes_max <= queue_window_bytes_max / 2, "a chunk fits into the window");

/// Deliveries on their way to one connection: in mailboxes and in its output buffer.
inline constexpr std::int64_t output_window_bytes_max = std::int64_t{1} << 20U;

/// Publishes on their way from one shard to another; past it the sender's connections to that owner
/// are not read.
inline constexpr std::uint64_t publish_window_bytes_max = std::uint64_t{4} << 20U;
/// What an owner has taken of them is told in such portions, since each wakes the sender. What is
/// not told yet counts as on its way: much less than the window, which opens again at its half.
inline constexpr std::uint64_t publish_window_bytes_told = std::uint64_t{256} << 10U;

/// Rows that wait for the store on one shard: above the first, publishers to it are not read; below
/// the second, again.
inline constexpr std::size_t pending_bytes_congested = std::size_t{16} << 20U;
inline constexpr std::size_t pending_bytes_relieved = std::size_t{8} << 20U;
/// A batch of this size is not kept waiting for company.
inline constexpr std::size_t pending_bytes_sealed_at_once = std::size_t{1} << 20U;

/// Of one queue with the dead-letter strategy at-least-once: so many dead letters are tried at
/// once, the rest waits behind them; after so long they are tried again.
inline constexpr std::uint32_t dead_letters_in_flight_max = 256;
inline constexpr std::int64_t dead_letter_retry_ms = 1000;
/// Dead letters that such a queue keeps in memory; past it nothing more expires.
inline constexpr std::size_t kept_letters_bytes_max = std::size_t{32} << 20U;

/// Of one delayed exchange: so many messages are released at a time, and may be on their way to
/// queues of other shards.
inline constexpr std::size_t delayed_released_at_once = 256;
inline constexpr std::size_t delayed_on_their_way_max = 1024;
inline constexpr std::size_t delayed_on_their_way_bytes_max = std::size_t{4} << 20U;
/// What is due so soon is read from the disk, if there is room for it.
inline constexpr std::int64_t delayed_read_ahead_ms = 2000;

/// Larger bodies that go to several durable queues of a shard are stored once.
inline constexpr std::size_t shared_body_bytes_min = 4096;

/// So many settled ranges and counts of returned messages of a sub-queue are written with each
/// commit; more go into pages of so many positions, of which only the changed ones are written.
inline constexpr std::size_t progress_items_max = 512;
inline constexpr std::uint64_t progress_page_positions = 256;

/// Rows that no publisher waits for may wait this long for company; records of acks this long.
inline constexpr std::int64_t row_wait_ms_max = 200;
inline constexpr std::int64_t progress_wait_ms_max = 1000;

}  // namespace lepus::limits
