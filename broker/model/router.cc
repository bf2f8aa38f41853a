#include "broker/model/router.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "broker/model/delay_header.h"

namespace lepus::model {

namespace {

void append_keys(const amqp::FieldTable& headers, std::string_view name,
                 std::vector<std::string_view>& keys) {
  const amqp::FieldValue* value = headers.find(name);
  const auto* array = value == nullptr ? nullptr : value->get_if<amqp::FieldArray>();
  if (array == nullptr) {
    return;
  }
  for (const amqp::FieldValue& element : array->values()) {
    if (const std::string* key = element.as_string()) {
      keys.push_back(*key);
    }
  }
}

/// One message on its way through the exchanges.
class Walk {
 public:
  /// @param matched  room that is used
  Walk(const Vhost& vhost, const RoutingInput& input, std::vector<const Binding*>& matched)
      : vhost_(vhost), input_(input), matched_(matched) {}

  void run(const Exchange& first) {
    visit(&first);
    while (!waiting_.empty() && !needs_properties_) {
      const Exchange* exchange = waiting_.back();
      waiting_.pop_back();
      pass(*exchange);
    }
  }

  void take_queues(std::vector<std::shared_ptr<QueueRecord>>& queues) {
    if (queues_.size() > 1) {
      std::ranges::sort(queues_, {}, [](const auto* queue) { return value_of((*queue)->id); });
      const auto rest = std::ranges::unique(
          queues_, {}, [](const auto* queue) { return value_of((*queue)->id); });
      queues_.erase(rest.begin(), rest.end());
    }
    queues.reserve(queues_.size());
    for (const std::shared_ptr<QueueRecord>* queue : queues_) {
      queues.push_back(*queue);
    }
  }

  [[nodiscard]] bool depends_on_more() const { return depends_on_more_; }

  [[nodiscard]] bool needs_properties() const { return needs_properties_; }

 private:
  void visit(const Exchange* exchange) {
    if (std::ranges::find(seen_, exchange) == seen_.end()) {
      seen_.push_back(exchange);
      waiting_.push_back(exchange);
    }
  }

  void pass(const Exchange& exchange) {
    if (exchange.is_default()) {
      pass_default();
      return;
    }
    if (!exchange.routes_by_keys_alone()) {
      depends_on_more_ = true;
      // By chance, too, a message goes one way only, so nothing is decided on a walk that may have
      // to be repeated.
      needs_properties_ = input_.properties == nullptr;
      if (needs_properties_) {
        return;
      }
    }
    if (const auto* delay_queue = exchange.delay_queue()) {
      if (delay_ms_of(input_.headers) > 0) {
        queues_.push_back(delay_queue);
        return;
      }
    }
    matched_.clear();
    exchange.match(input_, matched_);
    for (const Binding* binding : matched_) {
      if (binding->queue != nullptr) {
        queues_.push_back(&binding->queue);
      } else {
        visit(binding->exchange);
      }
    }
    // Nothing is bound to the default exchange, which is no alternate for that.
    if (matched_.empty() && exchange.alternate() && !exchange.alternate()->empty()) {
      const auto alternate = vhost_.exchanges().find(std::string_view{*exchange.alternate()});
      if (alternate != vhost_.exchanges().end()) {
        visit(alternate->second.get());
      }
    }
  }

  /// The default exchange: the directory of queues, which has no version.
  void pass_default() {
    depends_on_more_ |= seen_.size() > 1 || input_.routing_keys.size() > 1;
    for (const std::string_view key : input_.routing_keys) {
      const auto queue = vhost_.queues().find(key);
      if (queue != vhost_.queues().end()) {
        queues_.push_back(&queue->second.record);
      } else {
        depends_on_more_ = true;
      }
    }
  }

  const Vhost& vhost_;
  const RoutingInput& input_;
  bool depends_on_more_ = false;
  bool needs_properties_ = false;
  boost::container::small_vector<const Exchange*, 8> seen_;
  boost::container::small_vector<const Exchange*, 8> waiting_;
  std::vector<const Binding*>& matched_;
  boost::container::small_vector<const std::shared_ptr<QueueRecord>*, 16> queues_;
};

}  // namespace

std::vector<std::string_view> routing_keys_of(std::string_view routing_key,
                                              const amqp::FieldTable* headers) {
  std::vector<std::string_view> keys{routing_key};
  if (headers != nullptr) {
    append_keys(*headers, "CC", keys);
    append_keys(*headers, "BCC", keys);
  }
  return keys;
}

Route find_route(const Vhost& vhost, std::string_view exchange, const RoutingInput& input) {
  Route route;
  route.exchange = vhost.find_exchange(exchange);
  if (route.exchange == nullptr) {
    return route;
  }
  route.version = route.exchange->version();
  static thread_local std::vector<const Binding*> matched;  // Not made anew for each message.
  Walk walk{vhost, input, matched};
  walk.run(*route.exchange);
  route.needs_properties = walk.needs_properties();
  if (!route.needs_properties) {
    walk.take_queues(route.queues);
    route.cacheable = input.routing_keys.size() == 1 && !walk.depends_on_more();
  }
  if (constexpr std::size_t kept_max = 4096; matched.capacity() > kept_max) {
    std::vector<const Binding*>{}.swap(matched);
  }
  return route;
}

}  // namespace lepus::model
