"""The integration tests of kombu (Python) for its AMQP transport."""

import pytest

from outcomes import run_pytest
from sources import source_of_python_package

VERSION = "5.7.0"

EXCEPTIONS = {}

pytestmark = pytest.mark.quick


def test_its_integration_tests(broker, test_directory, judge):
    source = source_of_python_package("kombu", VERSION)
    outcomes = run_pytest(
        f"kombu {VERSION}",
        source,
        ["t/integration/test_py_amqp.py"],
        {"RABBITMQ_HOST": broker.host, "RABBITMQ_5672_TCP": str(broker.port)},
        test_directory,
        EXCEPTIONS,
    )
    judge(outcomes, at_least=50)
