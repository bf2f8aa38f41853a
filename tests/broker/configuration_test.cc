#include "broker/configuration.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/configuration_limits.h"

namespace lepus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

/// A folder that is gone after the test.
class Folder {
 public:
  Folder() {
    std::string name =
        (std::filesystem::temp_directory_path() / "lepus-configuration-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }

  ~Folder() { std::filesystem::remove_all(path_); }

  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string write(const std::string& name, const std::string& text) const {
    const auto file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file.string();
  }

  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// Sources that see nothing of the machine.
ConfigurationSources no_sources() {
  ConfigurationSources sources;
  sources.default_config_file = "/nonexistent/lepus.conf";
  sources.host_name = "host";
  sources.cores = 4;
  return sources;
}

Result<Configuration> load_text(const std::string& text,
                                ConfigurationSources sources = no_sources()) {
  const Folder folder;
  sources.config_file = folder.write("lepus.conf", text);
  return load_configuration(sources);
}

Assignment flag(const std::string& key, const std::string& value) {
  return {key, value, {OriginKind::command_line, "--" + key}};
}

TEST(Configuration, DefaultsAreRabbitMqs) {
  const auto loaded = load_configuration(no_sources());
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_THAT(loaded->amqp_listeners, ElementsAre(Listener{"default", "0.0.0.0", 5672, false}));
  EXPECT_THAT(loaded->amqp_tls_listeners, IsEmpty());
  EXPECT_EQ(loaded->management_listener, (Listener{"default", "0.0.0.0", 15672, false}));
  EXPECT_EQ(loaded->prometheus_listener, (Listener{"default", "0.0.0.0", 15692, false}));
  EXPECT_EQ(loaded->node_name, "rabbit@host");
  EXPECT_EQ(loaded->cluster_name, "rabbit@host");
  EXPECT_EQ(loaded->shards, 4U);
  EXPECT_EQ(loaded->heartbeat_s, 60);
  EXPECT_EQ(loaded->frame_max_bytes, 131072U);
  EXPECT_EQ(loaded->channel_max, 2047);
  EXPECT_THAT(loaded->loopback_users, ElementsAre("guest"));
  EXPECT_THAT(loaded->default_user_tags, ElementsAre("administrator"));
  EXPECT_THAT(loaded->warnings, IsEmpty());
  EXPECT_THAT(loaded->origins, IsEmpty());
}

TEST(Configuration, ShardsAreAtMostSixtyFour) {
  auto sources = no_sources();
  sources.cores = 200;
  EXPECT_EQ(load_configuration(sources)->shards, shards_max);
}

struct AcceptedRow {
  const char* name;
  const char* text;
  std::function<bool(const Configuration&)> holds;
};

TEST(Configuration, FileSettingsTakeEffect) {
  const std::vector<AcceptedRow> rows{
      {"a number", "heartbeat = 30", [](auto& c) { return c.heartbeat_s == 30; }},
      {"no blanks", "heartbeat=30", [](auto& c) { return c.heartbeat_s == 30; }},
      {"blanks and carriage return", "  heartbeat\t =  30 \r\n",
       [](auto& c) { return c.heartbeat_s == 30; }},
      {"comment lines and blank lines", "# a\n\n ## b = c\nheartbeat = 30\n",
       [](auto& c) { return c.heartbeat_s == 30; }},
      {"comment behind a value", "heartbeat = 30 # seconds",
       [](auto& c) { return c.heartbeat_s == 30; }},
      {"the last of two wins", "heartbeat = 30\nheartbeat = 20",
       [](auto& c) { return c.heartbeat_s == 20; }},
      {"quotes keep blanks and hashes", "default_pass = ' a#b ' # c",
       [](auto& c) { return c.default_password == " a#b "; }},
      {"quoted and empty", "management.path_prefix = ''",
       [](auto& c) { return c.management_path_prefix.empty(); }},
      {"double quotes belong to the value", "default_pass = \"x\"",
       [](auto& c) { return c.default_password == "\"x\"" && c.warnings.size() == 1; }},
      {"an equals sign in a value", "default_pass = a=b",
       [](auto& c) { return c.default_password == "a=b"; }},
      {"a listener's port", "listeners.tcp.default = 5673",
       [](auto& c) {
         return c.amqp_listeners == std::vector{Listener{"default", "0.0.0.0", 5673, true}};
       }},
      {"named listeners replace the default one",
       "listeners.tcp.local = 127.0.0.1:5673\nlisteners.tcp.six = ::1:5674\n"
       "listeners.tcp.brackets = [::1]:5675",
       [](auto& c) {
         return c.amqp_listeners == std::vector{Listener{"local", "127.0.0.1", 5673, true},
                                                Listener{"six", "::1", 5674, true},
                                                Listener{"brackets", "::1", 5675, true}};
       }},
      {"management port", "management.tcp.port = 15673",
       [](auto& c) { return c.management_listener->port == 15673 && c.prometheus_listener; }},
      {"management port by its old name", "management.listener.port = 15673",
       [](auto& c) { return c.management_listener->port == 15673; }},
      {"management address before the port",
       "management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = 1",
       [](auto& c) {
         return *c.management_listener == Listener{"default", "127.0.0.1", 1, true};
       }},
      {"loopback user off", "loopback_users.guest = false",
       [](auto& c) { return c.loopback_users.empty(); }},
      {"loopback users none", "loopback_users = none",
       [](auto& c) { return c.loopback_users.empty(); }},
      {"a loopback user replaces the built-in one", "loopback_users.alice = true",
       [](auto& c) { return c.loopback_users == std::set<std::string>{"alice"}; }},
      {"memory limit with a unit", "vm_memory_high_watermark.absolute = 2GiB",
       [](auto& c) {
         return c.memory_high_watermark.absolute_bytes == 2147483648U &&
                !c.memory_high_watermark.relative;
       }},
      {"memory limit as a share", "vm_memory_high_watermark.relative = 0.7",
       [](auto& c) { return c.memory_high_watermark.relative == 0.7; }},
      {"disk limit in thousands", "disk_free_limit.absolute = 50MB",
       [](auto& c) { return c.disk_free_limit.absolute_bytes == 50'000'000U; }},
      {"disk limit in plain bytes", "disk_free_limit.absolute = 1024",
       [](auto& c) { return c.disk_free_limit.absolute_bytes == 1024U; }},
      {"disk limit by memory", "disk_free_limit.relative = 1.5",
       [](auto& c) {
         return c.disk_free_limit.relative == 1.5 && !c.disk_free_limit.absolute_bytes;
       }},
      {"log level", "log.console.level = warning",
       [](auto& c) { return c.log_level == LogLevel::warning; }},
      {"no log file", "log.file = false", [](auto& c) { return c.log_file.empty(); }},
      {"default user and its rights",
       "default_user = u\ndefault_vhost = v\ndefault_permissions.configure = ^$\n"
       "default_user_tags.monitoring = true",
       [](auto& c) {
         return c.default_user == "u" && c.default_vhost == "v" &&
                c.default_permission_configure == "^$" &&
                c.default_user_tags == std::set<std::string>{"monitoring"};
       }},
      {"mechanisms in order", "auth_mechanisms.1 = AMQPLAIN\nauth_mechanisms.2 = PLAIN",
       [](auto& c) {
         return c.auth_mechanisms == std::vector<std::string>{"AMQPLAIN", "PLAIN"};
       }},
      {"no limit of connections", "connection_max = infinity",
       [](auto& c) { return !c.connection_max; }},
      {"a limit of connections", "connection_max = 10",
       [](auto& c) { return c.connection_max == 10U; }},
      {"frames without limit", "frame_max = 0", [](auto& c) { return c.frame_max_bytes == 0; }},
      {"TLS listener with a certificate",
       "listeners.ssl.default = 5671\nssl_options.certfile = c\nssl_options.keyfile = k",
       [](auto& c) {
         return c.amqp_tls_listeners.size() == 1 && c.tls.certificate_file == "c" &&
                c.management_tls.key_file == "k";
       }},
      {"only TLS",
       "listeners.tcp = none\nlisteners.ssl.default = 5671\nssl_options.certfile = c\n"
       "ssl_options.keyfile = k",
       [](auto& c) { return c.amqp_listeners.empty() && c.amqp_tls_listeners.size() == 1; }},
      {"management over TLS beside the plain port",
       "management.ssl.port = 15671\nmanagement.ssl.certfile = c\nmanagement.ssl.keyfile = k",
       [](auto& c) { return c.management_listener && c.management_tls_listener; }},
      {"a key without meaning here", "queue_master_locator = min-masters",
       [](auto& c) { return c.warnings.size() == 1; }},
      {"a plugin's key", "mqtt.listeners.tcp.default = 1883",
       [](auto& c) { return c.warnings.size() == 1; }},
      {"cluster formation", "cluster_formation.classic_config.nodes.1 = rabbit@a",
       [](auto& c) { return c.warnings.size() == 1; }},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const auto loaded = load_text(row.text);
    EXPECT_TRUE(loaded && row.holds(*loaded)) << (loaded ? "" : loaded.error().text);
  }
}

struct RefusedRow {
  const char* name;
  const char* text;
  const char* problem;
};

TEST(Configuration, ProblemsNameFileAndLine) {
  const std::vector<RefusedRow> rows{
      {"unknown key", "\nhearbeat = 30",
       "lepus.conf:2: unknown key 'hearbeat' (did you mean 'heartbeat'?)"},
      {"swapped letters", "frame_mxa = 1", "did you mean 'frame_max'?"},
      {"a misspelt key that is ignored", "queue_master_locater = x", "'queue_master_locator'"},
      {"a misspelt member", "management.tcp.prot = 1", "did you mean 'management.tcp.port'?"},
      {"a misspelt listener", "listener.tcp.default = 1", "did you mean 'listeners.tcp.default'?"},
      {"far from every key", "abcdefghijklmnop = 1", "unknown key 'abcdefghijklmnop'"},
      {"no equals sign", "heartbeat 30", "lepus.conf:1: expected 'key = value'"},
      {"no key", "= 30", "is not a key"},
      {"a blank in the key", "heart beat = 30", "'heart beat' is not a key"},
      {"no value", "heartbeat =", "a value is missing"},
      {"only a comment as value", "heartbeat = # 30", "a value is missing"},
      {"an open quote", "default_pass = 'x", "the closing ' is missing"},
      {"text behind a quote", "default_pass = 'x' y", "behind the closing quote"},
      {"not a number", "heartbeat = soon", "must be a whole number from 0 to 65535"},
      {"one past the highest", "heartbeat = 65536", "from 0 to 65535"},
      {"negative", "channel_max = -1", "from 0 to 65535"},
      {"a number with a tail", "heartbeat = 30s", "from 0 to 65535"},
      {"a number past 64 bits", "consumer_timeout = 18446744073709551616", "at least 1"},
      {"a timeout of nothing", "consumer_timeout = 0", "at least 1"},
      {"frames that hold no header", "frame_max = 4095", "at least 4096"},
      {"messages past RabbitMQ's limit", "max_message_size = 536870913", "to 536870912 bytes"},
      {"a port past the last", "listeners.tcp.default = 65536", "must be a port"},
      {"a name instead of an address", "listeners.tcp.default = localhost:5672", "IP address"},
      {"an empty address", "listeners.tcp.default = :5672", "IP address"},
      {"all listeners off", "listeners.tcp = none", "no AMQP listener is left"},
      {"listeners.tcp with a port", "listeners.tcp = 5672", "listeners.tcp.default = 5672"},
      {"not a truth value", "loopback_users.guest = no", "must be true or false"},
      {"an unknown unit", "disk_free_limit.absolute = 5XB", "must be a number of bytes"},
      {"a unit alone", "disk_free_limit.absolute = GB", "must be a number of bytes"},
      {"bytes past 64 bits", "disk_free_limit.absolute = 20000000PB", "must be a number of bytes"},
      {"a share of nothing", "vm_memory_high_watermark.relative = 0", "above 0"},
      {"not a share", "vm_memory_high_watermark.relative = x", "above 0"},
      {"an unknown word", "log.console.level = loud", "must be one of debug, info"},
      {"an unknown store", "store = leveldb", "must be one of rocksdb, memory"},
      {"an unknown mechanism", "auth_mechanisms.1 = NTLM", "must be one of PLAIN"},
      {"too many shards", "shards = 65", "from 1 to 64"},
      {"no shards", "shards = 0", "from 1 to 64"},
      {"TLS without a certificate", "listeners.ssl.default = 5671", "needs a certificate"},
      {"an old TLS version", "ssl_options.versions.1 = tlsv1", "must be tlsv1.2 or tlsv1.3"},
      {"bind to a name", "bind = localhost", "must be an IP address"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const auto loaded = load_text(row.text);
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error().text, HasSubstr(row.problem));
  }
}

TEST(Configuration, AllProblemsAreToldAtOnce) {
  const auto loaded = load_text("heartbeat = x\nshards = 0\n");
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().text, HasSubstr("lepus.conf:1: heartbeat = x"));
  EXPECT_THAT(loaded.error().text, HasSubstr("\n"));
  EXPECT_THAT(loaded.error().text, HasSubstr("lepus.conf:2: shards = 0"));
}

TEST(Configuration, CommandLineWinsOverEnvironmentOverFile) {
  auto sources = no_sources();
  const char* text = "shards = 1\nheartbeat = 1\nchannel_max = 1";
  sources.environment = {{"LEPUS_SHARDS", "2"}, {"LEPUS_HEARTBEAT", "2"}};
  sources.command_line = {flag("shards", "3")};
  const auto loaded = load_text(text, sources);
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_EQ(loaded->shards, 3U);
  EXPECT_EQ(loaded->heartbeat_s, 2);
  EXPECT_EQ(loaded->channel_max, 1);
  EXPECT_EQ(loaded->origins.at("shards").text, "--shards");
  EXPECT_EQ(loaded->origins.at("heartbeat").text, "LEPUS_HEARTBEAT");
  EXPECT_THAT(loaded->origins.at("channel_max").text, HasSubstr("lepus.conf:3"));
}

TEST(Configuration, ListsOfALowerSourceAreReplacedAsAWhole) {
  auto sources = no_sources();
  sources.command_line = {flag("listeners.tcp.default", "7000")};
  const auto loaded = load_text("listeners.tcp.local = 127.0.0.1:5673", sources);
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_THAT(loaded->amqp_listeners, ElementsAre(Listener{"default", "0.0.0.0", 7000, true}));
}

TEST(Configuration, BindIsTheAddressOfListenersWithoutOne) {
  auto sources = no_sources();
  sources.command_line = {flag("bind", "127.0.0.1")};
  const auto loaded = load_text("management.tcp.ip = ::1", sources);
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_EQ(loaded->amqp_listeners.at(0).address, "127.0.0.1");
  EXPECT_EQ(loaded->management_listener->address, "::1");
  EXPECT_EQ(loaded->prometheus_listener->address, "127.0.0.1");
}

TEST(Configuration, PrometheusStaysOffWhenOnlyTheManagementPortWasChosen) {
  auto sources = no_sources();
  sources.command_line = {flag("management.tcp.port", "0")};
  EXPECT_FALSE(load_configuration(sources)->prometheus_listener);
  const auto named_in_file = load_text("prometheus.tcp.port = 1234", sources);
  EXPECT_EQ(named_in_file->prometheus_listener->port, 1234);
}

TEST(Configuration, PortsThatAreAskedForAndNotOfferedAreAnError) {
  for (const char* key : {"prometheus.tcp.port", "management.ssl.port"}) {
    auto sources = no_sources();
    sources.command_line = {flag(key, "0"), flag("management.ssl.certfile", "/c"),
                            flag("management.ssl.keyfile", "/k")};
    const auto loaded = load_configuration(sources);
    ASSERT_FALSE(loaded) << key;
    EXPECT_THAT(loaded.error().text, HasSubstr(std::string(key) + ": "));
    EXPECT_THAT(loaded.error().text, HasSubstr("is not offered yet"));
  }
}

TEST(Configuration, AFileThatSpeaksOfTlsAloneKeepsThePlainManagementPortForNow) {
  const auto loaded = load_text(
      "management.ssl.port = 15671\nmanagement.ssl.certfile = /c\nmanagement.ssl.keyfile = /k\n");
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_TRUE(loaded->management_listener);
  EXPECT_FALSE(loaded->management_tls_listener->required);
  EXPECT_THAT(loaded->warnings, ElementsAre(HasSubstr("management over TLS is not offered yet")));
}

TEST(Configuration, SettingsWithoutEffectAreToldOf) {
  const auto loaded = load_text(
      "ssl_handshake_timeout = 1000\nmanagement.path_prefix = /x\n"
      "prometheus.path = /m\ncollect_statistics_interval = 1000\ndefault_queue_type = stream\n");
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_THAT(loaded->warnings,
              UnorderedElementsAre(HasSubstr("ssl_handshake_timeout has no effect"),
                                   HasSubstr("management.path_prefix has no effect"),
                                   HasSubstr("prometheus.path has no effect"),
                                   HasSubstr("collect_statistics_interval has no effect"),
                                   HasSubstr("default_queue_type")));
}

TEST(Configuration, TheConsumerTimeoutMayBeLifted) {
  EXPECT_EQ(load_text("consumer_timeout = 3600000\n")->consumer_timeout_ms, 3600000U);
  const auto loaded = load_text("consumer_timeout = undefined\n");
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_EQ(loaded->consumer_timeout_ms, 0U);
  EXPECT_THAT(print_configuration(*loaded), HasSubstr("consumer_timeout = undefined"));
}

TEST(Configuration, OnlyMechanismsThatExistAreOffered) {
  const auto some = load_text("auth_mechanisms.1 = RABBIT-CR-DEMO\nauth_mechanisms.2 = AMQPLAIN\n");
  ASSERT_TRUE(some) << some.error().text;
  EXPECT_THAT(some->auth_mechanisms, ElementsAre("AMQPLAIN"));
  EXPECT_THAT(some->warnings, ElementsAre(HasSubstr("RABBIT-CR-DEMO is not offered")));
  const auto none = load_text("auth_mechanisms.1 = RABBIT-CR-DEMO\n");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().text, HasSubstr("nobody could log in"));
}

TEST(Configuration, CertificatesCanBeLogins) {
  const auto loaded = load_text(
      "auth_mechanisms.1 = EXTERNAL\nauth_mechanisms.2 = PLAIN\n"
      "ssl_cert_login_from = subject_alternative_name\nssl_cert_login_san_type = email\n"
      "ssl_cert_login_san_index = 1\n");
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_THAT(loaded->auth_mechanisms, ElementsAre("EXTERNAL", "PLAIN"));
  using Login = transport::CertificateLogin;
  EXPECT_EQ(loaded->certificate_login,
            (Login{Login::From::subject_alternative_name, Login::AlternativeName::email, 1}));
  EXPECT_THAT(print_configuration(*loaded),
              HasSubstr("ssl_cert_login_from = subject_alternative_name  #"));
  EXPECT_FALSE(load_text("ssl_cert_login_from = serial_number\n"));
}

TEST(Configuration, KubernetesDescriptionOfAServiceIsNoPort) {
  auto sources = no_sources();
  sources.environment = {{"LEPUS_PORT", "tcp://10.0.0.1:5672"}};
  const auto loaded = load_configuration(sources);
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_EQ(loaded->amqp_listeners.at(0).port, 5672);
  EXPECT_THAT(loaded->warnings, ElementsAre(HasSubstr("LEPUS_PORT")));
}

TEST(DescriptorShares, TheStoreKeepsItsOwn) {
  const DescriptorShares usual = share_descriptors(65536, 4);
  EXPECT_EQ(usual.management_max, 1000U);
  EXPECT_GT(usual.sessions_max, 60000U);
  const DescriptorShares low = share_descriptors(1024, 4);
  EXPECT_GT(low.sessions_max, 100U);
  EXPECT_LE(low.sessions_max + low.management_max, 1024U - 512U);
  EXPECT_EQ(share_descriptors(16, 1).sessions_max, 1U);
}

TEST(Configuration, RabbitMqsEnvironmentIsUnderstood) {
  const Folder folder;
  auto sources = no_sources();
  sources.environment = {
      {"RABBITMQ_DEFAULT_USER", "alice"},
      {"RABBITMQ_DEFAULT_PASS_FILE", folder.write("password", "secret\n")},
      {"RABBITMQ_DEFAULT_VHOST", "shop"},
      {"RABBITMQ_NODENAME", "hare@field"},
      {"RABBITMQ_NODE_PORT", "5679"},
      {"RABBITMQ_ERLANG_COOKIE", "ignored"},
      {"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-x"},
      {"LEPUS_NO_SUCH_SETTING", "1"},
      {"LEPUS_SHARDS", ""},
  };
  const auto loaded = load_configuration(sources);
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_EQ(loaded->default_user, "alice");
  EXPECT_EQ(loaded->default_password, "secret");
  EXPECT_EQ(loaded->default_vhost, "shop");
  EXPECT_EQ(loaded->node_name, "hare@field");
  EXPECT_EQ(loaded->amqp_listeners.at(0).port, 5679);
  EXPECT_EQ(loaded->shards, 4U);
  EXPECT_THAT(loaded->warnings,
              UnorderedElementsAre(HasSubstr("LEPUS_NO_SUCH_SETTING"), HasSubstr("ERL_ARGS")));
}

TEST(Configuration, MissingPasswordFileIsAnError) {
  auto sources = no_sources();
  sources.environment = {{"RABBITMQ_DEFAULT_PASS_FILE", "/nonexistent/password"}};
  const auto loaded = load_configuration(sources);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().text, HasSubstr("RABBITMQ_DEFAULT_PASS_FILE: cannot read"));
}

