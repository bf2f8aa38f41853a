#include "broker/store_message_lines.h"

#include <charconv>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include "amqp/basic_properties.h"
#include "amqp/utf8.h"
#include "broker/model/delayed_messages.h"
#include "broker/model/names.h"
#include "management/json_values.h"

namespace lepus {

namespace {

using nlohmann::json;

constexpr std::size_t name_max_bytes = 255;

/// A name that is no UTF-8 is in `NAME_base64` instead.
void put_text(json& line, const std::string& name, std::string_view text) {
  if (amqp::is_valid_utf8(text)) {
    line[name] = text;
  } else {
    line[name + "_base64"] = model::base64_encode(text);
  }
}

/// Reads the fields of a line; the first mistake is kept.
class LineReader {
 public:
  explicit LineReader(const json& line) : line_(line) {}

  std::string text(const std::string& name) {
    const auto encoded = line_.find(name + "_base64");
    if (encoded != line_.end() && encoded->is_string()) {
      return base64(*encoded, name + "_base64");
    }
    const auto found = line_.find(name);
    if (found == line_.end() || !found->is_string()) {
      note("the field '" + name + "' is missing or no string");
      return {};
    }
    return found->get<std::string>();
  }

  std::string short_text(const std::string& name) {
    std::string read = text(name);
    if (read.size() > name_max_bytes) {
      note("the field '" + name + "' has more than 255 bytes");
    }
    return read;
  }

  std::string octets(const std::string& name) {
    const auto found = line_.find(name);
    if (found == line_.end() || !found->is_string()) {
      note("the field '" + name + "' is missing or no string");
      return {};
    }
    return base64(*found, name);
  }

  /// Property bytes; an object of properties is as good.
  std::string properties() {
    const auto found = line_.find("properties");
    if (found == line_.end()) {
      return std::string(amqp::empty_property_bytes);
    }
    std::string bytes;
    if (found->is_object()) {
      const auto encoded = management::properties_from_json(*found);
      if (encoded.has_error()) {
        note("the field 'properties': " + encoded.error().text);
      } else {
        bytes = *encoded;
      }
    } else {
      bytes = octets("properties");
    }
    if (!fault_ && !amqp::decode_properties(bytes)) {
      note("the field 'properties' holds no properties of a message");
    }
    return bytes;
  }

  std::int64_t integer(const char* name) {
    const auto found = line_.find(name);
    if (found != line_.end() && !found->is_number_integer()) {
      note("the field '" + std::string(name) + "' is no whole number");
    }
    return found == line_.end() || fault_ ? 0 : found->get<std::int64_t>();
  }

  bool flag(const char* name) {
    const auto found = line_.find(name);
    return found != line_.end() && found->is_boolean() && found->get<bool>();
  }

  [[nodiscard]] const std::optional<Error>& fault() const { return fault_; }

 private:
  std::string base64(const json& value, const std::string& name) {
    auto bytes = from_base64(value.get_ref<const std::string&>());
    if (!bytes) {
      note("the field '" + name + "' is no base64");
    }
    return bytes.value_or("");
  }

  void note(std::string text) {
    if (!fault_) {
      fault_ = fail(std::move(text));
    }
  }

  const json& line_;
  std::optional<Error> fault_;
};

model::Message::Traits traits_of(const amqp::BasicProperties& properties,
                                 std::int64_t published_ms) {
  model::Message::Traits traits;
  traits.persistent = true;
  traits.priority = properties.priority.value_or(0);
  traits.published_ms = published_ms;
  if (properties.expiration) {
    const std::string_view text = *properties.expiration;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), traits.expiration_ms);
    traits.has_expiration = error == std::errc() && end == text.data() + text.size();
  }
  return traits;
}

}  // namespace

std::string message_line(const MessageLine& line) {
  const model::Message& message = *line.message;
  json object{{"kind", "message"}};
  put_text(object, "vhost", line.vhost);
  put_text(object, line.due_ms ? "delayed_exchange" : "queue", line.queue);
  put_text(object, "exchange", message.exchange());
  put_text(object, "routing_key", message.routing_key());
  object["properties"] = model::base64_encode(message.properties());
  object["body"] = model::base64_encode(message.body());
  object["published_ms"] = message.traits().published_ms;
  if (line.due_ms) {
    object["due_ms"] = *line.due_ms;
    return object.dump();
  }
  object["redelivered"] = line.redelivered;
  if (line.delivery_count != 0) {
    object["delivery_count"] = line.delivery_count;
  }
  return object.dump();
}

Result<MessageLine> parse_message_line(const json& line) {
  LineReader reader(line);
  MessageLine parsed;
  parsed.vhost = reader.text("vhost");
  const bool is_delayed = line.contains("delayed_exchange");
  parsed.queue = reader.text(is_delayed ? "delayed_exchange" : "queue");
  const std::string exchange = reader.short_text("exchange");
  const std::string routing_key = reader.short_text("routing_key");
  const std::string properties = reader.properties();
  const std::string body = reader.octets("body");
  const std::int64_t published_ms = reader.integer("published_ms");
  parsed.delivery_count = static_cast<std::uint32_t>(reader.integer("delivery_count"));
  parsed.redelivered = reader.flag("redelivered");
  if (is_delayed) {
    parsed.due_ms =
        std::clamp<std::int64_t>(reader.integer("due_ms"), 0, model::DelayedMessages::due_ms_limit);
  }
  if (reader.fault()) {
    return *reader.fault();
  }
  const auto message =
      model::Message::create(exchange, routing_key, properties, body.size(),
                             traits_of(*amqp::decode_properties(properties), published_ms));
  message->append_body(body);
  parsed.message = message;
  return parsed;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string bytes(text.size() / 4 * 3, '\0');
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  const int size = text.size() % 4 == 0
                       ? ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                           reinterpret_cast<const unsigned char*>(text.data()),
                                           static_cast<int>(text.size()))
                       : -1;
  if (size < 0) {
    return std::nullopt;
  }
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

}  // namespace lepus
