#include "tests/simulation/route_history.h"

namespace lepus::simulation {

void RouteHistory::begin_change(std::int64_t now_ms) {
  ++changes_;
  states_.push_back({now_ms, State::unsure});
}

void RouteHistory::end_change(bool leads, std::int64_t now_ms) {
  if (--changes_ == 0) {
    states_.push_back({now_ms, leads ? State::leads : State::none});
  }
}

void RouteHistory::restart(bool is_kept, std::int64_t now_ms) {
  changes_ = 0;
  if (!is_kept) {
    states_.push_back({now_ms, State::unsure});
  }
}

template <typename Predicate>
bool RouteHistory::any(std::int64_t from_ms, std::int64_t to_ms, Predicate predicate) const {
  for (auto since = states_.rbegin(); since != states_.rend(); ++since) {
    if (since->from_ms <= to_ms && predicate(since->state)) {
      return true;
    }
    if (since->from_ms < from_ms) {
      return false;
    }
  }
  return false;
}

bool RouteHistory::may_have_led(std::int64_t from_ms, std::int64_t to_ms) const {
  return any(from_ms, to_ms, [](State state) { return state != State::none; });
}

bool RouteHistory::has_led(std::int64_t from_ms, std::int64_t to_ms) const {
  return !any(from_ms, to_ms, [](State state) { return state != State::leads; });
}

}  // namespace lepus::simulation
