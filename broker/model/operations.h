#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "amqp/field_table.h"
#include "broker/model/ids.h"
#include "broker/model/message.h"
#include "broker/model/protocol_error.h"
#include "storage/cut_gate.h"

namespace lepus::model {

struct QueueRecord;

// ---- From a channel's shard to the shard that owns the queue

/// A routed message for one queue.
struct Publish {
  QueueId queue{};
  MessagePtr message;
  PublisherRef publisher;
  ShardIndex from = 0;  ///< the sender, who is told by PublishesTaken
};

/// What basic.consume asks for.
struct ConsumerSpecification {
  ConsumerId id = ConsumerId::none;
  ChannelRef channel;
  std::string tag;
  bool no_ack = false;
  bool exclusive = false;
  std::uint16_t prefetch_count = 0;  ///< 0: no limit of its own
  /// basic.qos global=true: each delivery needs a token of the channel's, which an acknowledgement
  /// gives back. Without acknowledgements (no_ack) one is needed too, but not used up.
  bool channel_limited = false;
  bool wants_cancel_notify = false;  ///< the client has the capability consumer_cancel_notify
  std::int32_t priority = 0;         ///< x-priority
  amqp::FieldTable arguments;
  std::string user;  ///< for management
};

/// Answered by Started.
struct StartConsumer {
  std::shared_ptr<QueueRecord> queue;
  ConsumerSpecification consumer;
  RequestId request;
};

/// basic.cancel: answered by Done. Unacked messages stay unacked.
struct CancelConsumer {
  QueueId queue{};
  ConsumerId consumer = ConsumerId::none;
  RequestId request;
};

/// basic.get. Answered by Got.
struct GetMessage {
  std::shared_ptr<QueueRecord> queue;
  bool no_ack = false;
  RequestId request;
};

/// What became of delivered messages.
enum class Settlement {
  ack,      ///< done with
  reject,   ///< not to be delivered again: dead-lettered or dropped
  requeue,  ///< back to its old place, redelivered
};

/// Settles deliveries of one consumer (or of basic.get: none).
struct Settle {
  QueueId queue{};
  ConsumerId consumer = ConsumerId::none;
  Settlement settlement = Settlement::ack;
  std::vector<MessagePlace> places;
};

/// What one shard has to do of a group.
struct GroupPart {
  std::vector<std::variant<Publish, Settle>> changes;
  std::vector<PublisherRef> waiters;  ///< answered by Confirmed when the part is committed
};

/// Changes to queues of several shards that belong together, for the sequencer.
struct SubmitGroup {
  std::map<ShardIndex, GroupPart> parts;
};

/// A shard's part of some groups, to be committed with the other shards' parts of the same cut.
struct CommitGroups {
  storage::Cut cut;  ///< number 0: this part is the whole group
  GroupPart part;
};

/// The channel is gone: its consumers of the queue end, and all that they or its basic.gets have of
/// it goes back, in one step, so that nobody gets a later message before. Also what is still on its
/// way to the channel. Answered by Done; an auto-delete queue without consumers has ended then.
struct LeaveQueue {
  struct Holder {
    ConsumerId consumer = ConsumerId::none;
    bool is_running = false;           ///< it was not cancelled before
    std::vector<MessagePlace> places;  ///< what the channel knows of
    /// Of a running one: what a group acks or rejects that is on its way by the sequencer.
    std::vector<MessagePlace> in_groups;
  };

