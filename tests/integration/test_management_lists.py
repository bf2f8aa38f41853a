"""What the management API shows: RabbitMQ's JSON shapes of everything that lives in the broker."""

import pika
import pytest
import requests

from support.shapes import assert_shape, problems, with_rates
from support.waiting import wait_until

CONNECTION = {
    **dict.fromkeys(
        ["name", "node", "host", "peer_host", "vhost", "user", "protocol", "type"], "s"
    ),
    **dict.fromkeys(["user_who_performed_action", "auth_mechanism", "state"], "s"),
    **dict.fromkeys(["port", "peer_port", "connected_at", "channels", "channel_max"], "i"),
    **dict.fromkeys(["frame_max", "timeout", "recv_cnt", "send_cnt", "send_pend"], "i"),
    **with_rates("recv_oct", "send_oct"),
    "client_properties": "o",
    "ssl": "b",
    "peer_cert_subject": "s?",
}
CHANNEL = {
    **dict.fromkeys(["name", "node", "vhost", "user", "user_who_performed_action", "state"], "s"),
    **dict.fromkeys(["number", "consumer_count", "prefetch_count", "global_prefetch_count"], "i"),
    **dict.fromkeys(["messages_unacknowledged", "messages_unconfirmed"], "i"),
    **dict.fromkeys(["messages_uncommitted", "acks_uncommitted"], "i"),
    **dict.fromkeys(["confirm", "transactional"], "b"),
    "connection_details": {"name": "s", "peer_host": "s", "peer_port": "i"},
}
CONSUMER = {
    "consumer_tag": "s",
    "queue": {"name": "s", "vhost": "s"},
    "channel_details": {
        **dict.fromkeys(["name", "node", "user", "connection_name", "peer_host"], "s"),
        **dict.fromkeys(["number", "peer_port"], "i"),
    },
    **dict.fromkeys(["ack_required", "exclusive", "active"], "b"),
    "activity_status": "s",
    "prefetch_count": "i",
    "arguments": "o",
}
EXCHANGE = {
    **dict.fromkeys(["name", "vhost", "type", "user_who_performed_action"], "s"),
    **dict.fromkeys(["durable", "auto_delete", "internal"], "b"),
    "arguments": "o",
}
QUEUE = {
    **dict.fromkeys(["name", "vhost", "type", "node", "state"], "s"),
    **dict.fromkeys(["durable", "auto_delete", "exclusive"], "b"),
    **dict.fromkeys(["arguments", "effective_policy_definition"], "o"),
    **dict.fromkeys(["policy", "operator_policy"], "s?"),
    **with_rates("messages", "messages_ready", "messages_unacknowledged"),
    **dict.fromkeys(["consumers", "memory", "message_bytes", "message_bytes_ready"], "i"),
    **dict.fromkeys(["message_bytes_unacknowledged", "messages_persistent"], "i"),
    **dict.fromkeys(["consumer_capacity", "consumer_utilisation"], "n"),
}
BINDING = {
    **dict.fromkeys(["source", "vhost", "destination", "destination_type", "routing_key"], "s"),
    "properties_key": "s",
    "arguments": "o",
}


def shaped(fetch, shape):
    """Waits until an object has all its fields: statistics come some seconds after the object
    itself."""

    def probe():
        value = fetch()
        missing = problems(value, shape)
        return (value, None) if not missing else None

    try:
        return wait_until(probe, "all fields", interval=0.3)[0]
    except AssertionError:
        raise AssertionError("; ".join(problems(fetch(), shape)) or "it came too late") from None


@pytest.fixture
def busy(connect, queue, unique):
    """A connection that publishes and consumes: (its name, its channel, its queue)."""
    name = unique("connection")
    connection = connect(client_properties={"connection_name": name})
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_qos(prefetch_count=10)
    for number in range(5):
        channel.basic_publish("", queue, str(number), pika.BasicProperties(delivery_mode=2))
    channel.basic_consume(queue, lambda *_: None, consumer_tag="tag", arguments={"x-priority": 3})
    return name, channel, queue


