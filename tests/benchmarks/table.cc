#include <algorithm>
#include <fstream>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tests/benchmarks/report.h"

namespace lepus::benchmarks {

namespace {

using Runs = std::vector<nlohmann::json>;

/// The median of one number over the runs; the lower of the two in the middle.
double median(const Runs& runs, const char* pointer) {
  std::vector<double> values;
  for (const nlohmann::json& run : runs) {
    values.push_back(run.value(nlohmann::json::json_pointer{pointer}, 0.0));
  }
  std::sort(values.begin(), values.end());
  return values[(values.size() - 1) / 2];
}

/// Deliveries if anything was delivered, else confirms, else publishes.
std::string rate_pointer(const Runs& runs) {
  for (const char* what : {"/delivered", "/confirmed"}) {
    if (median(runs, (std::string{what} + "/count").c_str()) > 0) {
      return std::string{what} + "/per_second";
    }
  }
  return "/published/per_second";
}

std::string spread(const Runs& runs, const char* pointer) {
  double lowest = runs.front().value(nlohmann::json::json_pointer{pointer}, 0.0);
  double highest = lowest;
  for (const nlohmann::json& run : runs) {
    const double value = run.value(nlohmann::json::json_pointer{pointer}, 0.0);
    lowest = std::min(lowest, value);
    highest = std::max(highest, value);
  }
  const double middle = median(runs, pointer);
  return middle > 0 ? fmt::format("{:.0f}%", 100 * (highest - lowest) / middle) : "";
}

std::string latency(const Runs& runs, const std::string& what) {
  if (median(runs, (what + "/count").c_str()) == 0) {
    return "";
  }
  return fmt::format("{:.2f} / {:.2f}", median(runs, (what + "/p50_us").c_str()) / 1e3,
                     median(runs, (what + "/p99_us").c_str()) / 1e3);
}

std::string row(const std::string& scenario, const Runs& runs) {
  const std::string rate = rate_pointer(runs);
  return fmt::format(
      "| {} | {:.0f} | {} | {:.2f} | {:.2f} | {} | {} | {:.0f} | {:.0f} |\n", scenario,
      median(runs, rate.c_str()), spread(runs, rate.c_str()),
      median(runs, "/broker/cpu_us_per_message"), median(runs, "/generator/cpu_us_per_message"),
      latency(runs, "/delivery_latency"), latency(runs, "/confirm_latency"),
      median(runs, "/broker/resident_peak_bytes") / (1 << 20), median(runs, "/missing"));
}

}  // namespace

Result<std::string> to_table(const std::vector<std::string>& files) {
  std::vector<std::string> order;
  std::map<std::string, Runs> by_scenario;
  for (const std::string& name : files) {
    std::ifstream file{name};
    nlohmann::json run = nlohmann::json::parse(file, nullptr, false);
    if (!run.is_object() || !run.contains("scenario") || !run["scenario"].is_string()) {
      return fail(fmt::format("{} is not the result of a run", name));
    }
    Runs& runs = by_scenario[run["scenario"].get<std::string>()];
    if (runs.empty()) {
      order.push_back(run["scenario"].get<std::string>());
    }
    runs.push_back(std::move(run));
  }
  std::string table =
      "| scenario | messages/s | spread | broker µs | generator µs | delivery p50 / p99 ms | "
      "confirm p50 / p99 ms | peak MiB | missing |\n"
      "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
  for (const std::string& scenario : order) {
    table += row(scenario, by_scenario[scenario]);
  }
  return {boost::system::in_place_value, std::move(table)};
}

}  // namespace lepus::benchmarks
