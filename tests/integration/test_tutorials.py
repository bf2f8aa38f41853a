"""RabbitMQ's Python tutorials one to five, with their names and calls, and what they promise."""

import pika

from support.consuming import message_count, take, take_bodies


def test_hello_world(connect, fresh):
    fresh(queues=["hello"])
    sender = connect()
    channel = sender.channel()
    channel.queue_declare(queue="hello")
    channel.basic_publish(exchange="", routing_key="hello", body="Hello World!")
    sender.close()

    channel = connect().channel()
    channel.queue_declare(queue="hello")
    received = []

    def callback(ch, method, properties, body):
        received.append((method.exchange, method.routing_key, method.redelivered, body))
        ch.stop_consuming()

    channel.basic_consume(queue="hello", on_message_callback=callback, auto_ack=True)
    channel.start_consuming()
    assert received == [("", "hello", False, b"Hello World!")]


def publish_task(channel, text):
    channel.basic_publish(
        exchange="",
        routing_key="task_queue",
        body=text,
        properties=pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent),
    )


def test_work_queue_gives_a_killed_workers_task_to_another(broker, channel, fresh, run_program):
    fresh(queues=["task_queue"])
    channel.queue_declare(queue="task_queue", durable=True)
    victim = run_program("worker.py", broker.url, "task_queue")
    victim.wait_for_line("^ready")
    publish_task(channel, "hold this task")
    victim.wait_for_line("^received hold this task redelivered=False")

    other = run_program("worker.py", broker.url, "task_queue")
    other.wait_for_line("^ready")
    victim.kill()

    other.wait_for_line("^received hold this task redelivered=True")
    other.send_line("go on")
    other.wait_for_line("^done hold this task")
    publish_task(channel, "next")
    other.wait_for_line("^received next redelivered=False")
    assert not any(line.startswith("done") for line in victim.lines())


def test_work_queue_is_fair_with_prefetch_one(broker, channel, fresh, run_program):
    """While one worker is busy, all other tasks go to the free one, and none waits at the busy
    one."""
    fresh(queues=["task_queue"])
    channel.queue_declare(queue="task_queue", durable=True)
    busy = run_program("worker.py", broker.url, "task_queue")
    busy.wait_for_line("^ready")
    publish_task(channel, "hold")
    busy.wait_for_line("^received hold")
    free = run_program("worker.py", broker.url, "task_queue")
    free.wait_for_line("^ready")

    for number in range(20):
        publish_task(channel, f"task {number}")
    for number in range(20):
        free.wait_for_line(f"^done task {number}$")
    busy.send_line("go on")
    busy.wait_for_line("^done hold")
    assert [line for line in busy.lines() if line.startswith("received")] == [
        "received hold redelivered=False"
    ]


def test_work_queue_deals_in_turn_without_prefetch(channel, connect, fresh):
    """Tutorial two before basic.qos: consumers in turn get every second task."""
    fresh(queues=["task_queue"])
    channel.queue_declare(queue="task_queue", durable=True)
    worker = connect().channel()
    received = {"first": [], "second": []}

    def receiver(name):
        def callback(ch, method, properties, body):
            received[name].append(body)
            if sum(map(len, received.values())) == 10:
                ch.stop_consuming()

        return callback

    worker.basic_consume("task_queue", receiver("first"), auto_ack=True)
    worker.basic_consume("task_queue", receiver("second"), auto_ack=True)
    for number in range(10):
        publish_task(channel, str(number))
    worker.start_consuming()
    assert received["first"] == [b"0", b"2", b"4", b"6", b"8"]
    assert received["second"] == [b"1", b"3", b"5", b"7", b"9"]


def test_publish_subscribe(connect, fresh):
    """Every subscriber has a queue of its own, named by the server and gone with its connection."""
    fresh(exchanges=["logs"])
    subscribers = []
    for _ in range(3):
        connection = connect()
        channel = connection.channel()
        channel.exchange_declare(exchange="logs", exchange_type="fanout")
        result = channel.queue_declare(queue="", exclusive=True)
        assert result.method.queue.startswith("amq.gen-")
        channel.queue_bind(exchange="logs", queue=result.method.queue)
        subscribers.append((connection, channel, result.method.queue))
    names = [name for _, _, name in subscribers]
    assert len(set(names)) == 3

    publisher = connect().channel()
    publisher.exchange_declare(exchange="logs", exchange_type="fanout")
    for number in range(5):
        publisher.basic_publish(exchange="logs", routing_key="", body=f"info {number}")
    for _, channel, name in subscribers:
        assert take_bodies(channel, name, 5) == [f"info {number}".encode() for number in range(5)]

    subscribers[0][0].close()
    try:
        publisher.queue_declare(names[0], passive=True)
        raise AssertionError("the exclusive queue outlived its connection")
    except pika.exceptions.ChannelClosedByBroker as error:
        assert error.reply_code == 404
        assert error.reply_text == f"NOT_FOUND - no queue '{names[0]}' in vhost '/'"


def bound_queue(channel, exchange, binding_keys):
    name = channel.queue_declare(queue="", exclusive=True).method.queue
    for binding_key in binding_keys:
        channel.queue_bind(exchange=exchange, queue=name, routing_key=binding_key)
    return name


def test_routing(connect, fresh):
    fresh(exchanges=["direct_logs"])
    channel = connect().channel()
    channel.exchange_declare(exchange="direct_logs", exchange_type="direct")
    errors = bound_queue(channel, "direct_logs", ["error"])
    everything = bound_queue(channel, "direct_logs", ["info", "warning", "error"])
    for severity in ("info", "error", "warning", "debug", "error"):
        channel.basic_publish("direct_logs", severity, f"a {severity}")

    assert take_bodies(channel, errors, 2) == [b"a error", b"a error"]
    messages = take(channel, everything, 4)
    assert [method.routing_key for method, _, _ in messages] == [
        "info",
        "error",
        "warning",
        "error",
    ]
    assert {method.exchange for method, _, _ in messages} == {"direct_logs"}
    assert message_count(channel, errors) == message_count(channel, everything) == 0


def test_topics(connect, fresh):
    """Each subscriber of the tutorial gets what its patterns match, one copy each, in order."""
    fresh(exchanges=["topic_logs"])
    channel = connect().channel()
    channel.exchange_declare(exchange="topic_logs", exchange_type="topic")
    patterns = {
        "all": ["#"],
        "kern": ["kern.*"],
        "critical": ["*.critical"],
        "either": ["kern.*", "*.critical"],
        "deep": ["lazy.#"],
        "orange": ["*.orange.*"],
    }
    queues = {name: bound_queue(channel, "topic_logs", keys) for name, keys in patterns.items()}
    keys = [
        "kern.critical",
        "kern.info",
        "cron.critical",
        "quick.orange.rabbit",
        "lazy.orange.elephant",
        "lazy",
        "lazy.pink.rabbit.male",
        "orange",
        "quick.orange.new.rabbit",
        "",
    ]
    expected = {
        "all": keys,
        "kern": ["kern.critical", "kern.info"],
        "critical": ["kern.critical", "cron.critical"],
        "either": ["kern.critical", "kern.info", "cron.critical"],
        "deep": ["lazy.orange.elephant", "lazy", "lazy.pink.rabbit.male"],
        "orange": ["quick.orange.rabbit", "lazy.orange.elephant"],
    }
    for key in keys:
        channel.basic_publish(exchange="topic_logs", routing_key=key, body=key)
    for name, queue in queues.items():
        bodies = take_bodies(channel, queue, len(expected[name]))
        assert [body.decode() for body in bodies] == expected[name], name
        assert message_count(channel, queue) == 0, name
