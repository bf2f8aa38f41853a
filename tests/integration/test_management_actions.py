"""What the management API does: declaring, deleting, publishing, getting, and its errors."""

import base64
import uuid

import pika
import pytest
import requests

from support.management import Management
from support.waiting import wait_until


@pytest.fixture
def names(management):
    """Makes names of queues and exchanges that are deleted by the management API after the test."""
    made = []

    def make(kind):
        made.append((kind, f"management.{uuid.uuid4().hex[:10]}"))
        return made[-1][1]

    yield make
    for kind, name in made:
        management.delete(kind, "/", name, expect=(204, 404))


def publish(management, queue, payload, **changes):
    body = {
        "properties": {},
        "routing_key": queue,
        "payload": payload,
        "payload_encoding": "string",
    }
    return management.post("exchanges", "/", "amq.default", "publish", **{**body, **changes})


def get(management, queue, count=10, ackmode="ack_requeue_false", encoding="auto", **more):
    return management.post(
        "queues", "/", queue, "get", count=count, ackmode=ackmode, encoding=encoding, **more
    )


def error(answer, status):
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error", "reason"}
    return answer.json()["error"], answer.json()["reason"]


def test_queue_life(management, names):
    queue = names("queues")
    created = management.put(
        "queues", "/", queue, durable=True, arguments={"x-max-length": 10}, expect=(201,)
    )
    assert created.content == b""
    management.put(
        "queues", "/", queue, durable=True, arguments={"x-max-length": 10}, expect=(204,)
    )
    shown = management.get("queues", "/", queue)
    assert (shown["durable"], shown["auto_delete"], shown["arguments"]) == (
        True,
        False,
        {"x-max-length": 10},
    )
    answer = management.request("PUT", ["queues", "/", queue], json={"durable": False})
    assert error(answer, 400) == (
        "bad_request",
        f"inequivalent arg 'durable' for queue '{queue}' in vhost '/': "
        "received 'false' but current is 'true'",
    )
    management.delete("queues", "/", queue)
    assert error(management.request("GET", ["queues", "/", queue]), 404) == (
        "Object Not Found",
        "Not Found",
    )
    assert management.status("queues", "/", queue, verb="DELETE") == 404


def test_publish_get_and_purge(management, names):
    queue = names("queues")
    management.put("queues", "/", queue, durable=True)
    properties = {"delivery_mode": 2, "headers": {"a": 1, "b": ["c"]}, "message_id": "m"}
    for number in range(5):
        assert publish(management, queue, f"text {number}", properties=properties) == {
            "routed": True
        }
    assert publish(management, f"{queue}.missing", "lost") == {"routed": False}

    first, second = get(management, queue, 2, "ack_requeue_true")
    assert first == {
        "payload_bytes": 6,
        "redelivered": False,
        "exchange": "",
        "routing_key": queue,
        "message_count": 4,
        "properties": properties,
        "payload": "text 0",
        "payload_encoding": "string",
    }
    assert (second["payload"], second["message_count"]) == ("text 1", 3)
    (again,) = get(management, queue, 1)
    assert (again["payload"], again["redelivered"]) == ("text 0", True)
    assert [one["payload"] for one in get(management, queue, 1)] == ["text 1"]
    assert management.status("queues", "/", queue, "contents", verb="DELETE") == 204
    assert get(management, queue) == []


def test_binary_payloads(management, names):
    queue = names("queues")
    management.put("queues", "/", queue)
    binary = bytes(range(256))
    encoded = base64.b64encode(binary).decode()
    publish(management, queue, encoded, payload_encoding="base64")
    publish(management, queue, "täxt")
    one, two = get(management, queue, ackmode="ack_requeue_true")
    assert (one["payload"], one["payload_encoding"], one["payload_bytes"]) == (
        encoded,
        "base64",
        256,
    )
    assert (two["payload"], two["payload_encoding"]) == ("täxt", "string")
    one, two = get(management, queue, encoding="base64", truncate=3)
    assert (one["payload"], one["payload_bytes"]) == (base64.b64encode(binary[:3]).decode(), 256)
    assert two["payload"] == base64.b64encode("täxt".encode()[:3]).decode()


def test_what_management_publishes_clients_get(management, names, channel):
    queue = names("queues")
    management.put("queues", "/", queue, durable=True)
    publish(
        management, queue, "hello", properties={"delivery_mode": 2, "content_type": "text/plain"}
    )
    _, properties, body = channel.basic_get(queue, auto_ack=True)
    assert (body, properties.delivery_mode, properties.content_type) == (b"hello", 2, "text/plain")


