#include "broker/broker.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <set>
#include <thread>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include "broker/log.h"
#include "broker/model/names.h"
#include "broker/model/queue_arguments.h"
#include "broker/transport/peer.h"
#include "broker/transport/tls_stream.h"
#include "management/load_definitions.h"
#include "storage/open_store.h"

namespace lepus {

using namespace std::chrono_literals;
using Moment = std::chrono::steady_clock::time_point;

namespace {

/// How long clients have to answer connection.close.
constexpr auto farewell_limit = 2000ms;
/// How long the shards have for anything else that they must do before the store is closed.
constexpr auto step_limit = 500ms;
constexpr auto commit_limit = 1500ms;
constexpr auto management_limit = 200ms;
/// What closed connections set off (requeues, deleted exclusive queues, dead letters) crosses
/// between shards a few times.
constexpr int last_mail_rounds = 4;

connection::ConnectionSettings connection_settings(const Configuration& configuration) {
  connection::ConnectionSettings settings;
  settings.heartbeat_s = configuration.heartbeat_s;
  settings.frame_max_bytes = configuration.frame_max_bytes;
  settings.channel_max = configuration.channel_max == 0 ? 65535 : configuration.channel_max;
  settings.handshake_timeout_ms = configuration.handshake_timeout_ms;
  settings.consumer_timeout_ms = static_cast<std::int64_t>(
      std::min<std::uint64_t>(configuration.consumer_timeout_ms, model::duration_max_ms));
  settings.max_message_size_bytes = configuration.max_message_size_bytes;
  settings.connection_max = configuration.connection_max;
  settings.consumer_max_per_channel = configuration.consumer_max_per_channel;
  settings.mechanisms = configuration.auth_mechanisms;
  settings.loopback_users = {configuration.loopback_users.begin(),
                             configuration.loopback_users.end()};
  settings.node_name = configuration.node_name;
  settings.cluster_name =
      configuration.cluster_name.empty() ? configuration.node_name : configuration.cluster_name;
  settings.lepus_version = LEPUS_VERSION;
  settings.warn = [](const std::string& text) { spdlog::warn("{}", text); };
  return settings;
}

model::TopologyOptions topology_options(const Configuration& configuration) {
  return {
      .shards = configuration.shards,
      .default_user = configuration.default_user,
      .default_password = configuration.default_password,
      .default_vhost = configuration.default_vhost,
      .default_user_tags = {configuration.default_user_tags.begin(),
                            configuration.default_user_tags.end()},
      .default_configure = configuration.default_permission_configure,
      .default_write = configuration.default_permission_write,
      .default_read = configuration.default_permission_read,
      .makes_defaults = configuration.definitions_file.empty(),
      .default_queue_type = configuration.default_queue_type,
      .vhost_max = configuration.vhost_max,
      .loopback_users = {configuration.loopback_users.begin(), configuration.loopback_users.end()}};
}

std::uint64_t descriptor_limit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
}

transport::TlsSettings tls_settings(const TlsOptions& options,
                                    const transport::CertificateLogin& login) {
  return {.certificate_file = options.certificate_file,
          .key_file = options.key_file,
          .ca_certificate_file = options.ca_certificate_file,
          .password = options.password,
          .verify_peer = options.verify_peer,
          .fail_if_no_peer_certificate = options.fail_if_no_peer_certificate,
          .depth = options.depth,
          .versions = options.versions,
          .login = login};
}

}  // namespace

Broker::Broker(Configuration configuration, boost::asio::io_context& context)
    : context_(context),
      configuration_(std::move(configuration)),
      descriptors_(share_descriptors(descriptor_limit(), configuration_.shards)),
      connection_settings_(connection_settings(configuration_)),
      resources_(context, configuration_,
                 [this](bool memory, bool disk) { set_alarms(memory, disk); }) {}

Broker::~Broker() {
  stop();
}

// ---- start

Result<void> Broker::start() {
  if (auto opened = open_store(); !opened) {
    return opened;
  }
  if (auto loaded = load(); !loaded) {
    return loaded;
  }
  if (auto loaded = load_definitions(); !loaded) {
    return loaded;
  }
  identify_cluster();
  resources_.start();
  if (auto opened = open_management(); !opened) {
    return opened;
  }
  return open_listeners();
}

