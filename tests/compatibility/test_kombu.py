"""The integration tests of kombu (Python) for its AMQP transport."""

import pytest

from outcomes import run_pytest
from sources import source_of_python_package

VERSION = "5.7.0"

EXCEPTIONS = {}

# These sleep for two to four seconds each.
SLEEPING = "TimeToLive or test_failed or test_direct_routing_keys"


@pytest.mark.parametrize(
    ("chosen", "at_least"),
    [
        pytest.param(f"not ({SLEEPING})", 38, marks=pytest.mark.quick, id="quick"),
        pytest.param(SLEEPING, 12, id="sleeping"),
    ],
)
def test_its_integration_tests(broker, test_directory, judge, chosen, at_least):
    source = source_of_python_package("kombu", VERSION)
    outcomes = run_pytest(
        f"kombu {VERSION}",
        source,
        ["-k", chosen, "t/integration/test_py_amqp.py"],
        {"RABBITMQ_HOST": broker.host, "RABBITMQ_5672_TCP": str(broker.port)},
        test_directory,
        EXCEPTIONS,
    )
    judge(outcomes, at_least=at_least)
