#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "broker/model/binding.h"

namespace lepus::model {

/// Topic patterns by their words. Matching walks all branches that fit at once, one word of the key
/// after the other, so it costs what matches (and each word's look-ups), not what is bound; however
/// many `#` there are, a node is visited once a word.
class TopicTrie {
 public:
  TopicTrie();
  ~TopicTrie();
  TopicTrie(const TopicTrie&) = delete;
  TopicTrie& operator=(const TopicTrie&) = delete;

  /// Under its routing key as the pattern.
  void add(Binding& binding);
  /// Nodes without bindings below them go with it.
  void remove(Binding& binding);
  /// Appends every binding whose pattern matches, each once.
  void match(std::string_view routing_key, std::vector<const Binding*>& matched) const;

  /// Nodes in use, the root included.
  [[nodiscard]] std::size_t node_count() const { return node_count_; }

 private:
  struct Node;
  class Walk;

  /// The way from a node to its child.
  struct Step {
    Node* parent;
    std::string_view word;
  };

  Node& child(Node& parent, std::string_view word);
  static Node* find_child(const Node& parent, std::string_view word);
  void erase_child(Node& parent, std::string_view word);

  std::unique_ptr<Node> root_;
  std::size_t node_count_ = 1;
};

}  // namespace lepus::model
