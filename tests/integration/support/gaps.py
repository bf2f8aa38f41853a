"""What RabbitMQ has and Lepus does not have yet, as marks for the tests that wait for it."""

import os

import pytest

no_policies_yet = pytest.mark.skipif(
    not os.environ.get("LEPUS_TEST_AMQP"), reason="Lepus has no policies yet"
)
