"""pika's BlockingConnection, SelectConnection and AsyncioConnection: the whole life of a connection
in each."""

import uuid

import pika
import pytest
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.adapters.select_connection import SelectConnection

from support.callback_session import TIMEOUT_S, CallbackSession
from support.consuming import take

ALL_PROPERTIES = {
    "content_type": "text/plain",
    "content_encoding": "utf-8",
    "headers": {
        "text": "a",
        "number": 5,
        "large": 2**40,
        "yes": True,
        "nothing": None,
        "list": ["a", 1],
        "table": {"inner": "b"},
        "bytes": b"\xff\x00",
    },
    "delivery_mode": 2,
    "priority": 3,
    "correlation_id": "c",
    "reply_to": "r",
    "expiration": "60000",
    "message_id": "m",
    "timestamp": 1_700_000_000,
    "type": "t",
    "user_id": "guest",
    "app_id": "a",
}


@pytest.fixture(params=[SelectConnection, AsyncioConnection], ids=["select", "asyncio"])
def session(request, broker):
    session = CallbackSession(request.param, broker.parameters())
    yield session
    session.close()


def test_blocking_life_cycle(broker, queue):
    connection = pika.BlockingConnection(broker.parameters())
    channel = connection.channel()
    channel.basic_publish("", queue, b"body", pika.BasicProperties(**ALL_PROPERTIES))
    ((method, properties, body),) = take(channel, queue, 1)
    assert (method.routing_key, body) == (queue, b"body")
    for name, value in ALL_PROPERTIES.items():
        assert getattr(properties, name) == value, name
    channel.close()
    connection.close()
    assert connection.is_closed


@pytest.mark.parametrize("size", [0, 1, 4088, 131064, 131065, 1_000_000])
def test_blocking_bodies_of_any_size(channel, queue, size):
    body = bytes(index % 251 for index in range(size))
    channel.basic_publish("", queue, body)
    assert take(channel, queue, 1)[0][2] == body


def test_blocking_get(channel, queue):
    assert channel.basic_get(queue) == (None, None, None)
    for number in range(3):
        channel.basic_publish("", queue, str(number))
    method, _, body = channel.basic_get(queue)
    assert (method.message_count, method.redelivered, body) == (2, False, b"0")
    channel.basic_nack(method.delivery_tag, requeue=True)
    method, _, body = channel.basic_get(queue, auto_ack=True)
    assert (method.message_count, method.redelivered, body) == (2, True, b"0")


def test_blocking_channel_error_leaves_the_connection_open(connect, unique):
    connection = connect()
    channel = connection.channel()
    name = unique()
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        channel.queue_declare(name, passive=True)
    assert caught.value.reply_code == 404
    assert connection.channel().queue_declare("", exclusive=True).method.message_count == 0


def test_blocking_cancel_notification(connect, unique):
    """A consumer is told when its queue is deleted by somebody else."""
    name = unique()
    owner, consumer = connect().channel(), connect().channel()
    owner.queue_declare(name)
    cancelled = []
    consumer.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
    tag = consumer.basic_consume(name, lambda *_: None)
    owner.queue_delete(name)
    consumer.start_consuming()  # Returns when the last consumer is gone.
    assert cancelled == [tag]


def test_blocking_connection_refused_for_a_bad_password(broker):
    parameters = broker.parameters(credentials=pika.PlainCredentials("guest", "wrong"))
    with pytest.raises(pika.exceptions.ProbableAuthenticationError) as caught:
        pika.BlockingConnection(parameters)
    assert "403" in str(caught.value)


def test_blocking_connection_refused_for_an_unknown_vhost(broker):
    with pytest.raises(pika.exceptions.ProbableAccessDeniedError) as caught:
        pika.BlockingConnection(broker.parameters(virtual_host="nowhere"))
    assert "(530) 'NOT_ALLOWED - vhost nowhere not found'" in str(caught.value)


