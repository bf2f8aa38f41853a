#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "broker/model/protocol_error.h"
#include "management/answer_budget.h"

namespace lepus::management {

/// What a request is answered with. The server adds the headers that every answer has.
struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  /// The body's octets, if they are counted already.
  std::shared_ptr<AnswerBudget::Charge> charge;
  /// Why a login was refused, for the log.
  std::string refusal;
};

// ---- success

/// 200 with JSON.
[[nodiscard]] Response json_response(const nlohmann::json& value);
/// The JSON text, whatever octets names hold: what is not UTF-8 is replaced.
[[nodiscard]] std::string to_text(const nlohmann::json& value);
/// 201 with an empty body.
[[nodiscard]] Response created();
/// 204.
[[nodiscard]] Response no_content();

// ---- errors: {"error": …, "reason": …}

[[nodiscard]] Response error_response(int status, std::string_view error, std::string_view reason);
/// 400 bad_request.
[[nodiscard]] Response bad_request(std::string_view reason);
/// 400 bad_request whose reason is a list, such as ["not_base64","!!!"].
[[nodiscard]] Response json_error(const nlohmann::json& reason);
/// The same with a reason that is either a word or the text of a list.
[[nodiscard]] Response word_error(std::string_view reason);
/// 401 not_authorised: a known user who may not do this.
[[nodiscard]] Response not_authorised(std::string_view reason);
/// 404 "Object Not Found".
[[nodiscard]] Response object_not_found();
/// 404 not_found with a reason.
[[nodiscard]] Response not_found(std::string_view reason);
/// 405 with the methods that the path has.
[[nodiscard]] Response method_not_allowed(std::string_view allow);

/// What declaring, deleting and binding failed with: 401 "Access refused." or 400 with the text.
[[nodiscard]] Response declare_error(const model::ProtocolError& error);
/// What publishing and getting failed with: 400 "406 PRECONDITION_FAILED - …", or 401.
[[nodiscard]] Response method_error(const model::ProtocolError& error);
/// A word of the topology's for users and permissions, such as no_such_user: 400.
[[nodiscard]] Response topology_error(const Error& error);
/// 503: too much is being answered already.
[[nodiscard]] Response too_busy();
/// 500: the store did not take a change.
[[nodiscard]] Response not_committed();

}  // namespace lepus::management