def test_overview(management, broker, busy):
    overview = shaped(
        lambda: management.get("overview"),
        {
            **dict.fromkeys(["management_version", "rates_mode", "product_version"], "s"),
            **dict.fromkeys(["product_name", "rabbitmq_version", "cluster_name", "node"], "s"),
            **dict.fromkeys(["erlang_version", "erlang_full_version"], "s"),
            **dict.fromkeys(["exchange_types", "listeners", "contexts"], "l"),
            "sample_retention_policies": {"global": "l", "basic": "l", "detailed": "l"},
            **dict.fromkeys(["disable_stats", "enable_queue_totals"], "b"),
            "message_stats": with_rates("publish", "confirm"),
            "churn_rates": with_rates("connection_created", "channel_closed", "queue_declared"),
            "queue_totals": with_rates("messages", "messages_ready", "messages_unacknowledged"),
            "object_totals": dict.fromkeys(
                ["channels", "connections", "consumers", "exchanges", "queues"], "i"
            ),
            "statistics_db_event_queue": "i",
        },
    )
    assert {"direct", "fanout", "headers", "topic"} <= {
        kind["name"] for kind in overview["exchange_types"]
    }
    amqp = [one for one in overview["listeners"] if one["protocol"] == "amqp"]
    assert broker.port in [listener["port"] for listener in amqp]
    for listener in overview["listeners"]:
        assert_shape(listener, {"node": "s", "ip_address": "s", "port": "i"})
    assert str(broker.management_port) in [str(one["port"]) for one in overview["contexts"]]


def test_nodes(management):
    (node,) = management.get("nodes")
    shape = {
        **dict.fromkeys(["name", "type", "os_pid", "db_dir", "rates_mode"], "s"),
        **dict.fromkeys(["running", "mem_alarm", "disk_free_alarm"], "b"),
        **dict.fromkeys(["uptime", "processors", "run_queue"], "i"),
        **dict.fromkeys(["mem_limit", "fd_total", "sockets_total", "proc_total"], "i"),
        **with_rates("mem_used", "fd_used", "sockets_used", "proc_used", "disk_free"),
        **dict.fromkeys(["disk_free_limit"], "i"),
        **dict.fromkeys(["partitions", "cluster_links", "exchange_types", "applications"], "l"),
        **dict.fromkeys(["auth_mechanisms", "contexts", "log_files", "enabled_plugins"], "l"),
    }
    assert_shape(node, shape)
    assert node["running"] is True
    one = management.get("nodes", node["name"])
    assert_shape(one, shape)
    assert one["name"] == node["name"]
    # RabbitMQ 3.10 cannot reach that node, which is 500 there.
    assert management.status("nodes", "nobody@nowhere") in (404, 500)
    memory = management.get("nodes", node["name"], "memory")["memory"]
    assert_shape(memory, {"total": dict.fromkeys(["rss", "allocated", "erlang"], "i")})


def test_connections(management, broker, busy):
    name, _, _ = busy
    listed = management.connection_named(name)
    connection = shaped(lambda: management.get("connections", listed["name"]), CONNECTION)
    assert connection["name"].endswith(f"-> 127.0.0.1:{broker.port}")
    assert connection["name"].startswith(f"127.0.0.1:{connection['peer_port']} ")
    assert (connection["user"], connection["vhost"]) == ("guest", "/")
    assert (connection["protocol"], connection["auth_mechanism"]) == ("AMQP 0-9-1", "PLAIN")
    assert (connection["timeout"], connection["frame_max"]) == (30, 131072)
    assert connection["client_properties"]["product"] == "Pika Python Client Library"
    assert connection["user_provided_name"] == name
    for where in (["vhosts", "/", "connections"], ["connections"]):
        names = [one["name"] for one in management.get(*where)]
        assert connection["name"] in names
    (channel,) = wait_until(
        lambda: management.get("connections", connection["name"], "channels"), "its channel"
    )
    assert channel["name"] == connection["name"] + " (1)"


