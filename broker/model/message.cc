#include "broker/model/message.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "broker/base/assert.h"

namespace lepus::model {

namespace {

constexpr std::uint8_t stored_version = 1;
constexpr std::uint8_t flag_persistent = 1;
constexpr std::uint8_t flag_expiration = 2;

/// The fixed part of a stored row: plain little-endian fields in this order, without padding.
struct StoredHeader {
  std::uint8_t version;
  std::uint8_t flags;
  std::uint8_t priority;
  std::uint8_t exchange_bytes;
  std::uint8_t routing_key_bytes;
  std::uint8_t reserved[3];
  std::uint32_t properties_bytes;
  std::uint32_t reserved_2;
  std::uint64_t body_bytes;
  std::uint64_t expiration_ms;
  std::int64_t published_ms;
};

static_assert(sizeof(StoredHeader) == 40);
static_assert(sizeof(StoredHeader) <= Message::stored_header_bytes_max);

}  // namespace

boost::intrusive_ptr<Message> Message::create(std::string_view exchange,
                                              std::string_view routing_key,
                                              std::string_view properties,
                                              std::size_t body_size_bytes, const Traits& traits) {
  LEPUS_ASSERT(exchange.size() <= 255 && routing_key.size() <= 255, "short strings");
  const std::size_t total =
      exchange.size() + routing_key.size() + properties.size() + body_size_bytes;
  auto* message = new (::operator new(sizeof(Message) + total)) Message;
  message->exchange_bytes_ = static_cast<std::uint8_t>(exchange.size());
  message->routing_key_bytes_ = static_cast<std::uint8_t>(routing_key.size());
  message->properties_bytes_ = static_cast<std::uint32_t>(properties.size());
  message->body_bytes_ = body_size_bytes;
  message->traits_ = traits;
  char* to = message->data();
  to = std::copy(exchange.begin(), exchange.end(), to);
  to = std::copy(routing_key.begin(), routing_key.end(), to);
  std::copy(properties.begin(), properties.end(), to);
  return boost::intrusive_ptr<Message>(message);
}

void intrusive_ptr_release(const Message* message) {
  if (message->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    message->~Message();
    ::operator delete(const_cast<Message*>(message));
  }
}

void Message::append_body(std::string_view bytes) {
  LEPUS_ASSERT(bytes.size() <= body_bytes_ - body_filled_bytes_, "the assembler checked the size");
  char* to = data() + exchange_bytes_ + routing_key_bytes_ + properties_bytes_ + body_filled_bytes_;
  std::memcpy(to, bytes.data(), bytes.size());
  body_filled_bytes_ += bytes.size();
}

std::string_view Message::stored_header(char* buffer) const {
  StoredHeader header{};
  header.version = stored_version;
  header.flags = static_cast<std::uint8_t>((traits_.persistent ? flag_persistent : 0) |
                                           (traits_.has_expiration ? flag_expiration : 0));
  header.priority = traits_.priority;
  header.exchange_bytes = exchange_bytes_;
  header.routing_key_bytes = routing_key_bytes_;
  header.properties_bytes = properties_bytes_;
  header.body_bytes = body_bytes_;
  header.expiration_ms = traits_.expiration_ms;
  header.published_ms = traits_.published_ms;
  std::memcpy(buffer, &header, sizeof header);
  return {buffer, sizeof header};
}

Result<MessagePtr> Message::from_stored(std::string_view row) {
  StoredHeader header{};
  if (row.size() < sizeof header) {
    return fail("message row shorter than its header");
  }
  std::memcpy(&header, row.data(), sizeof header);
  row.remove_prefix(sizeof header);
  if (header.version != stored_version) {
    return fail("message row of unknown version " + std::to_string(header.version));
  }
  const std::size_t before_body =
      std::size_t{header.exchange_bytes} + header.routing_key_bytes + header.properties_bytes;
  if (before_body > row.size() || header.body_bytes != row.size() - before_body) {
    return fail("message row of wrong length");
  }
  Traits traits;
  traits.persistent = (header.flags & flag_persistent) != 0;
  traits.has_expiration = (header.flags & flag_expiration) != 0;
  traits.priority = header.priority;
  traits.expiration_ms = header.expiration_ms;
  traits.published_ms = header.published_ms;
  const auto exchange = row.substr(0, header.exchange_bytes);
  const auto routing_key = row.substr(header.exchange_bytes, header.routing_key_bytes);
  const auto properties = row.substr(exchange.size() + routing_key.size(), header.properties_bytes);
  auto message = create(exchange, routing_key, properties, header.body_bytes, traits);
  message->append_body(row.substr(before_body));
  return MessagePtr(std::move(message));
}

}  // namespace lepus::model
