#include <cstdint>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include "amqp/basic_properties.h"
#include "amqp/content_assembler.h"
#include "amqp/field_table.h"
#include "amqp/frame_parser.h"
#include "amqp/frame_writer.h"
#include "amqp/methods/basic.h"

namespace lepus::benchmarks {

namespace {

constexpr amqp::ChannelNumber channel{1};
constexpr std::uint32_t frame_max_bytes = 131072;

std::string publish_frames(std::size_t body_bytes) {
  std::string frames;
  amqp::append_content(frames, channel,
                       amqp::BasicPublish{.exchange = "orders", .routing_key = "new.book"},
                       amqp::encode_properties({.delivery_mode = std::uint8_t{2}}),
                       std::string(body_bytes, 'x'), frame_max_bytes);
  return frames;
}

void parse_frames(benchmark::State& state) {
  const std::string frames = publish_frames(static_cast<std::size_t>(state.range(0)));
  const amqp::FrameParser parser{frame_max_bytes};
  for (auto _ : state) {
    std::string_view rest = frames;
    amqp::Frame frame;
    while (parser.parse(rest, frame) == amqp::ParseStatus::frame) {
      rest.remove_prefix(frame.wire_size_bytes());
      benchmark::DoNotOptimize(frame);
    }
  }
}

BENCHMARK(parse_frames)->Name("parse a publish, octets")->Arg(16)->Arg(1024);

void decode_publish(benchmark::State& state) {
  const std::string frames = publish_frames(16);
  amqp::Frame frame;
  static_cast<void>(amqp::FrameParser{frame_max_bytes}.parse(frames, frame));
  for (auto _ : state) {
    amqp::BasicPublish publish;
    benchmark::DoNotOptimize(
        amqp::decode_arguments(frame.payload.substr(amqp::method_ids_bytes), publish));
    benchmark::DoNotOptimize(publish);
  }
}

BENCHMARK(decode_publish)->Name("decode basic.publish");

void scan_properties(benchmark::State& state) {
  const std::string headers =
      amqp::FieldTable{{"trace", "0123456789abcdef"}, {"attempt", std::int32_t{1}}}.encode();
  const std::string properties = amqp::encode_properties({.content_type = "application/json",
                                                          .headers = amqp::FieldTableView{headers},
                                                          .delivery_mode = std::uint8_t{2}});
  for (auto _ : state) {
    amqp::PropertyScan scan;
    benchmark::DoNotOptimize(amqp::scan_properties(properties, scan));
  }
}

BENCHMARK(scan_properties)->Name("scan properties with two headers");

void encode_deliver(benchmark::State& state) {
  const std::string properties = amqp::encode_properties({.delivery_mode = std::uint8_t{2}});
  const std::string body(static_cast<std::size_t>(state.range(0)), 'x');
  std::string output;
  for (auto _ : state) {
    output.clear();
    amqp::append_content(output, channel,
                         amqp::BasicDeliver{.consumer_tag = "ctag1.0123456789abcdef",
                                            .delivery_tag = {7},
                                            .exchange = "orders",
                                            .routing_key = "new.book"},
                         properties, body, frame_max_bytes);
    benchmark::DoNotOptimize(output.data());
  }
}

BENCHMARK(encode_deliver)->Name("encode a delivery, octets")->Arg(16)->Arg(1024);

}  // namespace

}  // namespace lepus::benchmarks
