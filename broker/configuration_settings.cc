#include "broker/configuration_settings.h"

#include <limits>
#include <set>

#include "broker/configuration_setting_makers.h"

namespace lepus::configuration {

namespace {

constexpr std::uint64_t any_number = std::numeric_limits<std::uint64_t>::max();

/// The largest message that a client may be allowed: RabbitMQ's own limit.
constexpr std::uint64_t message_size_max_bytes = 536'870'912;

/// `key.<name> = true` adds a name to a set, `false` takes it out.
template <typename Access>
Setting name_set_setting(std::string key, Access access) {
  const auto set = [=](Configuration& into, std::string_view name,
                       std::string_view value) -> Problem {
    const auto flag = parse_boolean(value);
    if (!flag) {
      return flag.error().text;
    }
    if (*flag) {
      access(into).insert(std::string(name));
    } else {
      access(into).erase(std::string(name));
    }
    return {};
  };
  const auto print = [=](const Configuration& from) {
    std::vector<std::string> lines;
    lines.reserve(access(from).size());
    for (const auto& name : access(from)) {
      lines.push_back(fmt::format("{}.{} = true", key, name));
    }
    return lines;
  };
  return {key + ".*", set, print, key, [=](Configuration& into) { access(into).clear(); }};
}

std::vector<std::string> print_loopback_users(const Configuration& from) {
  return from.loopback_users.empty() ? std::vector<std::string>{"loopback_users = none"}
                                     : std::vector<std::string>{};
}

Problem set_loopback_users(Configuration& into, std::string_view, std::string_view value) {
  if (value != "none") {
    return "must be 'none'; single users are named as in 'loopback_users.guest = false'";
  }
  into.loopback_users.clear();
  return {};
}

Problem set_mechanism(Configuration& into, std::string_view, std::string_view value) {
  if (value != "PLAIN" && value != "AMQPLAIN" && value != "EXTERNAL" && value != "RABBIT-CR-DEMO") {
    return "must be one of PLAIN, AMQPLAIN, EXTERNAL, RABBIT-CR-DEMO";
  }
  into.auth_mechanisms.emplace_back(value);
  return {};
}

std::vector<std::string> print_mechanisms(const Configuration& from) {
  std::vector<std::string> lines;
  lines.reserve(from.auth_mechanisms.size());
  for (const auto& mechanism : from.auth_mechanisms) {
    lines.push_back(fmt::format("auth_mechanisms.{} = {}", lines.size() + 1, mechanism));
  }
  return lines;
}

Problem set_log_file(Configuration& into, std::string_view, std::string_view value) {
  into.log_file = value == "false" ? "" : std::string(value);
  return {};
}

/// `key.absolute` in bytes.
template <typename Access>
Setting absolute_setting(std::string key, Access access) {
  const auto set = [=](Configuration& into, std::string_view, std::string_view value) -> Problem {
    const auto bytes = parse_size_bytes(value);
    if (!bytes) {
      return bytes.error().text;
    }
    access(into) = *bytes;
    return {};
  };
  const auto print = [=](const Configuration& from) {
    std::vector<std::string> lines;
    if (access(from)) {
      lines.push_back(fmt::format("{} = {}", key, *access(from)));
    }
    return lines;
  };
  return {key, set, print};
}

/// `prefix.absolute` and `prefix.relative`: the source that names one of them replaces both.
template <typename Access>
void add_watermark(std::vector<Setting>& list, const std::string& prefix, Access access) {
  const auto clear = [=](Configuration& into) { access(into) = {}; };
  Setting absolute = absolute_setting(prefix + ".absolute",
                                      [=](auto& of) -> auto& { return access(of).absolute_bytes; });
  const auto set = [=](Configuration& into, std::string_view, std::string_view value) -> Problem {
    const auto share = parse_fraction(value);
    if (!share) {
      return share.error().text;
    }
    access(into).relative = *share;
    return {};
  };
  const auto print = [=](const Configuration& from) {
    std::vector<std::string> lines;
    if (access(from).relative) {
      lines.push_back(fmt::format("{}.relative = {}", prefix, *access(from).relative));
    }
    return lines;
  };
  absolute.list_group = prefix;
  absolute.clear = clear;
  list.push_back(std::move(absolute));
  list.push_back({prefix + ".relative", set, print, prefix, clear});
}

const std::vector<std::pair<std::string, LogLevel>>& log_levels() {
  static const std::vector<std::pair<std::string, LogLevel>> levels{
      {"debug", LogLevel::debug},   {"info", LogLevel::info},
      {"notice", LogLevel::notice}, {"warning", LogLevel::warning},
      {"error", LogLevel::error},   {"critical", LogLevel::critical},
      {"alert", LogLevel::alert},   {"emergency", LogLevel::emergency},
      {"none", LogLevel::none},
  };
  return levels;
}

void add_node_settings(std::vector<Setting>& list) {
  list.push_back(text_setting("data_dir", member(&Configuration::data_dir)));
  list.push_back(
      choice_setting<>("store", member(&Configuration::store),
                       std::vector<std::pair<std::string, StoreKind>>{
                           {"rocksdb", StoreKind::rocksdb}, {"memory", StoreKind::memory}}));
  list.push_back(integer_setting("shards", member(&Configuration::shards), 1, shards_max));
  list.push_back(text_setting("node_name", member(&Configuration::node_name)));
  list.push_back(text_setting("cluster_name", member(&Configuration::cluster_name)));
  list.push_back(
      choice_setting("log.default.level", member(&Configuration::log_level), log_levels()));
  list.push_back(
      choice_setting("log.console.level", member(&Configuration::log_level), log_levels()));
  list.back().alias_of = "log.default.level";
  list.push_back(boolean_setting("log.console", member(&Configuration::log_to_console)));
  Setting file = text_setting("log.file", member(&Configuration::log_file));
  file.set = set_log_file;
  list.push_back(std::move(file));
  list.push_back(text_setting("load_definitions", member(&Configuration::definitions_file)));
  for (const auto* other : {"management.load_definitions", "definitions.local.path"}) {
    list.push_back(text_setting(other, member(&Configuration::definitions_file)));
    list.back().alias_of = "load_definitions";
  }
}

/// RabbitMQ knows the word "undefined" for no timeout, and takes it in advanced.config only.
Setting consumer_timeout_setting() {
  Setting setting = integer_setting("consumer_timeout", member(&Configuration::consumer_timeout_ms),
                                    1, any_number);
  const auto set_number = setting.set;
  setting.set = [set_number](Configuration& into, std::string_view name,
                             std::string_view value) -> Problem {
    if (value == "undefined") {
      into.consumer_timeout_ms = 0;
      return {};
    }
    return set_number(into, name, value);
  };
  const auto print_number = setting.print;
  setting.print = [print_number](const Configuration& from) {
    return from.consumer_timeout_ms == 0 ? std::vector<std::string>{"consumer_timeout = undefined"}
                                         : print_number(from);
  };
  return setting;
}

void add_protocol_settings(std::vector<Setting>& list) {
  list.push_back(integer_setting("heartbeat", member(&Configuration::heartbeat_s), 0, 65535));
  Setting frame_max = size_setting("frame_max", member(&Configuration::frame_max_bytes), 0,
                                   std::numeric_limits<std::uint32_t>::max());
  const auto set_any = frame_max.set;
  frame_max.set = [set_any](Configuration& into, std::string_view name,
                            std::string_view value) -> Problem {
    auto problem = set_any(into, name, value);
    if (!problem && into.frame_max_bytes != 0 && into.frame_max_bytes < 4096) {
      problem = "must be 0 (no limit) or at least 4096 bytes";
    }
    return problem;
  };
  list.push_back(std::move(frame_max));
  list.push_back(integer_setting("channel_max", member(&Configuration::channel_max), 0, 65535));
  constexpr std::uint64_t longest_ms = std::numeric_limits<std::uint32_t>::max();
  list.push_back(integer_setting("handshake_timeout", member(&Configuration::handshake_timeout_ms),
                                 1, longest_ms));
  list.push_back(integer_setting("ssl_handshake_timeout",
                                 member(&Configuration::tls_handshake_timeout_ms), 1, longest_ms));
  list.push_back(size_setting("max_message_size", member(&Configuration::max_message_size_bytes), 1,
                              message_size_max_bytes));
  list.push_back(consumer_timeout_setting());
  list.push_back(limit_setting("connection_max", member(&Configuration::connection_max)));
  list.push_back(
      limit_setting("consumer_max_per_channel", member(&Configuration::consumer_max_per_channel)));
  list.push_back(limit_setting("vhost_max", member(&Configuration::vhost_max)));
  list.push_back({"auth_mechanisms.*", set_mechanism, print_mechanisms, "auth_mechanisms",
                  [](Configuration& into) { into.auth_mechanisms.clear(); }});
  const auto login = [](auto pointer) {
    return [pointer](auto& of) -> auto& { return of.certificate_login.*pointer; };
  };
  using Login = transport::CertificateLogin;
  list.push_back(
      choice_setting<>("ssl_cert_login_from", login(&Login::from),
                       std::vector<std::pair<std::string, Login::From>>{
                           {"distinguished_name", Login::From::distinguished_name},
                           {"common_name", Login::From::common_name},
                           {"subject_alternative_name", Login::From::subject_alternative_name},
                           {"subject_alt_name", Login::From::subject_alternative_name}}));
  list.push_back(choice_setting<>("ssl_cert_login_san_type", login(&Login::alternative_name),
                                  std::vector<std::pair<std::string, Login::AlternativeName>>{
                                      {"dns", Login::AlternativeName::dns},
                                      {"ip", Login::AlternativeName::ip},
                                      {"email", Login::AlternativeName::email},
                                      {"uri", Login::AlternativeName::uri},
                                      {"other_name", Login::AlternativeName::other_name}}));
  list.push_back(
      integer_setting("ssl_cert_login_san_index", login(&Login::alternative_name_index), 0, 1000));
  list.push_back(name_set_setting("loopback_users", member(&Configuration::loopback_users)));
  list.push_back({"loopback_users", set_loopback_users, print_loopback_users, "loopback_users",
                  list.back().clear});
}

void add_default_settings(std::vector<Setting>& list) {
  list.push_back(text_setting("default_user", member(&Configuration::default_user)));
  list.push_back(
      password_setting("default_pass", member(&Configuration::default_password), "guest"));
  list.push_back(text_setting("default_vhost", member(&Configuration::default_vhost)));
  list.push_back(name_set_setting("default_user_tags", member(&Configuration::default_user_tags)));
  list.push_back(text_setting("default_permissions.configure",
                              member(&Configuration::default_permission_configure)));
  list.push_back(
      text_setting("default_permissions.write", member(&Configuration::default_permission_write)));
  list.push_back(
      text_setting("default_permissions.read", member(&Configuration::default_permission_read)));
  list.push_back(
      choice_setting<>("default_queue_type", member(&Configuration::default_queue_type),
                       std::vector<std::pair<std::string, std::string>>{
                           {"classic", "classic"}, {"quorum", "quorum"}, {"stream", "stream"}}));
}

void add_resource_settings(std::vector<Setting>& list) {
  add_watermark(list, "vm_memory_high_watermark", member(&Configuration::memory_high_watermark));
  add_watermark(list, "disk_free_limit", member(&Configuration::disk_free_limit));
  list.push_back(absolute_setting("total_memory_available_override_value",
                                  member(&Configuration::total_memory_bytes)));
  list.push_back(integer_setting("collect_statistics_interval",
                                 member(&Configuration::collect_statistics_interval_ms), 1,
                                 86'400'000));
}

}  // namespace

std::string quoted(const std::string& text) {
  const bool plain = text.find_first_of("#'") == std::string::npos && !text.empty() &&
                     text.front() != ' ' && text.back() != ' ';
  return plain ? text : "'" + text + "'";
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = [] {
    std::vector<Setting> list = listener_settings();
    add_node_settings(list);
    add_protocol_settings(list);
    add_default_settings(list);
    add_resource_settings(list);
    return list;
  }();
  return all;
}

}  // namespace lepus::configuration
