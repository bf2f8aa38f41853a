#include "tests/scenarios/administration.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "amqp/field_table.h"
#include "broker/model/policy_check.h"
#include "broker/model/user.h"
#include "tests/scenarios/fields.h"

namespace lepus::scenarios {

namespace {

using model::PolicyKind;

/// The arguments of a step by their names. Each is to be asked for: one that nobody asked for does
/// not exist.
class Arguments {
 public:
  explicit Arguments(const Step& step) : filler_(*step.sent, no_variables_) {}

  template <typename T>
  T get(std::string_view name, T otherwise = {}) {
    filler_(name, otherwise);
    return otherwise;
  }

  /// Why they don't fit the step, or nothing.
  [[nodiscard]] std::string error(const Step& step) const {
    return filler_.error.empty() && filler_.used != step.sent->arguments.size()
               ? "a setting is named that '" + step.sent->name + "' does not have"
               : filler_.error;
  }

 private:
  const Variables no_variables_;
  FieldFiller filler_;
};

std::string text_of(Arguments& arguments, std::string_view name, std::string_view otherwise = "") {
  return std::string{arguments.get<std::string_view>(name, otherwise)};
}

std::string vhost_of(Arguments& arguments) {
  return text_of(arguments, "vhost", "/");
}

template <typename T>
std::string error_of(const Result<T>& result) {
  return result ? std::string{} : result.error().text;
}

/// As management does it: a policy is checked, and put if it is right.
std::string put_policy(model::Topology& topology, PolicyKind kind, const Step& step) {
  std::string vhost = "/";
  amqp::FieldTable value;
  value.set("pattern", '^' + step.subject);
  for (const Argument& argument : step.sent->arguments) {
    constexpr std::string_view keys[] = {"pattern", "definition", "apply-to", "priority"};
    if (argument.name == "vhost") {
      vhost = argument.text;
    } else if (std::ranges::find(keys, argument.name) != std::end(keys)) {
      value.set(argument.name, argument.value);
    } else {
      return "a policy has no " + argument.name;
    }
  }
  auto policy = check_policy(kind, std::move(vhost), step.subject, value);
  return policy ? error_of(topology.put_policy(*std::move(policy))) : policy.error().text;
}

std::string policy(model::Topology& topology, PolicyKind kind, const Step& step) {
  if (!step.removes) {
    return put_policy(topology, kind, step);
  }
  Arguments arguments(step);
  topology.delete_policy(kind, vhost_of(arguments), step.subject);
  return arguments.error(step);
}

std::string user(model::Topology& topology, const Step& step) {
  Arguments arguments(step);
  model::User user = topology.find_user(step.subject).value_or(model::User{.name = step.subject});
  const std::string password = text_of(arguments, "password", user.name);
  user.password_hash = model::hash_password(password, user.hashing);
  std::string_view tags = arguments.get<std::string_view>("tags");
  user.tags.clear();
  while (!tags.empty()) {
    const std::string_view tag = tags.substr(0, tags.find(' '));
    tags.remove_prefix(std::min(tags.size(), tag.size() + 1));
    user.tags.emplace_back(tag);
  }
  user.limits.max_connections = arguments.get<std::optional<std::int64_t>>("max-connections");
  user.limits.max_channels = arguments.get<std::optional<std::int64_t>>("max-channels");
  std::string error = arguments.error(step);
  return error.empty() ? error_of(topology.put_user(std::move(user))) : error;
}

std::string permissions(model::Topology& topology, const Step& step) {
  Arguments arguments(step);
  const model::UserPermissions permissions{.user = step.subject,
                                           .vhost = vhost_of(arguments),
                                           .configure = text_of(arguments, "configure"),
                                           .write = text_of(arguments, "write"),
                                           .read = text_of(arguments, "read")};
  if (std::string error = arguments.error(step); !error.empty()) {
    return error;
  }
  return error_of(step.removes ? topology.delete_permissions(permissions.user, permissions.vhost)
                               : topology.put_permissions(permissions));
}

std::string topic_permissions(model::Topology& topology, const Step& step) {
  Arguments arguments(step);
  const model::TopicPermissions permissions{.user = step.subject,
                                            .vhost = vhost_of(arguments),
                                            .exchange = text_of(arguments, "exchange", "amq.topic"),
                                            .write = text_of(arguments, "write"),
                                            .read = text_of(arguments, "read")};
  if (std::string error = arguments.error(step); !error.empty()) {
    return error;
  }
  return error_of(step.removes ? topology.delete_topic_permissions(
                                     permissions.user, permissions.vhost, permissions.exchange)
                               : topology.put_topic_permissions(permissions));
}

std::string vhost(model::Topology& topology, const Step& step) {
  Arguments arguments(step);
  const model::VhostDescription vhost{
      .name = step.subject,
      .default_queue_type = text_of(arguments, "default-queue-type"),
      .max_connections = arguments.get<std::optional<std::int64_t>>("max-connections"),
      .max_queues = arguments.get<std::optional<std::int64_t>>("max-queues"),
      .tracing = arguments.get<bool>("tracing")};
  std::string error = arguments.error(step);
  return error.empty() ? error_of(topology.put_vhost(vhost)) : error;
}

std::string alarm(testing::BrokerInTest& broker, std::uint32_t shards, const Step& step) {
  Arguments arguments(step);
  const bool memory = arguments.get<bool>("memory");
  const bool disk = arguments.get<bool>("disk");
  for (std::uint32_t shard = 0; shard < shards; ++shard) {
    broker.connections(shard).set_alarm(memory, disk);
  }
  return arguments.error(step);
}

/// Of the broker's configuration.
std::string setting(connection::ConnectionSettings& settings, const Step& step) {
  Arguments arguments(step);
  settings.max_message_size_bytes =
      arguments.get("max-message-size-bytes", settings.max_message_size_bytes);
  settings.consumer_timeout_ms = arguments.get("consumer-timeout-ms", settings.consumer_timeout_ms);
  settings.connection_max = arguments.get("connection-max", settings.connection_max);
  settings.consumer_max_per_channel =
      arguments.get("consumer-max-per-channel", settings.consumer_max_per_channel);
  return arguments.error(step);
}

std::string carry_out(testing::BrokerInTest& broker, std::uint32_t shards, const Step& step) {
  const std::string& what = step.sent->name;
  model::Topology& topology = broker.topology();
  if (what == "policy") {
    return policy(topology, PolicyKind::ordinary, step);
  }
  if (what == "operator-policy") {
    return policy(topology, PolicyKind::by_operator, step);
  }
  if (what == "permissions") {
    return permissions(topology, step);
  }
  if (what == "topic-permissions") {
    return topic_permissions(topology, step);
  }
  if (what == "alarm") {
    return alarm(broker, shards, step);
  }
  if (what == "setting") {
    return setting(broker.settings(), step);
  }
  if (step.removes) {
    return "a " + what + " can't be removed here";
  }
  return what == "user" ? user(topology, step) : vhost(topology, step);
}

}  // namespace

std::string administer(testing::BrokerInTest& broker, std::uint32_t shards, const Step& step) {
  std::string error = carry_out(broker, shards, step);
  broker.run();
  if (!step.expected) {
    return error;
  }
  const std::string& refusal = step.expected->arguments.front().text;
  return error == refusal
             ? std::string{}
             : "refused with " + amqp::quoted(error) + ", expected " + amqp::quoted(refusal);
}

}  // namespace lepus::scenarios
