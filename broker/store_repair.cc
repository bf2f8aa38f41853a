#include "broker/store_repair.h"

#include <ctime>
#include <fstream>
#include <memory>
#include <ostream>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "broker/store_audit.h"
#include "broker/store_check.h"
#include "broker/store_contents.h"
#include "broker/store_repairer.h"
#include "storage/data_directory.h"
#include "storage/store_files.h"
#include "storage/store_salvage.h"

namespace lepus {

namespace {

namespace fs = std::filesystem;

/// Where the new store is made; left by nobody but a repair that was interrupted.
constexpr const char* work_name = "repair.tmp";

struct Repaired {
  fs::path store;
  std::vector<std::string> lines;  ///< what was lost or changed; empty: nothing was wrong
};

/// What a broker would still trip over.
Result<void> verify(const storage::StoreInspection& store) {
  const StoreContents contents = load_contents(store);
  const StoreAudit audit = audit_rows(store, contents);
  std::vector<std::string> problems = contents.unreadable;
  for (const DamagedRecord& record : contents.damaged_records) {
    problems.push_back(record.fault);
  }
  if (const auto loaded = check_topology(contents.recovered); !loaded) {
    problems.push_back(loaded.error().text);
  }
  if (!audit.complete) {
    problems.push_back(audit.fault);
  }
  for (const auto& [id, queue] : audit.queues) {
    for (const auto& [priority, sub_queue] : queue.sub_queues) {
      if (queue.in_topology && !sub_queue.agrees()) {
        problems.push_back(described(contents, id) + ": its record contradicts its rows");
      }
    }
  }
  if (!problems.empty()) {
    return fail("the repaired store would not be sound: " + problems.front());
  }
  return {};
}

Result<Repaired> make_repaired(const fs::path& store, const fs::path& work) {
  std::error_code error;
  fs::remove_all(work, error);
  if (!fs::create_directory(work, error)) {
    return fail(work.string() + " can't be created: " + error.message());
  }
  auto salvage = storage::salvage_store(store, work);
  if (!salvage) {
    return salvage.error();
  }
  StoreRepairer repairer(**salvage);
  if (auto repaired = repairer.run(); !repaired) {
    return repaired.error();
  }
  if (auto sound = verify(**salvage); !sound) {
    return sound.error();
  }
  if (auto finished = (*salvage)->finish(); !finished) {
    return finished.error();
  }
  Repaired repaired{(*salvage)->directory(), (*salvage)->losses()};
  repaired.lines.insert(repaired.lines.end(), repairer.lines().begin(), repairer.lines().end());
  return repaired;
}

/// The repaired store takes the damaged one's place, which goes where it will not be deleted.
Result<fs::path> replace(const fs::path& data_directory, const fs::path& store,
                         const Repaired& repaired, const fs::path& work) {
  {
    std::ofstream report(work / "report.txt");
    for (const std::string& line : repaired.lines) {
      report << line << '\n';
    }
  }
  if (auto exchanged = storage::exchange_directories(repaired.store, store); !exchanged) {
    return exchanged.error();
  }
  const std::string time = fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(std::time(nullptr)));
  fs::path kept = data_directory / ("damaged-" + time);
  std::error_code error;
  for (int number = 2; fs::exists(kept, error); ++number) {
    kept = data_directory / fmt::format("damaged-{}-{}", time, number);
  }
  fs::rename(repaired.store, work / "store", error);
  fs::rename(work, kept, error);
  if (error) {
    return fail("the store is repaired, and the damaged one is in " + work.string() +
                ", which can't be renamed: " + error.message());
  }
  if (auto synced = storage::sync_directory_names(data_directory); !synced) {
    return synced.error();
  }
  return Result<fs::path>(boost::system::in_place_value, kept);
}

}  // namespace

int repair_store(const fs::path& data_directory, bool accept_loss, std::ostream& out,
                 std::ostream& error) {
  const auto directory = storage::DataDirectory::open_stopped(data_directory);
  if (!directory) {
    error << "lepus: " << directory.error().text << '\n';
    return tool_failed;
  }
  const fs::path work = data_directory / work_name;
  const auto repaired = make_repaired(directory->durable_path(), work);
  std::error_code ignored;
  if (!repaired) {
    fs::remove_all(work, ignored);
    error << "lepus: " << repaired.error().text << '\n';
    return tool_failed;
  }
  if (repaired->lines.empty()) {
    fs::remove_all(work, ignored);
    out << "the store is sound: nothing to repair\n";
    return tool_well;
  }
  for (const std::string& line : repaired->lines) {
    out << line << '\n';
  }
  if (!accept_loss) {
    fs::remove_all(work, ignored);
    out << "nothing was changed; with --accept-loss the store is repaired at this price\n";
    return tool_problems;
  }
  const auto kept = replace(data_directory, directory->durable_path(), *repaired, work);
  if (!kept) {
    error << "lepus: " << kept.error().text << '\n';
    return tool_failed;
  }
  out << "the store is repaired; the damaged one is kept in " << kept->string() << '\n';
  return tool_well;
}

}  // namespace lepus
