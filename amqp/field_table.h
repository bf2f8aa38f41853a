#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "amqp/encoder.h"
#include "amqp/types.h"

namespace lepus::amqp {

struct Field;

/// A decimal number ('D'): value divided by ten to the power of scale.
struct Decimal {
  std::uint8_t scale = 0;
  std::uint32_t value = 0;

  friend bool operator==(const Decimal&, const Decimal&) = default;
};

/// Seconds since 1970-01-01 UTC ('T').
struct Timestamp {
  std::uint64_t seconds = 0;

  friend bool operator==(const Timestamp&, const Timestamp&) = default;
};

/// A byte array ('x'), which is not a string.
struct Binary {
  std::string bytes;

  friend bool operator==(const Binary&, const Binary&) = default;
};

/// The field without a value ('V').
struct Void {
  friend bool operator==(const Void&, const Void&) = default;
};

/// An owning array of values of any types ('A').
class FieldArray {
 public:
  FieldArray();
  FieldArray(const FieldArray& other);
  FieldArray(FieldArray&& other) noexcept;
  FieldArray& operator=(const FieldArray& other);
  FieldArray& operator=(FieldArray&& other) noexcept;
  ~FieldArray();
  FieldArray(std::initializer_list<FieldValue> values);

  [[nodiscard]] bool empty() const;

  [[nodiscard]] std::size_t size() const;

  /// The values in order; may be changed in place.
  [[nodiscard]] const std::vector<FieldValue>& values() const { return values_; }

  [[nodiscard]] std::vector<FieldValue>& values() { return values_; }

  friend bool operator==(const FieldArray& left, const FieldArray& right);

 private:
  std::vector<FieldValue> values_;
};

/// An owning field table ('F'): names with typed values, in the order in which they came. Names may
/// repeat on the wire; look-ups see the first, as in RabbitMQ.
class FieldTable {
 public:
  FieldTable();
  FieldTable(const FieldTable& other);
  FieldTable(FieldTable&& other) noexcept;
  FieldTable& operator=(const FieldTable& other);
  FieldTable& operator=(FieldTable&& other) noexcept;
  ~FieldTable();
  FieldTable(std::initializer_list<Field> fields);

  /// Decodes a table given without its length; nothing unless all octets are a valid table within
  /// the limits of `field_table_max_depth` and `field_table_max_bytes`.
  [[nodiscard]] static std::optional<FieldTable> decode(std::string_view bytes);

  [[nodiscard]] bool empty() const;

  [[nodiscard]] std::size_t size() const;

  /// The fields in order; may be changed in place.
  [[nodiscard]] const std::vector<Field>& fields() const { return fields_; }

  [[nodiscard]] std::vector<Field>& fields() { return fields_; }

  /// The value of the first field of that name, or null.
  [[nodiscard]] const FieldValue* find(std::string_view name) const;
  [[nodiscard]] FieldValue* find(std::string_view name);

  /// Replaces the first field of that name in its place, or appends one. The name has at most 255
  /// octets.
  void set(std::string_view name, FieldValue value);

  /// Removes every field of that name; whether there was one.
  bool erase(std::string_view name);

  /// Octets of the encoded table, without its length.
  [[nodiscard]] std::size_t encoded_size() const;

  /// Writes the table without its length; needs `encoded_size` octets.
  void encode(Encoder& encoder) const;

  /// The encoded table without its length: what a FieldTableView may look at.
  [[nodiscard]] std::string encode() const;

  /// Same fields in the same order.
  friend bool operator==(const FieldTable& left, const FieldTable& right);

 private:
  std::vector<Field> fields_;
};

/// One value of a table or array: any type that RabbitMQ knows, one C++ type for each.
class FieldValue {
 public:
  using Variant = std::variant<Void, bool, std::int8_t, std::uint8_t, std::int16_t, std::uint16_t,
                               std::int32_t, std::uint32_t, std::int64_t, float, double, Decimal,
                               std::string, Timestamp, FieldTable, FieldArray, Binary>;

