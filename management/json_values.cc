#include "management/json_values.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "amqp/basic_properties.h"

namespace lepus::management {

using nlohmann::json;

namespace {

/// As deep as tables may be; also keeps what walks the values from running out of stack.
constexpr int depth_max = 60;
constexpr std::size_t name_max_bytes = 255;

json value_to_json(const amqp::FieldValue& value);

json list_to_json(const amqp::FieldArray& array) {
  json list = json::array();
  for (const amqp::FieldValue& value : array.values()) {
    list.push_back(value_to_json(value));
  }
  return list;
}

struct ValueToJson {
  json operator()(const amqp::Void& /*value*/) const { return nullptr; }

  json operator()(const amqp::Decimal& value) const {
    return value.value / std::pow(10.0, value.scale);
  }

  json operator()(const amqp::Timestamp& value) const { return value.seconds; }

  json operator()(const amqp::Binary& value) const { return value.bytes; }

  json operator()(const amqp::FieldTable& value) const { return management::to_json(value); }

  json operator()(const amqp::FieldArray& value) const { return list_to_json(value); }

  template <typename T>
  json operator()(const T& value) const {
    if constexpr (std::is_floating_point_v<T>) {
      return std::isfinite(value) ? json(value) : json(nullptr);
    } else {
      return value;
    }
  }
};

json value_to_json(const amqp::FieldValue& value) {
  return std::visit(ValueToJson{}, value.variant());
}

Result<amqp::FieldValue> to_field_value(const json& value) {
  switch (value.type()) {
    case json::value_t::boolean:
      return amqp::FieldValue{value.get<bool>()};
    case json::value_t::number_integer:
      return amqp::FieldValue{value.get<std::int64_t>()};
    case json::value_t::number_unsigned:
      if (value.get<std::uint64_t>() >
          static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        return amqp::FieldValue{value.get<double>()};
      }
      return amqp::FieldValue{value.get<std::int64_t>()};
    case json::value_t::number_float:
      return amqp::FieldValue{value.get<double>()};
    case json::value_t::string:
      return amqp::FieldValue{value.get<std::string>()};
    case json::value_t::object: {
      auto table = to_field_table(value);
      if (!table) {
        return table.error();
      }
      return amqp::FieldValue{*std::move(table)};
    }
    case json::value_t::array: {
      amqp::FieldArray array;
      for (const json& element : value) {
        auto converted = to_field_value(element);
        if (!converted) {
          return converted.error();
        }
        array.values().push_back(*std::move(converted));
      }
      return amqp::FieldValue{std::move(array)};
    }
    case json::value_t::null:
    case json::value_t::binary:
    case json::value_t::discarded:
      break;
  }
  return fail("null_not_allowed");
}

/// A JSON object's fields as properties; the strings live here while BasicProperties looks at them.
class PropertyReader {
 public:
  explicit PropertyReader(const json& object) : object_(object) {}

  void operator()(std::string_view name, std::optional<std::string_view>& property) {
    if (const json* value = find(name)) {
      if (!value->is_string()) {
        refuse("not_string", name);
      } else if (value->get_ref<const std::string&>().size() > name_max_bytes) {
        refuse("too_long", name);
      } else {
        property = value->get_ref<const std::string&>();
      }
    }
  }

  void operator()(std::string_view name, std::optional<amqp::FieldTableView>& property) {
    const json* value = find(name);
    if (value == nullptr || (value->is_array() && value->empty())) {
      return;
    }
    if (!value->is_object()) {
      refuse("not_object", name);
      return;
    }
    auto table = to_field_table(*value);
    if (!table) {
      error_ = error_ ? error_ : std::optional{table.error()};
      return;
    }
    headers_ = table->encode();
    if (!headers_.empty()) {
      property = amqp::FieldTableView{headers_};
    }
  }