Result<void> Broker::open_store() {
  if (configuration_.store == StoreKind::memory) {
    spdlog::warn("the store is in memory: nothing survives a restart");
    store_ = storage::make_memory_store();
    return {};
  }
  storage::StoreOptions options{.log = storage_log_sink()};
  options.health_changed = [this, alive = std::weak_ptr(alive_)] {
    boost::asio::post(context_, [this, alive] {
      if (!alive.expired()) {
        resources_.look();
      }
    });
  };
  auto opened = storage::open_rocksdb_store(configuration_.data_dir, options);
  if (!opened) {
    return opened.error();
  }
  store_ = std::move(*opened);
  resources_.watch_store([this] { return store_->health(); });
  return {};
}

BrokerAccessEnvironment Broker::access_environment() {
  BrokerAccessEnvironment environment{.store = storage::operations_of(*store_),
                                      .topology = topology_.get(),
                                      .clock = &clock_,
                                      .connection_counts = &connection_counts_,
                                      .context = &context_,
                                      .resources = &resources_};
  for (const auto& shard : shards_) {
    environment.shards.push_back(shard.get());
  }
  environment.node = {.name = configuration_.node_name,
                      .cluster_name = connection_settings_.cluster_name,
                      .lepus_version = LEPUS_VERSION,
                      .data_dir = configuration_.data_dir,
                      .auth_mechanisms = configuration_.auth_mechanisms,
                      .started_at_ms = clock_.steady_ms(),
                      .shards = configuration_.shards,
                      .default_queue_type = configuration_.default_queue_type,
                      .connection_max = configuration_.connection_max};
  if (!configuration_.log_file.empty()) {
    environment.node.log_files.push_back(configuration_.log_file);
  }
  return environment;
}

Result<void> Broker::load() {
  const storage::Recovered recovered = store_->take_recovered();
  cut_gate_ = std::make_unique<storage::CutGate>(*store_);
  topology_ = std::make_unique<model::Topology>(*store_, clock_, topology_options(configuration_));
  if (auto loaded = topology_->load(recovered); !loaded) {
    return loaded;
  }
  mail_ = std::make_unique<transport::MailExchange>(configuration_.shards);
  for (model::ShardIndex index = 0; index < configuration_.shards; ++index) {
    shards_.push_back(std::make_unique<transport::ShardThread>(
        transport::ShardThreadEnvironment{.index = index,
                                          .shard_count = configuration_.shards,
                                          .store = store_.get(),
                                          .cut_gate = cut_gate_.get(),
                                          .topology = topology_.get(),
                                          .reply_consumers = &reply_consumers_,
                                          .connection_counts = &connection_counts_,
                                          .settings = &connection_settings_,
                                          .mail = mail_.get()}));
  }
  access_ = std::make_unique<BrokerAccessImpl>(access_environment());
  topology_->set_listener(this);
  std::vector<std::future<void>> loading;
  for (const auto& shard : shards_) {
    shard->start();
    loading.push_back(shard->run([&shard, &recovered] { shard->shard().load(recovered); }));
  }
  for (auto& loaded : loading) {
    loaded.wait();
  }
  for (auto& loaded : loading) {
    loaded.get();  // throws what loading threw
  }
  store_->recovery_finished(topology_->orphans(recovered));
  recovered_ = true;
  spdlog::info("recovered {} queues", recovered.progress.size());
  return {};
}

Result<void> Broker::load_definitions() {
  const std::string& path = configuration_.definitions_file;
  if (path.empty()) {
    return {};
  }
  const auto loaded = management::load_definitions(*topology_, path);
  if (!loaded) {
    return loaded.error();
  }
  auto committed = std::make_shared<std::promise<bool>>();
  access_->wait_for_topology(
      *loaded, [committed](bool is_committed) { committed->set_value(is_committed); });
  if (!committed->get_future().get()) {
    return fail("the definitions from " + path + " could not be written to the store");
  }
  spdlog::info("loaded definitions from {}", path);
  return {};
}

