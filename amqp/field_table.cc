#include "amqp/field_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <type_traits>

#include "amqp/decoder.h"
#include "broker/base/assert.h"

namespace lepus::amqp {

namespace {

/// In the order of FieldValue::Variant.
struct TypeDescription {
  char letter;
  std::string_view name;
};

constexpr std::array<TypeDescription, std::variant_size_v<FieldValue::Variant>> types{{
    {'V', "void"},
    {'t', "bool"},
    {'b', "byte"},
    {'B', "unsignedbyte"},
    {'s', "short"},
    {'u', "unsignedshort"},
    {'I', "signedint"},
    {'i', "unsignedint"},
    {'l', "long"},
    {'f', "float"},
    {'d', "double"},
    {'D', "decimal"},
    {'S', "longstr"},
    {'T', "timestamp"},
    {'F', "table"},
    {'A', "array"},
    {'x', "binary"},
}};

/// Reads a value's octets, those of strings, tables and arrays without their length; what is inside
/// is not looked at. An unknown type makes the decoder fail.
std::string_view read_value_bytes(Decoder& decoder, char type) {
  switch (type) {
    case 'V':
      return {};
    case 't':
    case 'b':
    case 'B':
      return decoder.read_bytes(1);
    case 's':
    case 'u':
      return decoder.read_bytes(2);
    case 'I':
    case 'i':
    case 'f':
      return decoder.read_bytes(4);
    case 'D':
      return decoder.read_bytes(5);
    case 'l':
    case 'L':
    case 'd':
    case 'T':
      return decoder.read_bytes(8);
    case 'S':
    case 'x':
    case 'F':
    case 'A':
      return decoder.read_long_string();
    default:
      decoder.fail();
      return {};
  }
}

/// Whether the octets are the fields of a table (or the values of an array) at that depth, 1
/// outside.
bool is_valid(std::string_view bytes, bool named, int depth) {
  if (depth > field_table_max_depth) {
    return false;
  }
  Decoder decoder{bytes};
  while (decoder.remaining_bytes() > 0) {
    if (named) {
      static_cast<void>(decoder.read_short_string());
    }
    const char type = static_cast<char>(decoder.read<std::uint8_t>());
    const std::string_view value = read_value_bytes(decoder, type);
    if ((type == 'F' || type == 'A') && !is_valid(value, type == 'F', depth + 1)) {
      return false;
    }
  }
  return decoder.ok();
}

FieldTable decode_table(std::string_view bytes);

FieldArray decode_array(std::string_view bytes) {
  FieldArray array;
  Decoder decoder{bytes};
  while (decoder.remaining_bytes() > 0) {
    const char type = static_cast<char>(decoder.read<std::uint8_t>());
    array.values().push_back(FieldValueView{type, read_value_bytes(decoder, type)}.decode());
  }
  return array;
}

FieldTable decode_table(std::string_view bytes) {
  FieldTable table;
  Decoder decoder{bytes};
  while (decoder.remaining_bytes() > 0) {
    const std::string_view name = decoder.read_short_string();
    const char type = static_cast<char>(decoder.read<std::uint8_t>());
    const std::string_view value = read_value_bytes(decoder, type);
    table.fields().push_back({std::string{name}, FieldValueView{type, value}.decode()});
  }
  return table;
}

template <typename T>
std::size_t payload_size(const T& value) {
  if constexpr (std::is_same_v<T, Void>) {
    return 0;
  } else if constexpr (std::is_same_v<T, Decimal>) {
    return 5;
  } else if constexpr (std::is_same_v<T, Timestamp>) {
    return 8;
  } else if constexpr (std::is_same_v<T, std::string>) {
    return 4 + value.size();
  } else if constexpr (std::is_same_v<T, Binary>) {
    return 4 + value.bytes.size();
  } else if constexpr (std::is_same_v<T, FieldTable>) {
    return 4 + value.encoded_size();
  } else if constexpr (std::is_same_v<T, FieldArray>) {
    std::size_t size = 4;
    for (const FieldValue& element : value.values()) {
      size += element.encoded_size();
    }
    return size;
  } else {
    return sizeof(T);
  }
}

/// Leaves room for a length that is known only after what it counts; so encoding stays linear,
/// however deep tables are nested.
char* begin_length(Encoder& encoder) {
  char* const length = encoder.position();
  encoder.write(std::uint32_t{0});
  return length;
}

void end_length(const Encoder& encoder, char* length) {
  const std::size_t size = static_cast<std::size_t>(encoder.position() - length) - 4;
  store_big_endian(length, static_cast<std::uint32_t>(size));
}

template <typename T>
void encode_payload(Encoder& encoder, const T& value) {
  if constexpr (std::is_same_v<T, Void>) {
    // Its letter says all.
  } else if constexpr (std::is_same_v<T, bool>) {
    encoder.write(static_cast<std::uint8_t>(value ? 1 : 0));
  } else if constexpr (std::is_same_v<T, float>) {
    encoder.write(std::bit_cast<std::uint32_t>(value));
  } else if constexpr (std::is_same_v<T, double>) {
    encoder.write(std::bit_cast<std::uint64_t>(value));
  } else if constexpr (std::is_same_v<T, Decimal>) {
    encoder.write(value.scale);
    encoder.write(value.value);
  } else if constexpr (std::is_same_v<T, Timestamp>) {
    encoder.write(value.seconds);
  } else if constexpr (std::is_same_v<T, std::string>) {
    encoder.write_long_string(value);
  } else if constexpr (std::is_same_v<T, Binary>) {
    encoder.write_long_string(value.bytes);
  } else if constexpr (std::is_same_v<T, FieldTable>) {
    char* const length = begin_length(encoder);
    value.encode(encoder);
    end_length(encoder, length);
  } else if constexpr (std::is_same_v<T, FieldArray>) {
    char* const length = begin_length(encoder);
    for (const FieldValue& element : value.values()) {
      element.encode(encoder);
    }
    end_length(encoder, length);
  } else {
    encoder.write(value);
  }
}

}  // namespace

bool is_valid_table(std::string_view bytes) {
  return bytes.size() <= field_table_max_bytes && is_valid(bytes, true, 1);
}

FieldValue FieldValueView::decode() const {
  Decoder decoder{bytes};
  switch (type) {
    case 'V':
      return Void{};
    case 't':
      return decoder.read<std::uint8_t>() != 0;
    case 'b':
      return decoder.read<std::int8_t>();
    case 'B':
      return decoder.read<std::uint8_t>();
    case 's':
      return decoder.read<std::int16_t>();
    case 'u':
      return decoder.read<std::uint16_t>();
    case 'I':
      return decoder.read<std::int32_t>();
    case 'i':
      return decoder.read<std::uint32_t>();
    case 'l':
    case 'L':
      return decoder.read<std::int64_t>();
    case 'f':
      return std::bit_cast<float>(decoder.read<std::uint32_t>());
    case 'd':
      return std::bit_cast<double>(decoder.read<std::uint64_t>());
    case 'D': {
      const auto scale = decoder.read<std::uint8_t>();
      return Decimal{scale, decoder.read<std::uint32_t>()};
    }
    case 'S':
      return bytes;
    case 'T':
      return Timestamp{decoder.read<std::uint64_t>()};
    case 'F':
      return decode_table(bytes);
    case 'A':
      return decode_array(bytes);
    case 'x':
      return Binary{std::string{bytes}};
    default:
      break;
  }
  LEPUS_ASSERT(false, "the view is of a table that was validated");
}

std::optional<std::string_view> FieldValueView::as_string() const {
  return type == 'S' ? std::optional{bytes} : std::nullopt;
}

std::optional<std::int64_t> FieldValueView::as_integer() const {
  Decoder decoder{bytes};
  switch (type) {
    case 'b':
      return decoder.read<std::int8_t>();
    case 'B':
      return decoder.read<std::uint8_t>();
    case 's':
      return decoder.read<std::int16_t>();
    case 'u':
      return decoder.read<std::uint16_t>();
    case 'I':
      return decoder.read<std::int32_t>();
    case 'i':
      return decoder.read<std::uint32_t>();
    case 'l':
    case 'L':
      return decoder.read<std::int64_t>();
    default:
      return std::nullopt;
  }
}

FieldTable FieldTableView::decode() const {
  std::optional<FieldTable> table = FieldTable::decode(bytes);
  LEPUS_ASSERT(table.has_value(), "views are made of validated octets");
  return *std::move(table);
}

std::optional<FieldValueView> FieldTableView::find(std::string_view name) const {
  Decoder decoder{bytes};
  while (decoder.remaining_bytes() > 0) {
    const std::string_view field_name = decoder.read_short_string();
    const char type = static_cast<char>(decoder.read<std::uint8_t>());
    const std::string_view value = read_value_bytes(decoder, type);
    if (field_name == name && decoder.ok()) {
      return FieldValueView{type, value};
    }
  }
  return std::nullopt;
}

FieldArray::FieldArray(std::initializer_list<FieldValue> values) : values_(values) {}

bool operator==(const FieldArray& left, const FieldArray& right) {
  return left.values_ == right.values_;
}

FieldTable::FieldTable(std::initializer_list<Field> fields) : fields_(fields) {}

std::optional<FieldTable> FieldTable::decode(std::string_view bytes) {
  if (!is_valid_table(bytes)) {
    return std::nullopt;
  }
  return decode_table(bytes);
}

const FieldValue* FieldTable::find(std::string_view name) const {
  const auto field = std::ranges::find(fields_, name, &Field::name);
  return field == fields_.end() ? nullptr : &field->value;
}

FieldValue* FieldTable::find(std::string_view name) {
  const auto field = std::ranges::find(fields_, name, &Field::name);
  return field == fields_.end() ? nullptr : &field->value;
}

void FieldTable::set(std::string_view name, FieldValue value) {
  if (FieldValue* existing = find(name); existing != nullptr) {
    *existing = std::move(value);
  } else {
    fields_.push_back({std::string{name}, std::move(value)});
  }
}

bool FieldTable::erase(std::string_view name) {
  return std::erase_if(fields_, [&](const Field& field) { return field.name == name; }) > 0;
}

std::size_t FieldTable::encoded_size() const {
  std::size_t size = 0;
  for (const Field& field : fields_) {
    size += 1 + field.name.size() + field.value.encoded_size();
  }
  return size;
}

void FieldTable::encode(Encoder& encoder) const {
  for (const Field& field : fields_) {
    encoder.write_short_string(field.name);
    field.value.encode(encoder);
  }
}

std::string FieldTable::encode() const {
  std::string bytes(encoded_size(), '\0');
  Encoder encoder{bytes.data(), bytes.data() + bytes.size()};
  encode(encoder);
  return bytes;
}

bool operator==(const FieldTable& left, const FieldTable& right) {
  return left.fields_ == right.fields_;
}

std::optional<std::int64_t> FieldValue::as_integer() const {
  return std::visit(
      []<typename T>(const T& value) -> std::optional<std::int64_t> {
        if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
          return std::int64_t{value};
        } else {
          return std::nullopt;
        }
      },
      value_);
}

char FieldValue::type_letter() const {
  return types[value_.index()].letter;
}

std::size_t FieldValue::encoded_size() const {
  return 1 + std::visit([](const auto& value) { return payload_size(value); }, value_);
}

void FieldValue::encode(Encoder& encoder) const {
  encoder.write(static_cast<std::uint8_t>(type_letter()));
  std::visit([&](const auto& value) { encode_payload(encoder, value); }, value_);
}

bool operator==(const FieldValue& left, const FieldValue& right) {
  return left.value_ == right.value_;
}

bool operator==(const Field& left, const Field& right) {
  return left.name == right.name && left.value == right.value;
}

std::string_view type_name(const FieldValue& value) {
  return types[value.variant().index()].name;
}

}  // namespace lepus::amqp