TEST(Configuration, MissingNamedFileIsAnError) {
  auto sources = no_sources();
  sources.config_file = "/nonexistent/other.conf";
  const auto loaded = load_configuration(sources);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().text, HasSubstr("/nonexistent/other.conf: No such file"));
}

TEST(Configuration, FolderIsReadInOrderOfNames) {
  const Folder folder;
  folder.write("20-later.conf", "heartbeat = 20\n");
  folder.write("10-first.conf", "heartbeat = 10\nchannel_max = 10\n");
  folder.write("30-not.txt", "heartbeat = 30\n");
  auto sources = no_sources();
  sources.config_file = folder.path();
  const auto loaded = load_configuration(sources);
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_EQ(loaded->heartbeat_s, 20);
  EXPECT_EQ(loaded->channel_max, 10);
}

TEST(Configuration, UsualFileAndTheFolderBesideItAreReadIfTheyExist) {
  const Folder folder;
  auto sources = no_sources();
  sources.default_config_file = folder.write("lepus.conf", "heartbeat = 10\nchannel_max = 10\n");
  folder.write("conf.d/10-more.conf", "heartbeat = 20\n");
  const auto loaded = load_configuration(sources);
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_EQ(loaded->heartbeat_s, 20);
  EXPECT_EQ(loaded->channel_max, 10);
}