def test_closing_a_connection_tells_its_client_why(management, connect, unique):
    name = unique("connection")
    connection = connect(client_properties={"connection_name": name})
    listed = management.connection_named(name)
    management.delete("connections", listed["name"], headers={"X-Reason": "maintenance"})
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as caught:
        while True:
            connection.process_data_events(time_limit=20)
    assert caught.value.reply_code == 320
    assert caught.value.reply_text == "CONNECTION_FORCED - maintenance"
    wait_until(lambda: management.status("connections", listed["name"]) == 404, "it is gone")
    assert management.status("connections", "no such connection", verb="DELETE") == 404


def test_closing_a_connection_without_a_reason(management, connect, unique):
    name = unique("connection")
    connection = connect(client_properties={"connection_name": name})
    management.delete("connections", management.connection_named(name)["name"])
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as caught:
        while True:
            connection.process_data_events(time_limit=20)
    assert caught.value.reply_text == "CONNECTION_FORCED - Closed via management plugin"


def test_channels(management, busy):
    name, _, _ = busy
    listed = management.connection_named(name)
    channel_name = listed["name"] + " (1)"
    wait_until(
        lambda: [one for one in management.get("channels") if one["name"] == channel_name],
        "the channel is listed",
    )
    channel = shaped(lambda: management.get("channels", channel_name), CHANNEL)
    assert (channel["number"], channel["vhost"], channel["user"]) == (1, "/", "guest")
    assert channel["confirm"] is True
    assert channel["transactional"] is False
    settled = wait_until(
        lambda: (
            one := management.get("channels", channel_name)
        )["messages_unacknowledged"] == 5 and one,
        "five unacked messages",
    )  # fmt: skip
    assert settled["consumer_count"] == 1
    assert channel["connection_details"]["name"] == listed["name"]
    wait_until(
        lambda: problems(
            management.get("channels", channel_name),
            {"message_stats": with_rates("publish", "confirm", "deliver")},
        )
        == [],
        "message_stats",
    )


def test_consumers(management, busy):
    _, _, queue = busy

    def fetch():
        listed = management.get("consumers", "/")
        return next((one for one in listed if one["queue"]["name"] == queue), None)

    consumer = shaped(fetch, CONSUMER)
    assert consumer["consumer_tag"] == "tag"
    assert (consumer["ack_required"], consumer["exclusive"]) == (True, False)
    assert (consumer["active"], consumer["activity_status"]) == (True, "up")
    assert consumer["prefetch_count"] == 10
    assert consumer["arguments"] == {"x-priority": 3}
    details = management.get("queues", "/", queue)
    assert [one["consumer_tag"] for one in details["consumer_details"]] == ["tag"]


def test_queue_statistics(management, busy):
    _, channel, queue = busy
    fetch = lambda: management.get("queues", "/", queue)
    counts = {"messages": 5, "messages_ready": 0, "messages_unacknowledged": 5, "consumers": 1}
    wait_until(
        lambda: counts.items() <= fetch().items(), f"{counts} in the queue's object", interval=0.3
    )
    shown = shaped(fetch, QUEUE)
    assert shown["message_bytes"] == 5
    assert (shown["type"], shown["state"], shown["arguments"]) == ("classic", "running", {})
    shaped(fetch, {"message_stats": with_rates("publish", "deliver", "deliver_get")})


def test_exclusive_queue_shows_its_owner(management, channel):
    name = channel.queue_declare("", exclusive=True).method.queue
    owner = shaped(
        lambda: management.get("queues", "/", name),
        {"owner_pid_details": {"name": "s", "peer_host": "s", "peer_port": "i"}, "exclusive": "b"},
    )
    assert owner["exclusive"] is True


def test_exchanges(management):
    names = {}
    for exchange in management.get("exchanges", "/"):
        assert_shape(exchange, EXCHANGE)
        names[exchange["name"]] = exchange["type"]
    assert (
        names.items()
        >= {
            "": "direct",
            "amq.direct": "direct",
            "amq.fanout": "fanout",
            "amq.headers": "headers",
            "amq.match": "headers",
            "amq.topic": "topic",
            "amq.rabbitmq.trace": "topic",
        }.items()
    )
    assert (
        management.get("exchanges", "/", "amq.topic")["user_who_performed_action"] == "rmq-internal"
    )
    assert management.status("exchanges", "/", "nothing") == 404


