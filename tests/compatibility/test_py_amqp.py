"""The integration tests of py-amqp (Python)."""

import pytest

from outcomes import run_pytest
from sources import source_of_python_package

VERSION = "5.4.2"

WITHOUT_TLS = "need TLS with the certificates of the library's own test image"

pytestmark = pytest.mark.quick


def test_its_integration_tests(broker, test_directory, judge):
    source = source_of_python_package("amqp", VERSION)
    outcomes = run_pytest(
        f"py-amqp {VERSION}",
        source,
        ["t/integration"],
        {"RABBITMQ_HOST": broker.host, "RABBITMQ_5672_TCP": str(broker.port)},
        test_directory,
        {},
    )
    outcomes.except_failed({"tls": WITHOUT_TLS}, at_most=15)
    judge(outcomes, at_least=45)
