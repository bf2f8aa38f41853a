"""Taking messages with pika's BlockingConnection: as many as are due, never waiting longer than a
bound."""


def take(channel, queue, count, auto_ack=True, timeout=20.0):
    """The next `count` messages of `queue` as (method, properties, body); the consumer is cancelled
    after."""
    messages = []
    for method, properties, body in channel.consume(
        queue, auto_ack=auto_ack, inactivity_timeout=timeout
    ):
        assert method is not None, f"{len(messages)} of {count} messages of {queue} in {timeout} s"
        messages.append((method, properties, body))
        if len(messages) == count:
            break
    channel.cancel()
    return messages


def take_bodies(channel, queue, count, **options):
    return [body for _, _, body in take(channel, queue, count, **options)]


def message_count(channel, queue):
    """How many messages are ready, by a passive declare."""
    return channel.queue_declare(queue, passive=True).method.message_count
