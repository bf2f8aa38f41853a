#include "broker/command_line.h"

#include <array>
#include <string_view>

#include <CLI/CLI.hpp>

namespace lepus {

namespace {

struct SettingOption {
  std::string_view flag;
  std::string_view key;
  std::string_view value_name;
  std::string_view help;
};

constexpr auto setting_options = std::to_array<SettingOption>({
    {"--port", "listeners.tcp.default", "PORT", "AMQP port (5672; 0: any free one, printed)"},
    {"--management-port", "management.tcp.port", "PORT", "management HTTP port (15672)"},
    {"--prometheus-port", "prometheus.tcp.port", "PORT",
     "metrics port (15692; off if only --management-port is given)"},
    {"--tls-port", "listeners.ssl.default", "PORT", "AMQP over TLS (off; needs a certificate)"},
    {"--management-tls-port", "management.ssl.port", "PORT", "management over TLS (off)"},
    {"--bind", "bind", "ADDRESS", "address to listen on (0.0.0.0)"},
    {"--data-dir", "data_dir", "FOLDER", "where messages are kept (./data)"},
    {"--shards", "shards", "NUMBER", "event loops, 1 to 64 (one per core)"},
    {"--store", "store", "KIND", "rocksdb, or memory for tests"},
    {"--node-name", "node_name", "NAME", "rabbit@<host>"},
});

}  // namespace

std::string version_text() {
  return "lepus " LEPUS_VERSION " (RabbitMQ-compatible 3.13.7)";
}

Result<CommandLine> parse_command_line(int argument_count, const char* const* arguments) {
  CommandLine result;
  std::array<std::string, setting_options.size()> values;
  bool print_configuration = false;
  CLI::App app{"Lepus, a message broker for RabbitMQ's clients", "lepus"};
  for (std::size_t i = 0; i < setting_options.size(); ++i) {
    const auto& option = setting_options[i];
    app.add_option(std::string(option.flag), values[i], std::string(option.help))
        ->type_name(std::string(option.value_name));
  }
  std::string config_file;
  const auto* config =
      app.add_option("--config", config_file,
                     "settings in rabbitmq.conf syntax: a file, or a folder of *.conf")
          ->type_name("FILE");
  app.add_flag("--print-config", print_configuration, "print all settings and their origin");
  app.set_version_flag("--version", version_text());
  app.fallthrough();
  add_store_commands(app, result.store);
  try {
    app.parse(argument_count, const_cast<char**>(arguments));
  } catch (const CLI::CallForVersion& version) {
    result.action = Action::print_text;
    result.text = std::string(version.what()) + '\n';
    return result;
  } catch (const CLI::CallForHelp&) {
    result.action = Action::print_text;
    result.text = app.help();
    return result;
  } catch (const CLI::ParseError& error) {
    return fail(std::string("lepus: ") + error.what() + "\nlepus --help lists the options");
  }
  for (std::size_t i = 0; i < setting_options.size(); ++i) {
    const auto& option = setting_options[i];
    if (app.count(std::string(option.flag)) != 0) {
      result.assignments.push_back({std::string(option.key),
                                    values[i],
                                    {OriginKind::command_line, std::string(option.flag)}});
    }
  }
  if (config->count() != 0) {
    result.config_file = config_file;
  }
  if (result.store.kind != StoreCommand::Kind::none) {
    result.action = Action::run_store_tool;
  } else if (print_configuration) {
    result.action = Action::print_configuration;
  }
  return result;
}

}  // namespace lepus
