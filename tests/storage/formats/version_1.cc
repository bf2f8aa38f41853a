#include "tests/storage/formats/version_1.h"

#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rocksdb/db.h>
#include <rocksdb/table_properties.h>
#include <rocksdb/write_batch.h>

namespace lepus::formats {

namespace {

void check(const rocksdb::Status& status) {
  if (!status.ok()) {
    throw std::runtime_error(status.ToString());
  }
}

// ---- numbers and lengths

std::string big_endian(std::uint64_t number, int bytes) {
  std::string text;
  for (int byte = bytes - 1; byte >= 0; --byte) {
    text += static_cast<char>(number >> (8 * byte));
  }
  return text;
}

std::string u64(std::uint64_t number) {
  return big_endian(number, 8);
}

std::string varint(std::uint64_t number) {
  std::string text;
  for (; number >= 0x80; number >>= 7) {
    text += static_cast<char>(0x80 | (number & 0x7f));
  }
  return text + static_cast<char>(number);
}

std::string u8(unsigned number) {
  return {static_cast<char>(number)};
}

/// A string of the protocol with its length before it.
std::string long_string(std::string_view text) {
  return big_endian(text.size(), 4).append(text);
}

// ---- records of the topology: tables of the protocol, and keys of names

std::string text_field(std::string_view name, std::string_view text) {
  return u8(static_cast<unsigned>(name.size())).append(name) + 'S' + long_string(text);
}

std::string number_field(std::string_view name, std::uint64_t number) {
  return u8(static_cast<unsigned>(name.size())).append(name) + 'l' + u64(number);
}

std::string flag_field(std::string_view name, bool flag) {
  return u8(static_cast<unsigned>(name.size())).append(name) + 't' + u8(flag ? 1 : 0);
}

std::string list_field(std::string_view name, const std::vector<std::string>& texts) {
  std::string elements;
  for (const std::string& text : texts) {
    elements += 'S' + long_string(text);
  }
  return u8(static_cast<unsigned>(name.size())).append(name) + 'A' + long_string(elements);
}

std::string topology_key(char kind, const std::vector<std::string>& names) {
  std::string key(1, kind);
  for (const std::string& name : names) {
    key += long_string(name);
  }
  return key;
}

std::map<std::string, std::string> topology() {
  return {
      {topology_key('v', {"/"}),
       text_field("description", "the only one") + text_field("default_queue_type", "") +
           list_field("tags", {"old"}) + number_field("max_connections", 500)},
      {topology_key('x', {"/", "orders"}),
       text_field("type", "topic") + text_field("user", "reader") +
           flag_field("auto_delete", false) + flag_field("internal", false) +
           text_field("arguments", "")},
      {topology_key('q', {"/", "plain"}),
       text_field("user", "reader") + number_field("id", 1) + number_field("partition", 1) +
           flag_field("auto_delete", false) + text_field("arguments", "")},
      {topology_key('q', {"/", "priorities"}),
       text_field("user", "reader") + number_field("id", 2) + number_field("partition", 2) +
           flag_field("auto_delete", false) +
           text_field("arguments", number_field("x-max-priority", 5))},
      {topology_key('b', {"/", "orders", "q", "plain", "order.#", ""}), ""},
      {topology_key('u', {"reader"}),
       text_field("password_hash", "") +
           text_field("hashing_algorithm", "rabbit_password_hashing_sha256") +
           list_field("tags", {"administrator"}) + number_field("max_channels", 10)},
      {topology_key('p', {"reader", "/"}),
       text_field("configure", "") + text_field("write", "^x") + text_field("read", ".*")},
      {topology_key('t', {"reader", "/", "orders"}),
       text_field("write", "^order") + text_field("read", ".*")},
      {topology_key('y', {"/", "limits"}),
       text_field("pattern", "^p") + text_field("apply_to", "queues") +
           number_field("priority", 3) +
           text_field("definition", number_field("max-length", 100'000))},
      {topology_key('o', {"/", "cap"}),
       text_field("pattern", "") + text_field("apply_to", "all") + number_field("priority", 0) +
           text_field("definition", number_field("max-length-bytes", 1 << 30))},
      {topology_key('r', {"federation-upstream", "/", "other"}), R"({"uri":"amqp://other"})"},
  };
}

// ---- messages

std::string message_key(std::uint64_t queue, unsigned priority, std::uint64_t position) {
  return u64(queue) + u8(priority) + u64(position);
}

constexpr std::uint64_t published_ms = 1'700'000'000'000;

/// The message up to its body. The body's type and the delivery mode are its properties.
std::string message_head(std::string_view exchange, std::string_view routing_key, unsigned priority,
                         std::uint64_t expiration_ms) {
  const std::string properties = std::string("\x90\x00", 2) + u8(10) + "text/plain" + u8(2);
  const unsigned flags = 1U | (expiration_ms != 0 ? 2U : 0U) | (priority != 0 ? 4U : 0U);
  std::string head = u8(1) + u8(flags) + u8(static_cast<unsigned>(exchange.size())) +
                     u8(static_cast<unsigned>(routing_key.size())) + varint(properties.size()) +
                     varint(published_ms);
  if (expiration_ms != 0) {
    head += varint(expiration_ms);
  }
  if (priority != 0) {
    head += u8(priority);
  }
  return head.append(exchange).append(routing_key) + properties;
}

const std::string shared_body(5000, 's');
const std::string shared_body_key = message_key(1, 0, 9);

std::string row(std::string_view routing_key, unsigned priority, std::uint64_t expiration_ms,
                const std::string& body) {
  return u8(0) + message_head("orders", routing_key, priority, expiration_ms) + body;
}

std::string row_with_shared_body(std::string_view routing_key) {
  return u8(1) + shared_body_key + message_head("orders", routing_key, 0, 0);
}

// ---- progress

std::string plain_progress() {
  return u8(1) + varint(1) +                             // version, sub-queues
         u8(0) + u8(1 | 2) +                             // priority; had a consumer, has expiring
         varint(2) + varint(8) + varint(8) +             // floor, next position above it, delivered
         varint(6) + varint(5 * 7 + 5000) +              // stored count and bytes
         varint(1) + varint(2) + varint(2) +             // settled: 4, 5
         varint(1) + varint(3) + varint(1) + varint(2);  // returned: 3, twice
}

constexpr std::uint64_t page_positions = 256;

std::string priorities_progress() {
  std::uint64_t stored_bytes = 0;
  std::uint64_t stored_count = 0;
  for (std::uint64_t position = 0; position < 600; ++position) {
    if (position >= 512 || position % 2 == 0) {
      stored_bytes += ("urgent " + std::to_string(position)).size();
      stored_count += 1;
    }
  }
  return u8(1) + varint(2) +                                              //
         u8(0) + u8(1) + varint(0) + varint(1) + varint(0) + varint(1) +  //
         varint(5000) + varint(0) + varint(0) +                           //
         u8(5) + u8(1 | 4) + varint(0) + varint(600) + varint(530) +      // with pages
         varint(stored_count) + varint(stored_bytes) + varint(3);
}

/// The odd positions of a page of 256 are settled.
std::string page_of_odd_positions() {
  std::string page = u8(1) + varint(page_positions / 2);
  for (std::uint64_t range = 0; range < page_positions / 2; ++range) {
    page += varint(1) + varint(1);
  }
  return page + varint(0);
}

/// 520 to 529 were given back once.
std::string page_of_returned() {
  return u8(1) + varint(0) + varint(1) + varint(8) + varint(10) + varint(1);
}

// ---- the property of tables: whose rows are in them

/// One entry for each sub-queue, as rows pass by in order.
class RowsCollector final : public rocksdb::TablePropertiesCollector {
 public:
  explicit RowsCollector(bool of_bodies) : of_bodies_(of_bodies) {}

  rocksdb::Status AddUserKey(const rocksdb::Slice& key, const rocksdb::Slice& value,
                             rocksdb::EntryType /*type*/, rocksdb::SequenceNumber /*sequence*/,
                             std::uint64_t /*file_size*/) override {
    std::vector<std::string> owners{key.ToString()};
    if (of_bodies_) {  // The bodies here have two owners.
      owners.push_back(value.ToString().substr(1, 17));
    }
    for (const std::string& owner : owners) {
      Run& run = runs_[owner.substr(0, 9)];
      if (run.rows == 0) {
        run.first = owner.substr(9);
      }
      run.last = owner.substr(9);
      run.rows += 1;
      run.bytes += (key.size() + value.size()) / owners.size();
    }
    return rocksdb::Status::OK();
  }

  rocksdb::Status Finish(rocksdb::UserCollectedProperties* properties) override {
    std::string entries;
    for (const auto& [sub_queue, run] : runs_) {
      entries += sub_queue + sub_queue + run.first + run.last + u64(run.rows) + u64(run.bytes);
    }
    (*properties)["lepus.rows"] = entries;
    return rocksdb::Status::OK();
  }

  [[nodiscard]] rocksdb::UserCollectedProperties GetReadableProperties() const override {
    return {};
  }

  [[nodiscard]] const char* Name() const override { return "lepus.rows"; }

 private:
  struct Run {
    std::string first;
    std::string last;
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
  };

  const bool of_bodies_;
  std::map<std::string, Run> runs_;
};

class RowsCollectorFactory final : public rocksdb::TablePropertiesCollectorFactory {
 public:
  explicit RowsCollectorFactory(bool of_bodies) : of_bodies_(of_bodies) {}

  rocksdb::TablePropertiesCollector* CreateTablePropertiesCollector(
      rocksdb::TablePropertiesCollectorFactory::Context /*context*/) override {
    return new RowsCollector(of_bodies_);  // RocksDB takes it over.
  }

  [[nodiscard]] const char* Name() const override { return "lepus.rows"; }

 private:
  const bool of_bodies_;
};

// ---- the database

enum Family : std::size_t { meta, topology_family, messages, bodies, progress, deleted_queues };

class Database {
 public:
  explicit Database(const std::filesystem::path& path) {
    rocksdb::DBOptions options;
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const char* name :
         {"default", "topology", "messages", "bodies", "progress", "deleted_queues"}) {
      families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    }
    for (const Family family : {messages, bodies}) {
      families[family].options.table_properties_collector_factories.push_back(
          std::make_shared<RowsCollectorFactory>(family == bodies));
    }
    rocksdb::DB* db = nullptr;
    check(rocksdb::DB::Open(options, path.string(), families, &handles_, &db));
    db_.reset(db);
  }

  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  ~Database() {
    for (rocksdb::ColumnFamilyHandle* handle : handles_) {
      static_cast<void>(db_->DestroyColumnFamilyHandle(handle));
    }
  }

  void put(Family family, const std::string& key, const std::string& value) {
    check(batch_.Put(handles_[family], key, value));
  }

  void erase(Family family, const std::string& key) { check(batch_.Delete(handles_[family], key)); }

  /// One write of all that was put.
  void commit() {
    rocksdb::WriteOptions options;
    options.sync = true;
    check(db_->Write(options, &batch_));
    batch_.Clear();
  }

  void flush() { check(db_->Flush({}, handles_)); }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
  rocksdb::WriteBatch batch_;
};

void put_number(Database& database, std::uint64_t log, std::uint64_t number) {
  database.put(meta, "last_number/" + big_endian(log, 4), u64(number));
}

void put_plain_rows(Database& database, std::uint64_t begin, std::uint64_t end) {
  for (std::uint64_t position = begin; position < end; ++position) {
    database.put(
        messages, message_key(1, 0, position),
        row("order.new", 0, position == 7 ? 60'000 : 0, "plain " + std::to_string(position)));
  }
}

void fill(Database& database) {
  for (const auto& [key, value] : topology()) {
    database.put(topology_family, key, value);
  }
  database.put(meta, "next_queue_id", u64(4097));
  put_number(database, 64, 9);
  database.commit();
  put_plain_rows(database, 0, 6);
  for (std::uint64_t position = 0; position < 600; ++position) {
    database.put(messages, message_key(2, 5, position),
                 row("order.urgent", 5, 0, "urgent " + std::to_string(position)));
  }
  database.put(messages, message_key(3, 0, 0), row("order.old", 0, 0, "of a deleted queue"));
  // As they were before the last commit: pages are written again, or erased.
  for (const std::uint64_t begin : {0, 256}) {
    database.put(progress, message_key(2, 5, begin), page_of_returned());
  }
  database.put(progress, message_key(2, 5, 768), page_of_odd_positions());
  database.put(progress, u64(3), u8(1) + varint(0));
  put_number(database, 1, 1);
  put_number(database, 2, 6);
  database.commit();
  database.flush();
  // From here on in the log alone.
  put_plain_rows(database, 6, 9);
  database.put(bodies, shared_body_key, varint(2) + message_key(2, 0, 0) + shared_body);
  database.put(messages, message_key(1, 0, 9), row_with_shared_body("order.new"));
  database.put(messages, message_key(2, 0, 0), row_with_shared_body("order.urgent"));
  database.put(progress, u64(1), plain_progress());
  database.put(progress, u64(2), priorities_progress());
  database.put(progress, message_key(2, 5, 0), page_of_odd_positions());
  database.put(progress, message_key(2, 5, 256), page_of_odd_positions());
  database.put(progress, message_key(2, 5, 512), page_of_returned());
  database.erase(progress, message_key(2, 5, 768));
  database.erase(progress, u64(3));
  database.put(deleted_queues, u64(3), "");
  put_number(database, 1, 2);
  put_number(database, 2, 7);
  database.commit();
  database.put(meta, "clean_stop", "");
  database.commit();
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
}

}  // namespace

void write_version_1(const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory / "damaged-20230101T000000Z");
  write_file(directory / "lepus-data", "lepus data directory\nformat 1\n");
  write_file(directory / "lepus.lock", "1\n");
  write_file(directory / "lepus.reserve", std::string(4096, '\0'));
  write_file(directory / "damaged-20230101T000000Z" / "report.txt", "nothing was lost\n");
  {
    Database database(directory / "store");
    fill(database);
  }
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* transient = nullptr;
  check(rocksdb::DB::Open(options, (directory / "transient").string(), &transient));
  const std::unique_ptr<rocksdb::DB> owner(transient);
  check(transient->Put({}, message_key(1, 0, 10), row("order.new", 0, 0, "transient")));
}

}  // namespace lepus::formats
