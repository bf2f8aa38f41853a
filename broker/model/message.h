#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include "broker/base/result.h"

namespace lepus::model {

class Message;
using MessagePtr = boost::intrusive_ptr<const Message>;

/// What a publisher sent: exchange, routing key, the property bytes as they came, and the body. One
/// allocation, shared by all queues it went to, immutable once routed. References may be taken and
/// dropped by any thread.
class Message {
 public:
  /// What the broker itself needs to know of the properties, decoded once at publish.
  struct Traits {
    bool persistent = false;
    std::uint8_t priority = 0;
    bool has_expiration = false;      ///< expiration_ms holds
    std::uint64_t expiration_ms = 0;  ///< basic.properties' expiration, relative
    std::int64_t published_ms = 0;    ///< wall clock
  };

  /// A message with room for `body_size_bytes`, still to be filled by append_body(). The other
  /// parts are copied.
  static boost::intrusive_ptr<Message> create(std::string_view exchange,
                                              std::string_view routing_key,
                                              std::string_view properties,
                                              std::size_t body_size_bytes, const Traits& traits);

  /// The stored form is stored_header(), stored_names() and the body: exchange, routing key and
  /// properties in a row.
  [[nodiscard]] std::string_view stored_names() const {
    return {data(), total_bytes() - body_bytes_};
  }

  /// A small header that goes before stored_names() in a row.
  /// @return the part of `buffer` (at least stored_header_bytes_max long) that was filled.
  static constexpr std::size_t stored_header_bytes_max = 48;
  [[nodiscard]] std::string_view stored_header(char* buffer) const;

  /// The message of a row made of stored_header(), stored_names() and the body. Fails on a damaged
  /// row.
  static Result<MessagePtr> from_stored(std::string_view row);

  /// Appends a body frame's payload; only before the message is shared.
  void append_body(std::string_view bytes);

  [[nodiscard]] bool is_complete() const { return body_filled_bytes_ == body_bytes_; }

  [[nodiscard]] std::string_view exchange() const { return {data(), exchange_bytes_}; }

  [[nodiscard]] std::string_view routing_key() const {
    return {data() + exchange_bytes_, routing_key_bytes_};
  }

  /// Property flags and values, as in a content header after the body size.
  [[nodiscard]] std::string_view properties() const {
    return {data() + exchange_bytes_ + routing_key_bytes_, properties_bytes_};
  }

  [[nodiscard]] std::string_view body() const {
    return {data() + exchange_bytes_ + routing_key_bytes_ + properties_bytes_, body_bytes_};
  }

  [[nodiscard]] const Traits& traits() const { return traits_; }

  /// Begins its time to live anew; only before the message is shared.
  void set_published_ms(std::int64_t published_ms) { traits_.published_ms = published_ms; }

  [[nodiscard]] bool is_persistent() const { return traits_.persistent; }

  /// What the message takes in memory, for limits.
  [[nodiscard]] std::size_t memory_bytes() const { return sizeof(Message) + total_bytes(); }

 private:
  Message() = default;

  [[nodiscard]] const char* data() const { return reinterpret_cast<const char*>(this + 1); }

  [[nodiscard]] char* data() { return reinterpret_cast<char*>(this + 1); }

  [[nodiscard]] std::size_t total_bytes() const {
    return std::size_t{exchange_bytes_} + routing_key_bytes_ + properties_bytes_ + body_bytes_;
  }

  friend void intrusive_ptr_add_ref(const Message* message) {
    message->references_.fetch_add(1, std::memory_order_relaxed);
  }

  friend void intrusive_ptr_release(const Message* message);

  mutable std::atomic<std::uint32_t> references_{0};
  std::uint32_t properties_bytes_ = 0;
  std::uint64_t body_bytes_ = 0;
  std::uint64_t body_filled_bytes_ = 0;
  std::uint8_t exchange_bytes_ = 0;
  std::uint8_t routing_key_bytes_ = 0;
  Traits traits_;
};

}  // namespace lepus::model
