#include "broker/store_check.h"

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "broker/store_audit.h"
#include "broker/store_contents.h"
#include "storage/data_directory.h"
#include "storage/store_inspection.h"

namespace lepus {

namespace {

using nlohmann::json;

struct Findings {
  std::vector<std::string> problems;
  std::vector<std::string> notes;  ///< what a start sees to
  StoreContents contents;
  StoreAudit audit;
  std::uint64_t table_count = 0;
  std::uint64_t table_bytes = 0;
};

/// Opens it as the broker would, and if that is impossible says so and reads what can be read.
std::unique_ptr<storage::StoreInspection> open(const std::filesystem::path& store,
                                               Findings& findings) {
  bool only_torn = true;
  if (const auto faults = storage::log_faults(store); !faults) {
    findings.problems.push_back(faults.error().text);
    return nullptr;
  } else {
    for (const storage::LogFault& fault : *faults) {
      only_torn = only_torn && fault.is_torn_end;
      (fault.is_torn_end ? findings.notes : findings.problems).push_back(fault.text);
    }
  }
  auto opened = storage::inspect_store(store, storage::Strictness::as_the_broker);
  if (opened) {
    return *std::move(opened);
  }
  const std::string why = opened.error().text;
  opened = storage::inspect_store(store, storage::Strictness::whatever_can_be_read);
  if (!opened || !only_torn || findings.notes.empty()) {
    findings.problems.push_back("the store can't be opened: " + why);
  }
  return opened ? *std::move(opened) : nullptr;
}

void look_at_records(const StoreContents& contents, std::vector<std::string>& problems) {
  for (const std::string& line : contents.unreadable) {
    problems.push_back("can't be read to its end: " + line);
  }
  for (const DamagedRecord& record : contents.damaged_records) {
    problems.push_back(record.fault);
  }
  for (const auto& [id, fault] : contents.incomplete_progress) {
    problems.push_back(described(contents, id) + ": its record's pages: " + fault);
  }
  if (contents.damaged_records.empty()) {
    if (const auto loaded = check_topology(contents.recovered); !loaded) {
      problems.push_back(loaded.error().text);
    }
  }
  for (const auto& [id, queue] : contents.queues) {
    if (contents.deleted_queues.contains(id)) {
      problems.push_back(described(contents, id) + " is there and counts as deleted");
    }
  }
}

Findings examine(const std::filesystem::path& store) {
  Findings findings;
  const auto inspection = open(store, findings);
  if (!inspection) {
    return findings;
  }
  const auto damaged = inspection->damaged_tables();
  findings.problems.insert(findings.problems.end(), damaged.begin(), damaged.end());
  findings.contents = load_contents(*inspection);
  look_at_records(findings.contents, findings.problems);
  findings.audit = audit_rows(*inspection, findings.contents);
  if (!findings.audit.complete) {
    findings.problems.push_back("can't be read to its end: " + findings.audit.fault);
  } else {
    const auto lines = contradictions(findings.audit, findings.contents);
    findings.problems.insert(findings.problems.end(), lines.begin(), lines.end());
  }
  findings.table_count = inspection->table_count();
  findings.table_bytes = inspection->table_bytes();
  return findings;
}

struct Totals {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  std::uint64_t dead_rows = 0;
  std::uint64_t deleted_queue_rows = 0;
  std::uint64_t orphan_records = 0;
};

Totals totals_of(const StoreAudit& audit) {
  Totals totals;
  for (const auto& [id, queue] : audit.queues) {
    if (queue.in_topology) {
      totals.messages += queue.live_count();
      totals.bytes += queue.live_bytes();
    } else {
      totals.orphan_records += queue.has_progress ? 1 : 0;
    }
    for (const auto& [priority, sub_queue] : queue.sub_queues) {
      (queue.in_topology ? totals.dead_rows : totals.deleted_queue_rows) +=
          sub_queue.dead_count + (queue.in_topology ? 0 : sub_queue.live_count);
    }
  }
  return totals;
}

json to_json(const std::filesystem::path& data_directory, const Findings& findings) {
  json queues = json::array();
  for (const auto& [id, queue] : findings.contents.queues) {
    const QueueAudit& audit = findings.audit.queues.at(id);
    queues.push_back({{"vhost", queue->vhost},
                      {queue->delays ? "delayed_exchange" : "name", queue->name},
                      {"id", storage::value_of(id)},
                      {"messages", audit.live_count()},
                      {"message_bytes", audit.live_bytes()}});
  }
  const Totals totals = totals_of(findings.audit);
  return {{"directory", data_directory.string()},
          {"clean", findings.problems.empty()},
          {"problems", findings.problems},
          {"notes", findings.notes},
          {"queues", std::move(queues)},
          {"messages", totals.messages},
          {"message_bytes", totals.bytes},
          {"settled_rows", totals.dead_rows},
          {"rows_of_deleted_queues", totals.deleted_queue_rows},
          {"records_without_queue", totals.orphan_records},
          {"tables", findings.table_count},
          {"table_bytes", findings.table_bytes},
          {"stopped_cleanly", findings.contents.recovered.clean_stop}};
}

void print(const Findings& findings, std::ostream& out) {
  if (!findings.contents.queues.empty()) {
    out << fmt::format("{:>12} {:>15} {:>8}  {}\n", "messages", "bytes", "id", "queue");
  }
  for (const auto& [id, queue] : findings.contents.queues) {
    const QueueAudit& audit = findings.audit.queues.at(id);
    out << fmt::format("{:>12} {:>15} {:>8}  {}{} in vhost {}\n", audit.live_count(),
                       audit.live_bytes(), storage::value_of(id),
                       queue->delays ? "delayed by exchange " : "", queue->name, queue->vhost);
  }
  for (const std::string& note : findings.notes) {
    out << "note: " << note << ", which the next start cuts off; nothing confirmed is in it\n";
  }
  for (const std::string& problem : findings.problems) {
    out << "problem: " << problem << '\n';
  }
  const Totals totals = totals_of(findings.audit);
  out << fmt::format(
      "{} queues with {} messages of {} bytes; {} settled rows and {} of deleted queues wait to be "
      "dropped; {} tables of {} bytes\n",
      findings.contents.queues.size(), totals.messages, totals.bytes, totals.dead_rows,
      totals.deleted_queue_rows, findings.table_count, findings.table_bytes);
  out << (findings.problems.empty() ? std::string("the store is sound\n")
                                    : fmt::format("{} problems\n", findings.problems.size()));
}

}  // namespace

int check_store(const std::filesystem::path& data_directory, bool as_json, std::ostream& out,
                std::ostream& error) {
  const auto directory = storage::DataDirectory::open_stopped(data_directory);
  if (!directory) {
    error << "lepus: " << directory.error().text << '\n';
    return tool_failed;
  }
  const Findings findings = examine(directory->durable_path());
  if (as_json) {
    out << to_json(data_directory, findings).dump(2, ' ', false, json::error_handler_t::replace)
        << '\n';
  } else {
    print(findings, out);
  }
  return findings.problems.empty() ? tool_well : tool_problems;
}

}  // namespace lepus
