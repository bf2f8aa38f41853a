"""The tests of aiormq (Python, asyncio), also over TLS."""

import os
import socket
from pathlib import Path

import pytest

from control import answering_later
from outcomes import run_pytest
from sources import source_of_python_package
from support.fixtures import EXTERNAL_AMQP

VERSION = "7.2.4"
NEEDED = ["aiomisc==18.0.37", "aiomisc-pytest==2.0.0", "aiothreads==1.1.4", "colorlog==6.12.0"]
NEEDED += ["logging_journald==0.6.12"]

EXCEPTIONS = {}

# A broker that is not ours must listen with these certificates too, at LEPUS_TEST_AMQPS_PORT.
TLS = """
listeners.ssl.default = 127.0.0.1:{port}
ssl_options.cacertfile = {certificates}/ca.pem
ssl_options.certfile = {certificates}/server.pem
ssl_options.keyfile = {certificates}/server.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
"""

# The first cancels what waits for close-ok, which a broker as quick as ours has sent by then; in the
# second it decides which of two tasks ends first. Later answers make them likely, not sure.
RACES = ("test_closing_waiter_cancellation", "test_connection_close_during_publish_drain")
A_RACE = "is a race between the client's own tasks, lost on RabbitMQ now and then too"

pytestmark = pytest.mark.timeout(1800)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def broker_with_tls(request, test_directory):
    """Given the certificates, a broker and its port for TLS."""

    def started(certificates):
        if EXTERNAL_AMQP:
            return request.getfixturevalue("broker"), os.environ.get("LEPUS_TEST_AMQPS_PORT", "0")
        configuration = test_directory / "tls.conf"
        port = free_port()
        configuration.write_text(TLS.format(port=port, certificates=certificates))
        return request.getfixturevalue("private_broker")("--config", configuration), port

    return started


def test_all_of_its_tests(broker_with_tls, test_directory, judge):
    source = source_of_python_package("aiormq", VERSION, NEEDED)
    broker, tls_port = broker_with_tls(source / "tests/certs")
    paths = (source, source.parent / "needed", Path(__file__).parent)

    def run_with(name, port, tls_port, *arguments):
        directory = test_directory / name
        directory.mkdir()
        environment = {
            "LEPUS_TEST_PORT": str(port),
            "LEPUS_TEST_TLS_PORT": str(tls_port),
            "PYTHONPATH": os.pathsep.join(str(path) for path in paths),
        }
        arguments = ["-p", "no:asyncio", "-p", "running_broker", *arguments, "tests"]
        suite = f"aiormq {VERSION}"
        return run_pytest(suite, source, arguments, environment, directory, EXCEPTIONS, timeout=1700)

    races = " or ".join(RACES)
    outcomes = run_with("most", broker.port, tls_port, "-k", f"not ({races})")
    with (
        answering_later(broker.host, broker.port, 0.001) as port,
        answering_later(broker.host, tls_port, 0.001) as later_tls_port,
    ):
        outcomes.add(run_with("races", port, later_tls_port, "-k", races))
    outcomes.except_failed(dict.fromkeys(RACES, A_RACE), at_most=3)
    judge(outcomes, at_least=1030)
