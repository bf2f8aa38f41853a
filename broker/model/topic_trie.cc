#include "broker/model/topic_trie.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "broker/model/string_map.h"

namespace lepus::model {

namespace {

/// The words between the dots, empty ones too; no word at all in the empty key.
class Words {
 public:
  explicit Words(std::string_view key) : rest_(key), done_(key.empty()) {}

  std::optional<std::string_view> next() {
    if (done_) {
      return std::nullopt;
    }
    const std::size_t dot = rest_.find('.');
    const std::string_view word = rest_.substr(0, dot);
    if (dot == std::string_view::npos) {
      done_ = true;
    } else {
      rest_.remove_prefix(dot + 1);
    }
    return word;
  }

 private:
  std::string_view rest_;
  bool done_;
};

}  // namespace

/// With many patterns each node that a key passes is fetched from far, so a node is one cache line.
struct alignas(64) TopicTrie::Node {
  std::unique_ptr<Node> one_word;   ///< `*`
  std::unique_ptr<Node> any_words;  ///< `#`
  BindingBucket bindings;
  std::unique_ptr<StringMap<std::unique_ptr<Node>>> words;  ///< null: there are none
  /// A `#` is above it (or it is one), so it can be entered at several words of one key.
  bool below_any_words = false;
  bool parent_below_any_words = false;

  [[nodiscard]] bool is_unused() const {
    return bindings.empty() && words == nullptr && one_word == nullptr && any_words == nullptr;
  }
};

/// One match under way. Nodes for a word are entered for one position of the key; a `#` node, once
/// entered, stays, since it takes any further word.
class TopicTrie::Walk {
 public:
  explicit Walk(const Node& root) {
    enter(root);
    current_.swap(next_);
  }

  void step(std::string_view word) {
    next_.clear();
    // Nodes that a `#` enters with this word begin with the next one.
    const std::size_t staying = staying_.size();
    for (const Node* node : current_) {
      follow(*node, word);
    }
    for (std::size_t i = 0; i < staying; ++i) {
      follow(*staying_[i], word);
    }
    current_.swap(next_);
  }

  void collect(std::vector<const Binding*>& matched) const {
    for (const Node* node : current_) {
      node->bindings.append_to(matched);
    }
    for (const Node* node : staying_) {
      node->bindings.append_to(matched);
    }
  }

 private:
  void follow(const Node& node, std::string_view word) {
    if (node.words != nullptr) {
      if (const auto child = node.words->find(word); child != node.words->end()) {
        enter(*child->second);
      }
    }
    if (node.one_word != nullptr) {
      enter(*node.one_word);
    }
  }

  void enter(const Node& node) {
    next_.push_back(&node);
    for (const Node* any = node.any_words.get(); any != nullptr; any = any->any_words.get()) {
      if (any->parent_below_any_words && is_staying(any)) {
        return;
      }
      stay(any);
    }
  }

  void stay(const Node* node) {
    staying_.push_back(node);
    if (!staying_set_.empty()) {
      staying_set_.insert(node);
    }
  }

  bool is_staying(const Node* node) {
    if (staying_.size() <= linear_search_max) {
      return std::ranges::find(staying_, node) != staying_.end();
    }
    if (staying_set_.empty()) {
      staying_set_.insert(staying_.begin(), staying_.end());
    }
    return staying_set_.contains(node);
  }

  static constexpr std::size_t linear_search_max = 32;

  boost::container::small_vector<const Node*, 32> current_;
  boost::container::small_vector<const Node*, 32> next_;
  boost::container::small_vector<const Node*, 32> staying_;
  boost::unordered_flat_set<const Node*> staying_set_;  ///< the same, once there are many
};

TopicTrie::TopicTrie() : root_(std::make_unique<Node>()) {
  static_assert(sizeof(Node) == 64, "one cache line");
}

TopicTrie::~TopicTrie() = default;

void TopicTrie::add(Binding& binding) {
  Node* node = root_.get();
  Words words{binding.routing_key};
  while (const auto word = words.next()) {
    node = &child(*node, *word);
  }
  node->bindings.add(binding);
}

void TopicTrie::remove(Binding& binding) {
  boost::container::small_vector<Step, 16> path;
  Node* node = root_.get();
  Words words{binding.routing_key};
  while (const auto word = words.next()) {
    path.push_back({node, *word});
    node = find_child(*node, *word);
    LEPUS_ASSERT(node != nullptr, "only patterns that were added are removed");
  }
  node->bindings.remove(binding);
  while (!path.empty() && node->is_unused()) {
    const Step step = path.back();
    path.pop_back();
    erase_child(*step.parent, step.word);
    node = step.parent;
  }
}

void TopicTrie::match(std::string_view routing_key, std::vector<const Binding*>& matched) const {
  Walk walk{*root_};
  Words words{routing_key};
  while (const auto word = words.next()) {
    walk.step(*word);
  }
  walk.collect(matched);
}

TopicTrie::Node& TopicTrie::child(Node& parent, std::string_view word) {
  if (word != "*" && word != "#" && parent.words == nullptr) {
    parent.words = std::make_unique<StringMap<std::unique_ptr<Node>>>();
  }
  const bool is_any = word == "#";
  std::unique_ptr<Node>& place = word == "*" ? parent.one_word
                                 : is_any    ? parent.any_words
                                             : (*parent.words)[std::string{word}];
  if (place == nullptr) {
    place = std::make_unique<Node>();
    place->below_any_words = is_any || parent.below_any_words;
    place->parent_below_any_words = parent.below_any_words;
    ++node_count_;
  }
  return *place;
}

TopicTrie::Node* TopicTrie::find_child(const Node& parent, std::string_view word) {
  if (word == "*") {
    return parent.one_word.get();
  }
  if (word == "#") {
    return parent.any_words.get();
  }
  if (parent.words == nullptr) {
    return nullptr;
  }
  const auto child = parent.words->find(word);
  return child == parent.words->end() ? nullptr : child->second.get();
}

void TopicTrie::erase_child(Node& parent, std::string_view word) {
  --node_count_;
  if (word == "*") {
    parent.one_word.reset();
  } else if (word == "#") {
    parent.any_words.reset();
  } else {
    const auto place = parent.words->find(word);
    parent.words->erase(place);
    if (parent.words->empty()) {
      parent.words.reset();
    }
  }
}

}  // namespace lepus::model