def test_vhosts_users_and_whoami(management):
    vhosts = {vhost["name"]: vhost for vhost in management.get("vhosts")}
    assert_shape(
        vhosts["/"],
        {"tracing": "b", "tags": "l", "description": "s", "metadata": "o", "cluster_state": "o"},
    )
    assert "running" in vhosts["/"]["cluster_state"].values()
    users = {user["name"]: user for user in management.get("users")}
    assert_shape(
        users["guest"],
        {"password_hash": "s", "hashing_algorithm": "s", "tags": "l", "limits": "o"},
    )
    assert management.get("whoami") == {"name": "guest", "tags": ["administrator"]}
    assert {"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"} in (
        management.get("permissions")
    )


def test_health_checks(management, broker):
    assert management.get("health", "checks", "alarms") == {"status": "ok"}
    assert management.get("health", "checks", "local-alarms")["status"] == "ok"
    assert management.get("health", "checks", "virtual-hosts")["status"] == "ok"
    listener = management.get("health", "checks", "port-listener", broker.port)
    assert listener == {"status": "ok", "port": broker.port}
    protocol = management.get("health", "checks", "protocol-listener", "amqp091")
    assert protocol["status"] == "ok"
    assert management.get("health", "checks", "node-is-quorum-critical")["status"] == "ok"
    answer = management.request("GET", ["health", "checks", "port-listener", 1])
    assert answer.status_code == 503
    assert_shape(answer.json(), {"status": "s", "reason": "s", "missing": "i", "ports": "l"})
    assert answer.json()["status"] == "failed"
    assert management.status("health", "checks", "port-listener", "x") == 400
    assert management.get("aliveness-test", "/") == {"status": "ok"}


def test_sorting_columns_and_pages(management, connect, unique):
    channel = connect().channel()
    base = unique("page")
    names = [f"{base}.{number}" for number in range(7)]
    for name in names:
        channel.queue_declare(name, exclusive=True)

    page = management.get(
        "queues", "/", page=2, page_size=3, name=base, sort="name", columns="name"
    )
    assert page["items"] == [{"name": name} for name in names[3:6]]
    counts = {"page": 2, "page_size": 3, "page_count": 3, "item_count": 3, "filtered_count": 7}
    assert counts.items() <= page.items()
    assert page["total_count"] >= 7
    backwards = management.get(
        "queues", page=1, page_size=3, name=f"^{base}", use_regex="true", sort="name",
        sort_reverse="true", columns="name,vhost",
    )  # fmt: skip
    assert backwards["items"] == [{"name": name, "vhost": "/"} for name in names[:3:-1]]
    everything = management.get("queues", "/", columns="name")
    assert {"name": names[0]} in everything

    answer = management.request(
        "GET", ["queues", "/"], params={"page": 9, "page_size": 3, "name": base}
    )
    assert answer.status_code == 400
    assert answer.json()["error"] == "page_out_of_range"
    answer = management.request("GET", ["queues"], params={"page": 1, "page_size": 501})
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_pagination_parameters"


def test_many_requests_on_one_connection(management):
    with requests.Session() as session:
        for _ in range(50):
            answer = management.request("GET", ["whoami"], session=session)
            assert answer.json()["name"] == "guest"
            assert int(answer.headers["content-length"]) == len(answer.content)
            assert answer.headers["cache-control"] == "no-cache"


def test_bindings_shape(management, queue):
    (binding,) = management.get("queues", "/", queue, "bindings")
    assert_shape(binding, BINDING)
    assert binding == {
        "source": "",
        "vhost": "/",
        "destination": queue,
        "destination_type": "queue",
        "routing_key": queue,
        "arguments": {},
        "properties_key": queue,
    }