  FieldValue() = default;

  // Implicit, so that tables can be written down as lists of values.
  // NOLINTBEGIN(google-explicit-constructor)
  FieldValue(Void value) : value_(value) {}

  FieldValue(bool value) : value_(value) {}

  FieldValue(std::int8_t value) : value_(value) {}

  FieldValue(std::uint8_t value) : value_(value) {}

  FieldValue(std::int16_t value) : value_(value) {}

  FieldValue(std::uint16_t value) : value_(value) {}

  FieldValue(std::int32_t value) : value_(value) {}

  FieldValue(std::uint32_t value) : value_(value) {}

  FieldValue(std::int64_t value) : value_(value) {}

  FieldValue(float value) : value_(value) {}

  FieldValue(double value) : value_(value) {}

  FieldValue(Decimal value) : value_(value) {}

  FieldValue(std::string value) : value_(std::move(value)) {}

  FieldValue(std::string_view value) : value_(std::string{value}) {}

  FieldValue(const char* value) : value_(std::string{value}) {}

  FieldValue(Timestamp value) : value_(value) {}

  FieldValue(FieldTable value) : value_(std::move(value)) {}

  FieldValue(FieldArray value) : value_(std::move(value)) {}

  FieldValue(Binary value) : value_(std::move(value)) {}

  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] const Variant& variant() const { return value_; }

  [[nodiscard]] Variant& variant() { return value_; }

  /// The value if it is of type T, else null.
  template <typename T>
  [[nodiscard]] const T* get_if() const {
    return std::get_if<T>(&value_);
  }

  template <typename T>
  [[nodiscard]] T* get_if() {
    return std::get_if<T>(&value_);
  }

  /// The octets of a long string, else null.
  [[nodiscard]] const std::string* as_string() const { return get_if<std::string>(); }

  /// The number if it is of any integer type (b B s u I i l); not of timestamps, bools and
  /// decimals.
  [[nodiscard]] std::optional<std::int64_t> as_integer() const;

  /// The letter that stands for the type on the wire.
  [[nodiscard]] char type_letter() const;

  /// Octets of the encoded value with its type letter.
  [[nodiscard]] std::size_t encoded_size() const;

  /// Writes the type letter and the value.
  void encode(Encoder& encoder) const;

  /// Same type and same value.
  friend bool operator==(const FieldValue& left, const FieldValue& right);

 private:
  Variant value_;
};

/// A named value of a table.
struct Field {
  /// At most 255 octets.
  std::string name;
  FieldValue value;

  friend bool operator==(const Field& left, const Field& right);
};

/// RabbitMQ's word for the value's type, as its texts use it: "longstr", "signedint", "table", …
[[nodiscard]] std::string_view type_name(const FieldValue& value);

// A table holds values that hold tables: what needs whole types can only be defined here.

inline FieldArray::FieldArray() = default;
inline FieldArray::FieldArray(const FieldArray& other) = default;
inline FieldArray::FieldArray(FieldArray&& other) noexcept = default;
inline FieldArray& FieldArray::operator=(const FieldArray& other) = default;
inline FieldArray& FieldArray::operator=(FieldArray&& other) noexcept = default;
inline FieldArray::~FieldArray() = default;

inline bool FieldArray::empty() const {
  return values_.empty();
}

inline std::size_t FieldArray::size() const {
  return values_.size();
}

inline FieldTable::FieldTable() = default;
inline FieldTable::FieldTable(const FieldTable& other) = default;
inline FieldTable::FieldTable(FieldTable&& other) noexcept = default;
inline FieldTable& FieldTable::operator=(const FieldTable& other) = default;
inline FieldTable& FieldTable::operator=(FieldTable&& other) noexcept = default;
inline FieldTable::~FieldTable() = default;

inline bool FieldTable::empty() const {
  return fields_.empty();
}

inline std::size_t FieldTable::size() const {
  return fields_.size();
}

}  // namespace lepus::amqp
