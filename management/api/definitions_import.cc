#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "management/api/handlers.h"
#include "management/api/rows.h"
#include "management/api/stored_parameters.h"
#include "management/body.h"
#include "management/definitions.h"
#include "management/json_values.h"

namespace lepus::management::api {

using nlohmann::json;

namespace {

constexpr std::size_t name_max_bytes = 255;

/// Definitions come from an administrator, whose permissions in the vhosts do not matter.
class FullAccess final : public model::Access {
 public:
  FullAccess(std::string user, std::string vhost)
      : user_(std::move(user)), vhost_(std::move(vhost)) {}

  [[nodiscard]] const std::string& vhost() const override { return vhost_; }

  [[nodiscard]] const std::string& user() const override { return user_; }

  [[nodiscard]] std::optional<model::ProtocolError> check(
      model::Resource /*resource*/, std::string_view /*name*/,
      model::Permission /*permission*/) const override {
    return std::nullopt;
  }

  [[nodiscard]] std::optional<model::ProtocolError> check_topic(
      std::string_view /*exchange*/, std::string_view /*routing_key*/,
      model::Permission /*permission*/) const override {
    return std::nullopt;
  }

  [[nodiscard]] bool may_impersonate() const override { return true; }

 private:
  const std::string user_;
  const std::string vhost_;
};

/// Applies definitions in RabbitMQ's order; stops at the first mistake.
class Import {
 public:
  /// @param vhost  definitions of one vhost, which their entries don't name
  Import(model::Topology& topology, std::string user, const json& definitions,
         std::optional<std::string> vhost)
      : topology_(topology),
        user_(std::move(user)),
        definitions_(definitions),
        vhost_(std::move(vhost)) {}

  void run() {
    if (!vhost_) {
      each("vhosts", &Import::put_vhost);
      each("users", &Import::put_user);
      each("permissions", &Import::put_permissions);
      each("topic_permissions", &Import::put_topic_permissions);
      each("global_parameters", &Import::put_global_parameter);
    }
    each("parameters", &Import::put_parameter);
    each("policies", &Import::put_policy);
    each("exchanges", &Import::declare_exchange);
    each("queues", &Import::declare_queue);
    each("bindings", &Import::bind);
  }

  [[nodiscard]] const std::optional<Response>& error() const { return error_; }

  /// The last change: when it is committed, all are.
  [[nodiscard]] model::TopologyTicket ticket() const { return ticket_; }

 private:
  void each(const char* noun, void (Import::*apply)(BodyReader&)) {
    const auto entries = definitions_.find(noun);
    if (error_ || entries == definitions_.end() || !entries->is_array()) {
      return;
    }
    for (const json& entry : *entries) {
      BodyReader reader{BodyReader::Parsed{entry}};
      if (!reader.error()) {
        (this->*apply)(reader);
      }
      if (!error_ && reader.error()) {
        error_ = reader.error();
      }
      if (error_) {
        return;
      }
    }
  }

  void took(const Result<model::TopologyTicket>& ticket) {
    if (!ticket) {
      error_ = topology_error(ticket.error());
    } else {
      ticket_ = std::max(ticket_, *ticket);
    }
  }

  /// The entry's vhost, which exists; empty after a mistake.
  std::string vhost_of(BodyReader& entry) {
    std::string vhost = vhost_ ? *vhost_ : entry.text("vhost");
    if (!entry.error() && !topology_.find_vhost(vhost)) {
      error_ = json_error(json::array({"no_such_vhost", vhost}));
    }
    return error_ || entry.error() ? std::string{} : vhost;
  }

  std::string name_of(BodyReader& entry, const char* key = "name") {
    std::string name = entry.text(key);
    if (name.size() > name_max_bytes) {
      entry.fail("names have at most 255 octets");
    }
    return name;
  }

  void put_vhost(BodyReader& entry) {
    const std::string name = name_of(entry);
    model::VhostDescription vhost =
        topology_.find_vhost(name).value_or(model::VhostDescription{.name = name});
    if (entry.has("description")) {
      vhost.description = entry.text("description");
    }
    if (entry.has("tags")) {
      vhost.tags = entry.words("tags");
    }
    if (entry.has("default_queue_type")) {
      const std::string type = entry.text("default_queue_type");
      vhost.default_queue_type = type == "undefined" ? "" : type;
      if (!is_default_queue_type(vhost.default_queue_type)) {
        entry.fail("Unsupported default queue type '" + type + "'");
      }
    }
    if (!entry.error()) {
      took(topology_.put_vhost(std::move(vhost)));
    }
  }

