#include "storage/rocksdb_table_salvage.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include <rocksdb/sst_file_reader.h>

#include "storage/rocksdb_tool_options.h"

namespace lepus::storage {

namespace {

/// The first bytes of a key as a number of so many digits, so that the middle between two keys can
/// be found. Longer keys are cut off, shorter ones go on with zeros.
constexpr std::size_t digits = 48;
using KeyNumber = std::array<unsigned char, digits>;

KeyNumber number_of(std::string_view key) {
  KeyNumber number{};
  for (std::size_t i = 0; i < std::min(digits, key.size()); ++i) {
    number[i] = static_cast<unsigned char>(key[i]);
  }
  return number;
}

KeyNumber middle_of(const KeyNumber& low, const KeyNumber& high) {
  KeyNumber sum{};
  unsigned carry = 0;
  for (std::size_t i = digits; i-- > 0;) {
    const unsigned digit = low[i] + high[i] + carry;
    sum[i] = static_cast<unsigned char>(digit);
    carry = digit >> 8U;
  }
  unsigned rest = carry;  // The sum has one digit more.
  KeyNumber middle{};
  for (std::size_t i = 0; i < digits; ++i) {
    const unsigned dividend = (rest << 8U) | sum[i];
    middle[i] = static_cast<unsigned char>(dividend / 2);
    rest = dividend % 2;
  }
  return middle;
}

rocksdb::Slice slice_of(const KeyNumber& number) {
  return {reinterpret_cast<const char*>(number.data()), number.size()};
}

using Rows = std::unique_ptr<rocksdb::Iterator>;

/// The rows from a key on; without a row where the next one can't be read, or there is none. An
/// iterator that has met damage once finds nothing any more, so that each is a new one.
Rows rows_from(rocksdb::SstFileReader& table, const KeyNumber& key) {
  Rows rows(table.NewIterator({}));
  rows->Seek(slice_of(key));
  return rows;
}

/// Some key behind the last one that was read from which on rows can be read; that one itself if
/// none is found.
KeyNumber readable_key_behind(rocksdb::SstFileReader& table, const KeyNumber& last_read) {
  const Rows rows(table.NewIterator({}));
  rows->SeekToLast();
  if (rows->Valid() && number_of(rows->key().ToStringView()) > last_read) {
    return number_of(rows->key().ToStringView());
  }
  KeyNumber probe;
  probe.fill(0xff);
  while (!rows_from(table, probe)->Valid()) {
    const KeyNumber next = middle_of(last_read, probe);
    if (next == probe || next == last_read) {
      return last_read;
    }
    probe = next;
  }
  return probe;
}

/// The rows behind a block that can't be read. Where the next block begins is not known, so that it
/// is found by halving. Without a row if nothing further can be read.
Rows rows_behind_damage(rocksdb::SstFileReader& table, const KeyNumber& last_read) {
  KeyNumber low = last_read;
  KeyNumber high = readable_key_behind(table, last_read);
  while (high != last_read) {
    const KeyNumber middle = middle_of(low, high);
    if (middle == low || middle == high) {
      break;
    }
    (rows_from(table, middle)->Valid() ? high : low) = middle;
  }
  Rows rows = rows_from(table, high);
  const bool further = rows->Valid() && number_of(rows->key().ToStringView()) > last_read;
  return further ? std::move(rows) : Rows();
}

}  // namespace

TableSalvage salvage_table(const std::filesystem::path& table,
                           const StoreInspection::RecordVisitor& visitor) {
  TableSalvage salvage;
  rocksdb::SstFileReader reader(tool_table_options());
  if (!reader.Open(table.string()).ok()) {
    return salvage;
  }
  if (const auto properties = reader.GetTableProperties()) {
    salvage.rows_before = properties->num_entries;
    salvage.family = properties->column_family_name;
  }
  Rows rows(reader.NewIterator({}));
  rows->SeekToFirst();
  KeyNumber last{};
  while (rows != nullptr) {
    for (; rows->Valid(); rows->Next()) {
      visitor(rows->key().ToStringView(), rows->value().ToStringView());
      ++salvage.rows;
      last = number_of(rows->key().ToStringView());
    }
    rows = rows->status().ok() ? nullptr : rows_behind_damage(reader, last);
  }
  return salvage;
}

std::string family_of_table(const std::filesystem::path& table) {
  rocksdb::SstFileReader reader(tool_table_options());
  const auto properties = reader.Open(table.string()).ok() ? reader.GetTableProperties() : nullptr;
  return properties ? properties->column_family_name : std::string();
}

}  // namespace lepus::storage
