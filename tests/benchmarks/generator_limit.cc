#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>

#include "amqp/basic_properties.h"
#include "amqp/frame_writer.h"
#include "tests/benchmarks/clock.h"
#include "tests/benchmarks/consumer.h"
#include "tests/benchmarks/limit.h"
#include "tests/benchmarks/loopback.h"
#include "tests/benchmarks/publisher.h"
#include "tests/benchmarks/worker.h"

namespace lepus::benchmarks {

namespace {

void discard(int socket) {
  std::vector<char> chunk(262144);
  while (recv(socket, chunk.data(), chunk.size(), 0) > 0) {
  }
}

/// Sends deliveries in writes of about 64 KiB, as a fast broker would, until the other end closes.
void deliver(int socket, std::size_t size_bytes) {
  std::string chunk;
  const std::string body(size_bytes, '\0');
  do {
    amqp::append_content(chunk, amqp::ChannelNumber{1},
                         amqp::BasicDeliver{.consumer_tag = "amq.ctag-0123456789012345678901",
                                            .delivery_tag = {1},
                                            .routing_key = "perf-1234-0"},
                         amqp::empty_property_bytes, body, 131072);
  } while (chunk.size() < 65536);
  std::string_view rest = chunk;
  while (true) {
    const ssize_t count = send(socket, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (count < 0) {
      return;
    }
    rest.remove_prefix(static_cast<std::size_t>(count));
    if (rest.empty()) {
      rest = chunk;
    }
  }
}

/// The worker's end of the connection, non-blocking.
int take(Descriptor& descriptor) {
  fcntl(descriptor.get(), F_SETFL, O_NONBLOCK);
  return descriptor.release();
}

}  // namespace

Result<GeneratorResult> measure_generator(std::size_t size_bytes, double duration_s) {
  auto out = connect_loopback();
  auto in = connect_loopback();
  if (!out || !in) {
    return out ? in.error() : out.error();
  }
  RunOptions options;
  options.size_bytes = size_bytes;
  options.auto_ack = true;
  RunState state;
  Worker publishing{state};
  Worker consuming{state};
  publishing.add(std::make_unique<Publisher>(take(out->first), publishing.context(), options,
                                             PublishBuffer{options, "", {"perf-1234-0"}, 131072},
                                             Pace{}, 0));
  consuming.add(std::make_unique<Consumer>(take(in->first), consuming.context(), options,
                                           std::vector<std::string>{}));
  std::thread sink{discard, out->second.get()};
  std::thread source{deliver, in->second.get(), size_bytes};
  state.publish_start_ns = now_ns();
  publishing.start();
  consuming.start();
  std::this_thread::sleep_for(std::chrono::nanoseconds{to_ns(duration_s)});
  state.stop = true;
  publishing.join();
  consuming.join();
  shutdown(out->second.get(), SHUT_RDWR);
  shutdown(in->second.get(), SHUT_RDWR);
  sink.join();
  source.join();
  return GeneratorResult{.published = publishing.context().counters.published.get(),
                         .publish_cpu_ns = publishing.context().cpu_ns,
                         .delivered = consuming.context().counters.delivered.get(),
                         .deliver_cpu_ns = consuming.context().cpu_ns};
}

}  // namespace lepus::benchmarks
