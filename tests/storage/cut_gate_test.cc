#include "storage/cut_gate.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/memory_batch.h"

namespace lepus::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Writes down what it is given: one text for each append, a batch as log.number.
class RecordingStore final : public Store {
 public:
  [[nodiscard]] Recovered take_recovered() override { return {}; }

  void recovery_finished(std::span<const QueueId>) override {}

  [[nodiscard]] std::unique_ptr<Batch> new_batch() override {
    return std::make_unique<MemoryBatch>();
  }

  void append(std::vector<NumberedBatch> batches, std::function<void(Outcome)> done) override {
    std::string text;
    for (const NumberedBatch& batch : batches) {
      text += (text.empty() ? "" : " ") + std::to_string(batch.log) + "." +
              std::to_string(batch.number);
    }
    appended.push_back(std::move(text));
    done_calls.push_back(std::move(done));
  }

  void read(ReadRequest, RowVisitor, std::function<void(ReadOutcome)>) override {}

  void close(bool /*everything_committed*/) override {}

  std::vector<std::string> appended;
  std::vector<std::function<void(Outcome)>> done_calls;
};

class CutGateTest : public testing::Test {
 protected:
  /// Each caller writes to the log of its number.
  void append(std::uint32_t caller, Cut cut = {}) {
    std::vector<NumberedBatch> batches;
    batches.push_back({caller, ++numbers_[caller], store_.new_batch()});
    gate_.append(caller, std::move(batches), cut, [this, caller](Outcome outcome) {
      answers_.push_back(std::to_string(caller) + (outcome == Outcome::committed ? "+" : "?"));
    });
  }

  RecordingStore store_;
  CutGate gate_{store_};
  std::array<BatchNumber, 4> numbers_{};
  std::vector<std::string> answers_;
};

TEST_F(CutGateTest, UnitsThatStandAloneGoStraightOn) {
  append(0);
  append(1);
  EXPECT_THAT(store_.appended, ElementsAre("0.1", "1.1"));
}

TEST_F(CutGateTest, ACutIsAppendedAsOneWhenItsLastPartIsThere) {
  append(0, {.number = 1, .parts = 2});
  EXPECT_THAT(store_.appended, IsEmpty());
  append(1, {.number = 1, .parts = 2});
  EXPECT_THAT(store_.appended, ElementsAre("0.1 1.1"));
  store_.done_calls[0](Outcome::unknown);
  EXPECT_THAT(answers_, ElementsAre("0?", "1?"));
}

TEST_F(CutGateTest, NothingOvertakesAUnitOfItsOwnCaller) {
  append(0, {.number = 1, .parts = 2});
  append(0);
  append(1);
  append(2);
  EXPECT_THAT(store_.appended, ElementsAre("1.1", "2.1"));
  append(1, {.number = 1, .parts = 2});
  EXPECT_THAT(store_.appended, ElementsAre("1.1", "2.1", "0.1 1.2", "0.2"));
}

TEST_F(CutGateTest, APartOfAnotherCutThatIsNotCompleteStaysBehind) {
  append(0, {.number = 1, .parts = 2});
  append(0, {.number = 2, .parts = 2});
  append(1, {.number = 1, .parts = 2});
  EXPECT_THAT(store_.appended, ElementsAre("0.1 1.1"));
  append(1, {.number = 2, .parts = 2});
  EXPECT_THAT(store_.appended, ElementsAre("0.1 1.1", "0.2 1.2"));
}

TEST_F(CutGateTest, ACutWaitsForTheEarlierOneThatStandsBeforeOneOfItsParts) {
  append(0, {.number = 2, .parts = 2});
  append(1, {.number = 1, .parts = 2});
  append(1, {.number = 2, .parts = 2});
  EXPECT_THAT(store_.appended, IsEmpty()) << "caller 1 may not commit its second unit first";
  append(2, {.number = 1, .parts = 2});
  EXPECT_THAT(store_.appended, ElementsAre("0.1 1.1 1.2 2.1"));
}

}  // namespace
}  // namespace lepus::storage
