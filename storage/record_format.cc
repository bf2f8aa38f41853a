#include "storage/record_format.h"

#include <limits>

#include <boost/endian/conversion.hpp>

#include "broker/base/assert.h"
#include "broker/base/varint.h"

namespace lepus::storage {

namespace {

constexpr char progress_version = 1;
constexpr std::uint8_t had_consumer_flag = 0x01;
constexpr std::uint8_t has_expiring_flag = 0x02;
constexpr std::uint8_t paged_flag = 0x04;
constexpr char progress_page_version = 1;

void store_big_u64(char* to, std::uint64_t number) {
  boost::endian::store_big_u64(reinterpret_cast<unsigned char*>(to), number);
}

std::uint64_t load_big_u64(const char* from) {
  return boost::endian::load_big_u64(reinterpret_cast<const unsigned char*>(from));
}

void append_varint(std::string& to, std::uint64_t number) {
  char bytes[varint_bytes_max];
  to.append(bytes, put_varint(bytes, number));
}

/// Reads a record from front to back. After the first fault everything read is 0 and failed() stays
/// true.
class RecordReader {
 public:
  explicit RecordReader(std::string_view bytes) : rest_(bytes) {}

  [[nodiscard]] bool failed() const { return failed_; }

  [[nodiscard]] std::size_t rest_bytes() const { return rest_.size(); }

  std::uint8_t byte() {
    if (rest_.empty()) {
      return fault();
    }
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }

  std::uint64_t varint() {
    std::uint64_t number = 0;
    return !failed_ && take_varint(rest_, number) ? number : fault();
  }

  /// A number that is stored as its distance from an earlier one.
  std::uint64_t varint_above(std::uint64_t base) {
    const std::uint64_t distance = varint();
    if (failed_ || distance > std::numeric_limits<std::uint64_t>::max() - base) {
      return fault();
    }
    return base + distance;
  }

  /// How many items follow, each of which takes at least so many bytes: a short record can't ask
  /// for much memory.
  std::size_t count(std::size_t item_bytes_min) {
    const std::uint64_t count = varint();
    if (failed_ || count > rest_.size() / item_bytes_min) {
      return fault();
    }
    return count;
  }

