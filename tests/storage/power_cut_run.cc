#include "tests/storage/power_cut_run.h"

#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "storage/rocksdb_iteration.h"

namespace lepus::storage {

namespace {

constexpr const char* data_path = "/data";

SimulatedFileSystem::Loss random_loss(simulation::Random& random) {
  using Loss = SimulatedFileSystem::Loss;
  return random.one_in(2) ? Loss::tail : Loss::tail_and_holes;
}

}  // namespace

PowerCutRun::PowerCutRun(const PowerCutOptions& options)
    : options_(options),
      random_(options.seed),
      environment_(options.seed + 1),
      disk_(environment_.disk()) {
  page_positions_ = random_.one_in(3) ? 0 : random_.between(1, 30);
  page_ranges_max_ = random_.below(6);
  store_options_.environment = &environment_;
  store_options_.reclaim_interval = std::chrono::milliseconds(0);
  store_options_.deleted_queues_check_min = 1;
  store_options_.sync_writes = !has(StoreMutation::does_not_sync);
  // Buffers are only full when a log is: what they hold depends on more than the seed.
  store_options_.message_write_buffer_bytes = std::size_t{4} << 20;
  store_options_.log_bytes_max = random_.one_in(2) ? 64'000 : 512'000;
  store_options_.table_bytes = random_.one_in(2) ? 32'000 : 1'000'000;
  store_options_.block_cache_bytes = std::size_t{1} << 20;
  store_options_.log = [this](LogLevel, const std::string& text) { trace("store: " + text); };
}

PowerCutRun::~PowerCutRun() {
  cut();
}

PowerCutResult run_power_cuts(const PowerCutOptions& options) {
  return PowerCutRun(options).run();
}

PowerCutResult PowerCutRun::run() {
  const std::size_t starts = random_.between(2, 6);
  for (std::size_t count = 0; count < starts && ok(); ++count) {
    start();
    if (ok()) {
      operate();
    }
    if (ok()) {
      stop();
    }
  }
  if (ok()) {
    check_nothing_is_left();
  }
  result_.fingerprint =
      random_.number() ^ result_.starts ^ result_.commits << 8 ^ result_.unknown_commits << 16;
  return result_;
}

void PowerCutRun::fail(std::string what) {
  if (ok()) {
    trace("violation: " + what);
    result_.violation = std::move(what);
  }
}

bool PowerCutRun::has_trouble() const {
  return disk_.is_off() || disk_.failed_operations() + faults_before_ > 0;
}

void PowerCutRun::trace(const std::string& line) const {
  if (options_.verbose) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }
}

void PowerCutRun::run_jobs() {
  environment_.run_jobs();
  environment_.hold_jobs();
}

// ---- a start

void PowerCutRun::start() {
  const std::size_t troubled_attempts = random_.below(3);
  for (std::size_t attempt = 0; ok(); ++attempt) {
    end_faults();
    if (attempt < troubled_attempts) {
      if (random_.one_in(3)) {
        arm_some_fault();
      } else {
        disk_.power_off_at(random_.between(1, 60));
      }
    }
    if (open()) {
      return;
    }
  }
}

bool PowerCutRun::open() {
  result_.starts += 1;
  trace(fmt::format("==== start {}", result_.starts));
  if (has(StoreMutation::unknown_is_deleted)) {
    misread_everything();
  }
  environment_.hold_jobs();
  auto opened = RocksdbBackend::open(data_path, store_options_);
  environment_.run_jobs();
  if (!opened) {
    trace("not opened: " + opened.error().text);
    if (!has_trouble()) {
      fail(opened.error().text);
    }
    clean_stop_ = clean_stop_ == CleanStop::yes ? CleanStop::either : clean_stop_;
    cut();
    return false;
  }
  backend_ = std::move(*opened);
  environment_.hold_jobs();
  const Recovered recovered = backend_->take_recovered();
  verify_recovered(recovered);
  if (!ok()) {
    return false;
  }
  check_rows();
  const std::vector<QueueId> orphans = orphans_of(recovered);
  environment_.run_jobs();
  backend_->recovery_finished(orphans);
  run_jobs();
  for (const QueueId orphan : orphans) {
    states_.front().queues.erase(orphan);
    states_.front().maybe_orphans.insert(orphan);
  }
  if (!has_trouble()) {
    states_.front().maybe_orphans.clear();
  }
  check_rows();
  return true;
}

void PowerCutRun::verify_recovered(const Recovered& recovered) {
  if (clean_stop_ != CleanStop::either && recovered.clean_stop != (clean_stop_ == CleanStop::yes)) {
    fail(recovered.clean_stop ? "a crash is taken for a clean stop" : "a clean stop left no trace");
  }
  clean_stop_ = CleanStop::no;
  std::string differences;
  for (ModelState& candidate : states_) {
    const std::string text = difference(candidate, recovered);
    if (text.empty()) {
      ModelState state = after_restart(std::move(candidate));
      states_.clear();
      states_.push_back(std::move(state));
      numbers_ = recovered.last_numbers;
      next_queue_id_ = recovered.next_queue_id;
      return;
    }
    differences += (differences.empty() ? "" : "; or: ") + text;
  }
  fail(differences);
}

