"""The tests of lapin (Rust)."""

import shutil

import pytest

from outcomes import run_cargo_tests
from sources import source_of_crate

VERSION = "4.12.3"

EXCEPTIONS = {}

# Its first build takes minutes.
pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(shutil.which("cargo") is None, reason="Rust is not installed"),
]


def test_all_of_its_tests(broker, test_directory, judge):
    source = source_of_crate("lapin", VERSION)
    environment = {"AMQP_ADDR": broker.url}
    outcomes = run_cargo_tests(f"lapin {VERSION}", source, environment, test_directory, EXCEPTIONS)
    judge(outcomes, at_least=34)