void Broker::identify_cluster() {
  const auto parameters = topology_->list_parameters("");
  const bool is_identified = std::ranges::any_of(parameters, [](const auto& parameter) {
    return parameter.component.empty() && parameter.name == "internal_cluster_id";
  });
  if (!is_identified) {
    topology_->put_parameter(
        {.component = {},
         .vhost = {},
         .name = "internal_cluster_id",
         .value = fmt::format("\"rabbitmq-cluster-id-{}\"", model::random_name_part({}))});
  }
}

Result<void> Broker::open_management() {
  if (!configuration_.management_listener) {
    return {};
  }
  const Listener& wanted = *configuration_.management_listener;
  auto server = std::make_unique<management::Server>(
      management::ServerOptions{.bind = wanted.address,
                                .port = wanted.port,
                                .connections_max = descriptors_.management_max},
      *access_);
  if (auto started = server->start(); !started) {
    if (wanted.required) {
      return fail(started.error().text +
                  "; --management-port chooses another one (0: any free one)");
    }
    spdlog::warn("{}; management is off", started.error().text);
    return {};
  }
  spdlog::info("started HTTP listener on {}", server->address());
  management_ = std::move(server);
  access_->add_listener(
      {.protocol = "http", .address = wanted.address, .port = management_->port()});
  return {};
}

Result<void> Broker::open_listeners() {
  for (const Listener& wanted : configuration_.amqp_listeners) {
    if (auto opened = open_listener(wanted, false); !opened) {
      return opened;
    }
  }
  for (const Listener& wanted : configuration_.amqp_tls_listeners) {
    if (auto opened = open_listener(wanted, true); !opened) {
      return opened;
    }
  }
  spdlog::info("at most {} connections of clients: so many file descriptors are left for them",
               descriptors_.sessions_max);
  for (const auto& listener : listeners_) {
    listener->start();
  }
  return {};
}

Result<void> Broker::open_listener(const Listener& wanted, bool is_tls) {
  transport::ListenerOptions options{.address = wanted.address,
                                     .port = wanted.port,
                                     .backlog = static_cast<int>(configuration_.listen_backlog),
                                     .no_delay = configuration_.tcp_nodelay,
                                     .keep_alive = configuration_.tcp_keepalive,
                                     .is_tls = is_tls,
                                     .sessions_max = descriptors_.sessions_max};
  std::optional<std::int64_t> certificate_expires_at_s;
  if (is_tls) {
    auto context = transport::TlsContext::make(
        tls_settings(configuration_.tls, configuration_.certificate_login));
    if (!context) {
      return context.error();
    }
    certificate_expires_at_s = (*context)->expires_at_s();
    options.make_stream = [context = *context](int socket) { return context->make_stream(socket); };
  }
  std::vector<transport::ShardThread*> shards;
  shards.reserve(shards_.size());
  for (const auto& shard : shards_) {
    shards.push_back(shard.get());
  }
  auto listener = std::make_unique<transport::Listener>(std::move(shards), std::move(options));
  if (auto opened = listener->open(); !opened) {
    return fail(opened.error().text + (is_tls ? "; --tls-port" : "; --port") +
                " chooses another one (0: any free one)");
  }
  spdlog::info("started {} listener on {}", is_tls ? "TLS" : "TCP",
               transport::to_text(listener->endpoint()));
  access_->add_listener({.protocol = is_tls ? "amqp/ssl" : "amqp",
                         .address = wanted.address,
                         .port = listener->endpoint().port(),
                         .certificate_expires_at_s = certificate_expires_at_s});
  listeners_.push_back(std::move(listener));
  return {};
}

std::string Broker::ready_line() const {
  std::string plain;
  std::string tls;
  for (const auto& listener : listeners_) {
    std::string& list = listener->is_tls() ? tls : plain;
    list += (list.empty() ? "" : ",") + transport::to_text(listener->endpoint());
  }
  return "ready amqp=" + (plain.empty() ? "off" : plain) +
         " management=" + (management_ ? management_->address() : "off") +
         (tls.empty() ? "" : " amqps=" + tls);
}

