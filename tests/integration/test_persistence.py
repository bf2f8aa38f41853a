"""What is confirmed survives SIGKILL: messages, their order, acks, and everything durable."""

import random
import threading

import pika
import pytest
import requests

from support import bulk
from support import wire as amqp
from support.waiting import wait_until

SEED = 20260726
PERSISTENT = pika.BasicProperties(delivery_mode=2)


class ReconnectingPublisher(threading.Thread):
    """Publishes 0 … count - 1, all of them confirmed in the end, over as many connections as it
    takes.

    After a cut it publishes what was not confirmed again, in order, before what is new.
    """

    def __init__(self, broker, encoder, count):
        super().__init__(daemon=True)
        self._broker = broker
        self._encoder = encoder
        self._count = count
        self._published_to = 0
        self._confirmed = set()
        self._changed = threading.Condition()
        self.published_again = set()
        self.broker_is_up = threading.Event()
        self.broker_is_up.set()
        self.failure = None

    def confirmed_count(self):
        return len(self._confirmed)

    def wait_for_confirmed(self, count, timeout=60):
        with self._changed:
            done = self._changed.wait_for(
                lambda: self.failure or len(self._confirmed) >= count, timeout
            )
        assert not self.failure, self.failure
        assert done, f"{len(self._confirmed)} of {count} messages confirmed in {timeout} s"

    def run(self):
        try:
            while len(self._confirmed) < self._count:
                assert self.broker_is_up.wait(60), "the broker did not come back"
                try:
                    self._publish_on_one_connection()
                except (OSError, amqp.EndOfStream):
                    # Killed a moment ago: the next connection waits for the start.
                    pass
        except BaseException as error:  # pylint: disable=broad-except; the test's thread raises it
            with self._changed:
                self.failure = f"{type(error).__name__}: {error}"
                self._changed.notify_all()

    def _publish_on_one_connection(self):
        publisher = bulk.ConfirmedPublisher(self._broker, self._encoder, window=2000, batch=100)
        again = [one for one in range(self._published_to) if one not in self._confirmed]
        self.published_again.update(again)
        try:
            publisher.publish(again, self._on_confirmed)
            new = range(self._published_to, self._count)
            publisher.publish(new, self._on_confirmed, self._on_sending)
        finally:
            publisher.close()

    def _on_sending(self, sequences):
        self._published_to = sequences[-1] + 1

    def _on_confirmed(self, sequences):
        with self._changed:
            self._confirmed.update(sequences)
            self._changed.notify_all()


def declare(broker, queue, exchange=None):
    connection = pika.BlockingConnection(broker.parameters())
    channel = connection.channel()
    channel.queue_declare(queue, durable=True)
    if exchange:
        channel.exchange_declare(exchange, "direct", durable=True)
        channel.queue_bind(queue, exchange, queue)
    connection.close()


def ready_count(broker, queue):
    connection = pika.BlockingConnection(broker.parameters())
    count = connection.channel().queue_declare(queue, passive=True).method.message_count
    connection.close()
    return count


