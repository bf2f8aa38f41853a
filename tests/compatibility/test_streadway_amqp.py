"""The tests of streadway/amqp (Go), which amqp091-go came from and programs still use."""

import shutil

import pytest

from outcomes import run_go_tests
from sources import source_of_go_module

VERSION = "v1.1.0"

# The certificates have expired; the other does without a broker and fails now and then.
SKIPPED = "TestTLSHandshake|TestNotifyClosesAllChansAfterConnectionClose"

EXCEPTIONS = {}

pytestmark = [
    pytest.mark.quick,
    pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed"),
]


def test_all_of_its_tests(broker, test_directory, judge):
    source = source_of_go_module("github.com/streadway/amqp", VERSION)
    environment = {"AMQP_URL": broker.url}
    suite = f"streadway/amqp {VERSION}"
    outcomes = run_go_tests(
        suite, source, environment, test_directory, EXCEPTIONS, skip=SKIPPED
    )
    judge(outcomes, at_least=95)
