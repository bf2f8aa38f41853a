"""RabbitMQ's tutorial six, with two servers and a killed one, and RPC by direct reply-to."""

import uuid

import pika
import pytest

from support.consuming import take
from support.waiting import wait_until

FIBONACCI = {0: 0, 1: 1, 5: 5, 10: 55, 20: 6765, 25: 75025}


class FibonacciRpcClient:
    """The tutorial's client, but waiting is bounded."""

    def __init__(self, connection, timeout=20):
        self.connection = connection
        self.timeout = timeout
        self.channel = connection.channel()
        result = self.channel.queue_declare(queue="", exclusive=True)
        self.callback_queue = result.method.queue
        self.channel.basic_consume(
            queue=self.callback_queue, on_message_callback=self.on_response, auto_ack=True
        )
        self.response = None
        self.corr_id = None

    def on_response(self, ch, method, props, body):
        if self.corr_id == props.correlation_id:
            self.response = body

    def ask(self, n):
        self.response = None
        self.corr_id = str(uuid.uuid4())
        self.channel.basic_publish(
            exchange="",
            routing_key="rpc_queue",
            properties=pika.BasicProperties(
                reply_to=self.callback_queue, correlation_id=self.corr_id
            ),
            body=str(n),
        )

    def answer(self):
        timer = self.connection.call_later(self.timeout, lambda: pytest.fail("no answer"))
        while self.response is None:
            self.connection.process_data_events(time_limit=1)
        self.connection.remove_timeout(timer)
        return int(self.response)

    def call(self, n):
        self.ask(n)
        return self.answer()


def test_rpc(broker, connect, fresh, run_program):
    fresh(queues=["rpc_queue"])
    run_program("rpc_server.py", broker.url).wait_for_line("^ready")
    client = FibonacciRpcClient(connect())
    assert {n: client.call(n) for n in FIBONACCI} == FIBONACCI


def test_rpc_two_servers_work_in_turn(broker, connect, fresh, run_program):
    fresh(queues=["rpc_queue"])
    servers = [run_program("rpc_server.py", broker.url) for _ in range(2)]
    for server in servers:
        server.wait_for_line("^ready")
    client = FibonacciRpcClient(connect())
    answered = lambda server: [line for line in server.lines() if line.startswith("answered")]
    for n in range(10):
        client.call(n)
        # A server acks after its answer was sent, and then says so: until it has, it is not in turn.
        wait_until(lambda: sum(len(answered(server)) for server in servers) == n + 1, "the ack")
    shares = sorted(answered(server) for server in servers)
    assert shares == [[f"answered {n}" for n in range(first, 10, 2)] for first in (0, 1)]


def test_rpc_two_clients_get_their_own_answers(broker, connect, fresh, run_program):
    fresh(queues=["rpc_queue"])
    run_program("rpc_server.py", broker.url).wait_for_line("^ready")
    first, second = FibonacciRpcClient(connect()), FibonacciRpcClient(connect())
    first.ask(20)
    second.ask(10)
    assert second.answer() == 55
    assert first.answer() == 6765


def test_rpc_server_killed_at_work_is_replaced(broker, connect, fresh, run_program):
    """The request goes to the other server, marked as redelivered; the client gets its answer."""
    fresh(queues=["rpc_queue"])
    victim = run_program("rpc_server.py", broker.url, "hold")
    victim.wait_for_line("^ready")
    client = FibonacciRpcClient(connect())
    client.ask(25)
    victim.wait_for_line("^working 25 redelivered=False")
    other = run_program("rpc_server.py", broker.url)
    other.wait_for_line("^ready")
    victim.kill()
    assert client.answer() == 75025
    other.wait_for_line("^working 25 redelivered=True")


def test_direct_reply_to(connect, queue):
    """The requester consumes a queue that needs no declaring; the answer comes straight to its
    channel."""
    requester, responder = connect().channel(), connect().channel()
    answers = []

    def on_answer(ch, method, properties, body):
        answers.append((method.exchange, method.routing_key, properties.correlation_id, body))
        ch.stop_consuming()

    requester.basic_consume("amq.rabbitmq.reply-to", on_answer, auto_ack=True)
    requester.basic_publish(
        "",
        queue,
        b"question",
        pika.BasicProperties(reply_to="amq.rabbitmq.reply-to", correlation_id="7"),
    )
    ((_, properties, body),) = take(responder, queue, 1)
    assert body == b"question"
    assert properties.reply_to.startswith("amq.rabbitmq.reply-to.")
    responder.basic_publish(
        "", properties.reply_to, b"answer", pika.BasicProperties(correlation_id="7")
    )
    requester.start_consuming()
    assert answers == [("", properties.reply_to, "7", b"answer")]


def test_direct_reply_to_many_requests(connect, queue):
    requester, responder = connect().channel(), connect().channel()
    answers = {}

    def on_answer(ch, method, properties, body):
        answers[properties.correlation_id] = body
        if len(answers) == 100:
            ch.stop_consuming()

    requester.basic_consume("amq.rabbitmq.reply-to", on_answer, auto_ack=True)
    for number in range(100):
        properties = pika.BasicProperties(
            reply_to="amq.rabbitmq.reply-to", correlation_id=str(number)
        )
        requester.basic_publish("", queue, str(number), properties)
    for _, properties, body in take(responder, queue, 100):
        responder.basic_publish(
            "",
            properties.reply_to,
            str(int(body) ** 2),
            pika.BasicProperties(correlation_id=properties.correlation_id),
        )
    requester.start_consuming()
    assert answers == {str(number): str(number**2).encode() for number in range(100)}


def test_direct_reply_to_without_a_consumer_is_refused(connect, queue):
    channel = connect().channel()
    channel.basic_publish("", queue, b"", pika.BasicProperties(reply_to="amq.rabbitmq.reply-to"))
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        channel.queue_declare(queue, passive=True)
    assert caught.value.reply_code == 406
    assert caught.value.reply_text == "PRECONDITION_FAILED - fast reply consumer does not exist"


def test_direct_reply_to_needs_no_ack(connect):
    channel = connect().channel()
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
        channel.basic_consume("amq.rabbitmq.reply-to", lambda *_: None, auto_ack=False)
    assert caught.value.reply_code == 406
    assert caught.value.reply_text == "PRECONDITION_FAILED - reply consumer cannot acknowledge"


def test_direct_reply_to_a_gone_requester_is_unroutable(connect, queue):
    requester_connection, responder = connect(), connect().channel()
    requester = requester_connection.channel()
    requester.basic_consume("amq.rabbitmq.reply-to", lambda *_: None, auto_ack=True)
    requester.basic_publish("", queue, b"", pika.BasicProperties(reply_to="amq.rabbitmq.reply-to"))
    ((_, properties, _),) = take(responder, queue, 1)
    assert responder.queue_declare(properties.reply_to, passive=True).method.consumer_count == 1
    requester_connection.close()
    responder.confirm_delivery()
    with pytest.raises(pika.exceptions.UnroutableError):
        responder.basic_publish("", properties.reply_to, b"late", mandatory=True)
