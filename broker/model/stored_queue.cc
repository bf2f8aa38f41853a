#include "broker/model/stored_queue.h"

#include "broker/base/assert.h"

namespace lepus::model {

StoredQueue::~StoredQueue() {
  LEPUS_ASSERT(pending_rows_ == 0, "batches do not outlive their queue");
}

bool StoredQueue::seal_row(const PendingRow& row) {
  LEPUS_ASSERT(pending_rows_ > 0, "the row was counted when it was added");
  if (is_settled(row.place)) {
    --pending_rows_;
    row_elided(row.place);
    return false;
  }
  row_sealed(row.place, *row.message);
  return true;
}

storage::QueueProgress StoredQueue::seal_progress() {
  progress_is_dirty_ = false;
  return make_progress();
}

void StoredQueue::mark_paging(std::vector<StoredQueue*>& paging) {
  if (!is_marked_paging_) {
    is_marked_paging_ = true;
    paging.push_back(this);
  }
}

bool StoredQueue::ends_paging() {
  is_marked_paging_ = is_paged();
  return !is_marked_paging_;
}

void StoredQueue::mark_progress_changed(std::vector<StoredQueue*>& changed) {
  if (!progress_is_dirty_) {
    progress_is_dirty_ = true;
    changed.push_back(this);
  }
}

void StoredQueue::row_finished(MessagePlace place, bool committed) {
  LEPUS_ASSERT(pending_rows_ > 0, "the row was counted when it was added");
  --pending_rows_;
  if (!ended_) {
    row_committed(place, committed);
  }
}

}  // namespace lepus::model
