// What the management API says of the store: figures and backups.

#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/management/application_fixture.h"

namespace lepus::management {
namespace {

using nlohmann::json;

class StoreApi : public ApplicationTest {};

TEST_F(StoreApi, BackupIsAcceptedAndThenLookedAt) {
  EXPECT_EQ(get("lepus/backup"), json({{"state", "none"}}));
  const Response accepted = request(Method::post, "lepus/backup", R"({"path":"/copy"})");
  EXPECT_EQ(accepted.status, 202);
  EXPECT_EQ(json::parse(accepted.body), json({{"state", "running"}, {"path", "/copy"}}));
  EXPECT_EQ(request(Method::post, "lepus/backup", R"({"path":"/other"})").status, 400);
  broker_.backup = {model::BackupStatus::State::failed, "/copy", "no space"};
  EXPECT_EQ(get("lepus/backup"),
            json({{"state", "failed"}, {"path", "/copy"}, {"reason", "no space"}}));
}

TEST_F(StoreApi, BackupNeedsAPathAndAnAdministrator) {
  EXPECT_EQ(request(Method::post, "lepus/backup", "{}").status, 400);
  ASSERT_EQ(request(Method::put, "users/watcher", R"({"password":"w","tags":"monitoring"})").status,
            201);
  EXPECT_EQ(request(Method::post, "lepus/backup", R"({"path":"/copy"})", "watcher:w").status, 401);
  EXPECT_EQ(broker_.backup.state, model::BackupStatus::State::none);
}

TEST_F(StoreApi, NodeShowsTheFigures) {
  broker_.figures.commits = 3;
  broker_.figures.committed_bytes = 100;
  broker_.figures.log_bytes_written = 150;
  broker_.figures.families.push_back({"messages", 2, 4096});
  const json store = get("nodes/rabbit@test")["lepus_store"];
  EXPECT_EQ(store["commits"], 3);
  EXPECT_EQ(store["write_amplification"], 1.5);
  EXPECT_EQ(store["families"]["messages"]["table_bytes"], 4096);
}

}  // namespace
}  // namespace lepus::management