  template <typename Integer>
  void operator()(std::string_view name, std::optional<Integer>& property) {
    if (const json* value = find(name)) {
      const auto number = whole_number(*value);
      if (!number || *number > std::numeric_limits<Integer>::max()) {
        refuse("not_int", name);
      } else {
        property = static_cast<Integer>(*number);
      }
    }
  }

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  static std::optional<std::uint64_t> whole_number(const json& value) {
    if (value.is_number_unsigned()) {
      return value.get<std::uint64_t>();
    }
    if (value.is_number_integer() && value.get<std::int64_t>() >= 0) {
      return value.get<std::uint64_t>();  // A program's number; a parsed one is unsigned.
    }
    if (value.is_string()) {
      const auto& text = value.get_ref<const std::string&>();
      std::uint64_t number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error == std::errc{} && end == text.data() + text.size()) {
        return number;
      }
    }
    return std::nullopt;
  }

  static std::string underscored(std::string_view name) {
    std::string key{name};
    std::ranges::replace(key, '-', '_');
    return key;
  }

  const json* find(std::string_view name) const {
    const auto found = object_.find(underscored(name));
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }

  void refuse(std::string_view why, std::string_view name) {
    if (!error_) {
      error_ = fail(to_reason(why, underscored(name)));
    }
  }

  static std::string to_reason(std::string_view why, const std::string& name) {
    return json::array({why, name}).dump();
  }

  const json& object_;
  std::string headers_;
  std::optional<Error> error_;
};

class PropertyWriter {
 public:
  explicit PropertyWriter(json& object) : object_(object) {}

  void operator()(std::string_view name, const std::optional<amqp::FieldTableView>& headers) {
    if (headers) {
      put(name, management::to_json(headers->decode()));
    }
  }

  template <typename T>
  void operator()(std::string_view name, const std::optional<T>& property) {
    if (property) {
      put(name, *property);
    }
  }

 private:
  void put(std::string_view name, json value) {
    std::string key{name};
    std::ranges::replace(key, '-', '_');
    object_[key] = std::move(value);
  }

  json& object_;
};

}  // namespace

json parse_json(std::string_view text) {
  bool too_deep = false;
  const json::parser_callback_t limit = [&too_deep](int depth, json::parse_event_t /*event*/,
                                                    json& /*parsed*/) {
    too_deep = too_deep || depth > depth_max;
    return !too_deep;
  };
  json parsed = json::parse(text, limit, false);
  return too_deep ? json(json::value_t::discarded) : parsed;
}

json to_json(const amqp::FieldTable& table) {
  json object = json::object();
  for (const amqp::Field& field : table.fields()) {
    object.emplace(field.name, value_to_json(field.value));  // The first of a name counts.
  }
  return object;
}

Result<amqp::FieldTable> to_field_table(const json& object) {
  amqp::FieldTable table;
  for (const auto& [name, value] : object.items()) {
    if (name.size() > name_max_bytes) {
      return fail("name_too_long");
    }
    auto converted = to_field_value(value);
    if (!converted) {
      return converted.error();
    }
    table.set(name, *std::move(converted));
  }
  return table;
}

json properties_to_json(std::string_view property_bytes) {
  json object = json::object();
  if (const auto properties = amqp::decode_properties(property_bytes)) {
    amqp::BasicProperties::visit_fields(*properties, PropertyWriter{object});
  }
  return object;
}

Result<std::string> properties_from_json(const json& object) {
  amqp::BasicProperties properties;
  PropertyReader reader{object};
  amqp::BasicProperties::visit_fields(properties, reader);
  if (reader.error()) {
    return *reader.error();
  }
  return {boost::system::in_place_value, amqp::encode_properties(properties)};
}

std::string format_time(std::int64_t wall_ms) {
  const std::time_t seconds = wall_ms / 1000;
  std::tm time{};
  ::gmtime_r(&seconds, &time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}+00:00", time.tm_year + 1900,
                     time.tm_mon + 1, time.tm_mday, time.tm_hour, time.tm_min, time.tm_sec,
                     wall_ms % 1000);
}

}  // namespace lepus::management
