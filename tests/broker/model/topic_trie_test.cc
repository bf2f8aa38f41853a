#include "broker/model/topic_trie.h"

#include <algorithm>
#include <deque>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lepus::model {
namespace {

using ::testing::UnorderedElementsAre;

class TopicTrieTest : public ::testing::Test {
 protected:
  Binding& add(std::string_view pattern) {
    Binding& binding = bindings_.emplace_back();
    binding.routing_key = pattern;
    trie_.add(binding);
    return binding;
  }

  std::vector<std::string> matched(std::string_view key) {
    std::vector<const Binding*> found;
    trie_.match(key, found);
    std::vector<std::string> patterns;
    for (const Binding* binding : found) {
      patterns.push_back(binding->routing_key);
    }
    return patterns;
  }

  TopicTrie trie_;
  std::deque<Binding> bindings_;
};

struct PatternCase {
  const char* pattern;
  const char* key;
  bool matches;
};

class TopicPatternTest : public ::testing::TestWithParam<PatternCase> {};

TEST_P(TopicPatternTest, MatchesAsTheReferenceSays) {
  TopicTrie trie;
  Binding binding;
  binding.routing_key = GetParam().pattern;
  trie.add(binding);
  std::vector<const Binding*> found;
  trie.match(GetParam().key, found);
  EXPECT_EQ(found.size(), GetParam().matches ? 1U : 0U)
      << "pattern '" << GetParam().pattern << "', key '" << GetParam().key << "'";
}

INSTANTIATE_TEST_SUITE_P(
    All, TopicPatternTest,
    ::testing::Values(
        PatternCase{"a.*", "a.b", true}, PatternCase{"a.*", "a.", true},
        PatternCase{"a.*", "a", false}, PatternCase{"a.*", "a.b.c", false},
        PatternCase{"a.#", "a", true}, PatternCase{"a.#", "a.b.c", true},
        PatternCase{"a.#", "ab", false}, PatternCase{"#", "", true}, PatternCase{"#", "a.b", true},
        PatternCase{"#.#", "", true}, PatternCase{"#.#", "a", true},
        PatternCase{"#.#", "a.b.c", true}, PatternCase{"*", "a", true}, PatternCase{"*", "", false},
        PatternCase{"*", "a.b", false}, PatternCase{"*.#", "a", true},
        PatternCase{"*.#", "a.b.c", true}, PatternCase{"*.#", "", false},
        PatternCase{"a.#.b", "a.b", true}, PatternCase{"a.#.b", "a.x.y.b", true},
        PatternCase{"a.#.b", "a.b.c", false}, PatternCase{"a.#.b", "a.b.b", true},
        PatternCase{"a.*.b", "a.x.b", true}, PatternCase{"a.*.b", "a..b", true},
        PatternCase{"a.*.b", "a.b", false}, PatternCase{"", "", true}, PatternCase{"", "a", false},
        PatternCase{"", ".", false}, PatternCase{"a*", "a*", true}, PatternCase{"a*", "ab", false},
        PatternCase{"a#", "a", false}, PatternCase{"a", "a", true}, PatternCase{"a", "A", false},
        PatternCase{".", ".", true}, PatternCase{"*.*", ".", true}, PatternCase{"#.a.#", "a", true},
        PatternCase{"#.a.#", "x.a.y.z", true}, PatternCase{"#.a.#", "x.y", false},
        PatternCase{"#.*", "a", true}, PatternCase{"#.*", "", false},
        PatternCase{"#.*.*", "a", false}, PatternCase{"#.*.*", "a.b", true},
        // Wildcards in the key are words like others.
        PatternCase{"a.b", "a.*", false}, PatternCase{"a.*", "a.#", true},
        PatternCase{"a.*", "*.*", false}));

TEST_F(TopicTrieTest, FindsEveryPatternThatMatchesAndOnlyThose) {
  for (const char* pattern : {"stock.usd.nyse", "stock.*.nyse", "stock.#", "#.nyse", "#", "*.usd.*",
                              "stock.eur.nyse", "stock.usd", ""}) {
    add(pattern);
  }
  EXPECT_THAT(matched("stock.usd.nyse"), UnorderedElementsAre("stock.usd.nyse", "stock.*.nyse",
                                                              "stock.#", "#.nyse", "#", "*.usd.*"));
  EXPECT_THAT(matched(""), UnorderedElementsAre("#", ""));
}

TEST_F(TopicTrieTest, FindsABindingOnceHoweverManyWaysItMatches) {
  add("#.a.#.a.#");
  add("#.#.#");
  add("#.*.#");
  EXPECT_THAT(matched("a.a.a.a"), UnorderedElementsAre("#.a.#.a.#", "#.#.#", "#.*.#"));
}

TEST_F(TopicTrieTest, KeepsSeveralBindingsOfOnePattern) {
  Binding& first = add("a.*");
  add("a.*");
  EXPECT_THAT(matched("a.b"), UnorderedElementsAre("a.*", "a.*"));
  trie_.remove(first);
  EXPECT_THAT(matched("a.b"), UnorderedElementsAre("a.*"));
}

TEST_F(TopicTrieTest, DropsTheNodesOfRemovedPatternsAndKeepsTheOthers) {
  Binding& deep = add("a.#.*.b.c");
  Binding& shallow = add("a.#");
  EXPECT_EQ(trie_.node_count(), 6U);
  trie_.remove(deep);
  EXPECT_EQ(trie_.node_count(), 3U);
  EXPECT_THAT(matched("a.x"), UnorderedElementsAre("a.#"));
  trie_.remove(shallow);
  EXPECT_EQ(trie_.node_count(), 1U);
  EXPECT_TRUE(matched("a.x").empty());
}

TEST_F(TopicTrieTest, KeepsTheWayToDeeperPatternsWhenAShallowOneGoes) {
  Binding& shallow = add("a");
  add("a.b");
  trie_.remove(shallow);
  EXPECT_TRUE(matched("a").empty());
  EXPECT_THAT(matched("a.b"), UnorderedElementsAre("a.b"));
}

TEST_F(TopicTrieTest, EndsWithManyHashesOnALongKey) {
  // With backtracking this would take longer than the world is old.
  std::string pattern = "#";
  std::string key = "a";
  for (int i = 0; i < 60; ++i) {
    pattern += ".a.#";
    key += ".a";
  }
  add(pattern + ".end");
  add(pattern);
  EXPECT_THAT(matched(key), UnorderedElementsAre(pattern));
}

TEST_F(TopicTrieTest, EndsWithManyPatternsBelowHashes) {
  // More nodes stay at once than are searched one by one.
  std::string stars = "#";
  for (int i = 0; i < 60; ++i) {
    stars += ".*";
    add(stars + ".#");
  }
  std::string key = "a";
  for (int i = 1; i < 60; ++i) {
    key += ".a";
  }
  EXPECT_EQ(matched(key).size(), 60U);
}

/// The definition, word by word, slow and plain.
bool matches_by_definition(const std::vector<std::string>& pattern, std::size_t p,
                           const std::vector<std::string>& key, std::size_t k) {
  if (p == pattern.size()) {
    return k == key.size();
  }
  if (pattern[p] == "#") {
    for (std::size_t rest = k; rest <= key.size(); ++rest) {
      if (matches_by_definition(pattern, p + 1, key, rest)) {
        return true;
      }
    }
    return false;
  }
  return k < key.size() && (pattern[p] == "*" || pattern[p] == key[k]) &&
         matches_by_definition(pattern, p + 1, key, k + 1);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    text += (i > 0 ? "." : "") + words[i];
  }
  return text;
}

