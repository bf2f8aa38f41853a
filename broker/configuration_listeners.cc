#include "broker/configuration_setting_makers.h"

namespace lepus::configuration {

namespace {

/// `[::1]:5672`, or the port alone while there is no address.
std::string endpoint_text(const Listener& listener) {
  if (listener.address.empty()) {
    return std::to_string(listener.port);
  }
  const bool six = listener.address.find(':') != std::string::npos;
  return fmt::format(fmt::runtime(six ? "[{}]:{}" : "{}:{}"), listener.address, listener.port);
}

/// `prefix.<name> = endpoint` for each listener and `prefix = none` for no listener at all.
template <typename Access>
void add_listener_list(std::vector<Setting>& list, const std::string& prefix, Access access) {
  const auto clear = [=](Configuration& into) { access(into).clear(); };
  const auto set = [=](Configuration& into, std::string_view name,
                       std::string_view value) -> Problem {
    auto endpoint = parse_endpoint(value);
    if (!endpoint) {
      return endpoint.error().text;
    }
    auto& listeners = access(into);
    std::erase_if(listeners, [&](const Listener& listener) { return listener.name == name; });
    listeners.push_back({std::string(name), std::move(endpoint->first), endpoint->second, true});
    return {};
  };
  const auto print = [=](const Configuration& from) {
    std::vector<std::string> lines;
    for (const auto& listener : access(from)) {
      lines.push_back(fmt::format("{}.{} = {}", prefix, listener.name, endpoint_text(listener)));
    }
    return lines;
  };
  const auto set_none = [=](Configuration& into, std::string_view,
                            std::string_view value) -> Problem {
    if (value != "none") {
      return fmt::format("must be 'none'; a listener is named as in '{}.default = 5672'", prefix);
    }
    access(into).clear();
    return {};
  };
  const auto print_none = [=](const Configuration& from) {
    return access(from).empty() ? std::vector{prefix + " = none"} : std::vector<std::string>{};
  };
  list.push_back({prefix + ".*", set, print, prefix, clear});
  list.push_back({prefix, set_none, print_none, prefix, clear});
}

/// `prefix.port` and `prefix.ip` of a listener that there is once or not at all. The address alone
/// stands for the usual port.
template <typename Access>
void add_listener(std::vector<Setting>& list, const std::string& prefix, Access access,
                  std::uint16_t usual_port) {
  const auto set_port = [=](Configuration& into, std::string_view,
                            std::string_view value) -> Problem {
    const auto port = parse_integer(value, 0, 65535);
    if (!port) {
      return port.error().text;
    }
    auto& listener = access(into);
    listener = Listener{"default", listener ? listener->address : "",
                        static_cast<std::uint16_t>(*port), true};
    return {};
  };
  const auto print_port = [=](const Configuration& from) {
    std::vector<std::string> lines;
    if (access(from)) {
      lines.push_back(fmt::format("{}.port = {}", prefix, access(from)->port));
    }
    return lines;
  };
  const auto set_address = [=](Configuration& into, std::string_view,
                               std::string_view value) -> Problem {
    if (!is_ip_address(std::string(value))) {
      return "must be an IP address";
    }
    auto& listener = access(into);
    listener =
        Listener{"default", std::string(value), listener ? listener->port : usual_port, true};
    return {};
  };
  const auto print_address = [=](const Configuration& from) {
    std::vector<std::string> lines;
    if (access(from) && !access(from)->address.empty()) {
      lines.push_back(fmt::format("{}.ip = {}", prefix, access(from)->address));
    }
    return lines;
  };
  list.push_back({prefix + ".port", set_port, print_port});
  list.push_back({prefix + ".ip", set_address, print_address});
}

/// The files and rules of a TLS listener under `prefix`.
template <typename Access>
void add_tls(std::vector<Setting>& list, const std::string& prefix, Access access) {
  const auto option = [=](auto pointer) {
    return [=](auto& of) -> auto& { return access(of).*pointer; };
  };
  list.push_back(text_setting(prefix + ".certfile", option(&TlsOptions::certificate_file)));
  list.push_back(text_setting(prefix + ".keyfile", option(&TlsOptions::key_file)));
  list.push_back(text_setting(prefix + ".cacertfile", option(&TlsOptions::ca_certificate_file)));
  list.push_back(password_setting(prefix + ".password", option(&TlsOptions::password), ""));
  list.push_back(choice_setting<>(
      prefix + ".verify", option(&TlsOptions::verify_peer),
      std::vector<std::pair<std::string, bool>>{{"verify_peer", true}, {"verify_none", false}}));
  list.push_back(boolean_setting(prefix + ".fail_if_no_peer_cert",
                                 option(&TlsOptions::fail_if_no_peer_certificate)));
  list.push_back(integer_setting(prefix + ".depth", option(&TlsOptions::depth), 0, 100));
  const auto set = [=](Configuration& into, std::string_view, std::string_view value) -> Problem {
    if (value != "tlsv1.2" && value != "tlsv1.3") {
      return "must be tlsv1.2 or tlsv1.3; older versions are not offered";
    }
    access(into).versions.emplace_back(value);
    return {};
  };
  const auto print = [=](const Configuration& from) {
    std::vector<std::string> lines;
    for (const auto& version : access(from).versions) {
      lines.push_back(fmt::format("{}.versions.{} = {}", prefix, lines.size() + 1, version));
    }
    return lines;
  };
  list.push_back({prefix + ".versions.*", set, print, prefix + ".versions",
                  [=](Configuration& into) { access(into).versions.clear(); }});
}

Problem set_bind(Configuration& into, std::string_view, std::string_view value) {
  if (!is_ip_address(std::string(value))) {
    return "must be an IP address";
  }
  into.bind = std::string(value);
  return {};
}

}  // namespace

std::vector<Setting> listener_settings() {
  std::vector<Setting> list;
  list.push_back(text_setting("bind", member(&Configuration::bind)));
  list.back().set = set_bind;
  add_listener_list(list, "listeners.tcp", member(&Configuration::amqp_listeners));
  add_listener_list(list, "listeners.ssl", member(&Configuration::amqp_tls_listeners));
  add_tls(list, "ssl_options", member(&Configuration::tls));
  add_listener(list, "management.tcp", member(&Configuration::management_listener), 15672);
  add_listener(list, "management.listener", member(&Configuration::management_listener), 15672);
  for (auto setting = list.end() - 2; setting != list.end(); ++setting) {
    setting->alias_of = "management.tcp" + setting->key.substr(setting->key.rfind('.'));
  }
  add_listener(list, "management.ssl", member(&Configuration::management_tls_listener), 15671);
  add_tls(list, "management.ssl", member(&Configuration::management_tls));
  add_listener(list, "prometheus.tcp", member(&Configuration::prometheus_listener), 15692);
  list.push_back(
      text_setting("management.path_prefix", member(&Configuration::management_path_prefix)));
  list.push_back(text_setting("prometheus.path", member(&Configuration::prometheus_path)));
  list.push_back(boolean_setting("prometheus.return_per_object_metrics",
                                 member(&Configuration::prometheus_per_object_metrics)));
  list.push_back(integer_setting("tcp_listen_options.backlog",
                                 member(&Configuration::listen_backlog), 1, 65535));
  list.push_back(
      boolean_setting("tcp_listen_options.nodelay", member(&Configuration::tcp_nodelay)));
  list.push_back(
      boolean_setting("tcp_listen_options.keepalive", member(&Configuration::tcp_keepalive)));
  return list;
}

}  // namespace lepus::configuration