  void put_user(BodyReader& entry) {
    model::User user;
    user.name = name_of(entry);
    user.password_hash = entry.base64("password_hash");
    user.tags = entry.words("tags");
    const auto hashing = model::password_hashing_from(
        entry.text("hashing_algorithm", model::name_of(model::PasswordHashing::sha256)));
    if (!hashing) {
      entry.fail("unknown_hashing_algorithm");
      return;
    }
    user.hashing = *hashing;
    if (entry.has("password") && !entry.has("password_hash")) {
      user.password_hash = model::hash_password(entry.text("password"), user.hashing);
    }
    if (entry.has("limits") && entry.object()["limits"].is_object()) {
      BodyReader limits{BodyReader::Parsed{entry.object()["limits"]}};
      user.limits = {limits.integer("max-connections"), limits.integer("max-channels")};
    }
    if (!entry.error()) {
      took(topology_.put_user(std::move(user)));
    }
  }

  /// The topology's word for both is the same; imports tell them apart.
  bool user_exists(const std::string& user) {
    if (!topology_.find_user(user)) {
      error_ = json_error(json::array({"no_such_user", user}));
      return false;
    }
    return true;
  }

  void put_permissions(BodyReader& entry) {
    const std::string vhost = vhost_of(entry);
    const std::string user = entry.text("user");
    if (!vhost.empty() && user_exists(user)) {
      took(topology_.put_permissions(
          {user, vhost, entry.text("configure"), entry.text("write"), entry.text("read")}));
    }
  }

  void put_topic_permissions(BodyReader& entry) {
    const std::string vhost = vhost_of(entry);
    const std::string user = entry.text("user");
    if (!vhost.empty() && user_exists(user)) {
      took(topology_.put_topic_permissions(
          {user, vhost, entry.text("exchange"), entry.text("write"), entry.text("read")}));
    }
  }

  void put_global_parameter(BodyReader& entry) {
    entry.require({"name", "value"});
    if (!entry.error()) {
      took(topology_.put_parameter(
          {.name = name_of(entry), .value = to_text(entry.object()["value"])}));
    }
  }

  void put_parameter(BodyReader& entry) {
    entry.require({"component", "name", "value"});
    const std::string vhost = vhost_of(entry);
    if (vhost.empty()) {
      return;
    }
    const json& value = entry.object()["value"];
    const std::string component = entry.text("component");
    if (component == vhost_limits_component) {
      put_vhost_limits(vhost, name_of(entry), value);
    } else if (component == policy_component || component == operator_policy_component) {
      put_policy_parameter(entry, component, vhost, value);
    } else {
      took(topology_.put_parameter({component, vhost, name_of(entry), to_text(value)}));
    }
  }

  void put_vhost_limits(const std::string& vhost, const std::string& name, const json& value) {
    auto description = topology_.find_vhost(vhost);
    if (const auto set = set_vhost_limits(value, *description); !set) {
      error_ = bad_request(
          fmt::format("{} ({}/{}/{})", set.error().text, vhost, vhost_limits_component, name));
      return;
    }
    took(topology_.put_vhost(*std::move(description)));
  }

  /// Of the two kinds of policies the operator's are parameters here.
  void put_policy_parameter(BodyReader& entry, const std::string& component,
                            const std::string& vhost, const json& value) {
    const std::string name = name_of(entry);
    const std::string place = fmt::format(" ({}/{}/{})", vhost, component, name);
    if (component == policy_component || !value.is_object()) {
      entry.fail((value.is_object() ? "policies may not be set using this method" : "not_json") +
                 place);
      return;
    }
    put_policy_of(model::PolicyKind::by_operator, vhost, name, value, place);
  }

  void put_policy(BodyReader& entry) {
    const std::string vhost = vhost_of(entry);
    const std::string name = name_of(entry);
    if (!vhost.empty() && !entry.error()) {
      put_policy_of(model::PolicyKind::ordinary, vhost, name, entry.object(),
                    fmt::format(" ({}/{})", vhost, name));
    }
  }

  /// @param place  what the reason of a mistake ends with
  void put_policy_of(model::PolicyKind kind, const std::string& vhost, const std::string& name,
                     const json& value, const std::string& place) {
    auto policy = read_policy(kind, vhost, name, value);
    if (!policy) {
      error_ = bad_request(policy.error().text + place);
      return;
    }
    took(topology_.put_policy(*std::move(policy)));
  }

