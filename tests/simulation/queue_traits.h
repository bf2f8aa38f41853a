#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "amqp/field_table.h"
#include "broker/model/queue_record.h"
#include "tests/simulation/random.h"

namespace lepus::simulation {

/// What a queue of the run is declared as.
struct QueueTraits {
  using Overflow = model::QueueSettings::Overflow;

  std::string name;
  bool durable = true;
  bool quorum = false;
  std::uint8_t max_priority = 0;
  bool single_active = false;
  /// Where its dead letters go: a queue behind it, so that there are no circles.
  std::optional<std::uint32_t> dead_letters_to = {};
  /// Where its dead letters go while a policy says so, if it has no argument for it.
  std::optional<std::uint32_t> policy_letters_to = {};
  bool at_least_once = false;  ///< the strategy of its dead letters
  std::optional<std::int64_t> message_ttl_ms = {};
  std::optional<std::uint64_t> max_length = {};
  std::optional<std::uint64_t> max_length_bytes = {};
  Overflow overflow = Overflow::drop_head;
  std::optional<std::uint32_t> delivery_limit = {};

  [[nodiscard]] bool has_priorities() const { return max_priority != 0; }

  [[nodiscard]] bool has_limit() const { return max_length || max_length_bytes; }

  /// Its oldest messages make room for new ones.
  [[nodiscard]] bool drops_head() const { return has_limit() && overflow == Overflow::drop_head; }

  /// It takes nothing while it is full.
  [[nodiscard]] bool refuses() const { return has_limit() && overflow != Overflow::drop_head; }

  /// Some exchange takes its dead letters.
  [[nodiscard]] bool has_letters() const { return dead_letters_to.has_value(); }

  /// What it refuses becomes a dead letter.
  [[nodiscard]] bool refused_die() const {
    return has_limit() && overflow == Overflow::reject_publish_dlx;
  }

  /// Dead letters stay in it until their target has them.
  [[nodiscard]] bool keeps_letters() const {
    return at_least_once && quorum && overflow == Overflow::reject_publish && dead_letters_to;
  }

  /// @param letters_to  the name of the queue that its dead letters go to, if there is one
  [[nodiscard]] amqp::FieldTable arguments(const std::string& letters_to) const;
};

/// As x-overflow and policies have it.
[[nodiscard]] std::string to_text(QueueTraits::Overflow overflow);

/// @param is_deadly  messages may expire, be too many or come back too often
[[nodiscard]] std::vector<QueueTraits> choose_queues(Random& random, bool is_deadly);
/// Where policies let dead letters go.
/// @return whether policies change in the run
[[nodiscard]] bool choose_policy_targets(std::vector<QueueTraits>& queues, Random& random);

}  // namespace lepus::simulation