def test_exchange_and_binding_life(management, names):
    exchange, other, queue = names("exchanges"), names("exchanges"), names("queues")
    management.put("exchanges", "/", exchange, type="topic", durable=True, expect=(201,))
    management.put("exchanges", "/", exchange, type="topic", durable=True, expect=(204,))
    management.put("exchanges", "/", other, type="headers", auto_delete=False)
    management.put("queues", "/", queue)

    answer = management.post(
        "bindings", "/", "e", exchange, "q", queue, routing_key="a b/c~d%", expect=(201,)
    )
    assert answer.headers["location"].startswith(queue + "/")
    management.post("bindings", "/", "e", exchange, "e", other, routing_key="#", expect=(201,))
    arguments = {"x-match": "any", "colour": "red"}
    management.post("bindings", "/", "e", other, "q", queue, arguments=arguments, expect=(201,))

    (binding,) = management.get("bindings", "/", "e", exchange, "q", queue)
    assert (binding["routing_key"], binding["properties_key"]) == ("a b/c~d%", "a+b%2Fc%7Ed%25")
    (between,) = management.get("bindings", "/", "e", exchange, "e", other)
    assert (between["destination_type"], between["properties_key"]) == ("exchange", "%23")
    (by_header,) = management.get("bindings", "/", "e", other, "q", queue)
    assert by_header["arguments"] == arguments
    assert by_header["properties_key"].startswith("~")
    sources = management.get("exchanges", "/", exchange, "bindings", "source")
    assert {one["destination"] for one in sources} == {other, queue}
    targets = management.get("exchanges", "/", other, "bindings", "destination")
    assert [one["source"] for one in targets] == [exchange]
    assert len(management.get("queues", "/", queue, "bindings")) == 3

    one = ["bindings", "/", "e", exchange, "q", queue, binding["properties_key"]]
    assert management.get(*one)["routing_key"] == "a b/c~d%"
    management.delete(*one)
    assert management.status(*one) == 404
    management.delete("bindings", "/", "e", other, "q", queue, by_header["properties_key"])
    assert management.get("bindings", "/", "e", other, "q", queue) == []
    answer = management.request(
        "DELETE", ["exchanges", "/", exchange], params={"if-unused": "true"}
    )
    assert error(answer, 400)[1] == f"exchange '{exchange}' in vhost '/' in use"
    management.delete("exchanges", "/", exchange)
    assert management.status("exchanges", "/", exchange) == 404


def test_delete_with_conditions(management, names, channel):
    queue = names("queues")
    management.put("queues", "/", queue, durable=True)
    publish(management, queue, "a")
    answer = management.request("DELETE", ["queues", "/", queue], params={"if-empty": "true"})
    assert error(answer, 400) == ("bad_request", f"queue '{queue}' in vhost '/' not empty")
    channel.basic_consume(queue, lambda *_: None)
    answer = management.request("DELETE", ["queues", "/", queue], params={"if-unused": "true"})
    assert error(answer, 400) == ("bad_request", f"queue '{queue}' in vhost '/' in use")


def test_errors(management, broker, names):
    queue = names("queues")
    management.put("queues", "/", queue)
    url = f"{management.base}/queues/%2F/{queue}"
    guest = ("guest", "guest")
    answer = requests.put(url, data="{", auth=guest, timeout=10)
    assert error(answer, 400) == ("bad_request", "not_json")
    answer = requests.get(url, timeout=10)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    answer = requests.get(url, auth=("guest", "wrong"), timeout=10)
    assert error(answer, 401) == ("not_authorized", "Login failed")
    answer = requests.post(url, auth=guest, timeout=10)
    assert (answer.status_code, answer.content) == (405, b"")
    assert "GET" in answer.headers["allow"]
    assert management.status("nonsense") == 404
    assert error(management.request("GET", ["queues", "nowhere"]), 404) == (
        "Object Not Found",
        "Not Found",
    )
    answer = management.request("PUT", ["queues", "nowhere", "q"], json={})
    assert error(answer, 404) == ("not_found", "vhost_not_found")
    answer = management.request("PUT", ["exchanges", "/", "x"], json={"type": "no-such-type"})
    assert answer.status_code == 400
    answer = management.request("PUT", ["queues", "/", "amq.mine"], json={})
    assert error(answer, 401)[1] == "Access refused."
    answer = management.request("POST", ["queues", "/", queue, "get"], json={"count": 1})
    assert error(answer, 400)[0] == "bad_request"
    answer = management.request(
        "POST",
        ["exchanges", "/", "missing", "publish"],
        json={"properties": {}, "routing_key": "", "payload": "", "payload_encoding": "string"},
    )
    assert error(answer, 400)[1] == "404 NOT_FOUND - no exchange 'missing' in vhost '/'"


@pytest.fixture
def vhost(management):
    name = f"vhost/{uuid.uuid4().hex[:8]}"
    management.put("vhosts", name, description="of a test", tags="a, b", expect=(201,))
    yield name
    management.delete("vhosts", name, expect=(204, 404))


@pytest.fixture
def user(management):
    name = f"user-{uuid.uuid4().hex[:8]}"
    management.put("users", name, password="secret", tags="monitoring", expect=(201,))
    yield name
    management.delete("users", name, expect=(204, 404))


