#pragma once

#include <cstdint>
#include <vector>

namespace lepus::simulation {

/// When an exchange led to a queue, by the simulated clock. Within a millisecond anything that it
/// was counts.
class RouteHistory {
 public:
  /// It may change from now on …
  void begin_change(std::int64_t now_ms);
  /// … and is certain again, if nothing else is under way.
  void end_change(bool leads, std::int64_t now_ms);
  /// A restart: answers to changes under way do not come any more.
  /// @param is_kept  what is certain stays
  void restart(bool is_kept, std::int64_t now_ms);

  /// What the next change may leave as it is; nothing is known of it while one is under way.
  [[nodiscard]] bool is_certain() const { return states_.back().state != State::unsure; }

  /// At some time from … to.
  [[nodiscard]] bool may_have_led(std::int64_t from_ms, std::int64_t to_ms) const;
  /// At any time from … to.
  [[nodiscard]] bool has_led(std::int64_t from_ms, std::int64_t to_ms) const;

 private:
  enum class State { none, leads, unsure };

  struct Since {
    std::int64_t from_ms = 0;
    State state = State::none;
  };

  template <typename Predicate>
  [[nodiscard]] bool any(std::int64_t from_ms, std::int64_t to_ms, Predicate predicate) const;

  std::vector<Since> states_{{INT64_MIN, State::none}};
  int changes_ = 0;  // under way
};

}  // namespace lepus::simulation