/// All sequences of at most `length` of these words.
std::vector<std::vector<std::string>> sequences(const std::vector<std::string>& words,
                                                std::size_t length) {
  std::vector<std::vector<std::string>> all{{}};
  std::size_t begin = 0;
  for (std::size_t n = 0; n < length; ++n) {
    const std::size_t end = all.size();
    for (std::size_t i = begin; i < end; ++i) {
      for (const std::string& word : words) {
        all.push_back(all[i]);
        all.back().push_back(word);
      }
    }
    begin = end;
  }
  return all;
}

TEST_F(TopicTrieTest, AgreesWithTheDefinitionOnAllShortPatternsAndKeys) {
  const auto patterns = sequences({"a", "b", "*", "#"}, 4);
  const auto keys = sequences({"a", "b", "c"}, 4);
  for (const auto& pattern : patterns) {
    add(joined(pattern));
  }
  for (const auto& key : keys) {
    std::vector<std::string> expected;
    for (const auto& pattern : patterns) {
      if (matches_by_definition(pattern, 0, key, 0)) {
        expected.push_back(joined(pattern));
      }
    }
    std::vector<std::string> actual = matched(joined(key));
    std::ranges::sort(expected);
    std::ranges::sort(actual);
    EXPECT_EQ(actual, expected) << "key '" << joined(key) << "'";
  }
}

TEST_F(TopicTrieTest, HoldsAHundredThousandPatterns) {
  constexpr int count = 100'000;
  for (int i = 0; i < count; ++i) {
    add("device." + std::to_string(i) + ".*.temperature");
  }
  EXPECT_THAT(matched("device.4711.kitchen.temperature"),
              UnorderedElementsAre("device.4711.*.temperature"));
  for (Binding& binding : bindings_) {
    trie_.remove(binding);
  }
  EXPECT_EQ(trie_.node_count(), 1U);
}

}  // namespace
}  // namespace lepus::model
