#include "broker/configuration.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "broker/configuration_file.h"
#include "broker/configuration_keys.h"
#include "broker/configuration_settings.h"

namespace lepus {

namespace {

using configuration::ParsedFile;
using configuration::Setting;

/// The environment's names that are not a key in capitals.
constexpr auto environment_names = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"RABBITMQ_DEFAULT_USER", "default_user"},
    {"RABBITMQ_DEFAULT_PASS", "default_pass"},
    {"RABBITMQ_DEFAULT_VHOST", "default_vhost"},
    {"RABBITMQ_NODENAME", "node_name"},
    {"RABBITMQ_NODE_PORT", "listeners.tcp.default"},
    {"RABBITMQ_NODE_IP_ADDRESS", "bind"},
    {"LEPUS_PORT", "listeners.tcp.default"},
    {"LEPUS_TLS_PORT", "listeners.ssl.default"},
    {"LEPUS_MANAGEMENT_PORT", "management.tcp.port"},
    {"LEPUS_MANAGEMENT_TLS_PORT", "management.ssl.port"},
    {"LEPUS_PROMETHEUS_PORT", "prometheus.tcp.port"},
});

/// `LEPUS_` and the key in capitals, dots as underscores.
std::string environment_name(std::string_view key) {
  std::string name = "LEPUS_";
  for (const char character : key) {
    name += character == '.'
                ? '_'
                : static_cast<char>(std::toupper(static_cast<unsigned char>(character)));
  }
  return name;
}

/// The setting for a key, and what its star stands for; null if there is none.
const Setting* find_setting(std::string_view key, std::string_view* name) {
  for (const auto& setting : configuration::settings()) {
    if (configuration::matches(setting.key, key, name)) {
      return &setting;
    }
  }
  return nullptr;
}

/// Gathers the assignments of all sources in their order, and what is wrong with them.
class Loader {
 public:
  explicit Loader(const ConfigurationSources& sources) : sources_(sources) {
    result_.shards = std::clamp<std::uint32_t>(sources.cores, 1, shards_max);
  }

  Result<Configuration> load() {
    read_files();
    read_environment();
    for (const auto& assignment : sources_.command_line) {
      apply(assignment);
    }
    complete();
    if (problems_.empty()) {
      return std::move(result_);
    }
    std::string text;
    for (const auto& problem : problems_) {
      text += (text.empty() ? "" : "\n") + problem;
    }
    return fail(std::move(text));
  }

 private:
  [[nodiscard]] std::string variable(const std::string& name) const {
    const auto found = sources_.environment.find(name);
    return found == sources_.environment.end() ? "" : found->second;
  }

  void read_files() {
    const std::string named = sources_.config_file.value_or(variable("LEPUS_CONFIG"));
    if (!named.empty()) {
      read_file(named);
      return;
    }
    bool any = false;
    for (const auto* name : {"RABBITMQ_CONFIG_FILE", "RABBITMQ_CONFIG_FILES"}) {
      std::string path = variable(name);
      if (path.empty()) {
        continue;
      }
      any = true;
      std::error_code error;
      if (!std::filesystem::exists(path, error) && std::filesystem::exists(path + ".conf", error)) {
        path += ".conf";  // RabbitMQ lets the variable leave the ending off.
      }
      if (std::filesystem::exists(path, error)) {
        read_file(path);
      } else {
        result_.warnings.push_back(fmt::format("{}: there is no {}", name, path));
      }
    }
    if (!any) {
      const std::filesystem::path usual = sources_.default_config_file;
      for (const auto& path : {usual, usual.parent_path() / "conf.d"}) {
        std::error_code error;
        if (std::filesystem::exists(path, error)) {
          read_file(path.string());
        }
      }
    }
  }

  void read_file(const std::string& path) {
    auto parsed = configuration::read_configuration(path);
    if (!parsed) {
      problems_.push_back(parsed.error().text);
      return;
    }
    std::move(parsed->problems.begin(), parsed->problems.end(), std::back_inserter(problems_));
    std::move(parsed->warnings.begin(), parsed->warnings.end(),
              std::back_inserter(result_.warnings));
    for (const auto& assignment : parsed->assignments) {
      apply(assignment);
    }
  }

