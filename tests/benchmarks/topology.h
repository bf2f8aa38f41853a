#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/base/result.h"
#include "tests/benchmarks/client.h"
#include "tests/benchmarks/options.h"

namespace lepus::benchmarks {

/// The exchange and the queues of a run. Their names are new for each process; `remove` deletes
/// them.
class Topology {
 public:
  [[nodiscard]] static Result<Topology> declare(const RunOptions& options);

  [[nodiscard]] Result<void> remove();

  /// What to publish to; empty for the default exchange.
  [[nodiscard]] const std::string& exchange() const { return exchange_; }

  /// The keys that this publisher uses in turn: its share of the queues' names, or those that were
  /// asked for.
  [[nodiscard]] std::vector<std::string> routing_keys_of(std::size_t publisher,
                                                         const RunOptions& options) const;

  /// The queues that this consumer consumes.
  [[nodiscard]] std::vector<std::string> queues_of(std::size_t consumer,
                                                   const RunOptions& options) const;

  /// How many deliveries one publish causes, 0 if that is not known.
  [[nodiscard]] static std::size_t copies(const RunOptions& options);

 private:
  Topology(Client client, std::string exchange, std::vector<std::string> queues)
      : client_(std::move(client)), exchange_(std::move(exchange)), queues_(std::move(queues)) {}

  /// Member `index` of `count` shares the queues with the others: one each if there are enough
  /// members.
  [[nodiscard]] std::vector<std::string> share(std::size_t index, std::size_t count) const;

  [[nodiscard]] Result<void> declare_exchange(const RunOptions& options);
  [[nodiscard]] Result<void> declare_queues(const RunOptions& options);
  [[nodiscard]] Result<void> bind_many(const RunOptions& options);

  Client client_;
  std::string exchange_;
  std::vector<std::string> queues_;
};

}  // namespace lepus::benchmarks
