"""The tests of amqprs (Rust)."""

import os
import shutil
import subprocess
import sys

import pytest

from control import RABBITMQCTL, control, on_default_port
from outcomes import run_cargo_tests
from sources import source_of_crate

VERSION = "2.1.5"

EXCEPTIONS = {
    "lib net::split_connection::test::test_open_amqp_connection": (
        "logs in by RABBIT-CR-DEMO, which a broker offers only when it is told to"
    ),
}

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(shutil.which("cargo") is None, reason="Rust is not installed"),
]


def set_up(environment):
    """The user whom the library's tests log in as."""
    for command in ("add_user user bitnami", "set_permissions -p / user .* .* .*"):
        words = [sys.executable, str(RABBITMQCTL), *command.split()]
        subprocess.run(words, env={**os.environ, **environment}, check=True)


def test_its_tests_without_tls(broker, management, test_directory, judge):
    source = source_of_crate("amqprs", VERSION)
    with control(broker) as environment:
        set_up(environment)
    outcomes = run_cargo_tests(
        f"amqprs {VERSION}",
        source,
        on_default_port(broker, test_directory),
        test_directory,
        EXCEPTIONS,
    )
    judge(outcomes, at_least=49)
