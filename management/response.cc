#include "management/response.h"

#include <nlohmann/json.hpp>

#include "amqp/constants.h"

namespace lepus::management {

using nlohmann::json;

std::string to_text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Response json_response(const json& value) {
  return {.status = 200, .body = to_text(value)};
}

Response created() {
  return {.status = 201};
}

Response no_content() {
  return {.status = 204};
}

Response error_response(int status, std::string_view error, std::string_view reason) {
  return {.status = status, .body = to_text(json{{"error", error}, {"reason", reason}})};
}

Response bad_request(std::string_view reason) {
  return error_response(400, "bad_request", reason);
}

Response json_error(const json& reason) {
  return {.status = 400, .body = to_text(json{{"error", "bad_request"}, {"reason", reason}})};
}

Response word_error(std::string_view reason) {
  if (reason.starts_with('[')) {
    const json list = json::parse(reason, nullptr, false);
    if (list.is_array()) {
      return json_error(list);
    }
  }
  return bad_request(reason);
}

Response not_authorised(std::string_view reason) {
  return error_response(401, "not_authorised", reason);
}

Response object_not_found() {
  return error_response(404, "Object Not Found", "Not Found");
}

Response not_found(std::string_view reason) {
  return error_response(404, "not_found", reason);
}

Response method_not_allowed(std::string_view allow) {
  return {.status = 405, .headers = {{"allow", std::string{allow}}}};
}

Response declare_error(const model::ProtocolError& error) {
  if (error.code == amqp::ReplyCode::access_refused) {
    return not_authorised("Access refused.");
  }
  if (error.code == amqp::ReplyCode::not_allowed && error.text.starts_with("access to vhost")) {
    return not_authorised("Access refused.");
  }
  return bad_request(error.text);
}

Response method_error(const model::ProtocolError& error) {
  const bool is_internal_exchange = error.text.starts_with("cannot publish to internal exchange");
  if (error.code == amqp::ReplyCode::access_refused && !is_internal_exchange) {
    return not_authorised("Access refused.");
  }
  return bad_request(std::to_string(amqp::to_number(error.code)) + ' ' +
                     amqp::reply_text(error.code, error.text));
}

Response topology_error(const Error& error) {
  constexpr std::string_view prefix = "bad_request: ";
  std::string_view text = error.text;
  if (text.starts_with(prefix)) {
    text.remove_prefix(prefix.size());
  }
  return bad_request(text);
}

Response too_busy() {
  return error_response(503, "service_unavailable",
                        "too much is being answered at once; ask again later, or for less");
}

Response not_committed() {
  return error_response(500, "internal_server_error",
                        "the change could not be written to the store");
}

}  // namespace lepus::management
