#include "broker/store_repairer.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "broker/model/topology.h"
#include "broker/model/topology_records.h"
#include "broker/store_progress.h"
#include "storage/record_format.h"

namespace lepus {

namespace {

using model::RecordKind;
using storage::QueueId;
using storage::RecordFamily;

/// Ids that may have been given away without a trace.
constexpr std::uint64_t id_margin = 4096;

}  // namespace

Result<void> StoreRepairer::run() {
  reload();
  topology_was_damaged_ = store_.may_have_lost(RecordFamily::topology);
  progress_was_damaged_ = store_.may_have_lost(RecordFamily::progress);
  for (const DamagedRecord& record : contents_.damaged_records) {
    topology_was_damaged_ |= record.family == RecordFamily::topology;
    progress_was_damaged_ |= record.family == RecordFamily::progress;
    lines_.push_back(record.family == RecordFamily::topology
                         ? described_record(record.key) + " is lost: its record is damaged"
                         : "lost: " + record.fault);
    erase(record.family, record.key);
  }
  join_pages();
  repair_topology();
  audit_ = audit_rows(store_, contents_);
  if (!audit_.complete) {
    return fail("the messages of the new store can't be read: " + audit_.fault);
  }
  repair_queues();
  repair_meta();
  return written_;
}

void StoreRepairer::reload() {
  contents_ = load_contents(store_);
}

void StoreRepairer::put(RecordFamily family, std::string_view key, std::string_view value) {
  if (written_) {
    written_ = store_.put(family, key, value);
  }
}

void StoreRepairer::erase(RecordFamily family, std::string_view key) {
  if (written_) {
    written_ = store_.erase(family, key);
  }
}

void StoreRepairer::put_progress(QueueId id, const storage::QueueProgress& progress) {
  const auto key = storage::encode_number(storage::value_of(id));
  std::vector<std::string> pages;
  const auto visited = store_.visit(RecordFamily::progress, storage::view_of(key),
                                    [&](std::string_view found, std::string_view /*value*/) {
                                      if (found.size() > key.size()) {
                                        pages.emplace_back(found);
                                      }
                                    });
  if (written_ && !visited) {
    written_ = visited;
  }
  for (const std::string& page : pages) {
    erase(RecordFamily::progress, page);
  }
  put(RecordFamily::progress, storage::view_of(key), storage::encode_progress(progress));
}

/// What the pages that are left say is still true.
void StoreRepairer::join_pages() {
  for (const auto& [id, fault] : contents_.incomplete_progress) {
    progress_was_damaged_ = true;
    lines_.push_back(described(contents_, id) + ": its record's pages are not whole: " + fault);
    put_progress(id, *contents_.progress_of(id));
  }
}

// ---- topology

void StoreRepairer::repair_topology() {
  for (const auto& [id, queue] : contents_.queues) {
    if (contents_.deleted_queues.contains(id)) {
      lines_.push_back(described(contents_, id) + " had been deleted, and is dropped");
      erase(RecordFamily::topology, queue->delays ? model::exchange_key(queue->vhost, queue->name)
                                                  : model::queue_key(queue->vhost, queue->name));
    }
  }
  reload();
  add_missing_vhosts();
  drop_unloadable();
  add_missing_user();
  if (store_.may_have_lost(RecordFamily::topology)) {
    lines_.push_back(
        "changes of definitions may be lost, and deleted ones back: look at users, permissions, "
        "exchanges, queues and bindings");
  }
}

void StoreRepairer::add_missing_vhosts() {
  std::set<std::string> there;
  std::set<std::string> named;
  for (const auto& [key, value] : contents_.recovered.topology) {
    const auto decoded = model::decode_key(key);
    if (decoded->kind == RecordKind::vhost) {
      there.insert(decoded->names[0]);
    } else if (decoded->kind == RecordKind::exchange || decoded->kind == RecordKind::queue) {
      named.insert(decoded->names[0]);
    }
  }
  for (const std::string& vhost : named) {
    if (!there.contains(vhost)) {
      lines_.push_back(
          fmt::format("vhost '{}' is made anew, without description and limits", vhost));
      put_topology(model::vhost_key(vhost), model::encode(model::VhostDescription{.name = vhost}));
    }
  }
}

void StoreRepairer::put_topology(std::string key, std::string value) {
  put(RecordFamily::topology, key, value);
  contents_.recovered.topology.emplace_back(std::move(key), std::move(value));
}

void StoreRepairer::drop_unloadable() {
  const auto unloadable = unloadable_records(contents_.recovered);
  if (unloadable.empty()) {
    return;
  }
  topology_was_damaged_ = true;
  for (const std::string& key : unloadable) {
    lines_.push_back(described_record(key) +
                     " is lost: its record contradicts others, or what it belongs to is lost");
    erase(RecordFamily::topology, key);
  }
  reload();
}

void StoreRepairer::add_missing_user() {
  std::vector<std::string> vhosts;
  for (const auto& [key, value] : contents_.recovered.topology) {
    const auto decoded = model::decode_key(key);
    if (decoded->kind == RecordKind::user) {
      return;
    }
    if (decoded->kind == RecordKind::vhost) {
      vhosts.push_back(decoded->names[0]);
    }
  }
  if (contents_.recovered.topology.empty() && contents_.recovered.progress.empty()) {
    return;  // As new: the start makes the defaults.
  }
  const model::TopologyOptions defaults;
  if (vhosts.empty()) {
    vhosts.push_back(defaults.default_vhost);
    put_topology(model::vhost_key(vhosts[0]),
                 model::encode(model::VhostDescription{.name = vhosts[0]}));
  }
  const auto hashing = model::PasswordHashing::sha256;
  const model::User user{.name = defaults.default_user,
                         .password_hash = model::hash_password(defaults.default_password, hashing),
                         .hashing = hashing,
                         .tags = defaults.default_user_tags,
                         .limits = {}};
  put_topology(model::user_key(user.name), model::encode(user));
  for (const std::string& vhost : vhosts) {
    const model::UserPermissions all{user.name, vhost, ".*", ".*", ".*"};
    put_topology(model::permissions_key(user.name, vhost), model::encode(all));
  }
  lines_.push_back("no user is left; " + user.name +
                   " is made anew, who may log in from this machine only");
}

// ---- queues

void StoreRepairer::repair_queues() {
  for (const auto& [id, queue] : audit_.queues) {
    if (queue.deleted) {
      continue;
    }
    if (queue.in_topology) {
      repair_progress(id, queue);
    } else if (queue.live_count() != 0 && (topology_was_damaged_ || !queue.has_progress)) {
      add_unnamed_queue(id, queue);
    }
    // Else the queue was deleted, and the next start sees to its record.
  }
  for (const std::string& key : audit_.foreign_keys) {
    lines_.push_back("a record among the messages is dropped that is none: " + to_hexadecimal(key));
    erase(RecordFamily::messages, key);
  }
}

void StoreRepairer::add_unnamed_queue(QueueId id, const QueueAudit& audit) {
  model::QueueRecord queue;
  queue.id = id;
  queue.vhost = model::TopologyOptions{}.default_vhost;
  queue.partition =
      static_cast<model::PartitionIndex>(storage::value_of(id) % storage::partition_count);
  queue.durable = true;
  queue.name = fmt::format("recovered-{}", storage::value_of(id));
  for (const auto& [vhost_key, value] : contents_.recovered.topology) {
    const auto decoded = model::decode_key(vhost_key);
    if (decoded->kind == RecordKind::vhost) {
      queue.vhost = decoded->names[0];
      if (queue.vhost == model::TopologyOptions{}.default_vhost) {
        break;
      }
    }
  }
  const storage::Priority priority_max = audit.sub_queues.rbegin()->first;
  if (priority_max != 0) {
    queue.arguments.set("x-max-priority", std::int64_t{priority_max});
  }
  put_topology(model::queue_key(queue.vhost, queue.name), model::encode(queue));
  put_progress(id, rebuild_progress(audit, false));
  lines_.push_back(fmt::format(
      "the definition of queue id {} is lost: its {} messages are in queue '{}' in vhost '{}', "
      "without bindings and arguments",
      storage::value_of(id), audit.live_count(), queue.name, queue.vhost));
}

void StoreRepairer::repair_progress(QueueId id, const QueueAudit& audit) {
  const std::string name = described(contents_, id);
  bool agrees = audit.has_progress || audit.live_count() == 0;
  if (!agrees) {
    lines_.push_back(fmt::format(
        "{}: its record is lost; it has the {} messages that are there, acknowledged ones perhaps "
        "among them",
        name, audit.live_count()));
  }
  for (const auto& [priority, sub_queue] : audit.sub_queues) {
    agrees = agrees && sub_queue.agrees();
    const std::uint64_t lost = sub_queue.missing_count + sub_queue.damaged.size();
    if (lost != 0) {
      lines_.push_back(
          fmt::format("{}: {} messages are lost, {} are left", name, lost, sub_queue.live_count));
    } else if (audit.has_progress && !sub_queue.agrees()) {
      lines_.push_back(fmt::format("{}: its record is made anew for {} messages of {} bytes", name,
                                   sub_queue.live_count, sub_queue.live_bytes));
    }
  }
  // What was settled by a record that is lost comes again, and must count as redelivered.
  if (!agrees || (progress_was_damaged_ && audit.live_count() != 0)) {
    put_progress(id, rebuild_progress(audit, contents_.queues.at(id)->delays));
  }
}

void StoreRepairer::repair_meta() {
  std::uint64_t next_id = 1;
  for (const auto& [id, queue] : audit_.queues) {
    next_id = std::max(next_id, storage::value_of(id) + 1);
  }
  for (const QueueId id : contents_.deleted_queues) {
    next_id = std::max(next_id, storage::value_of(id) + 1);
  }
  const bool is_lost = store_.may_have_lost(RecordFamily::meta);
  if (is_lost || next_id > contents_.recovered.next_queue_id) {
    next_id = std::max(next_id, contents_.recovered.next_queue_id) + id_margin;
    put(RecordFamily::meta, storage::next_queue_id_key,
        storage::view_of(storage::encode_number(next_id)));
  }
  if (!lines_.empty() || progress_was_damaged_ || is_lost) {
    erase(RecordFamily::meta, storage::clean_stop_key);
  }
}

}  // namespace lepus