  void read_environment() {
    for (const auto& [name, key] : environment_names) {
      apply_variable(std::string(name), std::string(key));
    }
    for (const auto& setting : configuration::settings()) {
      if (setting.key.find('*') == std::string::npos) {
        apply_variable(environment_name(setting.key), setting.key);
      }
    }
    for (const auto& [name, value] : sources_.environment) {
      if (name.starts_with("LEPUS_") && !name.starts_with("LEPUS_TEST_") &&
          name != "LEPUS_CONFIG" && !known_variables_.contains(name)) {
        result_.warnings.push_back(fmt::format("{}: there is no such setting", name));
      }
    }
    for (const auto* name : {"RABBITMQ_ADVANCED_CONFIG_FILE", "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                             "RABBITMQ_VM_MEMORY_HIGH_WATERMARK"}) {
      if (!variable(name).empty()) {
        result_.warnings.push_back(fmt::format("{}: has no effect here", name));
      }
    }
  }

  /// An environment variable, or the file that `<name>_FILE` names; an empty one counts as unset.
  void apply_variable(const std::string& name, const std::string& key) {
    known_variables_.insert({name, name + "_FILE"});
    const std::string file = variable(name + "_FILE");
    if (!file.empty()) {
      std::ifstream stream(file, std::ios::binary);
      std::string value{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
      if (!stream) {
        problems_.push_back(fmt::format("{}_FILE: cannot read {}", name, file));
        return;
      }
      while (value.ends_with('\n') || value.ends_with('\r')) {
        value.pop_back();
      }
      apply({key, value, {OriginKind::environment, name + "_FILE"}});
    }
    const std::string value = variable(name);
    if (value.starts_with("tcp://") || value.starts_with("udp://")) {
      // Kubernetes tells the pods of a service named lepus where it is:
      // LEPUS_PORT=tcp://10.0.0.1:5672.
      result_.warnings.push_back(
          fmt::format("{}: {} describes a service and is not heeded", name, value));
    } else if (!value.empty()) {
      apply({key, value, {OriginKind::environment, name}});
    }
  }

  void apply(const Assignment& assignment) {
    std::string_view name;
    const Setting* setting = find_setting(assignment.key, &name);
    if (setting == nullptr) {
      refuse_or_ignore(assignment);
      return;
    }
    if (!setting->list_group.empty()) {
      auto& rank = list_ranks_[setting->list_group];
      if (rank != assignment.origin.kind) {
        setting->clear(result_);
        rank = assignment.origin.kind;
      }
    }
    if (const auto problem = setting->set(result_, name, assignment.value)) {
      problems_.push_back(fmt::format("{}: {} = {}: {}", assignment.origin.text, assignment.key,
                                      assignment.value, *problem));
      return;
    }
    result_.origins[setting->alias_of.empty() ? assignment.key : setting->alias_of] =
        assignment.origin;
    if (!setting->list_group.empty()) {
      result_.origins[setting->list_group] = assignment.origin;
    }
  }

  void refuse_or_ignore(const Assignment& assignment) {
    if (configuration::is_ignored_key(assignment.key)) {
      result_.warnings.push_back(
          fmt::format("{}: {} has no effect here", assignment.origin.text, assignment.key));
      return;
    }
    std::vector<std::string> keys;
    for (const auto& setting : configuration::settings()) {
      const auto star = setting.key.find('*');
      keys.push_back(star == std::string::npos ? setting.key
                                               : setting.key.substr(0, star) + "default");
    }
    const auto closest = configuration::closest_key(assignment.key, keys);
    problems_.push_back(
        fmt::format("{}: unknown key '{}'{}", assignment.origin.text, assignment.key,
                    closest.empty() ? "" : fmt::format(" (did you mean '{}'?)", closest)));
  }

  /// Whether a source of this kind or a higher one set the key.
  [[nodiscard]] bool set_by(const std::string& key, OriginKind at_least) const {
    const auto found = result_.origins.find(key);
    return found != result_.origins.end() && found->second.kind >= at_least;
  }

  /// Fills in what depends on other values, and checks what belongs together.
  void complete() {
    if (result_.node_name.empty()) {
      result_.node_name = "rabbit";
    }
    if (result_.node_name.find('@') == std::string::npos) {
      result_.node_name += "@" + sources_.host_name;
    }
    if (result_.cluster_name.empty()) {
      result_.cluster_name = result_.node_name;
    }
    const bool management_chosen = set_by("management.tcp.port", OriginKind::environment);
    if (management_chosen && !set_by("prometheus.tcp.port", OriginKind::file)) {
      result_.prometheus_listener.reset();
    }
    complete_addresses();
    complete_tls();
    complete_mechanisms();
    refuse_what_is_missing();
    warn_about_what_has_no_effect();
  }

  void complete_mechanisms() {
    std::erase_if(result_.auth_mechanisms, [this](const std::string& mechanism) {
      const bool is_offered =
          mechanism == "PLAIN" || mechanism == "AMQPLAIN" || mechanism == "EXTERNAL";
      if (!is_offered) {
        result_.warnings.push_back(
            fmt::format("auth_mechanisms: {} is not offered here", mechanism));
      }
      return !is_offered;
    });
    if (result_.auth_mechanisms.empty()) {
      problems_.emplace_back(
          "auth_mechanisms: nobody could log in; PLAIN and AMQPLAIN are offered");
    }
  }

  /// A port that was asked for and does not come would be found out too late.
  void refuse_what_is_missing() {
    const auto refuse = [this](const char* key, std::optional<Listener>& listener,
                               const char* what) {
      const auto found = result_.origins.find(key);
      if (found == result_.origins.end() || !listener) {
        return;
      }
      listener->required = false;
      const std::string text = fmt::format("{}: {} is not offered yet", found->second.text, what);
      (found->second.kind >= OriginKind::environment ? problems_ : result_.warnings)
          .push_back(text);
    };
    refuse("management.ssl.port", result_.management_tls_listener, "management over TLS");
    refuse("prometheus.tcp.port", result_.prometheus_listener, "the metrics port");
  }

  void warn_about_what_has_no_effect() {
    for (const auto* key :
         {"collect_statistics_interval", "management.path_prefix", "management.ssl.ip",
          "prometheus.path", "prometheus.return_per_object_metrics", "prometheus.tcp.ip",
          "ssl_handshake_timeout"}) {
      const auto found = result_.origins.find(key);
      if (found != result_.origins.end()) {
        result_.warnings.push_back(
            fmt::format("{}: {} has no effect here", found->second.text, key));
      }
    }
    if (result_.default_queue_type == "stream") {
      result_.warnings.emplace_back(
          "default_queue_type: only x-queue-type makes a queue a stream; the default stays "
          "classic");
    }
  }

  void complete_addresses() {
    const auto complete = [&](Listener& listener) {
      if (listener.address.empty()) {
        listener.address = result_.bind;
      }
    };
    std::for_each(result_.amqp_listeners.begin(), result_.amqp_listeners.end(), complete);
    std::for_each(result_.amqp_tls_listeners.begin(), result_.amqp_tls_listeners.end(), complete);
    for (auto* listener : {&result_.management_listener, &result_.management_tls_listener,
                           &result_.prometheus_listener}) {
      if (*listener) {
        complete(**listener);
      }
    }
    if (result_.amqp_listeners.empty() && result_.amqp_tls_listeners.empty()) {
      problems_.emplace_back("no AMQP listener is left: listeners.tcp and listeners.ssl are none");
    }
  }

  void complete_tls() {
    auto& management = result_.management_tls;
    if (management.certificate_file.empty() && management.key_file.empty()) {
      management = result_.tls;
    }
    const auto check = [&](const TlsOptions& options, std::string_view listener,
                           std::string_view prefix) {
      if (options.certificate_file.empty() || options.key_file.empty()) {
        problems_.push_back(fmt::format("{} needs a certificate: set {}.certfile and {}.keyfile",
                                        listener, prefix, prefix));
      }
    };
    if (!result_.amqp_tls_listeners.empty()) {
      check(result_.tls, "listeners.ssl", "ssl_options");
    }
    if (result_.management_tls_listener) {
      check(management, "management.ssl", "management.ssl");
    }
  }

  const ConfigurationSources& sources_;
  Configuration result_;
  std::vector<std::string> problems_;
  std::set<std::string> known_variables_;
  std::map<std::string, OriginKind> list_ranks_;
};

}  // namespace

ConfigurationSources system_configuration_sources() {
  ConfigurationSources sources;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) {
      sources.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) == 0 && host[0] != '\0') {
    sources.host_name = host.data();
    // A short name, as RabbitMQ's nodes have by default.
    sources.host_name.resize(std::min(sources.host_name.find('.'), sources.host_name.size()));
  }
  sources.cores = std::max(1U, std::thread::hardware_concurrency());
  return sources;
}

Result<Configuration> load_configuration(const ConfigurationSources& sources) {
  return Loader(sources).load();
}

std::string print_configuration(const Configuration& configuration) {
  std::vector<std::string> lines;
  for (const auto& setting : configuration::settings()) {
    if (!setting.alias_of.empty()) {
      continue;
    }
    for (auto& line : setting.print(configuration)) {
      const auto origin = configuration.origins.find(line.substr(0, line.find(" = ")));
      line += "  # " + (origin == configuration.origins.end() ? "default" : origin->second.text);
      lines.push_back(std::move(line));
    }
  }
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const auto& line : lines) {
    text += line + '\n';
  }
  return text;
}

}  // namespace lepus
