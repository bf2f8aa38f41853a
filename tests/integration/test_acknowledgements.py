"""Deliveries that are not acknowledged in time, and dead letters that are kept."""

import re

import pika
import pytest

from support.waiting import wait_until

PERSISTENT = pika.BasicProperties(delivery_mode=2)


def test_setting_of_the_broker(private_broker, test_directory):
    config = test_directory / "test.conf"
    config.write_text("consumer_timeout = 1500\n")
    broker = private_broker("--config", config)
    with pika.BlockingConnection(broker.parameters()) as connection:
        hung, other = connection.channel(), connection.channel()
        hung.queue_declare("work", durable=True)
        deliveries = []
        hung.basic_consume("work", lambda *delivery: deliveries.append(delivery))
        other.basic_publish("", "work", b"1")
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="Timeout value used: 1500 ms"):
            hung.start_consuming()
        assert len(deliveries) == 1
        method, _, body = other.basic_get("work", auto_ack=True)
        assert (method.redelivered, body) == (True, b"1")
    assert re.search(r"no acknowledgement of delivery 1 .*queue 'work'", broker.log_tail())


def reject_all(channel, queue):
    while True:
        method, _, _ = channel.basic_get(queue)
        if method is None:
            return
        channel.basic_reject(method.delivery_tag, requeue=False)


def test_kept_letters_outlast_kills(private_broker):
    """Whatever died is in its queue or among the letters, wherever the broker was killed."""
    broker = private_broker("--shards", "2")
    bodies = {b"%d" % number for number in range(200)}
    arguments = {
        "x-queue-type": "quorum",
        "x-overflow": "reject-publish",
        "x-dead-letter-exchange": "letters",
        "x-dead-letter-strategy": "at-least-once",
    }
    targets = [f"target{number}" for number in range(4)]
    with pika.BlockingConnection(broker.parameters()) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("source", durable=True, arguments=arguments)
        for body in sorted(bodies):
            channel.basic_publish("", "source", body, PERSISTENT)
        reject_all(channel, "source")  # There is no exchange yet: all are kept.
        assert channel.queue_declare("source", passive=True).method.message_count == 0
    broker.kill()
    broker.start()
    connection = pika.BlockingConnection(broker.parameters())
    channel = connection.channel()
    channel.exchange_declare("letters", "fanout", durable=True)
    for target in targets:
        channel.queue_declare(target, durable=True)
        channel.queue_bind(target, "letters")
    reject_all(channel, "source")
    broker.kill()  # Some letters are on their way to the other shard.
    broker.start()
    with pika.BlockingConnection(broker.parameters()) as connection:
        channel = connection.channel()
        reject_all(channel, "source")
        missing = {target: set(bodies) for target in targets}

        def all_have_come():
            for target in targets:
                method, _, body = channel.basic_get(target, auto_ack=True)
                while method is not None:
                    missing[target].discard(body)
                    method, _, body = channel.basic_get(target, auto_ack=True)
            return not any(missing.values())

        wait_until(all_have_come, "every letter in every target")
        reject_all(channel, "source")
        assert channel.queue_declare("source", passive=True).method.message_count == 0
