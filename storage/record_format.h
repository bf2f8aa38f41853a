#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"
#include "storage/types.h"

/// The bytes of every key and value on disk; docs/storage-format.md says the same in words.
/// Integers in keys are big endian, so that the order of bytes is the order of numbers. Decoders
/// take any bytes and say what is wrong with them.
namespace lepus::storage {

/// The version that the owner marker of a data directory carries; it rises when an older Lepus
/// could not read the data.
inline constexpr std::uint32_t format_version = 1;

/// Names of the column families. The default one holds the meta records.
inline constexpr const char* topology_family_name = "topology";
inline constexpr const char* messages_family_name = "messages";
inline constexpr const char* bodies_family_name = "bodies";
inline constexpr const char* progress_family_name = "progress";
inline constexpr const char* deleted_queues_family_name = "deleted_queues";

/// Meta keys. last_number_key_prefix is followed by the log as u32.
inline constexpr std::string_view next_queue_id_key = "next_queue_id";
inline constexpr std::string_view clean_stop_key = "clean_stop";
inline constexpr std::string_view last_number_key_prefix = "last_number/";

/// Message keys: queue id u64 · priority u8 · position u64.
inline constexpr std::size_t message_key_bytes = 17;
using MessageKeyBytes = std::array<char, message_key_bytes>;
[[nodiscard]] MessageKeyBytes encode_message_key(const MessageKey& key);

/// Nothing unless it has the length of a message key.
[[nodiscard]] std::optional<MessageKey> decode_message_key(std::string_view bytes);

/// The value of a message row: one of these bytes; where the body is shared, its message key; the
/// payload.
inline constexpr char whole_row = 0;
inline constexpr char row_with_shared_body = 1;

struct RowValue {
  std::optional<MessageKey> body_key;
  std::string_view payload;
};

/// Nothing if the bytes are no such value.
[[nodiscard]] std::optional<RowValue> decode_row_value(std::string_view bytes);

/// The value of a shared body (its key is its first owner's): the number of all owners as varint,
/// the message keys of the others, the body.
struct BodyValue {
  std::vector<MessageKey> other_owners;
  std::string_view body;
};

/// What goes before the body.
[[nodiscard]] std::string encode_body_owners(std::span<const MessageKey> owners);

/// Nothing if the bytes are no such value.
[[nodiscard]] std::optional<BodyValue> decode_body_value(std::string_view bytes);

/// A u64, big endian: keys of progress records and deleted queues, values of meta records.
using NumberBytes = std::array<char, 8>;
[[nodiscard]] NumberBytes encode_number(std::uint64_t number);

/// Nothing unless it has exactly eight bytes.
[[nodiscard]] std::optional<std::uint64_t> decode_number(std::string_view bytes);

/// The meta key under which the last batch number of a log is kept.
[[nodiscard]] std::string encode_last_number_key(LogId log);

/// The log of such a key; nothing for any other key.
[[nodiscard]] std::optional<LogId> decode_last_number_key(std::string_view bytes);

/// The value of a progress record, without the pages. The sub-queues must be by rising priority,
/// their ranges sorted and disjoint.
[[nodiscard]] std::string encode_progress(const QueueProgress& progress);

/// Accepts only what encode_progress can have made.
[[nodiscard]] Result<QueueProgress> decode_progress(std::string_view bytes);

/// The key of a page of a progress record is that of the message at its first position. This is its
/// value; its ranges must be sorted and disjoint and begin in it.
[[nodiscard]] std::string encode_progress_page(const ProgressPage& page);

/// Accepts only what encode_progress_page can have made.
[[nodiscard]] Result<ProgressPage> decode_progress_page(Position begin, std::string_view bytes);

/// The bytes of a fixed-size key or value as a view.
template <std::size_t size>
[[nodiscard]] std::string_view view_of(const std::array<char, size>& bytes) {
  return {bytes.data(), bytes.size()};
}

}  // namespace lepus::storage
