#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "amqp/field_table.h"
#include "management/response.h"

namespace lepus::management {

/// Reads the fields of a JSON object; the first mistake is kept for the answer. Strings stand for
/// booleans ("true") and integers ("1") as RabbitMQ takes them. Null counts as absent.
class BodyReader {
 public:
  /// Parses the body; no body and `null` are `{}`, and what else isn't an object is a mistake.
  explicit BodyReader(std::string_view body);

  /// JSON that is parsed already, and outlives the reader.
  struct Parsed {
    const nlohmann::json& value;
  };

  explicit BodyReader(Parsed parsed);
  ~BodyReader();
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;

  /// These have to be there.
  void require(std::initializer_list<std::string_view> names);

  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] const nlohmann::json& object() const;
  [[nodiscard]] bool boolean(std::string_view name, bool otherwise);
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name);
  [[nodiscard]] std::string text(std::string_view name, std::string_view otherwise = {});
  /// A text that is base64; not decoded.
  [[nodiscard]] std::string base64(std::string_view name);
  /// An object as a table; `[]` is empty.
  [[nodiscard]] amqp::FieldTable arguments(std::string_view name);
  /// A list of strings, or one string with commas.
  [[nodiscard]] std::vector<std::string> words(std::string_view name);

  void fail(std::string_view reason);

  /// The answer to the first mistake, or nothing.
  [[nodiscard]] const std::optional<Response>& error() const { return error_; }

 private:
  [[nodiscard]] const nlohmann::json* find(std::string_view name) const;
  void fail_type(std::string_view expected, const nlohmann::json& value);

  void take(const nlohmann::json& value);

  std::unique_ptr<nlohmann::json> parsed_;  ///< if it came as text
  const nlohmann::json* object_;
  std::optional<Response> error_;
};

/// "a, b" as words without blanks around them.
[[nodiscard]] std::vector<std::string> split_words(std::string_view text);

}  // namespace lepus::management
