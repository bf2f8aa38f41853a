"""Delayed messages against the real binary: many at once, and kills."""

import random
import time

import pika
import pytest
from support.management import Management

DELAYED = {"x-delayed-type": "fanout"}


def open_channel(broker):
    channel = pika.BlockingConnection(broker.parameters()).channel()
    channel.confirm_delivery()
    return channel


def publish(channel, body, delay_ms):
    properties = pika.BasicProperties(delivery_mode=2, headers={"x-delay": delay_ms})
    channel.basic_publish("later", "", body, properties)


def wait_until_released(broker, channel, queues, count):
    """Until the exchange has nothing any more; then each queue has all, and no more than all."""
    management = Management(broker)
    deadline = time.monotonic() + 60
    while management.get("exchanges", "/", "later")["messages_delayed"] > 0:
        assert time.monotonic() < deadline
        channel.connection.process_data_events(0.05)
    for queue in queues:
        assert channel.queue_declare(queue, passive=True).method.message_count == count


def test_more_is_due_at_once_than_may_wait_for_the_store(private_broker):
    broker = private_broker("--shards", 1)
    channel = open_channel(broker)
    channel.exchange_declare("later", "x-delayed-message", durable=True, arguments=DELAYED)
    queues = [f"q{number}" for number in range(20)]
    for queue in queues:
        channel.queue_declare(queue, durable=True)
        channel.queue_bind(queue, "later")
    for _ in range(1500):
        publish(channel, b"x" * 1000, 1500)
    wait_until_released(broker, channel, queues, 1500)


@pytest.mark.parametrize("shards", [1, 2])
def test_kills_lose_and_double_nothing(private_broker, shards):
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    broker = private_broker("--shards", shards)
    channel = open_channel(broker)
    channel.exchange_declare("later", "x-delayed-message", durable=True, arguments=DELAYED)
    queues = ["q1", "q2", "q3"]
    for queue in queues:
        channel.queue_declare(queue, durable=True)
        channel.queue_bind(queue, "later")
    count = 0
    for _ in range(4):
        for _ in range(300):
            publish(channel, str(count).encode(), chance.randrange(1, 600))
            count += 1
        time.sleep(chance.random() * 0.3)  # the moment of the kill
        broker.kill()
        broker.start()
        channel = open_channel(broker)
    wait_until_released(broker, channel, queues, count)
    for queue in queues:
        bodies = {channel.basic_get(queue, auto_ack=True)[2] for _ in range(count)}
        assert bodies == {str(number).encode() for number in range(count)}
