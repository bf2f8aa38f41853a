"""The exchange types that RabbitMQ has as plugins, with pika and by the management API."""

import pika

from support.management import Management

KEYS = [f"customer.{number}" for number in range(400)]
TYPES = ("x-consistent-hash", "x-modulus-hash", "x-random", "x-local-random")


def places(broker, exchange, queues, properties=lambda key: None):
    """Publishes a message for each of KEYS; which queue each came to."""
    connection = pika.BlockingConnection(broker.parameters())
    channel = connection.channel()
    channel.confirm_delivery()
    for key in KEYS:
        own = properties(key)
        channel.basic_publish(exchange, "" if own else key, key.encode(), own, mandatory=True)
    found = {}
    for queue in queues:
        while True:
            method, _, body = channel.basic_get(queue, auto_ack=True)
            if method is None:
                break
            assert body.decode() not in found, f"{body} came twice"
            found[body.decode()] = queue
    connection.close()
    assert set(found) == set(KEYS)
    return found


def test_consistent_hash_stays_over_a_restart_and_moves_only_what_it_must(private_broker, restart):
    broker = private_broker()
    connection = pika.BlockingConnection(broker.parameters())
    channel = connection.channel()
    queues = ["q1", "q2", "q3"]
    by_header = {"hash-header": "customer"}
    channel.exchange_declare("by key", "x-consistent-hash", durable=True)
    channel.exchange_declare("by header", "x-consistent-hash", durable=True, arguments=by_header)
    for queue, weight in zip(queues, ("1", "1", "2")):
        channel.queue_declare(queue, durable=True)
        channel.queue_bind(queue, "by key", routing_key=weight)
        channel.queue_bind(queue, "by header", routing_key=weight)

    def with_header(key):
        return pika.BasicProperties(headers={"customer": key})

    before = places(broker, "by key", queues)
    assert places(broker, "by header", queues, with_header) == before
    counts = [list(before.values()).count(queue) for queue in queues]
    for count, expected in zip(counts, (100, 100, 200)):
        assert abs(count - expected) < 40, counts

    restart(broker)
    assert places(broker, "by key", queues) == before
    assert places(broker, "by header", queues, with_header) == before

    connection = pika.BlockingConnection(broker.parameters())
    connection.channel().queue_delete("q3")
    connection.close()
    after = places(broker, "by key", queues[:2])
    assert {key for key in KEYS if after[key] != before[key]} == {
        key for key in KEYS if before[key] == "q3"
    }
    assert places(broker, "by header", queues[:2], with_header) == after


def test_one_queue_gets_each_message(channel, broker, unique):
    queues = [unique(), unique()]
    for queue in queues:
        channel.queue_declare(queue, exclusive=False, auto_delete=True)
    for kind in TYPES:
        exchange = unique(kind)
        channel.exchange_declare(exchange, kind, auto_delete=True)
        for queue in queues:
            key = "1" if kind == "x-consistent-hash" else ""
            channel.queue_bind(queue, exchange, routing_key=key)
        found = places(broker, exchange, queues)
        for queue in queues:
            assert abs(list(found.values()).count(queue) - 200) < 60, kind
    for queue in queues:
        channel.queue_delete(queue)


def test_management_knows_the_types(management, unique):
    overview = management.get("overview")
    assert set(TYPES) <= {kind["name"] for kind in overview["exchange_types"]}
    queue = unique()
    management.put("queues", "/", queue, durable=True)
    for kind in TYPES:
        exchange = unique(kind)
        management.put("exchanges", "/", exchange, type=kind, durable=True, expect=(201,))
        management.put("exchanges", "/", exchange, type=kind, durable=True, expect=(204,))
        assert management.get("exchanges", "/", exchange)["type"] == kind
        assert kind in {one["type"] for one in management.get("exchanges", "/")}
        management.delete("exchanges", "/", exchange)

    def refused(verb, segments, body):
        answer = management.request(verb, segments, json=body)
        assert answer.status_code == 400, answer.text
        return answer.json()["reason"]

    exchange = unique("x")
    named = ["exchanges", "/", exchange]
    kind = {"type": "x-consistent-hash", "durable": True}
    both = {"hash-header": "a", "hash-property": "timestamp"}
    assert (
        refused("PUT", named, {**kind, "arguments": both})
        == "hash-header and hash-property are mutually exclusive"
    )
    assert (
        refused("PUT", named, {**kind, "arguments": {"hash-property": "type"}})
        == "Unsupported property: type"
    )
    management.put(*named, **kind, arguments={"hash-property": "timestamp"})
    binding = ["bindings", "/", "e", exchange, "q", queue]
    assert (
        refused("POST", binding, {"routing_key": "some"})
        == 'The binding key must be an integer: <<"some">>'
    )
    management.post(*binding, routing_key="3")
    management.delete(*named)
    management.delete("queues", "/", queue)


def test_definitions_carry_the_types(private_broker):
    broker = private_broker()
    connection = pika.BlockingConnection(broker.parameters())
    channel = connection.channel()
    arguments = {"hash-property": "message_id"}
    channel.queue_declare("q", durable=True)
    for kind in TYPES:
        channel.exchange_declare(
            kind, kind, durable=True, arguments=arguments if "consistent" in kind else None
        )
        channel.queue_bind("q", kind, routing_key="5" if "consistent" in kind else "")
    connection.close()
    exported = Management(broker).get("definitions")

    other = Management(private_broker())
    other.post("definitions", **exported)
    for part in ("exchanges", "bindings"):
        assert sorted(other.get("definitions")[part], key=str) == sorted(exported[part], key=str)
    exported["bindings"][0] |= {"source": "x-consistent-hash", "routing_key": "none"}
    answer = other.request("POST", ["definitions"], json=exported)
    assert answer.status_code == 400
    assert answer.json()["reason"] == 'The binding key must be an integer: <<"none">>'
