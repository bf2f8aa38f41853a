#include "broker/model/message.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "broker/base/assert.h"
#include "broker/base/varint.h"

namespace lepus::model {

namespace {

constexpr std::uint8_t stored_version = 1;
constexpr std::uint8_t flag_persistent = 1;
constexpr std::uint8_t flag_expiration = 2;
constexpr std::uint8_t flag_priority = 4;

/// Bytes that every stored header has: version, flags, length of the exchange, of the routing key.
constexpr std::size_t fixed_header_bytes = 4;

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
  char* to = buffer;
  *to++ = static_cast<char>(stored_version);
  *to++ = static_cast<char>((traits_.persistent ? flag_persistent : 0) |
                            (traits_.has_expiration ? flag_expiration : 0) |
                            (traits_.priority != 0 ? flag_priority : 0));
  *to++ = static_cast<char>(exchange_bytes_);
  *to++ = static_cast<char>(routing_key_bytes_);
  to = put_varint(to, properties_bytes_);
  to = put_varint(to, static_cast<std::uint64_t>(traits_.published_ms));
  if (traits_.has_expiration) {
    to = put_varint(to, traits_.expiration_ms);
  }
  if (traits_.priority != 0) {
    *to++ = static_cast<char>(traits_.priority);
  }
  return {buffer, static_cast<std::size_t>(to - buffer)};
}

Result<MessagePtr> Message::from_stored(std::string_view row) {
  if (row.size() < fixed_header_bytes) {
    return fail("message row shorter than its header");
  }
  if (static_cast<std::uint8_t>(row[0]) != stored_version) {
    return fail("message row of unknown version " +
                std::to_string(static_cast<std::uint8_t>(row[0])));
  }
  const auto flags = static_cast<std::uint8_t>(row[1]);
  const auto exchange_bytes = static_cast<std::uint8_t>(row[2]);
  const auto routing_key_bytes = static_cast<std::uint8_t>(row[3]);
  row.remove_prefix(fixed_header_bytes);
  Traits traits;
  traits.persistent = (flags & flag_persistent) != 0;
  traits.has_expiration = (flags & flag_expiration) != 0;
  std::uint64_t properties_bytes = 0;
  std::uint64_t published_ms = 0;
  bool is_complete = take_varint(row, properties_bytes) && take_varint(row, published_ms) &&
                     (!traits.has_expiration || take_varint(row, traits.expiration_ms));
  if (is_complete && (flags & flag_priority) != 0) {
    is_complete = !row.empty();
    traits.priority = is_complete ? static_cast<std::uint8_t>(row.front()) : 0;
    row.remove_prefix(is_complete ? 1 : 0);
  }
  traits.published_ms = static_cast<std::int64_t>(published_ms);
  const std::size_t names_bytes = std::size_t{exchange_bytes} + routing_key_bytes;
  if (!is_complete || row.size() < names_bytes || row.size() - names_bytes < properties_bytes) {
    return fail("message row of wrong length");
  }
  const auto exchange = row.substr(0, exchange_bytes);
  const auto routing_key = row.substr(exchange_bytes, routing_key_bytes);
  const auto properties = row.substr(names_bytes, properties_bytes);
  const auto body = row.substr(names_bytes + properties_bytes);
  auto message = create(exchange, routing_key, properties, body.size(), traits);
  message->append_body(body);
  return MessagePtr(std::move(message));
}

}  // namespace lepus::model
