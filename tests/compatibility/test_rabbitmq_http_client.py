"""The tests of rabbitmq_http_client (Rust), RabbitMQ's client of the management API."""

import os
import shutil
import subprocess
import sys

import pytest

from control import RABBITMQCTL, control, on_default_port
from outcomes import run_cargo_tests
from sources import source_of_crate

VERSION = "0.93.0"

EXCEPTIONS = {
    "stream": "needs streams, which Lepus does not have",
    "health_check_protocol_listener_succeeds": "needs the plugin rabbitmq_stream",
    "health_check_port_listener_succeeds": "asks for port 15672",
    "federation_upstream": "needs the plugin rabbitmq_federation",
}

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(shutil.which("cargo") is None, reason="Rust is not installed"),
]


def set_up(environment):
    """What the library's own script sets up before its tests."""
    for command in (
        "add_user rust3 rust3",
        "set_permissions -p / rust3 .* .* .*",
        "add_vhost rust/http/api/client",
    ):
        words = [sys.executable, str(RABBITMQCTL), *command.split()]
        subprocess.run(words, env={**os.environ, **environment}, check=True)


def test_all_of_its_tests(broker, management, test_directory, judge):
    source = source_of_crate("rabbitmq_http_client", VERSION)
    with control(broker) as environment:
        set_up(environment)
    ports = {
        **on_default_port(broker, test_directory),
        "LEPUS_DEFAULT_MANAGEMENT_PORT": str(broker.management_port),
        "RUST_TEST_THREADS": "1",  # They use the same names.
    }
    outcomes = run_cargo_tests(
        f"rabbitmq_http_client {VERSION}",
        source,
        ports,
        test_directory,
        {},
        features="async,native-tls,tabled,zeroize",
    )
    outcomes.except_failed(EXCEPTIONS, at_most=32)
    judge(outcomes, at_least=780)
