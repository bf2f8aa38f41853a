#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/command_line.h"
#include "broker/configuration.h"
#include "broker/health_client.h"
#include "broker/log.h"

namespace {

using namespace lepus;

int print_error(const std::string& text) {
  std::cerr << text << '\n';
  return EXIT_FAILURE;
}

/// Each connection is a descriptor, and the soft limit is low by custom, for select()'s sake.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

/// Waits for SIGTERM or SIGINT; from then on a second one ends the process at once.
void wait_for_stop_signal(boost::asio::io_context& context, boost::asio::signal_set& signals) {
  signals.async_wait([&context](const auto& /*error*/, int number) {
    spdlog::info("stopping: signal {}", number);
    context.stop();
  });
  context.run();
  // Not the default action, which a container's first process is spared.
  signals.clear();
  for (const int number : {SIGTERM, SIGINT}) {
    std::signal(number, [](int) { ::_exit(EXIT_FAILURE); });
  }
}

int serve(const Configuration& configuration) {
  if (auto started = start_log(configuration); !started) {
    return print_error("lepus: " + started.error().text);
  }
  for (const std::string& warning : configuration.warnings) {
    spdlog::warn("{}", warning);
  }
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  // Before the threads start, so that an early signal stops in good order too.
  boost::asio::io_context context(1);
  boost::asio::signal_set signals(context, SIGTERM, SIGINT);
  spdlog::info("{} starts on node {}, data in {}", version_text(), configuration.node_name,
               configuration.data_dir);
  Broker broker(configuration, context);
  if (auto started = broker.start(); !started) {
    spdlog::shutdown();
    return print_error("lepus: " + started.error().text);
  }
  std::cout << broker.ready_line() << std::endl;
  spdlog::info("Server startup complete");
  wait_for_stop_signal(context, signals);
  broker.stop();
  spdlog::info("stopped");
  spdlog::shutdown();
  return EXIT_SUCCESS;
}

int run_tool(const std::vector<std::string>& arguments) {
  const auto configuration = load_configuration(system_configuration_sources());
  if (!configuration) {
    return print_error(configuration.error().text);
  }
  return run_rabbitmq_tool(arguments, *configuration, std::cout, std::cerr);
}

int run(int argument_count, char** arguments) {
  if (is_rabbitmq_tool(arguments[0])) {
    return run_tool({arguments + 1, arguments + argument_count});
  }
  auto command_line = parse_command_line(argument_count, arguments);
  if (!command_line) {
    return print_error(command_line.error().text);
  }
  if (command_line->action == Action::print_text) {
    std::cout << command_line->text;
    return EXIT_SUCCESS;
  }
  ConfigurationSources sources = system_configuration_sources();
  if (command_line->config_file) {
    sources.config_file = command_line->config_file;
  }
  sources.command_line = command_line->assignments;
  const auto configuration = load_configuration(sources);
  if (!configuration) {
    return print_error(configuration.error().text);
  }
  switch (command_line->action) {
    case Action::serve:
      return serve(*configuration);
    case Action::print_configuration:
      std::cout << print_configuration(*configuration);
      return EXIT_SUCCESS;
    case Action::print_text:
      return EXIT_SUCCESS;
    case Action::repair_store:
      return print_error("lepus: this version cannot repair a store yet");
  }
  return EXIT_FAILURE;
}

}  // namespace

int main(int argument_count, char** arguments) {
  try {
    return run(argument_count, arguments);
  } catch (const std::exception& error) {
    return print_error("lepus: " + std::string(error.what()));
  }
}
