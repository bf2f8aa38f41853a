"""The tests of amqp091-go (Go)."""

import shutil

import pytest

from outcomes import run_go_tests
from sources import source_of_go_module

VERSION = "v1.10.0"

EXCEPTIONS = {}

pytestmark = [
    pytest.mark.quick,
    pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed"),
]


def test_all_of_its_tests(broker, test_directory, judge):
    source = source_of_go_module("github.com/rabbitmq/amqp091-go", VERSION)
    environment = {"AMQP_URL": broker.url}
    suite = f"amqp091-go {VERSION}"
    judge(run_go_tests(suite, source, environment, test_directory, EXCEPTIONS), at_least=130)