  QueueId queue{};
  std::vector<Holder> holders;
  RequestId request;
};

/// queue.purge. Answered by Counted.
struct PurgeQueue {
  std::shared_ptr<QueueRecord> queue;
  RequestId request;
};

/// queue.delete. Answered by Counted once the deletion is committed; if a condition fails, by
/// Counted with the error.
struct DeleteQueue {
  std::shared_ptr<QueueRecord> queue;
  bool if_unused = false;
  bool if_empty = false;
  RequestId request;
};

/// Ready messages and consumers, for queue.declare-ok. Counts as use for x-expires. Answered by
/// Counted.
struct QueryQueue {
  std::shared_ptr<QueueRecord> queue;
  RequestId request;
};

/// What one delivery counts in a connection's output window, for the queue that sends it and for
/// the connection that tells OutputDrained.
inline std::uint64_t delivery_cost_bytes(const Message& message) {
  return message.body().size() + 256;
}

/// Bytes of deliveries (see delivery_cost_bytes) that left this connection's output buffer: room
/// for as many new ones.
struct OutputDrained {
  ConnectionId connection = ConnectionId::none;
  std::uint64_t bytes = 0;
};

/// Permission for `count` deliveries to a channel-limited consumer, asked for by TokenRequest. A
/// queue that has nothing for them gives them back by TokenReturn.
struct TokenGrant {
  QueueId queue{};
  ConsumerId consumer = ConsumerId::none;
  std::uint32_t count = 0;
};

/// The channel's limit was lifted or set while the consumer runs.
struct ChangeChannelLimit {
  QueueId queue{};
  ConsumerId consumer = ConsumerId::none;
  bool channel_limited = false;
};

/// The connection is gone: its output window is forgotten. Its consumers were cancelled before.
struct ConnectionGone {
  ConnectionId connection = ConnectionId::none;
};

// ---- From the owner back to the channel's shard

/// One message for one consumer.
struct Deliver {
  ChannelRef channel;
  ConsumerId consumer = ConsumerId::none;
  QueueId queue{};
  ShardIndex owner = 0;  ///< of the queue, which may be gone when the message comes
  MessagePlace place;
  MessagePtr message;
  bool redelivered = false;
  bool no_ack = false;
  std::uint32_t delivery_count =
      0;  ///< earlier deliveries that were returned; for x-delivery-count
};

/// Publishes of one channel that this queue has answered for.
struct Confirmed {
  ChannelRef channel;
  std::vector<std::uint64_t> numbers;
  bool refused = false;  ///< basic.nack: not taken, or not known to be safe
};

/// Answers StartConsumer.
struct Started {
  RequestId request;
  std::optional<ProtocolError> error;
};

/// Answers a request that has nothing to tell, and tells that the topology's log is committed
/// (WaitForTopology).
struct Done {
  RequestId request;
  std::optional<ProtocolError> error;
};

/// Answers QueryQueue, PurgeQueue and DeleteQueue.
struct Counted {
  RequestId request;
  std::optional<ProtocolError> error;
  std::uint64_t message_count = 0;
  std::uint32_t consumer_count = 0;
};

/// Answers GetMessage; no message: basic.get-empty.
struct Got {
  RequestId request;
  std::optional<ProtocolError> error;
  MessagePtr message;
  QueueId queue{};
  MessagePlace place;
  bool redelivered = false;
  bool no_ack = false;  ///< settled already
  std::uint32_t delivery_count = 0;
  std::uint64_t message_count = 0;  ///< ready messages left
};

/// The queue ended this consumer: basic.cancel for clients that know it.
struct ConsumerCancelled {
  ChannelRef channel;
  ConsumerId consumer = ConsumerId::none;
};

/// A channel-limited consumer has messages waiting and no token.
struct TokenRequest {
  ChannelRef channel;
  QueueId queue{};
  ConsumerId consumer = ConsumerId::none;
};

/// Tokens that the queue had no use for.
struct TokenReturn {
  ChannelRef channel;
  ConsumerId consumer = ConsumerId::none;
  std::uint32_t count = 0;
};

/// A message for a direct reply-to consumer (amq.rabbitmq.reply-to.…, the message's routing key) of
/// another shard's channel. Dropped there if the consumer is gone by then.
struct DirectReply {
  ChannelRef channel;
  std::uint64_t key = 0;  ///< the random part of the name
  MessagePtr message;
};

/// connection.close with CONNECTION_FORCED and this text.
struct CloseConnection {
  ConnectionId connection = ConnectionId::none;
  std::string text;
};

/// An owner has too many bytes waiting for the store (or no longer): connections that publish to it
/// stop or start being read.
struct OwnerCongested {
  ShardIndex owner = 0;
  bool congested = false;
};

/// Publishes that the owner has taken out of its mailbox, for the sender's window (see
/// PublishWindows).
struct PublishesTaken {
  ShardIndex owner = 0;
  std::uint64_t bytes = 0;
};

/// Everything that crosses from one shard to another, in the order in which it was sent.
using Operation =
    std::variant<Publish, StartConsumer, CancelConsumer, GetMessage, Settle, LeaveQueue, PurgeQueue,
                 DeleteQueue, QueryQueue, OutputDrained, TokenGrant, ChangeChannelLimit,
                 ConnectionGone, Deliver, Confirmed, Started, Done, Counted, Got, ConsumerCancelled,
                 TokenRequest, TokenReturn, DirectReply, CloseConnection, OwnerCongested,
                 PublishesTaken, SubmitGroup, CommitGroups>;

/// One direction of a pair of shards at a time: send() collects, the transport (or the simulator)
/// carries the batch over at the end of the sender's turn and calls Shard::receive() there.
class Mailboxes {
 public:
  virtual ~Mailboxes() = default;
  virtual void send(ShardIndex to, Operation operation) = 0;
};

/// What a shard's queues tell the connections that live on the same shard. Implemented in
/// broker/connection. None of these may call back into the shard at once with a settlement of the
/// same delivery.
class ConnectionHost {
 public:
  virtual ~ConnectionHost() = default;
  virtual void deliver(Deliver&& delivery) = 0;
  virtual void confirmed(Confirmed&& confirmed) = 0;
  virtual void started(Started&& answer) = 0;
  virtual void done(Done&& answer) = 0;
  virtual void counted(Counted&& answer) = 0;
  virtual void got(Got&& answer) = 0;
  virtual void consumer_cancelled(ConsumerCancelled&& notice) = 0;
  virtual void token_requested(TokenRequest&& request) = 0;
  virtual void tokens_returned(TokenReturn&& tokens) = 0;
  virtual void direct_reply(DirectReply&& reply) = 0;
  virtual void close_connection(CloseConnection&& request) = 0;
  virtual void owner_congested(OwnerCongested&& notice) = 0;
};

}  // namespace lepus::model
