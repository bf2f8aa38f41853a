#include "tests/simulation/clients.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "amqp/basic_properties.h"
#include "amqp/constants.h"
#include "amqp/content_header.h"
#include "amqp/field_table.h"
#include "amqp/frame_parser.h"
#include "amqp/printer.h"
#include "broker/connection/channel.h"
#include "tests/simulation/world.h"

namespace lepus::simulation {

std::string_view to_text(Role role) {
  switch (role) {
    case Role::publisher:
      return "publisher";
    case Role::consumer:
      return "consumer";
    case Role::getter:
      return "getter";
    case Role::transactor:
      return "transactor";
    case Role::administrator:
      return "administrator";
    case Role::drainer:
      return "drainer";
  }
  return "";
}

Client::Client(World& world, Role role, std::uint32_t number)
    : world_(world), role_(role), number_(number) {}

std::string Client::describe() const {
  std::string text = fmt::format("{} {}", to_text(role_), number_);
  if (connection_ == nullptr) {
    return text + " (cut)";
  }
  text += fmt::format(" on shard {}, {} octets to send, output {}", shard_, outgoing_.size(),
                      connection_->output().size_bytes());
  for (const auto& [number, channel] : channels_) {
    text += fmt::format("; channel {}: {} requests, {} unacked, {} consumers, {} unconfirmed{}",
                        number, channel.requests, channel.unacked.size(), channel.consumers.size(),
                        channel.publisher ? channel.publisher->unconfirmed.size() : 0,
                        channel.closing ? ", closing" : "");
  }
  return text;
}

// ---- the connection

void Client::connect() {
  shard_ = world_.random.below(world_.shard_count());
  connection_ = &world_.connections(shard_).accept(
      {.peer_host = "127.0.0.1", .peer_port = 40000, .host = "127.0.0.1", .port = 5672}, this);
  world_.touch(shard_);
  outgoing_ = amqp::protocol_header;
  stream_bytes_ = 0;
  reads_ = true;
  closed_by_broker_ = false;
  last_channel_serial_ = 0;
  amqp::FieldTable capabilities;
  capabilities.set("consumer_cancel_notify", true);
  amqp::FieldTable properties;
  properties.set("capabilities", capabilities);
  const std::string encoded = properties.encode();
  using namespace std::string_view_literals;
  send(0, amqp::ConnectionStartOk{.client_properties = {encoded},
                                  .mechanism = "PLAIN",
                                  .response = {"\0guest\0guest"sv},
                                  .locale = "en_US"});
  send(0,
       amqp::ConnectionTuneOk{.channel_max = 2047, .frame_max = frame_max_bytes, .heartbeat = 0});
  send(0, amqp::ConnectionOpen{.virtual_host = "/"});
  world_.trace("{} {} connects to shard {}", to_text(role_), number_, shard_);
  open_channel();
}

void Client::cut() {
  if (connection_ == nullptr) {
    return;
  }
  world_.trace("{} {} is cut", to_text(role_), number_);
  // In this order: the broker gives back at once what the client had.
  for (const auto& [number, channel] : channels_) {
    leave_transaction(channel);
    world_.checker.channel_closed(reference(number));
  }
  channels_.clear();
  world_.connections(shard_).remove(*std::exchange(connection_, nullptr));
  world_.touch(shard_);
  outgoing_.clear();
  incoming_.clear();
  settlings_.clear();
  content_.reset();
  awaited_.clear();
}

model::ChannelRef Client::reference(std::uint16_t channel) const {
  return {connection_->id(), channel, channels_.at(channel).serial};
}

void Client::open_channel() {
  // Numbers are used again as soon as they are free, as client libraries do.
  std::uint16_t number = 1;
  while (channels_.contains(number)) {
    ++number;
  }
  last_channel_ = number;
  ClientChannel& channel = channels_[number];
  channel.serial = ++last_channel_serial_;
  channel.observed = world_.checker.channel_opened(reference(number));
  send(number, amqp::ChannelOpen{});
  ++channel.requests;
  Random& random = world_.random;
  if (role_ == Role::publisher) {
    channel.publisher.emplace().id = world_.next_publisher();
    if (!random.one_in(8)) {
      send(number, amqp::ConfirmSelect{});
      ++channel.requests;
      channel.publisher->confirms = true;
    }
  }
  if (role_ == Role::transactor) {
    channel.publisher.emplace().id = world_.next_publisher();
    channel.transaction.emplace();
    begin_transaction(channel);
    send(number, amqp::TxSelect{});
    ++channel.requests;
  }
  if (role_ == Role::consumer || role_ == Role::transactor) {
    static constexpr std::array<std::uint16_t, 6> limits = {0, 1, 2, 3, 10, 50};
    const std::uint16_t more = world_.mutation() == Mutation::raises_prefetch ? 1 : 0;
    if (const std::uint16_t limit = limits[random.below(limits.size())]; limit != 0) {
      send(number, amqp::BasicQos{.prefetch_count = static_cast<std::uint16_t>(limit + more)});
      ++channel.requests;
      channel.observed->consumer_prefetch = limit;
    }
    if (random.one_in(3)) {
      const std::uint16_t limit = limits[1 + random.below(limits.size() - 1)];
      send(number, amqp::BasicQos{.prefetch_count = static_cast<std::uint16_t>(limit + more),
                                  .global = true});
      ++channel.requests;
      channel.observed->channel_prefetch = limit;
      channel.has_global_qos = true;
    }
    start_consumer(number, channel);
  }
}

void Client::close_channel(std::uint16_t number) {
  send(number, amqp::ChannelClose{.reply_code = 200, .reply_text = "done"});
  leave_transaction(channels_.at(number));
  channels_.at(number).closing = true;
  world_.checker.channel_closed(reference(number));
  world_.trace("{} {} closes channel {}", to_text(role_), number_, number);
}

void Client::forget_channel(std::uint16_t number) {
  leave_transaction(channels_.at(number));
  world_.checker.channel_closed(reference(number));
  channels_.erase(number);
  std::erase_if(settlings_, [number](const auto& each) { return each.channel == number; });
}

bool Client::deliver_bytes(std::size_t bytes_max) {
  if (connection_ == nullptr || outgoing_.empty() || !connection_->wants_reading()) {
    return false;
  }
  const std::size_t bytes =
      std::min({bytes_max, outgoing_.size(), connection::Connection::receive_bytes_max});
  world_.trace("{} {}: {} octets arrive", to_text(role_), number_, bytes);
  // Taken out first: what the broker does may look at this client.
  const std::string piece = outgoing_.substr(0, bytes);
  outgoing_.erase(0, bytes);
  stream_bytes_ += bytes;
  world_.touch(shard_);
  connection_->receive({piece.data(), piece.size()});
  return true;
}

bool Client::read_bytes(std::size_t bytes_max, bool forced) {
  if (connection_ == nullptr || !(reads_ || forced)) {
    return false;
  }
  connection::OutgoingBuffer& output = connection_->output();
  std::array<std::span<const char>, 8> pieces;
  const std::size_t count = output.gather(pieces);
  std::size_t bytes = 0;
  for (std::size_t index = 0; index < count; ++index) {
    const std::size_t taken = std::min(pieces[index].size(), bytes_max - bytes);
    incoming_.append(pieces[index].data(), taken);
    bytes += taken;
  }
  if (bytes == 0) {
    return false;
  }
  world_.touch(shard_);
  connection_->output_written(bytes);
  parse_input();
  return true;
}

bool Client::close_if_wished() {
  if (connection_ == nullptr) {
    return false;
  }
  const auto wish = connection_->socket_wish();
  const bool closes =
      closed_by_broker_ || wish == connection::SocketWish::close_now ||
      (wish == connection::SocketWish::close_after_output && connection_->output().empty());
  if (closes) {
    cut();
  }
  return closes;
}

void Client::turn_ended() {
  if (connection_ == nullptr || settlings_.empty() || !connection_->wants_reading() ||
      world_.connections(shard_).has_pending_work()) {
    return;
  }
  while (!settlings_.empty() && settlings_.front().stream_end <= stream_bytes_) {
    const SettlingOnItsWay sent = settlings_.front();
    settlings_.pop_front();
    connection::Channel* channel = connection_->find_channel(sent.channel);
    const bool is_closing = connection_->state() == connection::Connection::State::closing;
    if (channel != nullptr && !channel->row().closing && !is_closing) {
      world_.settling_executed(shard_, sent.settling);
    }
  }
}

bool Client::is_content() const {
  if (connection_ == nullptr) {
    return true;
  }
  return outgoing_.empty() && std::all_of(channels_.begin(), channels_.end(), [](const auto& each) {
           const ClientChannel& channel = each.second;
           return channel.requests == 0 && !channel.closing &&
                  (!channel.publisher || channel.publisher->unconfirmed.empty()) &&
                  (!channel.transaction || channel.transaction->committing.empty());
         });
}

// ---- what comes from the broker

void Client::parse_input() {
  std::string_view rest = incoming_;
  amqp::Frame frame;
  const amqp::FrameParser parser{0};
  while (connection_ != nullptr) {
    const amqp::ParseStatus status = parser.parse(rest, frame);
    if (status == amqp::ParseStatus::error) {
      world_.checker.fail("the broker has sent a broken frame to " + describe());
      break;
    }
    if (status == amqp::ParseStatus::need_more) {
      break;
    }
    rest.remove_prefix(frame.wire_size_bytes());
    handle(frame);
  }
  incoming_.erase(0, incoming_.size() - rest.size());
}

void Client::handle(const amqp::Frame& frame) {
  switch (frame.type) {
    case amqp::FrameType::method: {
      const auto method = amqp::decode_method(frame.payload);
      if (!method || content_) {
        world_.checker.fail("an unexpected method has come to " + describe());
        return;
      }
      handle_method(frame.channel.value, *method);
      return;
    }
    case amqp::FrameType::header: {
      const auto header = amqp::decode_content_header(frame.payload);
      if (!header || !content_ || content_->channel != frame.channel.value) {
        world_.checker.fail("an unexpected content header has come to " + describe());
        return;
      }
      content_->body_size_bytes = header->body_size_bytes;
      content_->properties = header->property_bytes;
      break;
    }
    case amqp::FrameType::body:
      if (!content_ || content_->channel != frame.channel.value) {
        world_.checker.fail("an unexpected body has come to " + describe());
        return;
      }
      content_->body.append(frame.payload);
      break;
    case amqp::FrameType::heartbeat:
      return;
  }
  if (content_->body.size() == content_->body_size_bytes) {
    handle_content();
    content_.reset();
  }
}

void Client::handle_method(std::uint16_t number, const amqp::AnyMethod& method) {
  if (const auto* close = std::get_if<amqp::ConnectionClose>(&method)) {
    // A get that waits for a read which fails.
    const bool is_explained = role_ == Role::getter && world_.read_faults > 0 &&
                              close->reply_text.ends_with("can't be read");
    if (!is_explained) {
      world_.checker.fail(fmt::format("the broker has closed the connection of {}: {}", describe(),
                                      close->reply_text));
    }
    closed_by_broker_ = true;
    return;
  }
  const auto found = channels_.find(number);
  if (const auto* deliver = std::get_if<amqp::BasicDeliver>(&method)) {
    content_ = Content{.channel = number,
                       .consumer_tag = std::string{deliver->consumer_tag},
                       .delivery_tag = deliver->delivery_tag.value,
                       .redelivered = deliver->redelivered};
    return;
  }
  if (const auto* got = std::get_if<amqp::BasicGetOk>(&method)) {
    content_ = Content{.channel = number,
                       .is_get = true,
                       .delivery_tag = got->delivery_tag.value,
                       .redelivered = got->redelivered};
    return;
  }
  if (found == channels_.end()) {
    return;
  }
  if (std::holds_alternative<amqp::ChannelCloseOk>(method)) {
    forget_channel(number);
    return;
  }
  if (const auto* close = std::get_if<amqp::ChannelClose>(&method)) {
    handle_close(number, *close);
    return;
  }
  if (!found->second.closing) {
    handle_answer(number, found->second, method);
  }
}

void Client::handle_close(std::uint16_t number, const amqp::ChannelClose& close) {
  world_.trace("{} {}: channel {} is closed: {}", to_text(role_), number_, number,
               close.reply_text);
  ClientChannel& channel = channels_.at(number);
  const bool is_partial = close.reply_text.ends_with("partial tx completion") &&
                          channel.transaction && !channel.transaction->committing.empty();
  if (is_partial) {
    // Of a channel that is closing, answers before this one are not looked at.
    const auto& committing = channel.transaction->committing;
    std::vector<TransactionNumber> numbers(
        committing.begin(), channel.closing ? committing.end() : committing.begin() + 1);
    world_.checker.one_transaction_was_partial(numbers);
  } else if (close.reply_code != amqp::to_number(amqp::ReplyCode::not_found)) {
    world_.checker.fail(fmt::format("the broker has closed channel {} of {}: {}", number,
                                    describe(), close.reply_text));
  }
  send(number, amqp::ChannelCloseOk{});
  if (!channel.closing) {
    forget_channel(number);
  }  // When both sides close, close-ok is still to come.
}

void Client::handle_answer(std::uint16_t number, ClientChannel& channel,
                           const amqp::AnyMethod& method) {
  if (const auto* ack = std::get_if<amqp::BasicAck>(&method)) {
    handle_confirm(channel, ack->delivery_tag.value, ack->multiple, false);
    return;
  }
  if (const auto* nack = std::get_if<amqp::BasicNack>(&method)) {
    handle_confirm(channel, nack->delivery_tag.value, nack->multiple, true);
    return;
  }
  if (const auto* cancel = std::get_if<amqp::BasicCancel>(&method)) {
    channel.consumers.erase(std::string{cancel->consumer_tag});
    return;
  }
  if (const auto* cancel = std::get_if<amqp::BasicCancelOk>(&method)) {
    channel.consumers.erase(std::string{cancel->consumer_tag});
  }
  if (std::holds_alternative<amqp::BasicGetEmpty>(method) && !channel.gets.empty()) {
    channel.gets.pop_front();
  }
  if (std::holds_alternative<amqp::TxCommitOk>(method) && channel.transaction &&
      !channel.transaction->committing.empty()) {
    world_.trace("a transaction of {} {} is committed", to_text(role_), number_);
    world_.checker.transaction_committed(channel.transaction->committing.front());
    channel.transaction->committing.pop_front();
  }
  if (std::holds_alternative<amqp::BasicRecoverOk>(method)) {
    channel.recovering = false;
  }
  const bool is_awaited = std::holds_alternative<amqp::QueuePurgeOk>(method) ||
                          std::holds_alternative<amqp::QueueBindOk>(method) ||
                          std::holds_alternative<amqp::QueueUnbindOk>(method);
  if (is_awaited && !awaited_.empty()) {
    awaited_.front()();
    awaited_.pop_front();
  }
  if (channel.requests == 0) {
    world_.checker.fail(fmt::format("an answer too many on channel {} of {}: {}", number,
                                    describe(), amqp::to_log_line(method)));
    return;
  }
  --channel.requests;
}

void Client::handle_confirm(ClientChannel& channel, std::uint64_t number, bool multiple,
                            bool refused) {
  if (!channel.publisher || number > channel.publisher->last_number) {
    world_.checker.fail("a confirm of something that was not published, to " + describe());
    return;
  }
  auto& unconfirmed = channel.publisher->unconfirmed;
  auto first = multiple ? unconfirmed.begin() : unconfirmed.find(number);
  if (first == unconfirmed.end() || first->first > number) {
    world_.checker.fail(fmt::format("a second confirm of {} to {}", number, describe()));
    return;
  }
  for (const auto last = unconfirmed.upper_bound(number); first != last;
       first = unconfirmed.erase(first)) {
    world_.trace("{} is {}", to_text(first->second.front()), refused ? "refused" : "confirmed");
    world_.checker.answered(first->second, refused);
  }
}

void Client::handle_content() {
  const auto found = channels_.find(content_->channel);
  if (found == channels_.end() || found->second.closing) {
    return;
  }
  ClientChannel& channel = found->second;
  MessageName name;
  if (!read_body(content_->body, name.publisher, name.number)) {
    world_.checker.fail("a damaged body has come to " + describe());
    return;
  }
  name.first_death = world_.deaths(content_->properties).first_queue;
  bool no_ack = false;
  if (content_->is_get) {
    if (channel.gets.empty() || channel.requests == 0) {
      world_.checker.fail("get-ok without a get, to " + describe());
      return;
    }
    name.queue = channel.gets.front().queue;
    no_ack = channel.gets.front().no_ack;
    channel.gets.pop_front();
    --channel.requests;
  } else {
    const auto consumer = channel.consumers.find(content_->consumer_tag);
    if (consumer == channel.consumers.end()) {
      world_.checker.fail("a delivery for a consumer that is gone, to " + describe());
      return;
    }
    name.queue = consumer->second.queue;
    no_ack = consumer->second.no_ack;
  }
  world_.trace("{} {} has got {} as {} of channel {}", to_text(role_), number_, to_text(name),
               content_->delivery_tag, content_->channel);
  if (!no_ack && !channel.recovering) {
    channel.unacked.emplace(content_->delivery_tag, Unacked{name, content_->consumer_tag});
  }
}

}  // namespace lepus::simulation
