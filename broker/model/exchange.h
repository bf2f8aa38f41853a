#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "amqp/basic_properties.h"
#include "amqp/field_table.h"
#include "broker/model/binding.h"
#include "broker/model/protocol_error.h"
#include "storage/types.h"

namespace lepus::model {

class Policy;

/// The types of AMQP, then those that RabbitMQ has as plugins.
enum class ExchangeType {
  direct,
  fanout,
  topic,
  headers,
  consistent_hash,
  random,
  modulus_hash,
  local_random,
  delayed_message
};

inline constexpr std::array exchange_types{
    ExchangeType::direct,       ExchangeType::fanout,          ExchangeType::topic,
    ExchangeType::headers,      ExchangeType::consistent_hash, ExchangeType::random,
    ExchangeType::modulus_hash, ExchangeType::local_random,    ExchangeType::delayed_message,
};

/// "direct", …, "x-consistent-hash", "x-random", "x-modulus-hash", "x-local-random",
/// "x-delayed-message".
[[nodiscard]] std::string_view name_of(ExchangeType type);
/// One sentence for the management API.
[[nodiscard]] std::string_view description_of(ExchangeType type);
[[nodiscard]] std::optional<ExchangeType> exchange_type_from(std::string_view name);
/// 503 for a name that is not known.
[[nodiscard]] Checked<ExchangeType> check_exchange_type(std::string_view name);

/// Which queue, and where it lives.
struct QueuePlace {
  QueueId id{};
  PartitionIndex partition = 0;
  ShardIndex owner = 0;  ///< the shard that has the partition in this run
};

/// What an exchange was declared with.
struct ExchangeRecord {
  std::string vhost;
  std::string name;  ///< empty: the default exchange
  ExchangeType type = ExchangeType::direct;
  bool durable = false;
  bool auto_delete = false;
  bool internal = false;
  amqp::FieldTable arguments;
  std::string user;             ///< who declared it; "rmq-internal" for the predeclared ones
  QueuePlace delay_queue = {};  ///< of x-delayed-message
};

/// "exchange 'x' in vhost '/'", as RabbitMQ's error texts have it.
[[nodiscard]] std::string describe_exchange(std::string_view vhost, std::string_view name);

/// 406 for arguments that an exchange of this type can't be made with, or nothing.
[[nodiscard]] std::optional<ProtocolError> check_type_arguments(const ExchangeRecord& record);

/// What of a message decides where it goes.
struct RoutingInput {
  /// At least one: its own, then those of the headers CC and BCC.
  std::span<const std::string_view> routing_keys;
  const amqp::FieldTable* headers = nullptr;          ///< null: the message has none
  const amqp::BasicProperties* properties = nullptr;  ///< null: they are not known
};

/// An exchange and the index of its bindings. Everything of the record is immutable and may be read
/// by any thread for as long as the pointer is held; the bindings and the policy belong to the
/// topology and are touched under its lock only.
class Exchange {
 public:
  /// An exchange of the record's type, without bindings.
  static std::shared_ptr<Exchange> create(ExchangeRecord record);

  virtual ~Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  [[nodiscard]] const ExchangeRecord& record() const { return record_; }

  [[nodiscard]] const std::string& vhost() const { return record_.vhost; }

  [[nodiscard]] const std::string& name() const { return record_.name; }

  [[nodiscard]] ExchangeType type() const { return record_.type; }

  [[nodiscard]] bool is_durable() const { return record_.durable; }

  [[nodiscard]] bool is_auto_delete() const { return record_.auto_delete; }

  [[nodiscard]] bool is_internal() const { return record_.internal; }

  [[nodiscard]] bool is_default() const { return record_.name.empty(); }

  [[nodiscard]] const amqp::FieldTable& arguments() const { return record_.arguments; }

  [[nodiscard]] std::string described() const;

  /// Changes whenever anything changes that a message published here may reach. Any thread.
  [[nodiscard]] std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

  // ---- under the topology's lock
  /// The alternate exchange: the argument's, else the policy's.
  [[nodiscard]] const std::optional<std::string>& alternate() const { return alternate_; }

  /// The policy that is in force, or null.
  [[nodiscard]] const std::shared_ptr<const Policy>& policy() const { return policy_; }

  /// Takes the policy, which may change the alternate exchange.
  void set_policy(std::shared_ptr<const Policy> policy);

  void raise_version() { version_.fetch_add(1, std::memory_order_release); }

  /// Puts the binding into the index and the list of bindings with this source.
  void add_binding(Binding& binding);
  void remove_binding(Binding& binding);
  /// Appends every binding that the message matches.
  virtual void match(const RoutingInput& input, std::vector<const Binding*>& matched) const = 0;

  /// Bindings and routing keys decide alone, so that a route may be kept. If not, the message's
  /// properties or chance have a say. Any thread.
  [[nodiscard]] virtual bool routes_by_keys_alone() const { return true; }

  /// Where messages with a delay go, of a type that delays; else null. Any thread.
  [[nodiscard]] virtual const std::shared_ptr<QueueRecord>* delay_queue() const { return nullptr; }

  /// 406 for a binding that an exchange of this type can't have, or nothing.
  /// @param queue  the destination, null if it is an exchange
  [[nodiscard]] virtual std::optional<ProtocolError> check_binding(
      const BindingDescription& binding, const QueueRecord* queue) const;

  BindingSourceList bindings_from;     ///< this exchange is the source
  BindingDestinationList bindings_to;  ///< this exchange is the destination
  /// The batch that made it, 0: nothing to wait for.
  storage::BatchNumber declared_in = 0;

 protected:
  explicit Exchange(ExchangeRecord record);

  /// For a type that leaves its index to another one.
  static void index_in(Exchange& other, Binding& binding) { other.index_binding(binding); }

  static void unindex_in(Exchange& other, Binding& binding) { other.unindex_binding(binding); }

 private:
  virtual void index_binding(Binding& binding) = 0;
  virtual void unindex_binding(Binding& binding) = 0;

  const ExchangeRecord record_;
  std::shared_ptr<const Policy> policy_;
  std::optional<std::string> alternate_;
  std::atomic<std::uint64_t> version_{1};
};

}  // namespace lepus::model
