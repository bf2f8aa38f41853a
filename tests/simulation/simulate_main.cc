// Runs seeds of the simulation: simulate [--seed N] [--count K] [--steps M] [--shards S]
// [--store memory|rocksdb] [--verbose]

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/simulation/simulation.h"

int main(int argument_count, char** arguments) {
  lepus::simulation::WorldOptions options{.seed = 1, .shards = 0};
  std::size_t steps = 2000;
  std::uint64_t count = 1;
  for (int index = 1; index < argument_count; ++index) {
    const std::string_view option = arguments[index];
    if (option == "--verbose") {
      options.verbose = true;
      continue;
    }
    if (index + 1 == argument_count) {
      std::fprintf(stderr, "%s needs a number\n", arguments[index]);
      return EXIT_FAILURE;
    }
    if (option == "--store") {
      options.store = std::string_view(arguments[++index]) == "rocksdb"
                          ? lepus::simulation::StoreKind::rocksdb
                          : lepus::simulation::StoreKind::memory;
      continue;
    }
    const std::uint64_t value = std::strtoull(arguments[++index], nullptr, 10);
    if (option == "--seed") {
      options.seed = value;
    } else if (option == "--count") {
      count = value;
    } else if (option == "--steps") {
      steps = value;
    } else if (option == "--shards") {
      options.shards = static_cast<std::uint32_t>(value);
    } else if (option == "--mutation") {
      options.mutation = static_cast<lepus::simulation::Mutation>(value);
    } else {
      std::fprintf(stderr, "unknown option %s\n", arguments[index - 1]);
      return EXIT_FAILURE;
    }
  }
  std::uint64_t failures = 0;
  std::uint64_t emissions = 0;
  std::uint64_t confirms = 0;
  std::uint64_t crashes = 0;
  std::uint64_t interrupted_starts = 0;
  std::uint64_t store_faults = 0;
  std::uint64_t read_faults = 0;
  for (const std::uint64_t last = options.seed + count; options.seed < last; ++options.seed) {
    const auto result = lepus::simulation::run_simulation(options, steps);
    emissions += result.emissions;
    confirms += result.confirms;
    crashes += result.crashes;
    interrupted_starts += result.interrupted_starts;
    store_faults += result.store_faults;
    read_faults += result.read_faults;
    if (!result.violation.empty()) {
      ++failures;
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(options.seed),
                  result.violation.c_str());
    }
    if (count == 1) {
      std::printf("fingerprint %016llx\n", static_cast<unsigned long long>(result.fingerprint));
    }
  }
  std::printf(
      "%llu runs, %llu failed; %llu deliveries, %llu confirms, %llu restarts, "
      "%llu interrupted starts, %llu failed writes, %llu failed reads\n",
      static_cast<unsigned long long>(count), static_cast<unsigned long long>(failures),
      static_cast<unsigned long long>(emissions), static_cast<unsigned long long>(confirms),
      static_cast<unsigned long long>(crashes), static_cast<unsigned long long>(interrupted_starts),
      static_cast<unsigned long long>(store_faults), static_cast<unsigned long long>(read_faults));
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