def test_blocking_transaction(connect, queue):
    channel, observer = connect().channel(), connect().channel()
    channel.tx_select()
    channel.basic_publish("", queue, b"dropped")
    channel.tx_rollback()
    channel.basic_publish("", queue, b"kept")
    assert observer.queue_declare(queue, passive=True).method.message_count == 0
    channel.tx_commit()
    assert take(observer, queue, 1)[0][2] == b"kept"


def test_publish_and_confirm(session, queue):
    session.confirm_delivery()
    for number in range(100):
        session.publish("", queue, str(number), pika.BasicProperties(delivery_mode=2))
    session.confirmed(set(range(1, 101)))


def test_consume_and_ack(session, queue):
    session.ask("basic_qos", prefetch_count=10)
    for number in range(100):
        session.publish("", queue, str(number))
    session.consume(queue)
    for number in range(100):
        method, _, body = session.deliveries.get(timeout=TIMEOUT_S)
        assert (method.delivery_tag, body) == (number + 1, str(number).encode())
        session.run(lambda: session.channel.basic_ack(method.delivery_tag))
    assert session.ask("queue_declare", queue, passive=True).method.message_count == 0


def test_prefetch_holds_back_what_is_not_acked(session, queue):
    session.confirm_delivery()
    session.ask("basic_qos", prefetch_count=3)
    for number in range(10):
        session.publish("", queue, str(number))
    session.confirmed(set(range(1, 11)))
    session.consume(queue)
    first = [session.deliveries.get(timeout=TIMEOUT_S) for _ in range(3)]
    assert session.ask("queue_declare", queue, passive=True).method.message_count == 7
    assert session.deliveries.empty()
    session.run(lambda: session.channel.basic_ack(first[2][0].delivery_tag, multiple=True))
    bodies = [session.deliveries.get(timeout=TIMEOUT_S)[2] for _ in range(3)]
    assert bodies == [b"3", b"4", b"5"]


def test_cancel_stops_deliveries(session, queue):
    session.consume(queue, consumer_tag="mine", auto_ack=True)
    session.publish("", queue, b"before")
    assert session.deliveries.get(timeout=TIMEOUT_S)[2] == b"before"
    answer = session.ask("basic_cancel", "mine")
    assert answer.method.consumer_tag == "mine"
    session.confirm_delivery()
    session.publish("", queue, b"after")
    session.confirmed({1})
    assert session.ask("queue_declare", queue, passive=True).method.message_count == 1
    assert session.deliveries.empty()


def test_unroutable_mandatory_message_is_returned_before_its_ack(session, unique):
    session.confirm_delivery()
    name = unique()
    session.publish("", name, b"lost", pika.BasicProperties(message_id="7"), mandatory=True)
    session.confirmed({1})
    # The return was put before the ack in the one thread that both came from.
    method, properties, body = session.returns.get_nowait()
    assert (method.reply_code, method.reply_text) == (312, "NO_ROUTE")
    assert (method.exchange, method.routing_key) == ("", name)
    assert (properties.message_id, body) == ("7", b"lost")


def test_consumer_is_told_of_its_queues_end(session, connect, unique):
    name = unique()
    owner = connect().channel()
    owner.queue_declare(name)
    session.consume(name, consumer_tag="mine")
    owner.queue_delete(name)
    frame = session.cancellations.get(timeout=TIMEOUT_S)
    assert frame.method.consumer_tag == "mine"


def test_channel_error_closes_the_channel_alone(session):
    name = f"missing-{uuid.uuid4().hex}"
    session.run(lambda: session.channel.queue_declare(name, passive=True))
    reason = session.channel_closed.result(TIMEOUT_S)
    assert reason.reply_code == 404
    assert reason.reply_text == f"NOT_FOUND - no queue '{name}' in vhost '/'"
    assert session.connection.is_open


def test_close(session):
    reason = session.close()
    assert isinstance(reason, pika.exceptions.ConnectionClosedByClient)
    assert reason.reply_code == 200
