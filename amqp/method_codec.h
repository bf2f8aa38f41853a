#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "amqp/constants.h"
#include "amqp/decoder.h"
#include "amqp/encoder.h"
#include "amqp/types.h"
#include "amqp/utf8.h"

namespace lepus::amqp {

/// The ids at the start of a method frame's payload, which has at least 4 octets.
[[nodiscard]] inline MethodId peek_method_id(std::string_view payload) {
  return {load_big_endian<std::uint16_t>(payload.data()),
          load_big_endian<std::uint16_t>(payload.data() + 2)};
}

/// Both ids as one number, for a `switch`: `case method_key<BasicPublish>:`.
[[nodiscard]] inline std::uint32_t peek_method_key(std::string_view payload) {
  return load_big_endian<std::uint32_t>(payload.data());
}

/// The number that `peek_method_key` gives for the method.
template <typename Method>
inline constexpr std::uint32_t method_key =
    std::uint32_t{Method::class_id} << 16 | std::uint32_t{Method::method_id};

/// The method's ids.
template <typename Method>
inline constexpr MethodId id_of_method{Method::class_id, Method::method_id};

namespace detail {

/// Fills the visited fields from a decoder. Adjacent bits share an octet, lowest bit first.
class DecodingVisitor {
 public:
  explicit DecodingVisitor(Decoder& decoder) : decoder_(decoder) {}

  void operator()(std::string_view /*name*/, bool& value) {
    if (bit_ == 0) {
      octet_ = decoder_.read<std::uint8_t>();
    }
    value = (octet_ >> bit_ & 1U) != 0;
    bit_ = (bit_ + 1) % 8;
  }

  template <typename T>
  void operator()(std::string_view /*name*/, T& value) {
    bit_ = 0;
    read(value);
  }

 private:
  void read(std::uint8_t& value) { value = decoder_.read<std::uint8_t>(); }

  void read(std::uint16_t& value) { value = decoder_.read<std::uint16_t>(); }

  void read(std::uint32_t& value) { value = decoder_.read<std::uint32_t>(); }

  void read(DeliveryTag& value) { value.value = decoder_.read<std::uint64_t>(); }

  void read(std::string_view& value) { value = decoder_.read_short_string(); }

  void read(LongString& value) { value.bytes = decoder_.read_long_string(); }

  void read(FieldTableView& value) { value = decoder_.read_table(); }

  Decoder& decoder_;
  unsigned bit_ = 0;
  std::uint8_t octet_ = 0;
};

/// Adds up the octets of the visited fields.
class SizingVisitor {
 public:
  void operator()(std::string_view /*name*/, const bool& /*value*/) {
    size_ += bit_ == 0 ? 1 : 0;
    bit_ = (bit_ + 1) % 8;
  }

  template <typename T>
  void operator()(std::string_view /*name*/, const T& value) {
    bit_ = 0;
    size_ += size_of(value);
  }

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static std::size_t size_of(const std::string_view& value) { return 1 + value.size(); }

  static std::size_t size_of(const LongString& value) { return 4 + value.bytes.size(); }

  static std::size_t size_of(const FieldTableView& value) { return 4 + value.bytes.size(); }

  template <typename T>
  static std::size_t size_of(const T& /*value*/) {
    return sizeof(T);
  }

  std::size_t size_ = 0;
  unsigned bit_ = 0;
};

/// Writes the visited fields; `finish` writes the last octet of bits.
class EncodingVisitor {
 public:
  explicit EncodingVisitor(Encoder& encoder) : encoder_(encoder) {}

  void operator()(std::string_view /*name*/, const bool& value) {
    if (bit_ == 8) {
      finish();
    }
    octet_ = static_cast<std::uint8_t>(octet_ | (value ? 1U : 0U) << bit_);
    ++bit_;
  }

  template <typename T>
  void operator()(std::string_view /*name*/, const T& value) {
    finish();
    write(value);
  }

  void finish() {
    if (bit_ != 0) {
      encoder_.write(octet_);
      octet_ = 0;
      bit_ = 0;
    }
  }

 private:
  void write(const std::uint8_t& value) { encoder_.write(value); }

  void write(const std::uint16_t& value) { encoder_.write(value); }

  void write(const std::uint32_t& value) { encoder_.write(value); }

  void write(const DeliveryTag& value) { encoder_.write(value.value); }

  void write(const std::string_view& value) { encoder_.write_short_string(value); }

  void write(const LongString& value) { encoder_.write_long_string(value.bytes); }

  void write(const FieldTableView& value) { encoder_.write_long_string(value.bytes); }

  Encoder& encoder_;
  unsigned bit_ = 0;
  std::uint8_t octet_ = 0;
};

}  // namespace detail

/// Decodes a method's arguments (the payload after the two ids). False if they end early, have
/// octets left, or hold a broken table. Views in `method` point into `arguments`; no allocation.
template <typename Method>
[[nodiscard]] bool decode_arguments(std::string_view arguments, Method& method) {
  Decoder decoder{arguments};
  Method::visit_fields(method, detail::DecodingVisitor{decoder});
  return decoder.finished();
}

/// Whether all short strings of the method are UTF-8. RabbitMQ looks at those of all methods but
/// basic.publish.
template <typename Method>
[[nodiscard]] bool has_valid_texts(const Method& method) {
  bool valid = true;
  Method::visit_fields(method, [&](std::string_view /*name*/, const auto& value) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, std::string_view>) {
      valid = valid && is_valid_utf8(value);
    }
  });
  return valid;
}

/// Octets of the method's payload: its ids and its arguments.
template <typename Method>
[[nodiscard]] std::size_t encoded_size(const Method& method) {
  detail::SizingVisitor visitor;
  Method::visit_fields(method, visitor);
  return method_ids_bytes + visitor.size();
}

/// Writes the method's payload: its ids and its arguments; needs `encoded_size` octets.
template <typename Method>
void encode_method(Encoder& encoder, const Method& method) {
  encoder.write(method_key<Method>);
  detail::EncodingVisitor visitor{encoder};
  Method::visit_fields(method, visitor);
  visitor.finish();
}

}  // namespace lepus::amqp
