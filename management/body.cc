#include "management/body.h"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include "broker/model/names.h"
#include "management/json_values.h"

namespace lepus::management {

using nlohmann::json;

namespace {

const json empty_object = json::object();

}  // namespace

BodyReader::BodyReader(std::string_view body) : object_(&empty_object) {
  if (body.find_first_not_of(" \t\r\n") != std::string_view::npos) {
    parsed_ = std::make_unique<json>(parse_json(body));
    take(*parsed_);
  }
}

BodyReader::BodyReader(Parsed parsed) : object_(&empty_object) {
  take(parsed.value);
}

void BodyReader::take(const json& value) {
  if (value.is_string()) {
    fail(
        "invalid payload: the request body JSON-decoded to a string. Is the input "
        "doubly-JSON-encoded?");
  } else if (value.is_object()) {
    object_ = &value;
  } else if (!value.is_null()) {
    fail("not_json");
  }
}

BodyReader::~BodyReader() = default;

void BodyReader::require(std::initializer_list<std::string_view> names) {
  std::string missing;
  for (const std::string_view name : names) {
    if (!has(name)) {
      missing += (missing.empty() ? "{key_missing," : ",{key_missing,") + std::string{name} + '}';
    }
  }
  if (!missing.empty()) {
    fail('[' + missing + ']');
  }
}

bool BodyReader::has(std::string_view name) const {
  return find(name) != nullptr;
}

const json& BodyReader::object() const {
  return *object_;
}

const json* BodyReader::find(std::string_view name) const {
  const auto found = object_->find(name);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

bool BodyReader::boolean(std::string_view name, bool otherwise) {
  const json* value = find(name);
  if (value == nullptr) {
    return otherwise;
  }
  if (value->is_boolean()) {
    return value->get<bool>();
  }
  if (value->is_string() && (*value == "true" || *value == "false")) {
    return *value == "true";
  }
  fail_type("not_boolean", *value);
  return otherwise;
}

std::optional<std::int64_t> BodyReader::integer(std::string_view name) {
  const json* value = find(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->is_number_integer()) {
    return value->get<std::int64_t>();
  }
  if (value->is_string()) {
    const auto& text = value->get_ref<const std::string&>();
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size()) {
      return number;
    }
  }
  fail_type("not_integer", *value);
  return std::nullopt;
}

std::string BodyReader::text(std::string_view name, std::string_view otherwise) {
  const json* value = find(name);
  if (value == nullptr) {
    return std::string{otherwise};
  }
  if (value->is_string()) {
    return value->get<std::string>();
  }
  fail_type("not_string", *value);
  return std::string{otherwise};
}

std::string BodyReader::base64(std::string_view name) {
  std::string value = text(name);
  if (!model::base64_decode(value)) {
    fail_type("not_base64", value);
  }
  return value;
}

amqp::FieldTable BodyReader::arguments(std::string_view name) {
  const json* value = find(name);
  if (value == nullptr || (value->is_array() && value->empty())) {
    return {};
  }
  if (!value->is_object()) {
    fail_type("not_object", *value);
    return {};
  }
  auto table = to_field_table(*value);
  if (!table) {
    fail(table.error().text);
    return {};
  }
  return *std::move(table);
}

std::vector<std::string> BodyReader::words(std::string_view name) {
  const json* value = find(name);
  if (value == nullptr) {
    return {};
  }
  if (value->is_string()) {
    return split_words(value->get_ref<const std::string&>());
  }
  std::vector<std::string> words;
  const bool is_list = value->is_array();
  for (const json& word : *value) {
    if (!is_list || !word.is_string()) {
      fail_type("not_string", word);
      return {};
    }
    words.push_back(word.get<std::string>());
  }
  if (!is_list && !value->is_object()) {
    fail_type("not_string", *value);
  }
  return words;
}

void BodyReader::fail(std::string_view reason) {
  if (!error_) {
    error_ = bad_request(reason);
  }
}

void BodyReader::fail_type(std::string_view expected, const json& value) {
  if (!error_) {
    // RabbitMQ's reason is a list of an atom and the value.
    error_ = json_error(json::array({expected, value}));
  }
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (word.starts_with(' ')) {
      word.remove_prefix(1);
    }
    while (word.ends_with(' ')) {
      word.remove_suffix(1);
    }
    if (!word.empty()) {
      words.emplace_back(word);
    }
  }
  return words;
}

}  // namespace lepus::management
