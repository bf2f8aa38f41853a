"""The tests of jackrabbit (Node.js), which is built on amqplib."""

import shutil

import pytest

from outcomes import run_mocha
from sources import source_of_node_package

VERSION = "4.4.0"
NEEDED = ["mocha@9.2.2", "chai@3.5.0"]

EXCEPTIONS = {}

pytestmark = pytest.mark.skipif(shutil.which("npx") is None, reason="npm is not installed")


def test_all_of_its_tests(broker, test_directory, judge):
    source = source_of_node_package("jackrabbit", VERSION, NEEDED)
    environment = {"RABBIT_URL": f"amqp://{broker.host}:{broker.port}"}
    suite = f"jackrabbit {VERSION}"
    judge(run_mocha(suite, source, environment, test_directory, EXCEPTIONS), at_least=30)