void Broker::set_alarms(bool memory, bool disk) {
  for (const auto& shard : shards_) {
    shard->post(
        [shard = shard.get(), memory, disk] { shard->connections().set_alarm(memory, disk); });
  }
}

void Broker::topology_committed(model::TopologyTicket up_to, storage::Outcome outcome) {
  for (const auto& shard : shards_) {
    shard->post([shard = shard.get(), up_to, outcome] {
      shard->shard().topology_committed(up_to, outcome);
    });
  }
  access_->topology_committed();
}

// ---- stop

void Broker::stop() {
  if (store_ == nullptr) {
    return;
  }
  resources_.stop();
  resources_.watch_store(nullptr);
  // First, so that it opens nothing new; a request that takes its time is not waited for yet.
  const bool management_ended = management_ && management_->begin_stop(management_limit);
  if (management_ended) {
    management_->stop();
  }
  close_listeners();
  const bool sessions_ended = close_connections();
  const bool everything_committed = commit_what_waits() && sessions_ended && recovered_;
  for (const auto& shard : shards_) {
    shard->stop();
  }
  if (management_ && !management_ended) {
    management_->stop();
  }
  // A shard that was late may still have sessions, whose end appends to the store.
  for (const auto& shard : shards_) {
    shard->finish_remains();
  }
  // Its threads still post to the shards until it is closed, so those go afterwards.
  store_->close(everything_committed);
  listeners_.clear();
  management_.reset();
  shards_.clear();
  access_.reset();
  mail_.reset();
  topology_.reset();
  cut_gate_.reset();
  store_.reset();
}

void Broker::close_listeners() {
  for (const auto& listener : listeners_) {
    listener->close();
  }
}

bool Broker::close_connections() {
  auto gone = std::make_shared<std::promise<void>>();
  auto left = std::make_shared<std::atomic<std::size_t>>(shards_.size());
  const auto one_is_empty = [gone, left] {
    if (left->fetch_sub(1) == 1) {
      gone->set_value();
    }
  };
  for (const auto& shard : shards_) {
    shard->post([shard = shard.get(), one_is_empty] {
      shard->close_connections("broker forced connection closure with reason 'shutdown'",
                               one_is_empty);
    });
  }
  if (!shards_.empty() &&
      gone->get_future().wait_for(farewell_limit) != std::future_status::ready) {
    spdlog::info("some clients have not answered connection.close; closing their sockets");
  }
  return on_all_shards([](transport::ShardThread& shard) { shard.drop_sessions(); }, step_limit);
}

bool Broker::commit_what_waits() {
  bool in_time = true;
  for (int round = 0; round < last_mail_rounds; ++round) {
    in_time = on_all_shards([](transport::ShardThread&) {}, step_limit) && in_time;
  }
  const Moment deadline = std::chrono::steady_clock::now() + commit_limit;
  while (std::chrono::steady_clock::now() < deadline) {
    // Shared: a shard that is late may look at it after this has given up.
    auto all_done = std::make_shared<std::atomic<bool>>(true);
    in_time = on_all_shards(
                  [all_done](transport::ShardThread& shard) {
                    if (shard.shard().has_pending_work()) {
                      *all_done = false;
                      shard.shard().seal_now();
                    }
                  },
                  commit_limit) &&
              in_time;
    if (!in_time || *all_done) {
      return in_time;
    }
    std::this_thread::sleep_for(1ms);  // The store is at work, and tells the shards only.
  }
  return false;
}

bool Broker::on_all_shards(const std::function<void(transport::ShardThread&)>& task,
                           std::chrono::milliseconds limit) {
  const Moment deadline = std::chrono::steady_clock::now() + limit;
  std::vector<std::future<void>> done;
  done.reserve(shards_.size());
  for (const auto& shard : shards_) {
    done.push_back(shard->run([shard = shard.get(), task] { task(*shard); }));
  }
  bool in_time = true;
  for (const auto& each : done) {
    in_time = each.wait_until(deadline) == std::future_status::ready && in_time;
  }
  return in_time;
}

}  // namespace lepus
