#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "amqp/field_table.h"

namespace lepus::amqp {

/// Octets in heap memory of exactly their size, so that the address sanitizer sees every read
/// outside.
class ExactBuffer {
 public:
  explicit ExactBuffer(std::string_view bytes)
      : data_(std::make_unique<char[]>(bytes.size())), size_(bytes.size()) {
    if (size_ > 0) {
      std::memcpy(data_.get(), bytes.data(), size_);
    }
  }

  [[nodiscard]] std::string_view view() const { return {data_.get(), size_}; }

 private:
  std::unique_ptr<char[]> data_;
  std::size_t size_;
};

/// A string of the given octets.
inline std::string octets(std::initializer_list<int> values) {
  std::string bytes;
  for (const int value : values) {
    bytes += static_cast<char>(value);
  }
  return bytes;
}

/// A table with a field of every type, tables and arrays within each other.
inline FieldTable table_of_every_type() {
  return FieldTable{
      {"void", Void{}},
      {"true", true},
      {"false", false},
      {"byte", std::int8_t{-128}},
      {"unsignedbyte", std::uint8_t{255}},
      {"short", std::int16_t{-32768}},
      {"unsignedshort", std::uint16_t{65535}},
      {"signedint", std::int32_t{-2147483647 - 1}},
      {"unsignedint", std::uint32_t{4294967295U}},
      {"long", std::int64_t{-9223372036854775807}},
      {"float", 1.5F},
      {"double", -2.25},
      {"decimal", Decimal{2, 314}},
      {"longstr", "text"},
      {"empty", ""},
      {"timestamp", Timestamp{1700000000}},
      {"table", FieldTable{{"inner", FieldTable{{"deep", "value"}}}, {"none", FieldTable{}}}},
      {"array", FieldArray{FieldValue{"a"}, FieldValue{true}, FieldValue{FieldArray{}}}},
      {"binary", Binary{std::string{"\0\xff", 2}}},
  };
}

/// Fills the fields of a method with values that are neither zero nor alike; its views need the
/// table bytes that are handed in.
class FillingVisitor {
 public:
  explicit FillingVisitor(std::string_view table_bytes) : table_bytes_(table_bytes) {}

  void operator()(std::string_view /*name*/, bool& value) {
    // 1, 1, 0, 1, 0, 1, 1, 0, …: any two bits that change places differ somewhere.
    value = (0b01101011U >> (bit_++ % 8) & 1U) != 0;
  }

  void operator()(std::string_view /*name*/, std::uint8_t& value) { value = 0xA7; }

  void operator()(std::string_view /*name*/, std::uint16_t& value) {
    value = static_cast<std::uint16_t>(0x1234 + number_++);
  }

  void operator()(std::string_view /*name*/, std::uint32_t& value) {
    value = 0x89ABCDEF + number_++;
  }

  void operator()(std::string_view /*name*/, DeliveryTag& value) {
    value.value = 0x0123456789ABCDEF + number_++;
  }

  void operator()(std::string_view name, std::string_view& value) { value = name; }

  void operator()(std::string_view /*name*/, LongString& value) {
    value.bytes = std::string_view{"\0long\xff", 6};
  }

  void operator()(std::string_view /*name*/, FieldTableView& value) { value.bytes = table_bytes_; }

 private:
  std::string_view table_bytes_;
  unsigned bit_ = 0;
  std::uint32_t number_ = 0;
};

}  // namespace lepus::amqp
