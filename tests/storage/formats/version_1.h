#pragma once

#include <filesystem>

/// Data directories as earlier formats wrote them. What makes them uses RocksDB and nothing of
/// Lepus, so that it goes on writing what was written then. It is never changed: where an
/// expectation about such a store fails, it is the reading that is wrong.
namespace lepus::formats {

/// Makes a data directory of format 1 after a clean stop, with every kind of key and value that
/// docs/storage-format.md lists, some in tables and some in the log alone:
///
/// - queue 1, `plain`: positions 0–9, of which 0, 1, 4, 5 are settled and 3 was given back twice;
///   message n has the body "plain n", but for 9, whose body is shared with `priorities` and made
///   of 5000 `s`; 7 has an expiration of a minute;
/// - queue 2, `priorities`, up to priority 5: position 0 of priority 0 with the shared body; of
///   priority 5 positions 0–599, with pages: the odd ones below 512 are settled, and those from 520
///   to 529 were given back once; message n has the body "urgent n";
/// - queue 3, deleted, with a row that is still there;
/// - vhost `/` with the topic exchange `orders`, a binding from it to `plain` by `order.#`, the
///   user `reader` with permissions and topic permissions, a policy, an operator's
///   policy and a parameter;
/// - a transient row, which a start forgets, and a damaged store that was set aside.
void write_version_1(const std::filesystem::path& directory);

}  // namespace lepus::formats