TEST(Configuration, RabbitMqsFileVariablesTakeThePlaceOfTheUsualFile) {
  const Folder folder;
  auto sources = no_sources();
  sources.default_config_file = folder.write("lepus.conf", "channel_max = 10\n");
  const std::string file = folder.write("rabbitmq.conf", "heartbeat = 10\n");
  folder.write("other/10.conf", "heartbeat = 20\n");
  sources.environment = {{"RABBITMQ_CONFIG_FILE", file.substr(0, file.size() - 5)},
                         {"RABBITMQ_CONFIG_FILES", folder.path() + "/other"}};
  const auto loaded = load_configuration(sources);
  ASSERT_TRUE(loaded) << loaded.error().text;
  EXPECT_EQ(loaded->heartbeat_s, 20);
  EXPECT_EQ(loaded->channel_max, 2047);
}

TEST(Configuration, PrintedSettingsCanBeReadAgainAndNameTheirOrigin) {
  auto sources = no_sources();
  sources.command_line = {flag("heartbeat", "30")};
  const auto loaded =
      load_text("default_user = 'a b'\nloopback_users = none\nlog.console.level = debug", sources);
  ASSERT_TRUE(loaded) << loaded.error().text;
  const auto printed = print_configuration(*loaded);
  EXPECT_THAT(printed, HasSubstr("\nheartbeat = 30  # --heartbeat\n"));
  EXPECT_THAT(printed, HasSubstr("\nchannel_max = 2047  # default\n"));
  EXPECT_THAT(printed, HasSubstr("lepus.conf:1\n"));
  EXPECT_THAT(printed, HasSubstr("\nlog.default.level = debug  # /"));
  EXPECT_THAT(print_configuration(*load_text("loopback_users.guest = false")),
              HasSubstr("\nloopback_users = none  # /"));
  const auto again = load_text(printed);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(again->default_user, "a b");
  EXPECT_EQ(again->heartbeat_s, 30);
  EXPECT_THAT(again->loopback_users, IsEmpty());
  EXPECT_EQ(again->amqp_listeners.size(), 1U);
}

TEST(Configuration, PrintedPasswordIsMasked) {
  EXPECT_THAT(print_configuration(*load_text("default_pass = secret")),
              HasSubstr("default_pass = ********"));
  EXPECT_THAT(print_configuration(*load_text("heartbeat = 1")), HasSubstr("default_pass = guest"));
}

}  // namespace
}  // namespace lepus