@pytest.mark.timeout(240)
def test_confirmed_messages_survive_ten_kills_in_order(private_broker):
    """200,000 messages, the broker killed ten times while they come and once when all are
    confirmed."""
    count = 200_000
    random_source = random.Random(SEED)
    broker = private_broker()
    declare(broker, "survivors", "to survivors")
    encoder = bulk.Encoder("to survivors", "survivors", 100, persistent=True)
    publisher = ReconnectingPublisher(broker, encoder, count)
    publisher.start()

    kills = sorted(random_source.sample(range(count // 50, count - count // 20), 10))
    for threshold in kills:
        publisher.wait_for_confirmed(threshold)
        publisher.broker_is_up.clear()
        broker.kill()
        confirmed = publisher.confirmed_count()
        broker.start()
        assert ready_count(broker, "survivors") >= confirmed
        publisher.broker_is_up.set()
    publisher.wait_for_confirmed(count)
    publisher.join(30)
    assert not publisher.is_alive()
    broker.kill()
    broker.start()

    seen = set()
    duplicates = set()
    newest = -1

    def check(sequence, redelivered):
        nonlocal newest
        if sequence in seen:
            duplicates.add(sequence)
            return
        seen.add(sequence)
        assert sequence > newest, f"{sequence} comes for the first time after {newest}"
        newest = sequence

    ready = ready_count(broker, "survivors")
    bulk.consume(broker, "survivors", ready, encoder.filling, check)
    assert len(seen) == count, f"lost: {sorted(set(range(count)) - seen)[:20]}"
    assert duplicates <= publisher.published_again, "duplicates of messages that were confirmed"
    assert ready_count(broker, "survivors") == 0


class AckRounds:
    """One queue, and what its messages' fate must be after the next kill."""

    def __init__(self, broker):
        self.broker = broker
        self.next_sequence = 0
        self.kept = set()  # published and confirmed, never acked
        self.unsure = set()  # acked, nothing confirmed since
        self.delivered = set()

    def publish(self, channel, count):
        for _ in range(count):
            channel.basic_publish("", "acks", str(self.next_sequence), PERSISTENT)
            self.kept.add(self.next_sequence)
            self.next_sequence += 1

    def run(self, random_source):
        connection = pika.BlockingConnection(self.broker.parameters())
        channel = connection.channel()
        channel.confirm_delivery()
        tags = self.check_what_came_back(channel)
        self.publish(channel, 100)
        tags.update(self.take(channel, 100))

        settled = self.ack_some(channel, tags, random_source)
        self.publish(channel, 1)  # Confirmed: the acks before it are as safe as this message.
        self.kept -= settled
        tags = {sequence: tag for sequence, tag in tags.items() if sequence not in settled}
        self.unsure = self.ack_some(channel, tags, random_source)
        self.kept -= self.unsure
        self.broker.kill()
        # The socket is dead already; pika need not be told.
        self.broker.start()

    def check_what_came_back(self, channel):
        ready = channel.queue_declare("acks", passive=True).method.message_count
        tags = self.take(channel, ready)
        back = set(tags)
        assert list(tags) == sorted(tags), "not in the order of publishing"
        assert self.kept <= back, f"lost: {sorted(self.kept - back)[:20]}"
        wrong = sorted(back - self.kept - self.unsure)
        assert not wrong, f"acked, and safe by a later confirm, but back: {wrong[:20]}"
        self.kept = back
        self.unsure = set()
        return tags

    def take(self, channel, count):
        """{sequence: delivery tag} of the next `count` messages, left unacked."""
        tags = {}
        for _ in range(count):
            method, _, body = channel.basic_get("acks")
            assert method is not None, f"only {len(tags)} of {count} messages"
            sequence = int(body)
            assert method.redelivered or sequence not in self.delivered, (
                f"{sequence} was delivered before the kill, but is not marked as redelivered"
            )
            tags[sequence] = method.delivery_tag
            self.delivered.add(sequence)
        return tags

    @staticmethod
    def ack_some(channel, tags, random_source):
        """Acks the older ones with multiple and some of the others one by one; returns their
        sequences."""
        ordered = sorted(tags, key=tags.get)
        upto = random_source.randrange(1, len(ordered) // 2)
        single = set(random_source.sample(ordered[upto:], len(ordered) // 5))
        channel.basic_ack(tags[ordered[upto - 1]], multiple=True)
        for sequence in single:
            channel.basic_ack(tags[sequence])
        return set(ordered[:upto]) | single


@pytest.mark.timeout(150)
def test_acks_before_a_confirmed_publish_survive_kills(private_broker):
    random_source = random.Random(SEED + 1)
    broker = private_broker()
    declare(broker, "acks")
    rounds = AckRounds(broker)
    for _ in range(5):
        rounds.run(random_source)
    connection = pika.BlockingConnection(broker.parameters())
    rounds.check_what_came_back(connection.channel())
    connection.close()


def test_durable_things_survive_and_others_do_not(private_broker, restart):
    broker = private_broker()
    connection = pika.BlockingConnection(broker.parameters())
    channel = connection.channel()
    for kind in ("direct", "fanout", "topic", "headers"):
        channel.exchange_declare(f"durable {kind}", kind, durable=True)
    channel.exchange_declare("fallback", "fanout", durable=True, internal=True)
    channel.exchange_declare(
        "with fallback", "direct", durable=True, arguments={"alternate-exchange": "fallback"}
    )
    channel.exchange_declare("transient", "direct", durable=False)
    channel.queue_declare(
        "durable", durable=True, arguments={"x-max-length": 100, "x-max-priority": 5}
    )
    channel.queue_declare("unrouted", durable=True)
    channel.queue_declare("transient", durable=False)
    channel.queue_declare("deleted", durable=True)
    channel.queue_delete("deleted")
    exclusive = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind("durable", "durable direct", "key")
    channel.queue_bind("durable", "durable direct", "unbound")
    channel.queue_unbind("durable", "durable direct", "unbound")
    channel.queue_bind("durable", "durable topic", "a.#")
    channel.queue_bind("durable", "durable headers", "", {"x-match": "any", "colour": "red"})
    channel.exchange_bind("durable direct", "durable fanout", "key")
    channel.queue_bind("unrouted", "fallback")
    channel.confirm_delivery()
    channel.basic_publish("", "durable", b"persistent", pika.BasicProperties(
        delivery_mode=2, priority=3, headers={"a": [1, "b"]}, message_id="m"
    ))  # fmt: skip
    channel.basic_publish("", "durable", b"transient", pika.BasicProperties(delivery_mode=1))

    restart(broker)
    connection = pika.BlockingConnection(broker.parameters())

    def answer(call):
        """(code, text) of the channel error that `call` provokes, or None."""
        channel = connection.channel()
        try:
            call(channel)
            channel.close()
        except pika.exceptions.ChannelClosedByBroker as error:
            return error.reply_code, error.reply_text
        return None

    for name in ("transient", "deleted", exclusive):
        assert answer(lambda channel: channel.queue_declare(name, passive=True))[0] == 404, name
    assert answer(lambda channel: channel.exchange_declare("transient", passive=True))[0] == 404
    assert answer(lambda channel: channel.queue_declare("durable", durable=True)) == (
        406,
        "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'durable' in vhost '/': "
        "received none but current is the value '100' of type 'signedint'",
    )
    assert (
        answer(lambda channel: channel.basic_publish("fallback", "", b"") or channel.basic_qos())[0]
        == 403
    )

    channel = connection.channel()
    method, properties, body = channel.basic_get("durable", auto_ack=True)
    assert (body, properties.priority, properties.message_id) == (b"persistent", 3, "m")
    assert properties.headers == {"a": [1, "b"]}
    assert channel.basic_get("durable")[0] is None, "the transient message is back"

    channel.confirm_delivery()
    red = pika.BasicProperties(headers={"colour": "red"})
    for exchange, key, properties in (
        ("durable direct", "key", None),
        ("durable topic", "a.b.c", None),
        ("durable headers", "", red),
        ("durable fanout", "key", None),
    ):
        channel.basic_publish(exchange, key, exchange.encode(), properties, mandatory=True)
        assert channel.basic_get("durable", auto_ack=True)[2] == exchange.encode()
    channel.basic_publish("with fallback", "nowhere", b"caught", mandatory=True)
    assert channel.basic_get("unrouted", auto_ack=True)[2] == b"caught"
    with pytest.raises(pika.exceptions.UnroutableError):
        channel.basic_publish("durable direct", "unbound", b"", mandatory=True)
    connection.close()


def test_purged_and_acked_messages_stay_gone_after_a_clean_stop(private_broker):
    broker = private_broker()
    for name in ("purged", "acked", "left"):
        declare(broker, name)
    connection = pika.BlockingConnection(broker.parameters())
    channel = connection.channel()
    channel.confirm_delivery()
    for name in ("purged", "acked", "left"):
        for number in range(50):
            channel.basic_publish("", name, str(number), PERSISTENT)
    channel.queue_purge("purged")
    for _ in range(20):
        channel.basic_ack(channel.basic_get("acked")[0].delivery_tag)
    connection.close()
    broker.restart()
    assert [ready_count(broker, name) for name in ("purged", "acked", "left")] == [0, 30, 50]


def test_committed_transactions_survive_kill_and_others_do_not(private_broker):
    broker = private_broker()
    declare(broker, "tx")
    connection = pika.BlockingConnection(broker.parameters())
    channel = connection.channel()
    channel.tx_select()
    for number in range(100):
        channel.basic_publish("", "tx", str(number), PERSISTENT)
    channel.tx_commit()
    for number in range(50):
        method, _, body = channel.basic_get("tx")
        assert body == str(number).encode()
        channel.basic_ack(method.delivery_tag)
    channel.basic_publish("", "tx", b"100", PERSISTENT)
    channel.tx_commit()
    channel.basic_publish("", "tx", b"never committed", PERSISTENT)
    channel.basic_ack(channel.basic_get("tx")[0].delivery_tag)

    broker.kill()
    broker.start()
    connection = pika.BlockingConnection(broker.parameters())
    channel = connection.channel()
    bodies = [channel.basic_get("tx", auto_ack=True)[2] for _ in range(51)]
    assert bodies == [str(number).encode() for number in range(50, 101)]
    assert channel.basic_get("tx")[0] is None
    connection.close()


def test_users_vhosts_and_permissions_survive(private_broker, restart):
    broker = private_broker()
    guest = ("guest", "guest")

    def put(path, **body):
        answer = requests.put(
            f"{broker.management_url}/api/{path}", json=body, auth=guest, timeout=10
        )
        assert answer.status_code in (201, 204), answer.text

    put("vhosts/shop")
    put("users/ann", password="secret", tags="monitoring")
    put("permissions/shop/ann", configure=".*", write=".*", read="^in")

    restart(broker)
    wait_until(
        lambda: requests.get(
            f"{broker.management_url}/api/whoami", auth=("ann", "secret"), timeout=10
        ).ok,
        "ann may log in to management",
    )
    connection = pika.BlockingConnection(
        broker.parameters(virtual_host="shop", credentials=pika.PlainCredentials("ann", "secret"))
    )
    channel = connection.channel()
    channel.queue_declare("in", durable=True)
    channel.queue_declare("out", durable=True)
    channel.confirm_delivery()
    channel.basic_publish("", "in", "1")
    assert channel.queue_declare("in", passive=True).method.message_count == 1
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        channel.basic_get("out")
    assert caught.value.reply_code == 403
    connection.close()
