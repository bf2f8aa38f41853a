// lepus-store-perf: measures the store without the broker. Prints JSON.

#include <cstdio>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/benchmarks/storage/store_load.h"

namespace lepus::benchmarks {

namespace {

int complain(std::string_view text) {
  fmt::print(stderr, "lepus-store-perf: {}\n", text);
  return 1;
}

int execute_write(const StoreLoad& load) {
  auto result = run_store_load(load);
  if (!result) {
    return complain(result.error().text);
  }
  const auto messages = static_cast<double>(load.messages);
  fmt::print("{}\n", nlohmann::json{{"messages", load.messages},
                                    {"commits", result->commits},
                                    {"seconds", result->seconds},
                                    {"per_second", messages / result->seconds},
                                    {"cpu_us_per_message",
                                     static_cast<double>(result->cpu_ns) / 1e3 / messages},
                                    {"written_bytes", result->written_bytes}}
                         .dump());
  return 0;
}

int execute_progress(const std::string& folder) {
  auto sizes = read_progress_sizes(folder);
  if (!sizes) {
    return complain(sizes.error().text);
  }
  fmt::print("{}\n", nlohmann::json{{"queues", sizes->queues},
                                    {"largest_bytes", sizes->largest_bytes},
                                    {"stored_messages", sizes->stored_messages}}
                         .dump());
  return 0;
}

int execute(int argc, char** argv) {
  StoreLoad load;
  std::string folder;
  CLI::App app{"Measures the store of Lepus without the broker; prints JSON."};
  app.require_subcommand(1);
  CLI::App& write =
      *app.add_subcommand("write", "write messages to one queue, every commit synced");
  write.add_option("--directory", load.folder, "a new data directory")->required();
  write.add_option("--size", load.size_bytes, "octets of a body")->capture_default_str();
  write.add_option("--messages", load.messages)->capture_default_str();
  write.add_option("--per-commit", load.messages_per_commit)->capture_default_str();
  write.add_option("--settled-after", load.settled_after_commits, "commits; 0 is never")
      ->capture_default_str();
  CLI::App& progress =
      *app.add_subcommand("progress", "sizes of the progress records of a stopped broker");
  progress.add_option("directory", folder, "its data directory")->required();
  CLI11_PARSE(app, argc, argv);
  return write.parsed() ? execute_write(load) : execute_progress(folder);
}

}  // namespace

}  // namespace lepus::benchmarks

int main(int argc, char** argv) {
  return lepus::benchmarks::execute(argc, argv);
}
