#include "tests/storage/simulated_file_system.h"

#include <algorithm>
#include <utility>

#include "broker/base/assert.h"
#include "tests/storage/simulated_file_system_node.h"

// Power, faults and counting. What is done with names and with open files is in files of its own.

namespace lepus::storage {

namespace {

using rocksdb::IOStatus;

constexpr std::size_t page_bytes = 4096;

bool is_change(FileOperation operation) {
  switch (operation) {
    case FileOperation::create:
    case FileOperation::append:
    case FileOperation::sync:
    case FileOperation::sync_directory:
    case FileOperation::rename:
    case FileOperation::remove:
      return true;
    case FileOperation::open:
    case FileOperation::read:
      return false;
  }
  return false;
}

}  // namespace

SimulatedFileSystem::SimulatedFileSystem(std::uint64_t seed)
    : random_(seed), root_(std::make_shared<Node>(Node{.is_directory = true})) {}

SimulatedFileSystem::~SimulatedFileSystem() = default;

// ---- power

void SimulatedFileSystem::power_off() {
  std::lock_guard lock(mutex_);
  is_off_ = true;
  report_trouble();
}

void SimulatedFileSystem::power_off_at(std::uint64_t nth_change) {
  LEPUS_ASSERT(nth_change > 0, "the next change is the first");
  std::lock_guard lock(mutex_);
  changes_until_off_ = nth_change;
}

bool SimulatedFileSystem::is_off() const {
  std::lock_guard lock(mutex_);
  return is_off_;
}

void SimulatedFileSystem::power_on(Loss loss) {
  std::lock_guard lock(mutex_);
  LEPUS_ASSERT(is_off_, "a power cut has two ends");
  if (loss != Loss::none) {
    lose_names(*root_, loss);
  }
  is_off_ = false;
  changes_until_off_.reset();
  fault_.reset();
  locked_.clear();
  run_ += 1;
}

void SimulatedFileSystem::lose_names(Node& directory, Loss loss) {
  // A journal loses its end: of the changes of one directory the first ones are kept.
  const std::size_t kept = random_below(directory.unsynced_changes.size() + 1);
  for (std::size_t place = 0; place < kept; ++place) {
    Node::apply(directory.unsynced_changes[place], directory.synced_entries);
  }
  directory.unsynced_changes.clear();
  directory.entries = directory.synced_entries;
  for (const auto& [name, node] : directory.entries) {
    if (node->is_directory) {
      lose_names(*node, loss);
    } else {
      lose_bytes(*node, loss);
    }
  }
}

void SimulatedFileSystem::lose_bytes(Node& file, Loss loss) {
  std::vector<Node::Range> at_risk = std::exchange(file.doubtful, {});
  if (file.synced_bytes < file.bytes.size()) {
    file.bytes.resize(file.synced_bytes + random_below(file.bytes.size() - file.synced_bytes + 1));
    if (loss == Loss::tail_and_holes && random_below(2) == 0) {
      at_risk.push_back({file.synced_bytes, file.bytes.size()});
    }
  }
  for (const auto& [begin, end] : at_risk) {
    std::size_t page = begin;
    while (page < std::min(end, file.bytes.size())) {
      const std::size_t next = std::min((page / page_bytes + 1) * page_bytes, end);
      if (random_below(2) == 0) {
        std::fill(
            file.bytes.begin() + static_cast<std::ptrdiff_t>(page),
            file.bytes.begin() + static_cast<std::ptrdiff_t>(std::min(next, file.bytes.size())),
            '\0');
      }
      page = next;
    }
  }
  file.synced_bytes = file.bytes.size();
}

std::size_t SimulatedFileSystem::random_below(std::size_t below) {
  return random_() % below;
}

// ---- faults and counting

void SimulatedFileSystem::fail(Fault fault) {
  LEPUS_ASSERT(fault.nth > 0, "the next operation is the first");
  std::lock_guard lock(mutex_);
  fault_ = std::move(fault);
  failed_operations_ = 0;
}

void SimulatedFileSystem::end_fault() {
  std::lock_guard lock(mutex_);
  fault_.reset();
}

void SimulatedFileSystem::set_trouble_listener(std::function<void()> listener) {
  std::lock_guard lock(mutex_);
  trouble_listener_ = std::move(listener);
}

void SimulatedFileSystem::report_trouble() const {
  if (trouble_listener_) {
    trouble_listener_();
  }
}

std::uint64_t SimulatedFileSystem::failed_operations() const {
  std::lock_guard lock(mutex_);
  return failed_operations_;
}

std::uint64_t SimulatedFileSystem::count(FileOperation operation) const {
  std::lock_guard lock(mutex_);
  return counts_[static_cast<std::size_t>(operation)];
}

std::uint64_t SimulatedFileSystem::change_count() const {
  std::lock_guard lock(mutex_);
  return change_count_;
}

std::uint64_t SimulatedFileSystem::unsafe_bytes(const std::string& path_end) const {
  std::lock_guard lock(mutex_);
  const auto bytes_in = [&](const auto& self, const Node& directory, const std::string& path,
                            bool is_safe) -> std::uint64_t {
    std::uint64_t bytes = 0;
    for (const auto& [name, node] : directory.entries) {
      const auto synced = directory.synced_entries.find(name);
      const bool name_is_safe =
          is_safe && synced != directory.synced_entries.end() && synced->second == node;
      if (node->is_directory) {
        bytes += self(self, *node, path + name + "/", name_is_safe);
      } else if ((path + name).ends_with(path_end)) {
        bytes += node->bytes.size() - (name_is_safe ? node->synced_bytes : 0);
        for (const auto& [begin, end] : node->doubtful) {
          bytes += name_is_safe ? end - begin : 0;
        }
      }
    }
    return bytes;
  };
  return bytes_in(bytes_in, *root_, "/", true);
}

bool SimulatedFileSystem::fault_strikes(FileOperation operation, const std::string& path) {
  if (!fault_ || fault_->operation != operation ||
      path.find(fault_->path_part) == std::string::npos) {
    return false;
  }
  if (fault_->nth > 1) {
    fault_->nth -= 1;
    return false;
  }
  failed_operations_ += 1;
  report_trouble();
  return true;
}

IOStatus SimulatedFileSystem::begin(FileOperation operation, const std::string& path) {
  if (is_off_) {
    return IOStatus::IOError("the power is off", path);
  }
  if (is_change(operation) && changes_until_off_ && --*changes_until_off_ == 0) {
    is_off_ = true;
    report_trouble();
    return IOStatus::IOError("the power goes", path);
  }
  if (fault_strikes(operation, path)) {
    const bool no_space = fault_->no_space;
    if (!fault_->lasting) {
      fault_.reset();
    }
    return no_space ? IOStatus::NoSpace("a simulated fault", path)
                    : IOStatus::IOError("a simulated fault", path);
  }
  counts_[static_cast<std::size_t>(operation)] += 1;
  change_count_ += is_change(operation) ? 1 : 0;
  return IOStatus::OK();
}

IOStatus SimulatedFileSystem::begin(FileOperation operation, const Handle& handle) {
  return handle.run == run_ ? begin(operation, handle.path)
                            : IOStatus::IOError("was opened before the power was cut", handle.path);
}

}  // namespace lepus::storage
