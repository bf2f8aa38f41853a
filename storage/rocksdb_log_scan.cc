#include "storage/rocksdb_log_scan.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/endian/conversion.hpp>
#include <rocksdb/env.h>

#include "storage/crc32c.h"

namespace lepus::storage {

namespace {

namespace fs = std::filesystem;

// RocksDB's log format: blocks of 32 KiB; in a block fragments of checksum u32, length u16, type
// u8, (of recycled files: number of the log u32), bytes; integers are little endian. A record is
// one write batch, in one fragment or in several; what is too short for a header ends a block as
// zeros.
constexpr std::size_t block_bytes = std::size_t{32} << 10;
constexpr std::size_t header_bytes = 7;
constexpr std::size_t recyclable_header_bytes = 11;
constexpr std::size_t type_offset = 6;

/// A write batch begins with its sequence number u64 and the count of its records u32.
constexpr std::size_t batch_header_bytes = 12;

enum FragmentType : unsigned {
  full = 1,
  first = 2,
  middle = 3,
  last = 4,
  recyclable_full = 5,
  recyclable_last = 8,
};

const unsigned char* bytes_at(std::string_view bytes, std::size_t offset) {
  return reinterpret_cast<const unsigned char*>(bytes.data()) + offset;
}

std::uint32_t masked_crc32c(std::string_view bytes) {
  const std::uint32_t sum = extend_crc32c(0, bytes);
  return ((sum >> 15U) | (sum << 17U)) + 0xa282ead8U;
}

/// One fragment; its bytes are the block's.
struct Fragment {
  unsigned type = 0;  ///< those of recycled files as the plain ones
  std::size_t size_bytes = 0;
  std::string_view payload;

