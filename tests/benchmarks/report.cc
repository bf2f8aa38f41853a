#include "tests/benchmarks/report.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace lepus::benchmarks {

namespace {

double per_second(std::uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

double us_per_message(std::int64_t cpu_ns, std::uint64_t messages) {
  return messages == 0 ? 0 : static_cast<double>(cpu_ns) / 1e3 / static_cast<double>(messages);
}

double mebibytes(std::uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

nlohmann::json latency_json(const Histogram& histogram) {
  return {{"count", histogram.count()},
          {"mean_us", histogram.mean_ns() / 1e3},
          {"p50_us", static_cast<double>(histogram.quantile_ns(0.5)) / 1e3},
          {"p99_us", static_cast<double>(histogram.quantile_ns(0.99)) / 1e3},
          {"p999_us", static_cast<double>(histogram.quantile_ns(0.999)) / 1e3},
          {"max_us", static_cast<double>(histogram.max_ns()) / 1e3}};
}

std::string latency_line(std::string_view what, const Histogram& histogram) {
  if (histogram.count() == 0) {
    return {};
  }
  const auto milliseconds = [&](double share) {
    return static_cast<double>(histogram.quantile_ns(share)) / 1e6;
  };
  return fmt::format("{:<20} p50 {:>10.3f}   p99 {:>10.3f}   p99.9 {:>10.3f}   max {:>10.3f} ms\n",
                     what, milliseconds(0.5), milliseconds(0.99), milliseconds(0.999),
                     static_cast<double>(histogram.max_ns()) / 1e6);
}

std::string count_line(std::string_view what, std::uint64_t count, double seconds,
                       std::size_t size_bytes) {
  if (count == 0) {
    return {};
  }
  const double rate = per_second(count, seconds);
  return fmt::format("{:<20} {:>12}   in {:>7.3f} s {:>12.0f}/s {:>10.1f} MB/s\n", what, count,
                     seconds, rate, rate * static_cast<double>(size_bytes) / 1e6);
}

std::string warnings(const RunResult& result) {
  std::string text;
  const auto add = [&](std::uint64_t count, std::string_view what) {
    if (count != 0) {
      text += fmt::format("ATTENTION: {} {}\n", count, what);
    }
  };
  add(result.missing(), "messages were not delivered or not confirmed");
  add(result.nacked, "messages were nacked");
  add(result.returned, "messages were returned");
  add(result.behind, "messages were due but not sent: the broker did not take the rate");
  add(result.blocked, "times the broker blocked a connection");
  return text;
}

std::string broker_lines(const RunOptions& options, const RunResult& result) {
  if (options.broker_pid == 0) {
    return {};
  }
  const ProcessUsage& start = result.start;
  const ProcessUsage& end = result.end;
  std::string text;
  if (options.consume_after_publish) {
    text += fmt::format(
        "{:<20} {:>12.3f} while publishing, {:.3f} while consuming\n", "broker CPU µs/message",
        us_per_message(result.published_all.cpu_ns - start.cpu_ns, result.published),
        us_per_message(end.cpu_ns - result.published_all.cpu_ns, result.delivered));
  }
  text += fmt::format("{:<20} {:>12.3f} (user {:.3f}, system {:.3f})\n", "broker CPU µs/message",
                      result.broker_cpu_us(),
                      us_per_message(end.user_ns - start.user_ns, result.messages()),
                      us_per_message(end.system_ns - start.system_ns, result.messages()));
  text += fmt::format("{:<20} {:>12.1f} before, {:.1f} after, {:.1f} at most MiB\n",
                      "broker memory", mebibytes(start.resident_bytes),
                      mebibytes(end.resident_bytes), mebibytes(result.broker_resident_peak_bytes));
  text += fmt::format("{:<20} {:>12.1f} MiB\n", "broker disk writes",
                      mebibytes(end.written_bytes - start.written_bytes));
  return text;
}

}  // namespace

double RunResult::publish_rate() const {
  return per_second(published, publish_s);
}

double RunResult::confirm_rate() const {
  return per_second(confirmed, confirm_s);
}

double RunResult::deliver_rate() const {
  return per_second(delivered, deliver_s);
}

std::uint64_t RunResult::messages() const {
  return delivered != 0 ? delivered : published;
}

double RunResult::broker_cpu_us() const {
  return us_per_message(end.cpu_ns - start.cpu_ns, messages());
}

double RunResult::generator_cpu_us() const {
  return us_per_message(generator_cpu_ns, messages());
}

std::uint64_t RunResult::missing() const {
  const std::uint64_t undelivered = expected > delivered ? expected - delivered : 0;
  const std::uint64_t answered = confirmed + nacked;
  const std::uint64_t unconfirmed =
      confirmed != 0 && published > answered ? published - answered : 0;
  return undelivered + unconfirmed;
}

std::string to_text(const RunOptions& options, const RunResult& result) {
  return fmt::format("scenario {}: {} publishers, {} consumers, {} queues, {} B{}{}\n",
                     options.scenario, options.publishers, options.consumers, options.queues,
                     options.size_bytes, options.persistent ? ", persistent" : "",
                     options.confirms() ? fmt::format(", {} unconfirmed", options.confirm_window)
                                        : std::string{}) +
         count_line("published", result.published, result.publish_s, options.size_bytes) +
         count_line("confirmed", result.confirmed, result.confirm_s, options.size_bytes) +
         count_line("delivered", result.delivered, result.deliver_s, options.size_bytes) +
         latency_line("publish to delivery", result.delivery_latency) +
         latency_line("publish to confirm", result.confirm_latency) +
         broker_lines(options, result) +
         fmt::format("{:<20} {:>12.3f} of this generator\n", "CPU µs/message",
                     result.generator_cpu_us()) +
         warnings(result);
}

nlohmann::json to_json(const RunOptions& options, const RunResult& result) {
  const ProcessUsage& start = result.start;
  const ProcessUsage& end = result.end;
  return {{"scenario", options.scenario},
          {"options",
           {{"publishers", options.publishers},
            {"consumers", options.consumers},
            {"queues", options.queues},
            {"channels", options.channels},
            {"size_bytes", options.size_bytes},
            {"rate_per_second", options.rate_per_second},
            {"prefetch", options.prefetch},
            {"auto_ack", options.auto_ack},
            {"ack_every", options.ack_every},
            {"confirm_window", options.confirm_window},
            {"in_flight", options.in_flight},
            {"persistent", options.persistent},
            {"durable", options.durable},
            {"queue_type", options.queue_type},
            {"queue_arguments", options.queue_arguments},
            {"exchange", options.exchange_kind},
            {"duration_s", options.duration_s},
            {"messages", options.messages}}},
          {"published", {{"count", result.published}, {"per_second", result.publish_rate()}}},
          {"confirmed", {{"count", result.confirmed}, {"per_second", result.confirm_rate()}}},
          {"delivered", {{"count", result.delivered}, {"per_second", result.deliver_rate()}}},
          {"nacked", result.nacked},
          {"returned", result.returned},
          {"behind", result.behind},
          {"blocked", result.blocked},
          {"missing", result.missing()},
          {"delivery_latency", latency_json(result.delivery_latency)},
          {"confirm_latency", latency_json(result.confirm_latency)},
          {"broker",
           {{"cpu_us_per_message", result.broker_cpu_us()},
            {"user_ns", end.user_ns - start.user_ns},
            {"system_ns", end.system_ns - start.system_ns},
            {"publish_cpu_ns", result.published_all.cpu_ns - start.cpu_ns},
            {"cpu_ns", end.cpu_ns - start.cpu_ns},
            {"resident_before_bytes", start.resident_bytes},
            {"resident_after_bytes", end.resident_bytes},
            {"resident_peak_bytes", result.broker_resident_peak_bytes},
            {"written_bytes", end.written_bytes - start.written_bytes}}},
          {"generator", {{"cpu_us_per_message", result.generator_cpu_us()}}}};
}

}  // namespace lepus::benchmarks
