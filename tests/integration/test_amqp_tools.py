"""Debian's amqp-tools (librabbitmq's command-line programs)."""

import shutil
import subprocess

import pytest

from support.consuming import take_bodies
from support.program import Program
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(
    shutil.which("amqp-publish") is None, reason="amqp-tools is not installed"
)


@pytest.fixture
def tool(broker):
    """Runs `amqp-{name}` and returns its result: stdout and stderr are octets."""

    def run(name, *arguments, check=True, input=None):
        result = subprocess.run(
            [f"amqp-{name}", "--server", broker.host, "--port", str(broker.port), *arguments],
            capture_output=True,
            input=input,
            timeout=20,
        )
        if check:
            assert result.returncode == 0, result.stderr.decode()
        return result

    return run


def test_declare_publish_get_delete(tool, unique):
    name = unique()
    assert tool("declare-queue", "--queue", name, "--durable").stdout.strip() == name.encode()
    tool("publish", "--routing-key", name, "--persistent", "--body", "first")
    tool("publish", "--routing-key", name, input=b"from standard input")
    assert tool("get", "--queue", name).stdout == b"first"
    assert tool("get", "--queue", name).stdout == b"from standard input"
    # An empty queue is a status of 2.
    assert tool("get", "--queue", name, check=False).returncode == 2
    tool("publish", "--routing-key", name, "--body", "deleted with its queue")
    assert tool("delete-queue", "--queue", name).stdout.strip() == b"1"


def test_publish_line_by_line(tool, queue, channel):
    lines = [f"line {number}" for number in range(50)]
    tool("publish", "--routing-key", queue, "--line-buffered", input="\n".join(lines).encode())
    bodies = [body.decode().rstrip("\n") for body in take_bodies(channel, queue, 50)]
    assert bodies == lines


def test_consume(tool, queue):
    """Each message is given to a command; --count of them end the consumer."""
    for number in range(5):
        tool("publish", "--routing-key", queue, "--body", f"{number};")
    result = tool("consume", "--queue", queue, "--count", "5", "cat")
    assert result.stdout == b"0;1;2;3;4;"
    assert tool("get", "--queue", queue, check=False).returncode == 2


def test_consume_with_prefetch_and_without_ack(tool, queue):
    for number in range(20):
        tool("publish", "--routing-key", queue, "--body", f"{number};")
    first = tool("consume", "--queue", queue, "--count", "10", "--prefetch-count", "3", "cat")
    second = tool("consume", "--queue", queue, "--count", "10", "--no-ack", "cat")
    assert first.stdout + second.stdout == b"".join(b"%d;" % number for number in range(20))


def test_consume_from_an_exchange(tool, broker, unique, test_directory):
    """amqp-consume makes a queue of its own and binds it."""
    key = unique("key")
    command = ["amqp-consume", "--server", broker.host, "--port", broker.port]
    command += ["--exchange", "amq.direct", "--routing-key", key, "--count", "1", "cat"]
    consumer = Program(command, test_directory / "consume.log", merge_errors=True)
    try:
        # It says on standard error which queue the broker named for it.
        consumer.wait_for_line("amq.gen-")

        def publish():
            tool("publish", "--exchange", "amq.direct", "--routing-key", key, "--body", "hello")
            return not consumer.running

        wait_until(publish, "the consumer has its message and ends", interval=0.2)
        assert consumer.wait(10) == 0
        assert any("hello" in line for line in consumer.lines())
    finally:
        consumer.close()


def test_errors_are_told(tool, unique):
    result = tool("get", "--queue", unique(), check=False)
    assert result.returncode == 1
    assert b"NOT_FOUND - no queue" in result.stderr
    result = tool("publish", "--vhost", "nowhere", "--routing-key", "a", "--body", "b", check=False)
    assert result.returncode == 1
    assert b"NOT_ALLOWED - vhost nowhere not found" in result.stderr
