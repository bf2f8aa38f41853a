"""Starting and stopping the process: signals, ports and directories that are taken."""

import contextlib
import signal
import socket
import subprocess
import threading

import pika
import pytest

from support import wire as amqp
from support.broker import STOP_TIMEOUT_S, Broker
from support.program import Program

SHUTDOWN = amqp.Close(
    320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'", 0, 0
)


def connect(broker):
    connection = amqp.WireConnection(broker.host, broker.port)
    return connection.handshake()


def test_sigterm_tells_clients_and_ends_with_status_0(private_broker):
    broker = private_broker()
    connection, blocking = connect(broker), pika.BlockingConnection(broker.parameters())
    channel = blocking.channel()
    broker.program.process.send_signal(signal.SIGTERM)
    assert connection.expect_connection_close() == SHUTDOWN
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as caught:
        channel.queue_declare("", exclusive=True)
        blocking.process_data_events(time_limit=STOP_TIMEOUT_S)
        channel.queue_declare("", exclusive=True)
    assert (caught.value.reply_code, caught.value.reply_text) == (320, SHUTDOWN.text)
    assert broker.program.wait(STOP_TIMEOUT_S) == 0


def test_sigterm_ends_in_time_with_clients_that_do_not_answer(private_broker):
    """One that does not answer connection.close, one in the handshake, one that sent nothing, one
    that floods."""
    broker = private_broker()
    silent = connect(broker)
    half = amqp.WireConnection(broker.host, broker.port)
    half.start()
    mute = amqp.WireConnection(broker.host, broker.port)
    flood = connect(broker)
    flood.open_channel()
    name, _, _ = flood.declare_queue(1)
    frames = amqp.publish(1, "", name, b"a" * 1000, persistent=True) * 1000

    def publish_for_ever():
        with contextlib.suppress(OSError):
            while True:
                flood.send(frames)

    flooder = threading.Thread(target=publish_for_ever, daemon=True)
    flooder.start()
    assert broker.terminate() == 0
    flooder.join(10)
    assert not flooder.is_alive()
    for connection in (silent, half, mute, flood):
        connection.close()


def test_second_sigterm_ends_at_once(private_broker):
    broker = private_broker()
    connection = connect(broker)
    broker.program.process.send_signal(signal.SIGTERM)
    # The client knows that the broker is stopping, and keeps it waiting.
    assert amqp.Close.read(connection.expect(0, amqp.CONNECTION_CLOSE)) == SHUTDOWN
    broker.program.process.send_signal(signal.SIGTERM)
    broker.program.wait(STOP_TIMEOUT_S)
    connection.close()
    # Whatever the status is, the data is fit for the next start.
    broker.start()
    connect(broker).close_gracefully()


def test_sigint_ends_as_sigterm_does(private_broker):
    broker = private_broker()
    broker.program.process.send_signal(signal.SIGINT)
    assert broker.program.wait(STOP_TIMEOUT_S) == 0


def start_that_fails(broker, test_directory, *changes):
    """Runs the broker's command with changed options; returns (exit status, what it wrote)."""
    command = [str(part) for part in [*broker.command(), *changes]]
    program = Program(command, test_directory / "refused.log")
    try:
        status = program.wait(20)
    except subprocess.TimeoutExpired:
        pytest.fail("the broker started, or hangs:\n" + program.tail())
    finally:
        program.close()
    return status, "\n".join(program.lines())


@pytest.mark.parametrize("option", ["--port", "--management-port"])
def test_port_in_use_is_fatal_and_named(private_broker, test_directory, option):
    broker = private_broker()
    other = Broker(test_directory / "other")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        setattr(other, option.removeprefix("--").replace("-", "_"), port)
        status, output = start_that_fails(other, test_directory)
    assert status != 0
    assert str(port) in output
    assert "ready amqp=" not in output
    connect(broker).close_gracefully()


def test_port_of_a_running_broker_is_fatal(private_broker, test_directory):
    broker = private_broker()
    other = Broker(test_directory / "other")
    other.port = broker.port
    status, output = start_that_fails(other, test_directory)
    assert status != 0
    assert str(broker.port) in output
    connect(broker).close_gracefully()


def test_data_directory_of_a_running_broker_is_refused(private_broker, test_directory):
    broker = private_broker()
    other = Broker(test_directory / "other")
    other.data_directory = broker.data_directory
    status, output = start_that_fails(other, test_directory)
    assert status != 0
    assert str(broker.data_directory) in output
    connect(broker).close_gracefully()


@pytest.mark.parametrize(
    "options", [["--no-such-option"], ["--port", "70000"], ["--store", "paper"]], ids=" ".join
)
def test_bad_options_are_fatal(test_directory, private_broker, options):
    broker = private_broker()
    status, output = start_that_fails(Broker(test_directory / "other"), test_directory, *options)
    assert status != 0
    assert options[-1] in output or options[0].lstrip("-") in output
    connect(broker).close_gracefully()


def test_version(private_broker):
    result = subprocess.run(
        [Broker.binary(), "--version"], capture_output=True, text=True, timeout=10, check=True
    )
    assert any(character.isdigit() for character in result.stdout)


def test_ready_means_both_ports_accept(private_broker):
    broker = private_broker()
    connect(broker).close_gracefully()
    socket.create_connection((broker.management_host, broker.management_port), 5).close()
