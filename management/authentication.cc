#include "management/authentication.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "broker/base/printable.h"
#include "broker/model/names.h"

namespace lepus::management {

namespace {

Response login_failed(std::string_view reason) {
  Response response = error_response(401, "not_authorized", reason);
  response.headers.emplace_back("www-authenticate", basic_challenge);
  return response;
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         std::ranges::equal(text.substr(0, prefix.size()), prefix, [](char one, char other) {
           return (one >= 'A' && one <= 'Z' ? one + 32 : one) == other;
         });
}

bool is_management_user(const model::User& user) {
  constexpr std::array<std::string_view, 4> tags{"management", "policymaker", "monitoring",
                                                 "administrator"};
  return std::ranges::any_of(tags, [&user](std::string_view tag) { return user.has_tag(tag); });
}

bool has_permissions(const model::Topology& topology, const model::User& user,
                     std::string_view vhost) {
  return topology.find_permissions(user.name, vhost).has_value();
}

}  // namespace

Result<model::User, Response> authenticate(const model::Topology& topology,
                                           std::string_view authorization, bool from_loopback) {
  constexpr std::string_view basic = "basic ";
  constexpr std::string_view bearer = "bearer ";
  if (authorization.empty()) {
    Response response{.status = 401};
    response.headers.emplace_back("www-authenticate", basic_challenge);
    return response;
  }
  if (starts_with_ignoring_case(authorization, bearer)) {
    return login_failed("Login failed");
  }
  if (!starts_with_ignoring_case(authorization, basic)) {
    return Response{.status = 400};
  }
  std::string_view encoded = authorization.substr(basic.size());
  while (encoded.starts_with(' ')) {
    encoded.remove_prefix(1);
  }
  const auto credentials = model::base64_decode(encoded);
  const std::size_t colon = credentials ? credentials->find(':') : std::string::npos;
  if (colon == std::string::npos) {
    return Response{.status = 400};
  }
  const std::string_view name = std::string_view{*credentials}.substr(0, colon);
  auto user =
      topology.authenticate(name, std::string_view{*credentials}.substr(colon + 1), from_loopback);
  if (!user) {
    const bool is_remote = user.error().text.ends_with("can only connect via localhost");
    Response refused = is_remote ? not_authorised("User can only log in via localhost")
                                 : login_failed("Login failed");
    refused.refusal = printable(user.error().text);
    return refused;
  }
  if (!is_management_user(*user)) {
    Response refused = not_authorised("Not management user");
    refused.refusal = "user '" + printable(name) + "' - not a management user";
    return refused;
  }
  return *std::move(user);
}

std::optional<Response> check_right(const model::Topology& topology, const model::User& user,
                                    Right right, const std::optional<std::string>& vhost) {
  switch (right) {
    case Right::none:
    case Right::management:
      return std::nullopt;
    case Right::vhost:
      if (vhost && !is_administrator(user) && !has_permissions(topology, user, *vhost)) {
        return not_authorised("User not authorised to access virtual host");
      }
      return std::nullopt;
    case Right::monitoring:
      return is_monitor(user) ? std::nullopt : std::optional{not_authorised("Not monitor user")};
    case Right::policymaker:
      return is_administrator(user) || (user.has_tag("policymaker") &&
                                        (!vhost || has_permissions(topology, user, *vhost)))
                 ? std::nullopt
                 : std::optional{not_authorised("User not authorised to access object")};
    case Right::administrator:
      return is_administrator(user) ? std::nullopt
                                    : std::optional{not_authorised("Not administrator user")};
  }
  return std::nullopt;
}

bool is_administrator(const model::User& user) {
  return user.has_tag("administrator");
}

bool is_monitor(const model::User& user) {
  return is_administrator(user) || user.has_tag("monitoring");
}

std::vector<std::string> visible_vhosts(const model::Topology& topology, const model::User& user) {
  std::vector<std::string> names;
  for (const model::VhostDescription& vhost : topology.list_vhosts()) {
    if (is_administrator(user) || has_permissions(topology, user, vhost.name)) {
      names.push_back(vhost.name);
    }
  }
  std::ranges::sort(names);
  return names;
}

void throw_exception_from_error(const Response& response,
                                const boost::source_location& /*location*/) {
  throw std::logic_error("unexpected answer: " + response.body);
}

}  // namespace lepus::management