/// As if the filter, which RocksDB calls before anything is loaded, took what it does not know for
/// deleted.
void PowerCutRun::misread_everything() {
  const auto everything = std::make_shared<DeadRows>();
  for (std::uint64_t queue = 1; queue < next_queue_id_; ++queue) {
    everything->publish(QueueId{queue}, deleted_queue());
  }
  everything->begin_dropping();
  const RocksdbSetup setup{store_options_, rocksdb::NewLRUCache(1000)};
  environment_.run_jobs();
  auto database =
      RocksdbDatabase::open_durable(std::string(data_path) + "/store", setup, everything);
  if (database) {
    const RocksdbFamilies& families = (*database)->families();
    static_cast<void>((*database)->db().CompactRange({}, families.messages, nullptr, nullptr));
  }
}

// ---- what is done in between

void PowerCutRun::operate() {
  const std::size_t count = random_.between(1, 60);
  const std::size_t trouble_at = random_.below(count + count / 2 + 1);
  for (std::size_t place = 0; place < count && ok() && !disk_.is_off(); ++place) {
    if (place == trouble_at) {
      if (random_.one_in(4)) {
        arm_some_fault();
      } else {
        disk_.power_off_at(random_.between(1, random_.one_in(2) ? 6 : 60));
      }
    }
    if (random_.one_in(6)) {
      maintain();
    } else {
      commit();
    }
    run_jobs();
    if (ok() && random_.one_in(8)) {
      check_rows();
    }
    if (!has_trouble() && states_.size() > 1) {
      fail("a commit is unknown although the disk works");
    }
  }
}

void PowerCutRun::maintain() {
  const RocksdbDatabase& database = random_.one_in(5) ? backend_->transient() : backend_->durable();
  environment_.run_jobs();
  switch (random_.below(5)) {
    case 0:
      trace("compact");
      static_cast<void>(
          database.db().CompactRange({}, database.families().messages, nullptr, nullptr));
      break;
    case 1:
      trace("reclaim");
      backend_->reclaim();
      break;
    case 2:
      trace("flush the records");
      static_cast<void>(
          backend_->durable().db().Flush({}, backend_->durable().families().progress));
      break;
    default:
      trace("flush");
      static_cast<void>(database.db().Flush({}, database.families().messages));
      break;
  }
}

void PowerCutRun::arm_some_fault() {
  static constexpr FileOperation operations[] = {
      FileOperation::append, FileOperation::append,         FileOperation::sync,
      FileOperation::sync,   FileOperation::sync_directory, FileOperation::create,
      FileOperation::rename, FileOperation::remove,         FileOperation::read};
  static constexpr const char* parts[] = {"", "", ".log", ".sst", "MANIFEST", "transient"};
  SimulatedFileSystem::Fault fault;
  fault.operation = operations[random_.below(std::size(operations))];
  fault.nth = random_.between(1, 20);
  fault.lasting = random_.one_in(2);
  fault.no_space = random_.one_in(2);
  fault.path_part = parts[random_.below(std::size(parts))];
  trace(fmt::format("fault: operation {} on '{}', the {}th from now",
                    static_cast<int>(fault.operation), fault.path_part, fault.nth));
  faults_before_ += disk_.failed_operations();
  disk_.fail(fault);
}

void PowerCutRun::end_faults() {
  faults_before_ = 0;
  disk_.fail({.nth = UINT64_MAX});  // counts anew
  disk_.end_fault();
}

// ---- an end

void PowerCutRun::stop() {
  if (!disk_.is_off() && random_.one_in(4)) {
    close();
  }
  cut();
}

void PowerCutRun::close() {
  trace("==== clean stop");
  if (random_.one_in(4)) {
    disk_.power_off_at(random_.between(1, 20));
  }
  environment_.run_jobs();
  backend_->close(true);
  ModelState closed = states_.back();
  closed.numbers = numbers_;
  if (has_trouble()) {
    states_.push_back(std::move(closed));
  } else {
    states_ = {std::move(closed)};
  }
  clean_stop_ = has_trouble() ? CleanStop::either : CleanStop::yes;
  backend_.reset();
}

void PowerCutRun::cut() {
  disk_.power_off();
  environment_.run_jobs();
  backend_.reset();
  const bool only_killed = random_.one_in(4);
  trace(only_killed ? "==== killed" : "==== power cut");
  disk_.power_on(only_killed ? SimulatedFileSystem::Loss::none : random_loss(random_));
  result_.power_cuts += only_killed ? 0 : 1;
}

void PowerCutRun::check_nothing_is_left() {
  trace("==== all is deleted");
  end_faults();
  if (!open()) {
    return;
  }
  ModelState next = states_.back();
  std::vector<Unit> units(1);
  for (const auto& [id, queue] : states_.back().queues) {
    while (next.queues.contains(id)) {
      remove(next, units[0], id);
    }
  }
  seal(next, units[0]);
  commit(std::move(next), std::move(units));
  const RocksdbDatabase& database = backend_->durable();
  environment_.run_jobs();
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  static_cast<void>(
      database.db().CompactRange(options, database.families().messages, nullptr, nullptr));
  backend_->reclaim();
  // Writes what was found to be forgettable.
  next = states_.back();
  units = std::vector<Unit>(1);
  change_topology(next, units[0]);
  commit(std::move(next), std::move(units));
  for (auto* family : {database.families().messages, database.families().deleted_queues,
                       database.families().progress}) {
    const std::unique_ptr<rocksdb::Iterator> iterator(
        database.db().NewIterator(iteration_options(), family));
    iterator->SeekToFirst();
    if (ok() && iterator->Valid()) {
      fail("something of deleted queues is left in " + family->GetName());
    }
  }
}

}  // namespace lepus::storage