def test_vhosts_and_permissions(management, broker, vhost, user):
    shown = management.get("vhosts", vhost)
    assert (shown["description"], shown["tags"]) == ("of a test", ["a", "b"])
    as_user = broker.parameters(
        virtual_host=vhost, credentials=pika.PlainCredentials(user, "secret")
    )
    with pytest.raises(pika.exceptions.ProbableAccessDeniedError):
        pika.BlockingConnection(as_user)

    management.put(
        "permissions", vhost, user, configure="^mine", write="^mine|amq.default", read="^mine"
    )
    assert management.get("permissions", vhost, user) == {
        "user": user,
        "vhost": vhost,
        "configure": "^mine",
        "write": "^mine|amq.default",
        "read": "^mine",
    }
    connection = pika.BlockingConnection(as_user)
    channel = connection.channel()
    channel.queue_declare("mine")
    channel.basic_publish("", "mine", b"a")
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        channel.queue_declare("theirs")
    assert caught.value.reply_code == 403
    assert f"queue 'theirs' in vhost '{vhost}' refused for user '{user}'" in caught.value.reply_text
    assert [queue["name"] for queue in management.get("queues", vhost)] == ["mine"]

    management.delete("vhosts", vhost)
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as caught:
        while True:
            connection.process_data_events(time_limit=20)
    assert caught.value.reply_code == 320
    assert management.status("vhosts", vhost) == 404


def test_users(management, broker, user):
    as_user = Management(broker, user, "secret")
    assert as_user.get("whoami") == {"name": user, "tags": ["monitoring"]}
    assert as_user.status("nodes") == 200
    answer = as_user.request("GET", ["users"])
    assert error(answer, 401) == ("not_authorised", "Not administrator user")
    # The hash of a known password, as it is written in definition files.
    password_hash = "ytUIm1ruBv8dbuXf8jo3yKhGfE9Xu5vXpi7ti/E17ovdt2wK"
    management.put("users", user, password_hash=password_hash, tags=["management"], expect=(204,))
    assert Management(broker, user, "simon").get("whoami")["tags"] == ["management"]
    assert management.get("users", user)["password_hash"] == password_hash
    answer = management.request("PUT", ["users", user], json={"password": "x"})
    assert answer.status_code == 400
    management.delete("users", user)
    assert management.status("users", user) == 404
    assert as_user.status("whoami") == 401


def test_policies(management, names, channel):
    queue = names("queues")
    management.put("queues", "/", queue)
    policy = f"policy-{uuid.uuid4().hex[:8]}"
    definition = {"max-length": 2, "message-ttl": 60000}
    management.put(
        "policies", "/", policy, pattern=f"^{queue}$", definition=definition, priority=5,
        **{"apply-to": "queues"},
    )  # fmt: skip
    try:
        assert management.get("policies", "/", policy) == {
            "vhost": "/",
            "name": policy,
            "pattern": f"^{queue}$",
            "apply-to": "queues",
            "definition": definition,
            "priority": 5,
        }
        shown = wait_until(
            lambda: (one := management.get("queues", "/", queue)).get("policy") and one,
            "the queue shows its policy",
        )
        assert (shown["policy"], shown["effective_policy_definition"]) == (policy, definition)
        channel.confirm_delivery()
        for number in range(5):
            channel.basic_publish("", queue, str(number))
        assert [one["payload"] for one in get(management, queue)] == ["3", "4"]
        answer = management.request(
            "PUT",
            ["policies", "/", policy],
            json={"pattern": "a", "definition": {"max-length": -1}},
        )
        assert answer.status_code == 400
    finally:
        management.delete("policies", "/", policy)


def test_definitions_come_back(management, broker, vhost):
    management.put("queues", vhost, "q", durable=True, arguments={"x-max-length": 5})
    management.put("exchanges", vhost, "x", type="topic", durable=True)
    management.post("bindings", vhost, "e", "x", "q", "q", routing_key="a.#", expect=(201,))
    definitions = management.get("definitions", vhost)
    management.delete("queues", vhost, "q")
    management.delete("exchanges", vhost, "x")
    answer = requests.post(
        f"{management.base}/definitions/{requests.utils.quote(vhost, safe='')}",
        json=definitions,
        auth=("guest", "guest"),
        timeout=10,
    )
    assert answer.status_code == 204, answer.text
    assert management.get("queues", vhost, "q")["arguments"] == {"x-max-length": 5}
    (binding,) = management.get("bindings", vhost, "e", "x", "q", "q")
    assert binding["routing_key"] == "a.#"
    whole = management.get("definitions")
    assert vhost in [one["name"] for one in whole["vhosts"]]
    assert "guest" in [one["name"] for one in whole["users"]]
    assert ("q", vhost) in [(one["name"], one["vhost"]) for one in whole["queues"]]


def test_the_page_is_served(broker, management):
    answer = requests.get(broker.management_url + "/", timeout=10)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "<html" in answer.text.lower()
