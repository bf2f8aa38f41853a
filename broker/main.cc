#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/command_line.h"
#include "broker/configuration.h"
#include "broker/health_client.h"
#include "broker/log.h"
#include "broker/store_commands.h"

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

/// The first SIGTERM or SIGINT asks for a stop in good order, whatever is being done when it comes;
/// the second one ends the process at once. There is one of these in the process.
class StopSignal {
 public:
  explicit StopSignal(boost::asio::io_context& context) : context_(context), end_(context) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
      throw std::system_error(errno, std::generic_category(), "cannot make a pipe for signals");
    }
    end_.assign(ends[0]);
    written_end = ends[1];
    for (const int number : {SIGTERM, SIGINT}) {
      // Not the default action, which a container's first process is spared.
      std::signal(number, note);
    }
  }

  /// Runs the context until a signal has come.
  void wait() {
    end_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    [this](const auto& /*error*/) {
                      spdlog::info("stopping: signal {}", first.load());
                      context_.stop();
                    });
    context_.run();
  }

 private:
  static void note(int number) {
    int none = 0;
    if (!first.compare_exchange_strong(none, number)) {
      ::_exit(EXIT_FAILURE);
    }
    const char octet = 0;
    static_cast<void>(!::write(written_end, &octet, 1));
  }

  static inline std::atomic<int> first{0};
  static inline int written_end = -1;

  boost::asio::io_context& context_;
  boost::asio::posix::stream_descriptor end_;
};

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
  StopSignal stop_signal(context);
  spdlog::info("{} starts on node {}, data in {}", version_text(), configuration.node_name,
               configuration.data_dir);
  Broker broker(configuration, context);
  if (auto started = broker.start(); !started) {
    broker.stop();  // It still has something to say.
    spdlog::shutdown();
    return print_error("lepus: " + started.error().text);
  }
  std::cout << broker.ready_line() << std::endl;
  spdlog::info("Server startup complete");
  stop_signal.wait();
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
  if (command_line->action == Action::run_store_tool) {
    return run_store_command(command_line->store, std::cin, std::cout, std::cerr);
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
    case Action::run_store_tool:
      return EXIT_SUCCESS;
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
