"""The tests of aiormq (Python, asyncio), also over TLS."""

import os
import socket
from pathlib import Path

import pytest

from outcomes import run_pytest
from sources import source_of_python_package

VERSION = "7.2.4"
NEEDED = ["aiomisc==18.0.37", "aiomisc-pytest==2.0.0", "aiothreads==1.1.4", "colorlog==6.12.0"]
NEEDED += ["logging_journald==0.6.12"]


TLS = """
listeners.ssl.default = 127.0.0.1:{port}
ssl_options.cacertfile = {certificates}/ca.pem
ssl_options.certfile = {certificates}/server.pem
ssl_options.keyfile = {certificates}/server.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
"""

# With RabbitMQ too: the client closes its connection with an error of its own, and which of its
# tasks hears of it first is chance.
BY_CHANCE = {
    "test_closing_waiter_cancellation": "fails now and then, as with RabbitMQ",
    "test_connection_close_during_publish_drain": "fails now and then, as with RabbitMQ",
}

pytestmark = pytest.mark.timeout(1800)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_all_of_its_tests(private_broker, test_directory, judge):
    source = source_of_python_package("aiormq", VERSION, NEEDED)
    configuration = test_directory / "tls.conf"
    tls_port = free_port()
    configuration.write_text(TLS.format(port=tls_port, certificates=source / "tests/certs"))
    broker = private_broker("--config", configuration)
    outcomes = run_pytest(
        f"aiormq {VERSION}",
        source,
        ["-p", "no:asyncio", "-p", "running_broker", "tests"],
        {
            "LEPUS_TEST_PORT": str(broker.port),
            "LEPUS_TEST_TLS_PORT": str(tls_port),
            "PYTHONPATH": os.pathsep.join(
                str(path) for path in (source, source.parent / "needed", Path(__file__).parent)
            ),
        },
        test_directory,
        {},
        timeout=1700,
    )
    outcomes.except_failed(BY_CHANCE)
    judge(outcomes, at_least=1000)
