#include "storage/recovered_records.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "storage/record_format.h"

namespace lepus::storage {

std::optional<std::string> add_meta_record(std::string_view key, std::string_view value,
                                           Recovered& recovered) {
  if (key == clean_stop_key) {
    recovered.clean_stop = true;
    return std::nullopt;
  }
  const std::optional<std::uint64_t> number = decode_number(value);
  if (!number) {
    return "not a number";
  }
  if (key == next_queue_id_key) {
    recovered.next_queue_id = *number;
    return std::nullopt;
  }
  const std::optional<LogId> log = decode_last_number_key(key);
  if (!log || *log > topology_log) {
    return "unknown";
  }
  recovered.last_numbers[*log] = *number;
  return std::nullopt;
}

namespace {

std::optional<std::string> add_progress_page(const MessageKey& key, std::string_view value,
                                             Recovered& recovered) {
  if (recovered.progress.empty() || recovered.progress.back().first != key.queue) {
    return "a page without its record";
  }
  auto& sub_queues = recovered.progress.back().second.sub_queues;
  const auto sub_queue = std::ranges::find(sub_queues, key.priority, &SubQueueProgress::priority);
  if (sub_queue == sub_queues.end()) {
    return "a page of a priority that its record does not have";
  }
  Result<ProgressPage> page = decode_progress_page(key.position, value);
  if (!page) {
    return page.error().text;
  }
  sub_queue->pages.push_back(std::move(*page));
  return std::nullopt;
}

}  // namespace

std::optional<std::string> add_progress_record(std::string_view key, std::string_view value,
                                               Recovered& recovered) {
  if (const std::optional<MessageKey> page = decode_message_key(key)) {
    return add_progress_page(*page, value, recovered);
  }
  const std::optional<std::uint64_t> queue = decode_number(key);
  if (!queue) {
    return "not a queue id";
  }
  Result<QueueProgress> progress = decode_progress(value);
  if (!progress) {
    return progress.error().text;
  }
  recovered.progress.emplace_back(QueueId{*queue}, std::move(*progress));
  return std::nullopt;
}

}  // namespace lepus::storage
