"""What settings make of the broker as a whole: definitions at start, who may log in and how many."""

import contextlib
import json
import os
import signal
import socket

import pika
import pytest

from support.broker import STOP_TIMEOUT_S, Broker
from support.management import Management
from support.program import Program

USERS = {
    "users": [{"name": "ann", "password": "secret", "tags": "administrator"}],
    "vhosts": [{"name": "shop"}],
    "permissions": [
        {"user": "ann", "vhost": "shop", "configure": ".*", "write": ".*", "read": ".*"}
    ],
    "queues": [{"name": "orders", "vhost": "shop", "durable": True, "arguments": {}}],
}


def settings_file(directory, text):
    path = directory / "test.conf"
    path.write_text(text)
    return path


def parameters(broker, user, password, vhost="/"):
    return broker.parameters(
        virtual_host=vhost, credentials=pika.PlainCredentials(user, password)
    )


def test_definitions_take_the_place_of_the_default_user(private_broker, test_directory):
    definitions = test_directory / "definitions.json"
    definitions.write_text(json.dumps(USERS))
    config = settings_file(test_directory, f"load_definitions = {definitions}\n")
    broker = private_broker("--config", config)
    for _ in range(2):
        with pika.BlockingConnection(parameters(broker, "ann", "secret", "shop")) as connection:
            connection.channel().queue_declare("orders", passive=True)
        with pytest.raises(pika.exceptions.AMQPConnectionError):
            pika.BlockingConnection(parameters(broker, "guest", "guest"))
        broker.restart()


def test_a_cluster_keeps_its_name_and_identifier(private_broker):
    broker = private_broker()
    parameters = Management(broker).get("global-parameters")
    assert [each["name"] for each in parameters] == ["cluster_name", "internal_cluster_id"]
    assert parameters[1]["value"].startswith("rabbitmq-cluster-id-")
    broker.restart()
    assert Management(broker).get("global-parameters") == parameters


def test_wrong_definitions_end_the_start(private_broker, test_directory):
    definitions = test_directory / "definitions.json"
    definitions.write_text('{"queues":[{"name":"q","vhost":"nope"}]}')
    config = settings_file(test_directory, f"load_definitions = {definitions}\n")
    command = Broker(test_directory / "wrong", ["--config", config]).command()
    program = Program(command, test_directory / "wrong.log")
    try:
        assert program.wait(20) != 0
    finally:
        program.close()
    assert f'cannot load definitions from {definitions}: ["no_such_vhost","nope"]' in program.tail()


def test_settings_of_logins_and_connections_act(private_broker, test_directory):
    config = settings_file(
        test_directory,
        "connection_max = 1\nauth_mechanisms.1 = PLAIN\ndefault_permissions.configure = ^mine\n",
    )
    broker = private_broker("--config", config)
    with pika.BlockingConnection(broker.parameters()) as connection:
        with pytest.raises(pika.exceptions.AMQPConnectionError) as refused:
            pika.BlockingConnection(broker.parameters())
        assert "node connection limit (1) is reached" in repr(refused.value)
        channel = connection.channel()
        channel.queue_declare("mine", exclusive=True)
        with pytest.raises(pika.exceptions.ChannelClosedByBroker) as denied:
            channel.queue_declare("yours", exclusive=True)
        assert denied.value.reply_code == 403
    node = Management(broker).get("nodes")[0]
    assert [each["name"] for each in node["auth_mechanisms"]] == ["PLAIN"]


def test_refused_logins_are_in_the_log(private_broker):
    broker = private_broker()
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        pika.BlockingConnection(parameters(broker, "guest", "wrong"))
    assert "PLAIN login refused: user 'guest' - invalid credentials" in broker.log_tail()


def test_clients_leave_the_store_its_descriptors(test_directory):
    broker = Broker(test_directory / "few")
    limited = ["bash", "-c", 'ulimit -n 800; exec "$0" "$@"', *broker.command()]
    broker.program = Program(
        limited, broker.log_path, merge_errors=False, directory=broker.directory
    )
    with contextlib.closing(broker), contextlib.ExitStack() as sockets:
        broker.wait_until_ready()
        connection = sockets.enter_context(pika.BlockingConnection(broker.parameters()))
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("q", durable=True)
        # More than there are descriptors; those that are too many wait to be accepted.
        for _ in range(300):
            sockets.enter_context(socket.create_connection((broker.host, broker.port)))
        # Enough for the store to begin new files.
        for _ in range(50):
            channel.basic_publish("", "q", b"x" * 1_000_000, pika.BasicProperties(delivery_mode=2))
        assert Management(broker).get("queues", "/", "q")["name"] == "q"
    assert "connections already" in broker.log_tail()


@pytest.fixture
def starting(test_directory):
    """A broker in the middle of its start: it waits for somebody to write its definitions."""
    pipe = test_directory / "definitions.json"
    os.mkfifo(pipe)
    config = settings_file(test_directory, f"load_definitions = {pipe}\n")
    broker = Broker(test_directory / "starting", ["--config", config])
    program = Program(broker.command(), test_directory / "starting.log")
    program.wait_for_line("recovered 0 queues")
    yield program, pipe
    program.close()


def test_a_signal_during_the_start_stops_in_good_order(starting):
    program, pipe = starting
    program.process.send_signal(signal.SIGTERM)
    pipe.write_text("{}")
    assert program.wait(STOP_TIMEOUT_S) == 0


def test_a_second_signal_during_the_start_ends_at_once(starting):
    program, _ = starting
    # Two of one kind could be taken for one.
    program.process.send_signal(signal.SIGTERM)
    program.process.send_signal(signal.SIGINT)
    assert program.wait(STOP_TIMEOUT_S) == 1