  std::uint8_t fault() {
    failed_ = true;
    rest_ = {};
    return 0;
  }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

void append_range(std::string& to, const PositionRange& range, Position& previous_end) {
  LEPUS_ASSERT(range.begin >= previous_end && range.end > range.begin,
               "ranges are sorted, disjoint and not empty");
  append_varint(to, range.begin - previous_end);
  append_varint(to, range.end - range.begin);
  previous_end = range.end;
}

PositionRange read_range(RecordReader& reader, Position& previous_end) {
  PositionRange range;
  range.begin = reader.varint_above(previous_end);
  range.end = reader.varint_above(range.begin);
  if (range.begin == range.end) {
    reader.fault();
  }
  previous_end = range.end;
  return range;
}

/// @param settled_from, returned_from  what the first ranges' begins are counted from
void append_sets(std::string& to, const std::vector<PositionRange>& settled, Position settled_from,
                 const std::vector<ReturnedRange>& returned, Position returned_from) {
  append_varint(to, settled.size());
  for (const PositionRange& range : settled) {
    append_range(to, range, settled_from);
  }
  append_varint(to, returned.size());
  for (const ReturnedRange& range : returned) {
    append_range(to, range.positions, returned_from);
    append_varint(to, range.delivery_count);
  }
}

void read_sets(RecordReader& reader, std::vector<PositionRange>& settled, Position settled_from,
               std::vector<ReturnedRange>& returned, Position returned_from) {
  constexpr std::size_t range_bytes_min = 2;
  settled.resize(reader.count(range_bytes_min));
  for (PositionRange& range : settled) {
    range = read_range(reader, settled_from);
  }
  constexpr std::size_t returned_bytes_min = 3;
  returned.resize(reader.count(returned_bytes_min));
  for (ReturnedRange& range : returned) {
    range.positions = read_range(reader, returned_from);
    const std::uint64_t delivery_count = reader.varint();
    if (delivery_count > std::numeric_limits<std::uint32_t>::max()) {
      reader.fault();
    }
    range.delivery_count = static_cast<std::uint32_t>(delivery_count);
  }
}

void append_sub_queue(std::string& to, const SubQueueProgress& sub_queue) {
  LEPUS_ASSERT(sub_queue.floor <= sub_queue.next_position, "nothing above the end is settled");
  const bool paged = sub_queue.page_count != 0;
  LEPUS_ASSERT(!paged || (sub_queue.settled.empty() && sub_queue.returned.empty()),
               "the sets are in the record or in pages");
  to.push_back(static_cast<char>(sub_queue.priority));
  to.push_back(static_cast<char>((sub_queue.had_consumer ? had_consumer_flag : 0) |
                                 (sub_queue.has_expiring ? has_expiring_flag : 0) |
                                 (paged ? paged_flag : 0)));
  append_varint(to, sub_queue.floor);
  append_varint(to, sub_queue.next_position - sub_queue.floor);
  append_varint(to, sub_queue.delivered_below);
  append_varint(to, sub_queue.stored_count);
  append_varint(to, sub_queue.stored_bytes);
  if (paged) {
    append_varint(to, sub_queue.page_count);
  } else {
    append_sets(to, sub_queue.settled, sub_queue.floor, sub_queue.returned, 0);
  }
}

SubQueueProgress read_sub_queue(RecordReader& reader) {
  SubQueueProgress sub_queue;
  sub_queue.priority = reader.byte();
  const std::uint8_t flags = reader.byte();
  if ((flags & ~(had_consumer_flag | has_expiring_flag | paged_flag)) != 0) {
    reader.fault();
  }
  sub_queue.had_consumer = (flags & had_consumer_flag) != 0;
  sub_queue.has_expiring = (flags & has_expiring_flag) != 0;
  sub_queue.floor = reader.varint();
  sub_queue.next_position = reader.varint_above(sub_queue.floor);
  sub_queue.delivered_below = reader.varint();
  sub_queue.stored_count = reader.varint();
  sub_queue.stored_bytes = reader.varint();
  if ((flags & paged_flag) == 0) {
    read_sets(reader, sub_queue.settled, sub_queue.floor, sub_queue.returned, 0);
    return sub_queue;
  }
  sub_queue.page_count = reader.varint();
  if (sub_queue.page_count == 0) {
    reader.fault();
  }
  return sub_queue;
}

}  // namespace

MessageKeyBytes encode_message_key(const MessageKey& key) {
  MessageKeyBytes bytes;
  store_big_u64(bytes.data(), value_of(key.queue));
  bytes[8] = static_cast<char>(key.priority);
  store_big_u64(bytes.data() + 9, key.position);
  return bytes;
}

std::optional<MessageKey> decode_message_key(std::string_view bytes) {
  if (bytes.size() != message_key_bytes) {
    return std::nullopt;
  }
  return MessageKey{QueueId{load_big_u64(bytes.data())}, static_cast<Priority>(bytes[8]),
                    load_big_u64(bytes.data() + 9)};
}

std::optional<RowValue> decode_row_value(std::string_view bytes) {
  if (bytes.empty()) {
    return std::nullopt;
  }
  const char kind = bytes.front();
  bytes.remove_prefix(1);
  if (kind == whole_row) {
    return RowValue{std::nullopt, bytes};
  }
  if (kind != row_with_shared_body || bytes.size() < message_key_bytes) {
    return std::nullopt;
  }
  return RowValue{decode_message_key(bytes.substr(0, message_key_bytes)),
                  bytes.substr(message_key_bytes)};
}

std::string encode_body_owners(std::span<const MessageKey> owners) {
  LEPUS_ASSERT(!owners.empty(), "a body is somebody's");
  std::string bytes;
  append_varint(bytes, owners.size());
  for (const MessageKey& owner : owners.subspan(1)) {
    bytes.append(view_of(encode_message_key(owner)));
  }
  return bytes;
}

std::optional<BodyValue> decode_body_value(std::string_view bytes) {
  RecordReader reader(bytes);
  const std::uint64_t owners = reader.varint();
  if (reader.failed() || owners == 0 || owners - 1 > reader.rest_bytes() / message_key_bytes) {
    return std::nullopt;
  }
  bytes.remove_prefix(bytes.size() - reader.rest_bytes());
  BodyValue value;
  value.other_owners.reserve(owners - 1);
  for (std::uint64_t i = 1; i < owners; ++i) {
    const auto owner = decode_message_key(bytes.substr(0, message_key_bytes));
    if (!owner) {
      return std::nullopt;
    }
    value.other_owners.push_back(*owner);
    bytes.remove_prefix(message_key_bytes);
  }
  value.body = bytes;
  return value;
}

NumberBytes encode_number(std::uint64_t number) {
  NumberBytes bytes;
  store_big_u64(bytes.data(), number);
  return bytes;
}

std::optional<std::uint64_t> decode_number(std::string_view bytes) {
  if (bytes.size() != sizeof(std::uint64_t)) {
    return std::nullopt;
  }
  return load_big_u64(bytes.data());
}

std::string encode_last_number_key(LogId log) {
  std::array<unsigned char, 4> number;
  boost::endian::store_big_u32(number.data(), log);
  std::string key(last_number_key_prefix);
  key.append(number.begin(), number.end());
  return key;
}

std::optional<LogId> decode_last_number_key(std::string_view bytes) {
  if (bytes.size() != last_number_key_prefix.size() + sizeof(LogId) ||
      !bytes.starts_with(last_number_key_prefix)) {
    return std::nullopt;
  }
  bytes.remove_prefix(last_number_key_prefix.size());
  return boost::endian::load_big_u32(reinterpret_cast<const unsigned char*>(bytes.data()));
}

std::string encode_progress(const QueueProgress& progress) {
  std::string bytes;
  bytes.push_back(progress_version);
  append_varint(bytes, progress.sub_queues.size());
  const SubQueueProgress* previous = nullptr;
  for (const SubQueueProgress& sub_queue : progress.sub_queues) {
    LEPUS_ASSERT(previous == nullptr || previous->priority < sub_queue.priority,
                 "sub-queues are by priority");
    append_sub_queue(bytes, sub_queue);
    previous = &sub_queue;
  }
  return bytes;
}

Result<QueueProgress> decode_progress(std::string_view bytes) {
  RecordReader reader(bytes);
  const std::uint8_t version = reader.byte();
  if (reader.failed() || version != progress_version) {
    return fail("a progress record of version " + std::to_string(version) + ", not " +
                std::to_string(progress_version));
  }
  QueueProgress progress;
  constexpr std::size_t sub_queue_bytes_min = 8;
  progress.sub_queues.resize(reader.count(sub_queue_bytes_min));
  int previous_priority = -1;
  for (SubQueueProgress& sub_queue : progress.sub_queues) {
    sub_queue = read_sub_queue(reader);
    if (sub_queue.priority <= previous_priority) {
      reader.fault();
    }
    previous_priority = sub_queue.priority;
  }
  if (reader.failed()) {
    return fail("a damaged progress record of " + std::to_string(bytes.size()) + " bytes");
  }
  if (reader.rest_bytes() != 0) {
    return fail("a progress record with " + std::to_string(reader.rest_bytes()) +
                " bytes too many");
  }
  return progress;
}

std::string encode_progress_page(const ProgressPage& page) {
  std::string bytes;
  bytes.push_back(progress_page_version);
  append_sets(bytes, page.settled, page.begin, page.returned, page.begin);
  return bytes;
}

Result<ProgressPage> decode_progress_page(Position begin, std::string_view bytes) {
  RecordReader reader(bytes);
  const std::uint8_t version = reader.byte();
  if (reader.failed() || version != progress_page_version) {
    return fail("a page of version " + std::to_string(version) + ", not " +
                std::to_string(progress_page_version));
  }
  ProgressPage page;
  page.begin = begin;
  read_sets(reader, page.settled, begin, page.returned, begin);
  if (reader.failed() || reader.rest_bytes() != 0 || page.empty()) {
    return fail("a damaged page of " + std::to_string(bytes.size()) + " bytes");
  }
  return page;
}

}  // namespace lepus::storage
