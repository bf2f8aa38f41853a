#include "broker/model/user_directory.h"

#include <mutex>

#include <fmt/format.h>

#include "broker/base/assert.h"

namespace lepus::model {

namespace {

constexpr std::string_view impersonator_tag = "impersonator";

Result<Pattern> compile(std::string_view expression) {
  auto pattern = Pattern::compile(expression);
  if (!pattern) {
    return fail(fmt::format("invalid_regexp: {} at {} in '{}'", pattern.error().message,
                            pattern.error().offset, expression));
  }
  return *std::move(pattern);
}

/// The pattern was compiled when it was put, so this can't fail.
Pattern compile_known(std::string_view expression) {
  auto pattern = compile(expression);
  LEPUS_ASSERT(pattern.has_value(), "patterns are checked before they are kept");
  return *std::move(pattern);
}

/// The text as an expression that matches itself.
std::string quoted(std::string_view text) {
  std::string expression;
  for (const char octet : text) {
    if (std::string_view{"\\^$.[]|()?*+{}"}.find(octet) != std::string_view::npos) {
      expression += '\\';
    }
    expression += octet;
  }
  return expression;
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  std::size_t at = text.find(what);
  while (at != std::string::npos) {
    text.replace(at, what.size(), with);
    at = text.find(what, at + with.size());
  }
}

/// The expression with the user's and the vhost's names in it.
std::string expanded(std::string_view expression, std::string_view user, std::string_view vhost) {
  std::string text{expression};
  replace_all(text, "{username}", quoted(user));
  replace_all(text, "{vhost}", quoted(vhost));
  return text;
}

}  // namespace

std::uint64_t UserDirectory::version() const {
  return version_.load(std::memory_order_acquire);
}

std::shared_ptr<const CompiledPermissions> UserDirectory::find(std::string_view user,
                                                               std::string_view vhost) const {
  const Place place{user, vhost};
  const std::unique_lock lock{mutex_};
  const auto permissions = permissions_.find(place);
  const auto owner = users_.find(user);
  if (permissions == permissions_.end() || owner == users_.end()) {
    return nullptr;
  }
  auto& known = compiled_[place];
  if (known != nullptr) {
    return known;
  }
  auto compiled = std::make_shared<CompiledPermissions>(CompiledPermissions{
      .configure = compile_known(permissions->second.configure),
      .write = compile_known(permissions->second.write),
      .read = compile_known(permissions->second.read),
      .topics = {},
      .may_impersonate = owner->second.has_tag(impersonator_tag),
  });
  auto topic = topic_permissions_.lower_bound({place.first, place.second, {}});
  for (; topic != topic_permissions_.end() && topic->second.user == user &&
         topic->second.vhost == vhost;
       ++topic) {
    compiled->topics.push_back({topic->second.exchange,
                                compile_known(expanded(topic->second.write, user, vhost)),
                                compile_known(expanded(topic->second.read, user, vhost))});
  }
  known = std::move(compiled);
  return known;
}

std::optional<User> UserDirectory::find_user(std::string_view name) const {
  const std::shared_lock lock{mutex_};
  const auto found = users_.find(name);
  return found == users_.end() ? std::nullopt : std::optional{found->second};
}

std::vector<User> UserDirectory::list_users() const {
  const std::shared_lock lock{mutex_};
  std::vector<User> users;
  users.reserve(users_.size());
  for (const auto& [name, user] : users_) {
    users.push_back(user);
  }
  return users;
}

void UserDirectory::put_user(User user) {
  const std::unique_lock lock{mutex_};
  std::string name = user.name;
  users_.insert_or_assign(std::move(name), std::move(user));
  changed();
}

void UserDirectory::erase_user(std::string_view name) {
  const std::unique_lock lock{mutex_};
  if (const auto found = users_.find(name); found != users_.end()) {
    users_.erase(found);
  }
  std::erase_if(permissions_, [&](const auto& entry) { return entry.second.user == name; });
  std::erase_if(topic_permissions_, [&](const auto& entry) { return entry.second.user == name; });
  changed();
}

bool UserDirectory::has_permissions(std::string_view user, std::string_view vhost) const {
  const std::shared_lock lock{mutex_};
  return permissions_.contains({std::string{user}, std::string{vhost}});
}

std::optional<UserPermissions> UserDirectory::find_permissions(std::string_view user,
                                                               std::string_view vhost) const {
  const std::shared_lock lock{mutex_};
  const auto found = permissions_.find({std::string{user}, std::string{vhost}});
  return found == permissions_.end() ? std::nullopt : std::optional{found->second};
}

std::vector<UserPermissions> UserDirectory::list_permissions() const {
  const std::shared_lock lock{mutex_};
  std::vector<UserPermissions> all;
  all.reserve(permissions_.size());
  for (const auto& [place, permissions] : permissions_) {
    all.push_back(permissions);
  }
  return all;
}

Result<void> UserDirectory::put_permissions(UserPermissions permissions) {
  for (const std::string* expression :
       {&permissions.configure, &permissions.write, &permissions.read}) {
    if (const auto pattern = compile(*expression); !pattern) {
      return pattern.error();
    }
  }
  const std::unique_lock lock{mutex_};
  permissions_.insert_or_assign({permissions.user, permissions.vhost}, permissions);
  changed();
  return {};
}

void UserDirectory::erase_permissions(std::string_view user, std::string_view vhost) {
  const std::unique_lock lock{mutex_};
  permissions_.erase({std::string{user}, std::string{vhost}});
  changed();
}

std::vector<TopicPermissions> UserDirectory::list_topic_permissions() const {
  const std::shared_lock lock{mutex_};
  std::vector<TopicPermissions> all;
  all.reserve(topic_permissions_.size());
  for (const auto& [place, permissions] : topic_permissions_) {
    all.push_back(permissions);
  }
  return all;
}

Result<void> UserDirectory::put_topic_permissions(TopicPermissions permissions) {
  for (const std::string* expression : {&permissions.write, &permissions.read}) {
    if (const auto pattern = compile(expanded(*expression, permissions.user, permissions.vhost));
        !pattern) {
      return pattern.error();
    }
  }
  const std::unique_lock lock{mutex_};
  topic_permissions_.insert_or_assign({permissions.user, permissions.vhost, permissions.exchange},
                                      permissions);
  changed();
  return {};
}

void UserDirectory::erase_topic_permissions(std::string_view user, std::string_view vhost,
                                            std::string_view exchange) {
  const std::unique_lock lock{mutex_};
  topic_permissions_.erase({std::string{user}, std::string{vhost}, std::string{exchange}});
  changed();
}

void UserDirectory::changed() {
  compiled_.clear();
  version_.fetch_add(1, std::memory_order_release);
}

}  // namespace lepus::model
