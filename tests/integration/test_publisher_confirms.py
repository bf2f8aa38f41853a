"""RabbitMQ's tutorial on publisher confirms: one by one, in batches, asynchronously with
multiple."""

import pika
import pytest
from pika.adapters.select_connection import SelectConnection

from support.callback_session import CallbackSession
from support.consuming import message_count, take_bodies

PERSISTENT = pika.BasicProperties(delivery_mode=2)


@pytest.fixture
def session(broker):
    session = CallbackSession(SelectConnection, broker.parameters())
    yield session
    session.close()


@pytest.mark.parametrize("properties", [None, PERSISTENT], ids=["transient", "persistent"])
def test_individually(channel, queue, properties):
    channel.confirm_delivery()
    for number in range(100):
        channel.basic_publish("", queue, str(number), properties, mandatory=True)
        # A confirmed message is in the queue.
        assert message_count(channel, queue) == number + 1
    assert take_bodies(channel, queue, 100) == [str(number).encode() for number in range(100)]


def test_unroutable_mandatory_message_is_returned_and_acked(channel, unique):
    channel.confirm_delivery()
    name = unique()
    with pytest.raises(pika.exceptions.UnroutableError) as caught:
        channel.basic_publish("", name, b"lost", PERSISTENT, mandatory=True)
    (returned,) = caught.value.messages
    assert (returned.method.reply_code, returned.method.reply_text) == (312, "NO_ROUTE")
    assert (returned.method.exchange, returned.method.routing_key) == ("", name)
    assert returned.properties.delivery_mode == 2
    assert returned.body == b"lost"
    channel.basic_publish("", name, b"lost without a word")


def test_full_queue_that_rejects_publishes_is_nacked(channel, unique):
    name = unique()
    channel.queue_declare(
        name, exclusive=True, arguments={"x-max-length": 1, "x-overflow": "reject-publish"}
    )
    channel.confirm_delivery()
    channel.basic_publish("", name, b"first")
    with pytest.raises(pika.exceptions.NackError):
        channel.basic_publish("", name, b"second")
    assert take_bodies(channel, name, 1) == [b"first"]


def test_in_batches(session, queue):
    """A hundred at a time, then waiting for all of them."""
    session.confirm_delivery()
    for batch in range(20):
        first = batch * 100

        def publish_batch():
            for number in range(first, first + 100):
                session.channel.basic_publish("", queue, str(number), PERSISTENT)

        session.run(publish_batch)
        session.confirmed(set(range(first + 1, first + 101)))
    assert session.ask("queue_declare", queue, passive=True).method.message_count == 2000


def test_asynchronously(session, queue):
    """Confirms come while publishing goes on; with and without multiple, each tag is confirmed
    once."""
    session.confirm_delivery()
    count = 20_000

    def publish_some(first):
        for number in range(first, min(first + 1000, count)):
            session.channel.basic_publish("", queue, str(number), PERSISTENT)
        if first + 1000 < count:
            session.connection.ioloop.call_later(0, lambda: publish_some(first + 1000))

    session.run(lambda: publish_some(0))
    frames = session.confirmed(set(range(1, count + 1)))
    assert frames <= count
    assert session.ask("queue_declare", queue, passive=True).method.message_count == count


def test_confirm_numbers_start_at_one_on_each_channel(session, queue):
    session.confirm_delivery()
    session.publish("", queue, b"one")
    assert session.confirmations.get(timeout=20)[:2] == ("ack", 1)
    other = CallbackSession(SelectConnection, session._parameters)
    try:
        other.confirm_delivery()
        other.publish("", queue, b"another one")
        assert other.confirmations.get(timeout=20)[:2] == ("ack", 1)
    finally:
        other.close()
    session.publish("", queue, b"two")
    assert session.confirmations.get(timeout=20)[:2] == ("ack", 2)