  /// Existing ones stay as they are.
  void declare_exchange(BodyReader& entry) {
    const std::string vhost = vhost_of(entry);
    model::ExchangeDeclaration declaration{.name = name_of(entry),
                                           .type = entry.text("type", "direct"),
                                           .durable = entry.boolean("durable", false),
                                           .auto_delete = entry.boolean("auto_delete", false),
                                           .internal = entry.boolean("internal", false),
                                           .arguments = entry.arguments("arguments")};
    if (vhost.empty() || entry.error() || topology_.find_exchange(vhost, declaration.name)) {
      return;
    }
    const FullAccess access{user_, vhost};
    const auto declared = topology_.declare_exchange(access, declaration);
    if (!declared) {
      error_ = declare_error(declared.error());
    } else {
      ticket_ = std::max(ticket_, *declared);
    }
  }

  void declare_queue(BodyReader& entry) {
    const std::string vhost = vhost_of(entry);
    model::QueueDeclaration declaration{.name = name_of(entry),
                                        .durable = entry.boolean("durable", false),
                                        .auto_delete = entry.boolean("auto_delete", false),
                                        .arguments = entry.arguments("arguments")};
    if (entry.has("type") && declaration.arguments.find("x-queue-type") == nullptr) {
      declaration.arguments.set("x-queue-type", entry.text("type"));
    }
    if (vhost.empty() || entry.error() || topology_.find_queue(vhost, declaration.name)) {
      return;
    }
    const FullAccess access{user_, vhost};
    const auto declared = topology_.declare_queue(access, declaration);
    if (!declared) {
      error_ = declare_error(declared.error());
    } else {
      ticket_ = std::max(ticket_, declared->ticket);
    }
  }

  void bind(BodyReader& entry) {
    const std::string vhost = vhost_of(entry);
    const bool to_exchange = entry.text("destination_type") == "exchange";
    const model::BindingDescription binding{
        .source = name_of(entry, "source"),
        .destination_type =
            to_exchange ? model::BindingDestination::exchange : model::BindingDestination::queue,
        .destination = name_of(entry, "destination"),
        .routing_key = name_of(entry, "routing_key"),
        .arguments = entry.arguments("arguments")};
    if (vhost.empty() || entry.error()) {
      return;
    }
    const FullAccess access{user_, vhost};
    const auto bound = topology_.bind(access, binding, model::ConnectionId::none);
    if (bound) {
      ticket_ = std::max(ticket_, *bound);
    } else if (bound.error().code != amqp::ReplyCode::not_found) {  // else an end is missing
      error_ = declare_error(bound.error());
    }
  }

  model::Topology& topology_;
  const std::string user_;
  const json& definitions_;
  const std::optional<std::string> vhost_;
  std::optional<Response> error_;
  model::TopologyTicket ticket_ = 0;
};

/// The field `file` of a form, or the body itself.
std::string_view definitions_text(const Request& request) {
  constexpr std::string_view boundary_key = "boundary=";
  const std::string_view type = request.content_type;
  if (!type.starts_with("multipart/form-data")) {
    return request.body;
  }
  const std::size_t found = type.find(boundary_key);
  if (found == std::string_view::npos) {
    return {};
  }
  std::string boundary{type.substr(found + boundary_key.size())};
  std::erase(boundary, '"');
  boundary = "--" + boundary.substr(0, boundary.find(';'));
  std::string_view rest = request.body;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(boundary), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + boundary.size(), rest.size()));
    const std::size_t body = part.find("\r\n\r\n");
    if (body != std::string_view::npos &&
        part.substr(0, body).find("name=\"file\"") != std::string_view::npos) {
      return part.substr(body + 4);
    }
  }
  return {};
}

Task<Response> import_definitions(const Context& context, std::optional<std::string> vhost) {
  const json definitions = parse_json(definitions_text(context.request));
  if (!definitions.is_object()) {
    co_return bad_request("failed_to_parse_json");
  }
  Import import{context.broker.topology(), context.user.name, definitions, std::move(vhost)};
  import.run();
  const bool committed = co_await context.broker.committed(import.ticket());
  if (import.error()) {
    co_return *import.error();
  }
  co_return committed ? no_content() : not_committed();
}

}  // namespace

Task<Response> post_definitions(const Context& context) {
  return import_definitions(context, std::nullopt);
}

Task<Response> post_vhost_definitions(const Context& context) {
  const std::string& vhost = context.path("vhost");
  if (!context.broker.topology().find_vhost(vhost)) {
    co_return not_found("vhost_not_found");
  }
  Task<Response> answering = import_definitions(context, vhost);
  co_return co_await answering;
}

}  // namespace lepus::management::api

namespace lepus::management {

Result<model::TopologyTicket> import_definitions(model::Topology& topology, const std::string& user,
                                                 const nlohmann::json& definitions) {
  api::Import import{topology, user, definitions, std::nullopt};
  import.run();
  if (import.error()) {
    return fail(import.error()->body);
  }
  return import.ticket();
}

}  // namespace lepus::management
