#include "broker/model/dead_letter_outbox.h"

#include "broker/base/assert.h"

namespace lepus::model {

void DeadLetterOutbox::add(KeptLetter&& letter) {
  const Serial serial = ++last_serial_;
  Line& line = lines_[letter.from->id];
  if (line.in_flight < in_flight_max_) {
    ++line.in_flight;
    due_.emplace(0, serial);
  } else {
    line.waiting.push_back(serial);
  }
  letters_.emplace(serial, Entry{std::move(letter)});
}

std::optional<DeadLetterOutbox::Serial> DeadLetterOutbox::next(std::int64_t now_ms) {
  if (due_.empty() || due_.begin()->first > now_ms) {
    return std::nullopt;
  }
  const Serial serial = due_.begin()->second;
  due_.erase(due_.begin());
  Entry& entry = letters_.at(serial);
  entry.attempted = false;
  entry.missed = false;
  return serial;
}

std::uint64_t DeadLetterOutbox::awaits(Serial serial, QueueId target) {
  ++letters_.at(serial).awaited;
  awaited_.emplace(++last_number_, Awaited{serial, target});
  return last_number_;
}

DeadLetterOutbox::State DeadLetterOutbox::attempted(Serial serial, bool missed,
                                                    std::int64_t now_ms) {
  Entry& entry = letters_.at(serial);
  entry.attempted = true;
  entry.missed |= missed;
  return conclude(serial, entry, now_ms);
}

DeadLetterOutbox::Answered DeadLetterOutbox::answered(std::uint64_t number, bool refused,
                                                      std::int64_t now_ms) {
  const auto found = awaited_.find(number);
  LEPUS_ASSERT(found != awaited_.end(), "each letter is answered once");
  const auto [serial, target] = found->second;
  awaited_.erase(found);
  Entry& entry = letters_.at(serial);
  --entry.awaited;
  if (refused) {
    entry.missed = true;
  } else {
    entry.letter.reached.push_back(target);
  }
  return {serial, conclude(serial, entry, now_ms)};
}

DeadLetterOutbox::State DeadLetterOutbox::conclude(Serial serial, Entry& entry,
                                                   std::int64_t now_ms) {
  if (!entry.attempted || entry.awaited > 0) {
    return State::awaited;
  }
  if (!entry.missed) {
    return State::done;
  }
  due_.emplace(now_ms + retry_ms_, serial);
  return State::retried;
}

void DeadLetterOutbox::forget(Serial serial) {
  const auto found = letters_.find(serial);
  LEPUS_ASSERT(found != letters_.end() && found->second.awaited == 0,
               "a letter is forgotten once, and when nobody answers any more");
  const auto place = lines_.find(found->second.letter.from->id);
  letters_.erase(found);
  Line& line = place->second;
  if (!line.waiting.empty()) {
    due_.emplace(0, line.waiting.front());
    line.waiting.pop_front();
  } else if (--line.in_flight == 0) {
    lines_.erase(place);
  }
}

}  // namespace lepus::model
