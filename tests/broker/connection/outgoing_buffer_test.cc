#include "broker/connection/outgoing_buffer.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace lepus::connection {
namespace {

model::MessagePtr message_with(std::string_view body) {
  auto message = model::Message::create("", "", "", body.size(), {});
  message->append_body(body);
  return message;
}

std::string read(OutgoingBuffer& buffer, std::size_t bytes_max) {
  std::array<std::span<const char>, 3> pieces;
  std::string text;
  const std::size_t count = buffer.gather(pieces);
  for (std::size_t index = 0; index < count; ++index) {
    text.append(pieces[index].data(), pieces[index].size());
  }
  text.resize(std::min(text.size(), bytes_max));
  buffer.consume(text.size());
  return text;
}

TEST(OutgoingBuffer, GivesOctetsInTheirOrderHoweverTheyAreReadAndWritten) {
  std::mt19937 random{11};
  BlockPool pool;
  OutgoingBuffer buffer(pool);
  std::string expected;
  std::string got;
  for (int step = 0; step < 3000; ++step) {
    const std::string text(random() % 200 * (random() % 50 == 0 ? 400 : 1),
                           static_cast<char>('a' + step % 26));
    if (random() % 3 == 0) {
      const auto message = message_with(text);
      buffer.append_reference(message, message->body());
    } else {
      buffer.append(text);
    }
    expected += text;
    if (random() % 4 == 0) {
      got += read(buffer, random() % 20000);
    }
    ASSERT_EQ(buffer.size_bytes(), expected.size() - got.size());
  }
  while (!buffer.empty()) {
    got += read(buffer, SIZE_MAX);
  }
  EXPECT_EQ(got, expected);
}

TEST(OutgoingBuffer, KeepsAReferencedMessageUntilItIsWritten) {
  BlockPool pool;
  OutgoingBuffer buffer(pool);
  const std::string body(10000, 'x');
  {
    const auto message = message_with(body);
    buffer.append("<");
    buffer.append_reference(message, message->body());
    buffer.append(">");
  }
  EXPECT_EQ(read(buffer, 5000) + read(buffer, SIZE_MAX), "<" + body + ">");
}

TEST(OutgoingBuffer, DeliveriesAreDrainedOnceAllOfThemIsWritten) {
  BlockPool pool;
  OutgoingBuffer buffer(pool);
  buffer.append("first");
  buffer.end_delivery(100);
  EXPECT_EQ(buffer.waiting_cost(), 100U);
  buffer.consume(4);
  EXPECT_EQ(buffer.take_drained_cost(), 0U);
  buffer.append("second");
  buffer.end_delivery(50);
  buffer.consume(7);
  EXPECT_EQ(buffer.take_drained_cost(), 150U);
  EXPECT_EQ(buffer.take_drained_cost(), 0U);
  EXPECT_EQ(buffer.waiting_cost(), 0U);
}

}  // namespace
}  // namespace lepus::connection
