#include "broker/model/topology_log.h"

#include <utility>
#include <vector>

namespace lepus::model {

namespace {

constexpr std::uint64_t id_block = 1'000'000;

/// Raises an atomic that only grows; callbacks may overtake each other.
void raise_to(std::atomic<std::uint64_t>& value, std::uint64_t to) {
  std::uint64_t current = value.load(std::memory_order_relaxed);
  while (current < to && !value.compare_exchange_weak(current, to, std::memory_order_release,
                                                      std::memory_order_relaxed)) {
  }
}

}  // namespace

TopologyLog::TopologyLog(storage::Store& store) : store_(store) {}

void TopologyLog::continue_after(storage::BatchNumber last_number) {
  last_number_ = last_number;
  raise_to(progress_->committed, last_number);
  raise_to(progress_->answered, last_number);
}

void TopologyLog::set_listener(TopologyListener* listener) {
  progress_->listener.store(listener, std::memory_order_release);
}

std::unique_ptr<storage::Batch> TopologyLog::new_batch() {
  return store_.new_batch();
}

TopologyTicket TopologyLog::append(std::unique_ptr<storage::Batch> batch,
                                   std::function<void(storage::Outcome)> done) {
  const storage::BatchNumber number = ++last_number_;
  std::vector<storage::NumberedBatch> batches;
  batches.push_back({storage::topology_log, number, std::move(batch)});
  store_.append(std::move(batches),
                [progress = progress_, number, done = std::move(done)](storage::Outcome outcome) {
                  if (done) {
                    done(outcome);
                  }
                  progress->finished(number, outcome);
                });
  return number;
}

TopologyTicket TopologyLog::committed() const {
  return progress_->committed.load(std::memory_order_acquire);
}

std::optional<storage::Outcome> TopologyLog::outcome_of(TopologyTicket ticket) const {
  // In this order: a ticket is answered only after it may have been committed.
  const TopologyTicket answered = progress_->answered.load(std::memory_order_acquire);
  if (ticket <= progress_->committed.load(std::memory_order_acquire)) {
    return storage::Outcome::committed;
  }
  if (ticket <= answered) {
    return progress_->last_failure.load(std::memory_order_acquire);
  }
  return std::nullopt;
}

void TopologyLog::Progress::finished(TopologyTicket number, storage::Outcome outcome) {
  if (outcome == storage::Outcome::committed) {
    raise_to(committed, number);
  } else {
    last_failure.store(outcome, std::memory_order_release);
  }
  raise_to(answered, number);
  if (TopologyListener* heard_by = listener.load(std::memory_order_acquire)) {
    heard_by->topology_committed(number, outcome);
  }
}

QueueIds::QueueIds(TopologyLog& log)
    : log_(log),
      committed_below_(std::make_shared<std::atomic<std::uint64_t>>(0)),
      request_under_way_(std::make_shared<std::atomic<bool>>(false)) {}

void QueueIds::begin(std::uint64_t next_id, storage::Batch& batch) {
  next_ = next_id;
  requested_below_ = next_id + id_block;
  batch.reserve_queue_ids_below(requested_below_);
}

void QueueIds::begin_committed() {
  raise_to(*committed_below_, requested_below_);
}

std::optional<QueueId> QueueIds::take() {
  const std::uint64_t limit = committed_below_->load(std::memory_order_acquire);
  if (next_ + id_block / 2 >= limit) {
    reserve_ahead();
  }
  if (next_ >= committed_below_->load(std::memory_order_acquire)) {
    return std::nullopt;
  }
  return QueueId{next_++};
}

void QueueIds::reserve_ahead() {
  if (request_under_way_->exchange(true, std::memory_order_acq_rel)) {
    return;
  }
  // From what is committed, so that a reservation that failed is asked for again.
  const std::uint64_t below = committed_below_->load(std::memory_order_acquire) + id_block;
  auto batch = log_.new_batch();
  batch->reserve_queue_ids_below(below);
  log_.append(std::move(batch), [committed = committed_below_, under_way = request_under_way_,
                                 below](storage::Outcome outcome) {
    if (outcome == storage::Outcome::committed) {
      raise_to(*committed, below);
    }
    under_way->store(false, std::memory_order_release);
  });
}

}  // namespace lepus::model
