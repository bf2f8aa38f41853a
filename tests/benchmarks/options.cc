#include "tests/benchmarks/options.h"

#include <array>

#include <fmt/format.h>

namespace lepus::benchmarks {

namespace {

void transient_16(RunOptions& options) {
  options.size_bytes = 16;
  options.auto_ack = true;
}

void transient_1k(RunOptions& options) {
  options.size_bytes = 1024;
  options.auto_ack = true;
}

void persistent(RunOptions& options) {
  options.durable = true;
  options.persistent = true;
  options.size_bytes = 1024;
  options.confirm_window = 5000;
  options.prefetch = 2000;
  options.ack_every = 200;
}

void persistent_1k_behind(RunOptions& options) {
  persistent(options);
  options.consumer_delay_s = 2;
}

void persistent_64k(RunOptions& options) {
  persistent(options);
  options.size_bytes = 65536;
  options.confirm_window = 200;
  options.prefetch = 200;
  options.ack_every = 20;
}

void single_confirm(RunOptions& options) {
  persistent(options);
  options.confirm_window = 1;
  options.consumers = 0;
}

void many_confirm(RunOptions& options) {
  single_confirm(options);
  options.publishers = 200;
}

void fanout_100(RunOptions& options) {
  options.exchange_kind = "fanout";
  options.auto_ack = true;
  options.queues = 100;
  options.consumers = 100;
  options.in_flight = 100;
}

void drain(RunOptions& options) {
  persistent(options);
  options.consume_after_publish = true;
}

void rate_20k(RunOptions& options) {
  persistent(options);
  options.rate_per_second = 20000;
  options.ack_every = 1;
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all{
      {"transient-16", "1 publisher, 1 consumer, 16 B, transient, automatic acks", transient_16},
      {"transient-1k", "the same with 1 KiB", transient_1k},
      {"persistent-1k",
       "1 publisher, 1 consumer, 1 KiB, persistent, 5000 unconfirmed, prefetch 2000, ack every 200",
       persistent},
      {"persistent-1k-behind", "the same, the consumer starts 2 s late", persistent_1k_behind},
      {"persistent-64k", "the same with 64 KiB, 200 unconfirmed, prefetch 200, ack every 20",
       persistent_64k},
      {"single-confirm", "1 publisher that waits for each confirm, 1 KiB, persistent, no consumer",
       single_confirm},
      {"many-confirm", "200 such publishers", many_confirm},
      {"fanout-100",
       "1 publisher, fanout to 100 queues with a consumer each, 16 B, 100 publishes in flight",
       fanout_100},
      {"drain", "as persistent-1k, consumed only when everything is published", drain},
      {"rate-20k", "as persistent-1k at 20,000 messages/s, each acked by itself: latency",
       rate_20k},
  };
  return all;
}

Result<void> apply_scenario(std::string_view name, RunOptions& options) {
  for (const Scenario& scenario : scenarios()) {
    if (scenario.name == name) {
      scenario.apply(options);
      options.scenario = name;
      return {};
    }
  }
  return fail(fmt::format("there is no scenario '{}'", name));
}

Result<void> check(const RunOptions& options) {
  if (options.publishers == 0 && options.consumers == 0) {
    return fail("neither publishers nor consumers");
  }
  if (options.queues == 0 || options.channels == 0 || options.publisher_threads == 0 ||
      options.consumer_threads == 0) {
    return fail("queues, channels and threads are at least 1");
  }
  if (options.delays() &&
      (options.exchange_kind == "default" || options.delay_min_ms > options.delay_max_ms)) {
    return fail("--delay-max needs an --exchange, and is not below --delay-min");
  }
  if (options.bindings != 0 && options.exchange_kind != "direct" &&
      options.exchange_kind != "topic") {
    return fail("--bindings needs --exchange direct or topic");
  }
  if (options.distinct_keys == 0 ||
      (options.exchange_kind == "direct" && options.distinct_keys > 1 &&
       options.distinct_keys > options.bindings)) {
    return fail("--distinct-keys is at least 1, and for a direct exchange at most --bindings");
  }
  if (options.ack_every == 0) {
    return fail("--ack-every is at least 1");
  }
  if (!options.auto_ack && options.prefetch != 0 && options.ack_every > options.prefetch) {
    return fail("--ack-every above --prefetch: the broker would wait for ever");
  }
  if (options.in_flight != 0 && (options.consumers == 0 || options.consume_after_publish)) {
    return fail("--in-flight needs consumers from the start");
  }
  if (options.tick_us == 0 || options.rate_per_second < 0) {
    return fail("--tick-us is at least 1, and --rate not negative");
  }
  constexpr std::array<std::string_view, 5> kinds{"default", "direct", "fanout", "topic",
                                                  "headers"};
  for (const std::string_view kind : kinds) {
    if (kind == options.exchange_kind) {
      return {};
    }
  }
  return fail(fmt::format("--exchange '{}' is none of default, direct, fanout, topic, headers",
                          options.exchange_kind));
}

}  // namespace lepus::benchmarks
