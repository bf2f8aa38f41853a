"""The tests of amqplib (Node.js)."""

import shutil
from pathlib import Path

import pytest

from outcomes import run_mocha
from sources import source_of_node_package

VERSION = "0.10.4"
NEEDED = ["mocha@9.2.2", "claire@0.4.1"]

EXCEPTIONS = {}
DEFAULT_PORT = Path(__file__).with_name("default_port.cjs")

pytestmark = [
    pytest.mark.quick,
    pytest.mark.skipif(shutil.which("npx") is None, reason="npm is not installed"),
]


def test_all_of_its_tests(broker, test_directory, judge):
    source = source_of_node_package("amqplib", VERSION, NEEDED)
    environment = {
        "URL": f"amqp://{broker.host}:{broker.port}",
        "NODE_OPTIONS": f"--require {DEFAULT_PORT}",
        "LEPUS_DEFAULT_PORT": str(broker.port),
    }
    suite = f"amqplib {VERSION}"
    outcomes = run_mocha(suite, source, environment, test_directory, EXCEPTIONS, style="tdd")
    judge(outcomes, at_least=250)
