#include "amqp/basic_properties.h"

#include "amqp/constants.h"
#include "amqp/decoder.h"

namespace lepus::amqp {

namespace {

constexpr unsigned first_flag = 0x8000;

/// Flags of the fields, in the order of BasicProperties::visit_fields. As in RabbitMQ, the two
/// lowest bits mean nothing (the specification has the lowest announce a second flag word, and
/// defines none).
enum Flag : unsigned {
  content_type_flag = 1U << 15,
  content_encoding_flag = 1U << 14,
  headers_flag = 1U << 13,
  delivery_mode_flag = 1U << 12,
  priority_flag = 1U << 11,
  correlation_id_flag = 1U << 10,
  reply_to_flag = 1U << 9,
  expiration_flag = 1U << 8,
  message_id_flag = 1U << 7,
  timestamp_flag = 1U << 6,
  type_flag = 1U << 5,
  user_id_flag = 1U << 4,
  app_id_flag = 1U << 3,
  cluster_id_flag = 1U << 2,
};

void read(Decoder& decoder, std::string_view& value) {
  value = decoder.read_short_string();
}

void read(Decoder& decoder, FieldTableView& value) {
  value = decoder.read_table();
}

void read(Decoder& decoder, std::uint8_t& value) {
  value = decoder.read<std::uint8_t>();
}

void read(Decoder& decoder, std::uint64_t& value) {
  value = decoder.read<std::uint64_t>();
}

std::size_t size_of(const std::string_view& value) {
  return 1 + value.size();
}

std::size_t size_of(const FieldTableView& value) {
  return 4 + value.bytes.size();
}

template <typename T>
std::size_t size_of(const T& /*value*/) {
  return sizeof(T);
}

void write(Encoder& encoder, const std::string_view& value) {
  encoder.write_short_string(value);
}

void write(Encoder& encoder, const FieldTableView& value) {
  encoder.write_long_string(value.bytes);
}

template <typename T>
void write(Encoder& encoder, const T& value) {
  encoder.write(value);
}

}  // namespace

std::optional<BasicProperties> decode_properties(std::string_view bytes) {
  Decoder decoder{bytes};
  const unsigned flags = decoder.read<std::uint16_t>();
  BasicProperties properties;
  unsigned flag = first_flag;
  BasicProperties::visit_fields(properties, [&](std::string_view /*name*/, auto& field) {
    if ((flags & flag) != 0) {
      read(decoder, field.emplace());
    }
    flag >>= 1U;
  });
  return decoder.finished() ? std::optional{properties} : std::nullopt;
}

std::size_t encoded_size(const BasicProperties& properties) {
  std::size_t size = sizeof(std::uint16_t);
  BasicProperties::visit_fields(properties, [&](std::string_view /*name*/, const auto& field) {
    size += field ? size_of(*field) : 0;
  });
  return size;
}

void encode_properties(Encoder& encoder, const BasicProperties& properties) {
  unsigned flags = 0;
  unsigned flag = first_flag;
  BasicProperties::visit_fields(properties, [&](std::string_view /*name*/, const auto& field) {
    flags |= field ? flag : 0;
    flag >>= 1U;
  });
  encoder.write(static_cast<std::uint16_t>(flags));
  BasicProperties::visit_fields(properties, [&](std::string_view /*name*/, const auto& field) {
    if (field) {
      write(encoder, *field);
    }
  });
}

std::string encode_properties(const BasicProperties& properties) {
  std::string bytes(encoded_size(properties), '\0');
  Encoder encoder{bytes.data(), bytes.data() + bytes.size()};
  encode_properties(encoder, properties);
  return bytes;
}

bool scan_properties(std::string_view bytes, PropertyScan& scan) {
  scan = PropertyScan{};
  Decoder decoder{bytes};
  const unsigned flags = decoder.read<std::uint16_t>();
  const auto skip_short_string = [&](unsigned flag) {
    if ((flags & flag) != 0) {
      static_cast<void>(decoder.read_short_string());
    }
  };
  const auto read_short_string = [&](unsigned flag, std::optional<std::string_view>& value) {
    if ((flags & flag) != 0) {
      value = decoder.read_short_string();
    }
  };
  skip_short_string(content_type_flag);
  skip_short_string(content_encoding_flag);
  if ((flags & headers_flag) != 0) {
    scan.headers = decoder.read_table();
  }
  if ((flags & delivery_mode_flag) != 0) {
    scan.delivery_mode = decoder.read<std::uint8_t>();
  }
  if ((flags & priority_flag) != 0) {
    scan.priority = decoder.read<std::uint8_t>();
  }
  skip_short_string(correlation_id_flag);
  read_short_string(reply_to_flag, scan.reply_to);
  read_short_string(expiration_flag, scan.expiration);
  skip_short_string(message_id_flag);
  if ((flags & timestamp_flag) != 0) {
    static_cast<void>(decoder.read<std::uint64_t>());
  }
  skip_short_string(type_flag);
  read_short_string(user_id_flag, scan.user_id);
  skip_short_string(app_id_flag);
  skip_short_string(cluster_id_flag);
  return decoder.finished();
}

}  // namespace lepus::amqp