  [[nodiscard]] bool begins_record() const { return type == full || type == first; }
};

/// The fragment with a header at an offset; nothing if no such fragment fits in the block. Its
/// checksum is not looked at.
std::optional<Fragment> fragment_at(std::string_view block, std::size_t offset) {
  if (block.size() - offset < header_bytes) {
    return std::nullopt;
  }
  Fragment fragment;
  fragment.type = *bytes_at(block, offset + type_offset);
  const bool is_recyclable = fragment.type >= recyclable_full && fragment.type <= recyclable_last;
  const std::size_t header = is_recyclable ? recyclable_header_bytes : header_bytes;
  fragment.size_bytes = header + boost::endian::load_little_u16(bytes_at(block, offset + 4));
  if (fragment.type == 0 || fragment.size_bytes > block.size() - offset) {
    return std::nullopt;
  }
  fragment.type -= is_recyclable ? recyclable_full - full : 0;
  fragment.payload = block.substr(offset + header, fragment.size_bytes - header);
  return fragment;
}

bool has_right_checksum(std::string_view block, std::size_t offset, const Fragment& fragment) {
  return masked_crc32c(block.substr(offset + type_offset, fragment.size_bytes - type_offset)) ==
         boost::endian::load_little_u32(bytes_at(block, offset));
}

/// A file's number, if it is a log of RocksDB.
std::optional<std::uint64_t> log_number(const fs::path& file) {
  const std::string name = file.stem().string();
  if (file.extension() != ".log" || name.empty() ||
      !std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  return std::stoull(name);
}

/// Reads one log from its beginning to its end.
class LogScanner {
 public:
  explicit LogScanner(rocksdb::SequentialFile& file) : file_(file) {}

  /// Reads the whole file; the status is that of the reading.
  [[nodiscard]] rocksdb::Status run() {
    while (load_block()) {
      const std::size_t damaged_from = is_damaged_ ? 0 : read_fragments();
      scan_.record_after_damage = scan_.record_after_damage || has_record_from(damaged_from);
      scan_.size_bytes += block_.size();
    }
    if (!is_damaged_ && !in_record_) {
      scan_.intact_bytes = scan_.size_bytes;
    }
    return status_;
  }

  [[nodiscard]] const LogScan& scan() const { return scan_; }

 private:
  /// The next block; the last one may be short. False at the end and on an error.
  bool load_block() {
    std::size_t size = 0;
    while (size < block_bytes) {
      rocksdb::Slice read;
      status_ = file_.Read(block_bytes - size, &read, buffer_.data() + size);
      if (!status_.ok()) {
        return false;
      }
      if (read.empty()) {
        break;
      }
      if (read.data() != buffer_.data() + size) {
        std::copy_n(read.data(), read.size(), buffer_.data() + size);
      }
      size += read.size();
    }
    block_ = std::string_view(buffer_.data(), size);
    return size > 0;
  }

  /// Reads the block's fragments one after the other. @return where the damage begins; the end if
  /// there is none.
  std::size_t read_fragments() {
    std::size_t offset = 0;
    while (offset < block_.size()) {
      if (block_bytes - offset < header_bytes) {
        return block_.size();  // The filling at the end of a block.
      }
      const auto fragment = fragment_at(block_, offset);
      if (!fragment || !has_right_checksum(block_, offset, *fragment)) {
        is_damaged_ = true;
        return offset;
      }
      if (fragment->type <= last && fragment->begins_record() == in_record_) {
        // A record that was never finished, or the rest of one that was never begun.
        is_damaged_ = true;
        return offset;
      }
      offset += fragment->size_bytes;
      note_intact(*fragment, offset);
    }
    return offset;
  }

  void note_intact(const Fragment& fragment, std::size_t end) {
    if (fragment.begins_record() && fragment.payload.size() >= batch_header_bytes) {
      next_sequence_ = boost::endian::load_little_u64(bytes_at(fragment.payload, 0)) +
                       boost::endian::load_little_u32(bytes_at(fragment.payload, 8));
    }
    in_record_ = fragment.type == first || fragment.type == middle;
    if (!in_record_) {
      scan_.intact_bytes = scan_.size_bytes + end;
    }
  }

  /// Whether a record begins anywhere in the block from an offset on. Lengths can't be trusted any
  /// more, so that every offset is tried.
  [[nodiscard]] bool has_record_from(std::size_t offset) const {
    for (; offset + header_bytes <= block_.size(); ++offset) {
      const auto fragment = fragment_at(block_, offset);
      if (fragment && fragment->begins_record() && is_plausible(*fragment) &&
          has_right_checksum(block_, offset, *fragment)) {
        return true;
      }
    }
    return false;
  }

  /// Whether the bytes can be the next batches of this log. It keeps log files that were sent as
  /// messages from being taken for records, and spares most checksums.
  [[nodiscard]] bool is_plausible(const Fragment& fragment) const {
    if (fragment.payload.size() < batch_header_bytes) {
      return fragment.type == first;  // It begins at the very end of a block.
    }
    constexpr std::uint64_t sequence_max = (std::uint64_t{1} << 56U) - 1;
    const std::uint64_t sequence = boost::endian::load_little_u64(bytes_at(fragment.payload, 0));
    const std::uint32_t count = boost::endian::load_little_u32(bytes_at(fragment.payload, 8));
    if (sequence > sequence_max ||
        (fragment.type == full && count > fragment.payload.size() - batch_header_bytes)) {
      return false;
    }
    // A batch counts at least one byte for each of its records, one without any counts none.
    constexpr std::uint64_t log_bytes_limit = std::uint64_t{1} << 40U;
    return next_sequence_ == 0 ||
           (sequence >= next_sequence_ && sequence - next_sequence_ < log_bytes_limit);
  }

  rocksdb::SequentialFile& file_;
  std::vector<char> buffer_ = std::vector<char>(block_bytes);
  std::string_view block_;
  LogScan scan_;
  std::uint64_t next_sequence_ = 0;  ///< behind the last batch that was read; 0: none was
  bool in_record_ = false;
  bool is_damaged_ = false;
  rocksdb::Status status_;
};

Error failure(const fs::path& file, const std::string& what) {
  return fail("the log " + file.string() + " " + what);
}

Error damage(const fs::path& file, const LogScan& scan, const char* why_it_counts) {
  return failure(file, "is damaged at byte " + std::to_string(scan.intact_bytes) + ", and " +
                           why_it_counts +
                           ": restore a copy of the data directory, or keep what can be read with "
                           "`lepus store repair --accept-loss`");
}

Result<void> cut(rocksdb::Env& environment, const fs::path& file, const LogScan& scan,
                 const LogSink& log) {
  std::unique_ptr<rocksdb::WritableFile> opened;
  rocksdb::Status status = environment.ReopenWritableFile(file.string(), &opened, {});
  if (status.ok()) {
    // The operating system's environment can do it only to an open file, where others do nothing.
    status = environment.Truncate(file.string(), scan.intact_bytes);
    status = status.IsNotSupported() ? opened->Truncate(scan.intact_bytes) : status;
  }
  if (status.ok()) {
    status = opened->Fsync();
  }
  if (!status.ok()) {
    return failure(file, "has a torn end that can't be cut off: " + status.ToString());
  }
  if (log) {
    log(LogLevel::warning,
        "cut " + std::to_string(scan.size_bytes - scan.intact_bytes) + " bytes off the end of " +
            file.string() +
            ": the last write was not finished when the broker or the machine stopped. Nothing "
            "confirmed was in it: a write is confirmed after its fsync, and the next one begins "
            "after that");
  }
  return {};
}

}  // namespace

Result<LogScan> scan_rocksdb_log(rocksdb::Env& environment, const fs::path& file) {
  std::unique_ptr<rocksdb::SequentialFile> opened;
  rocksdb::Status status = environment.NewSequentialFile(file.string(), &opened, {});
  if (!status.ok()) {
    return failure(file, "can't be opened: " + status.ToString());
  }
  LogScanner scanner(*opened);
  status = scanner.run();
  if (!status.ok()) {
    return failure(file, "can't be read: " + status.ToString());
  }
  return scanner.scan();
}

Result<void> cut_torn_log_end(rocksdb::Env& environment, const fs::path& store,
                              const LogSink& log) {
  std::vector<std::string> names;
  const rocksdb::Status listed = environment.GetChildren(store.string(), &names);
  if (!listed.ok() && !listed.IsNotFound() && !listed.IsPathNotFound()) {
    return fail("the store in " + store.string() + " can't be listed: " + listed.ToString());
  }
  std::vector<std::pair<std::uint64_t, fs::path>> logs;
  for (const std::string& name : names) {
    if (const auto number = log_number(name)) {
      logs.emplace_back(*number, store / name);
    }
  }
  std::ranges::sort(logs);
  // From the last one back to the first.
  std::vector<std::pair<fs::path, LogScan>> torn;
  bool is_followed = false;
  for (const auto& [number, file] : std::views::reverse(logs)) {
    const Result<LogScan> scan = scan_rocksdb_log(environment, file);
    if (!scan) {
      return scan.error();
    }
    if (scan->record_after_damage) {
      return damage(file, *scan, "further writes follow that were confirmed");
    }
    if (!scan->is_intact() && is_followed) {
      return damage(file, *scan, "a later log shows that all of it was confirmed");
    }
    if (!scan->is_intact()) {
      torn.emplace_back(file, *scan);
    }
    // A log may be begun and never written: at a start, or where the write before it has failed.
    is_followed = is_followed || scan->intact_bytes > 0;
  }
  for (const auto& [file, scan] : torn) {
    if (Result<void> done = cut(environment, file, scan, log); !done) {
      return done;
    }
  }
  return {};
}

rocksdb::Status remove_logs_before(rocksdb::Env& environment, const fs::path& store,
                                   std::uint64_t number) {
  std::vector<std::string> names;
  rocksdb::Status status = environment.GetChildren(store.string(), &names);
  for (const std::string& name : names) {
    const auto found = log_number(name);
    if (status.ok() && found && *found < number) {
      const std::string path = (store / name).string();
      status = environment.DeleteFile(path);
      // RocksDB may have been quicker.
      status = environment.FileExists(path).IsNotFound() ? rocksdb::Status::OK() : status;
    }
  }
  std::unique_ptr<rocksdb::Directory> directory;
  if (status.ok()) {
    status = environment.NewDirectory(store.string(), &directory);
  }
  return status.ok() ? directory->Fsync() : status;
}

}  // namespace lepus::storage
