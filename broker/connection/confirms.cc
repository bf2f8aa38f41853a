#include "broker/connection/confirms.h"

#include <algorithm>
#include <limits>

#include "broker/base/assert.h"

namespace lepus::connection {

namespace {

/// An empty row with room for more gives its memory back.
constexpr std::size_t empty_capacity_max = 4096;
/// Below so many it isn't worth moving entries.
constexpr std::size_t entries_moved_min = 1024;

void sort_if_needed(std::vector<std::uint64_t>& numbers) {
  if (!std::is_sorted(numbers.begin(), numbers.end())) {
    std::sort(numbers.begin(), numbers.end());
  }
}

void fold(const std::vector<std::uint64_t>& numbers, std::uint64_t cutoff, bool refused,
          std::vector<Confirms::Answer>& answers) {
  const auto rest = std::lower_bound(numbers.begin(), numbers.end(), cutoff);
  if (rest != numbers.begin()) {
    answers.push_back({.number = *(rest - 1), .multiple = true, .refused = refused});
  }
  for (auto number = rest; number != numbers.end(); ++number) {
    answers.push_back({.number = *number, .multiple = false, .refused = refused});
  }
}

}  // namespace

std::uint64_t Confirms::add(std::size_t queue_count) {
  const std::uint64_t number = last_number() + 1;
  waiting_.push_back({static_cast<std::uint32_t>(queue_count), false});
  if (queue_count == 0) {
    finish(number, false);
  } else {
    ++unconfirmed_;
  }
  return number;
}

void Confirms::answered(std::uint64_t number, bool refused) {
  if (number < first_number_ || number > last_number()) {
    return;
  }
  Waiting& waiting = waiting_[static_cast<std::size_t>(number - first_number_)];
  if (waiting.queue_count == 0) {
    return;
  }
  waiting.refused |= refused;
  if (--waiting.queue_count == 0) {
    --unconfirmed_;
    finish(number, waiting.refused);
  }
}

void Confirms::finish(std::uint64_t number, bool refused) {
  (refused ? nacked_ : acked_).push_back(number);
}

void Confirms::drop_front() {
  while (front_ < waiting_.size() && waiting_[front_].queue_count == 0) {
    ++front_;
  }
  if (front_ == waiting_.size() || (front_ >= entries_moved_min && front_ > waiting_.size() / 2)) {
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(front_));
    first_number_ += front_;
    front_ = 0;
    if (waiting_.empty() && waiting_.capacity() > empty_capacity_max) {
      waiting_.shrink_to_fit();
    }
  }
}

std::size_t Confirms::take_answers(std::vector<Answer>& answers) {
  const std::size_t answered_count = acked_.size() + nacked_.size();
  drop_front();
  sort_if_needed(acked_);
  sort_if_needed(nacked_);
  const std::uint64_t unconfirmed_cutoff =
      unconfirmed_ == 0 ? std::numeric_limits<std::uint64_t>::max() : first_number_ + front_;
  if (acked_.size() == 1) {
    answers.push_back({.number = acked_.front(), .multiple = false, .refused = false});
  } else if (!acked_.empty()) {
    fold(acked_,
         nacked_.empty() ? unconfirmed_cutoff : std::min(unconfirmed_cutoff, nacked_.front()),
         false, answers);
  }
  if (!nacked_.empty()) {
    fold(nacked_,
         acked_.empty() ? unconfirmed_cutoff : std::min(unconfirmed_cutoff, acked_.front()), true,
         answers);
  }
  acked_.clear();
  nacked_.clear();
  if (acked_.capacity() > empty_capacity_max) {
    acked_.shrink_to_fit();
  }
  return answered_count;
}

}  // namespace lepus::connection
