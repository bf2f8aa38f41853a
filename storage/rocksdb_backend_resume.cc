// What a RocksdbBackend does when a write, a sync or a read has failed.

#include <string>

#include "storage/record_format.h"
#include "storage/rocksdb_backend.h"
#include "storage/rocksdb_recovery.h"

namespace lepus::storage {

namespace {

using Problem = RocksdbHealth::Problem;

constexpr const char* repair_advice =
    "; restore a copy, or stop the broker and keep what can be read with `lepus store repair "
    "--accept-loss`";

}  // namespace

bool RocksdbBackend::can_commit() const {
  return !durable_failed_ && !durable_errors_->has_error();
}

bool RocksdbBackend::needs_resume() const {
  return !can_commit() || transient_failed_ || !reserve_.is_held();
}

void RocksdbBackend::set_waker(const std::function<void()>& waker) {
  durable_errors_->set_waker(waker);
}

void RocksdbBackend::resume() {
  if (!can_commit()) {
    reopen_durable();
  }
  if (transient_failed_) {
    resume_transient();
  }
  if (can_commit()) {
    make_reserve();
  }
}

void RocksdbBackend::fail_durable(const rocksdb::Status& status) {
  durable_failed_ = true;
  no_space_ = no_space_ || status.IsNoSpace();
  health_.set(
      Problem::not_storing,
      "a write to " + directory_.durable_path().string() + " failed: " + text_of(status) +
          "; publishers are held back and what was not confirmed is refused until the store "
          "can be opened again, which is tried every few seconds; " +
          (no_space_ ? "make room on the disk" : "see to the disk"));
}

void RocksdbBackend::note_background_error(const RocksdbErrors::Background& error) {
  fail_durable(error.status);
  if (error.is_damage()) {
    note_damage(text_of(error.status));
  }
}

void RocksdbBackend::note_damage(const std::string& text) {
  health_.set(Problem::damaged, "the store in " + directory_.path().string() +
                                    " can't be read everywhere: " + text +
                                    "; publishers are held back, and tables are not compacted any "
                                    "more" +
                                    repair_advice);
}

bool RocksdbBackend::has_room() {
  if (no_space_) {
    // Whoever needs room has to find it; that it can be had is tried with the reserve itself.
    if (!reserve_.make()) {
      return false;
    }
    reserve_.release();
  }
  return true;
}

void RocksdbBackend::reopen_durable() {
  if (const auto error = durable_errors_->take()) {
    note_background_error(*error);
  }
  if (!has_room()) {
    return;
  }
  reclaimer_.reset();
  {
    const ReadGate::Closed closed(read_gate_);
    rocksdb::Status status = durable_->reopen();
    if (status.ok()) {
      status = load_stored_numbers();
    }
    // What the closed instance still had to say is over with it.
    static_cast<void>(durable_errors_->take());
    if (!status.ok()) {
      durable_failed_ = true;
      no_space_ = status.IsNoSpace();
      if (status.IsCorruption()) {
        note_damage(text_of(status));
      }
      return;
    }
  }
  make_reclaimer();
  durable_failed_ = false;
  no_space_ = false;
  health_.clear(Problem::not_storing,
                "the store in " + directory_.durable_path().string() + " is open again and stores");
  if (recovery_wanted_) {
    finish_recovery();
  } else {
    start_background_work();
  }
}

rocksdb::Status RocksdbBackend::load_stored_numbers() {
  Recovered stored;
  if (auto error = load_meta_records(*durable_, stored)) {
    return rocksdb::Status::Corruption(error->text);
  }
  stored_numbers_ = {};
  for (const auto& [log, number] : stored.last_numbers) {
    stored_numbers_[log] = number;
  }
  changed_logs_.clear();
  for (LogId log = 0; log < last_numbers_.size(); ++log) {
    if (last_numbers_[log] != stored_numbers_[log]) {
      changed_logs_.push_back(log);
    }
  }
  next_queue_id_changed_ = next_queue_id_ > stored.next_queue_id;
  return rocksdb::Status::OK();
}

void RocksdbBackend::fail_transient(const rocksdb::Status& status) {
  transient_failed_ = true;
  health_.set(Problem::transient_failed,
              "transient messages can't be written to " + directory_.transient_path().string() +
                  " and stay in memory: " + status.ToString() +
                  "; publishers are held back until they can; make room on the disk");
}

void RocksdbBackend::resume_transient() {
  // Opening it anew would lose what it holds, since it has no log; RocksDB can go on where its
  // memory tables could not be written.
  if (transient_->db().Resume().ok()) {
    transient_failed_ = false;
    health_.clear(Problem::transient_failed, "transient messages can be written to " +
                                                 directory_.transient_path().string() + " again");
  }
}

void RocksdbBackend::make_reserve() {
  if (reserve_.make()) {
    health_.clear(Problem::no_room,
                  "there is room again on the disk of " + directory_.path().string());
    return;
  }
  health_.set(Problem::no_room,
              "the disk of " + directory_.path().string() +
                  " is nearly full: " + std::to_string(options_.reserve_bytes >> 20U) +
                  " MiB can't be kept free for the store; publishers are held back until there is "
                  "room; make room on the disk");
}

void RocksdbBackend::make_reclaimer() {
  reclaimer_ = std::make_unique<RocksdbReclaimer>(
      RocksdbReclaimer::Instance{*durable_, durable_dead_},
      RocksdbReclaimer::Instance{*transient_, transient_dead_}, *deleted_queues_, options_.log);
}

}  // namespace lepus::storage
