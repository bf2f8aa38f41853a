"""What RabbitMQ has and Lepus does not have yet, as marks for the tests that wait for it."""

import os

import pytest

no_policies_yet = pytest.mark.skipif(
    not os.environ.get("LEPUS_TEST_AMQP"), reason="Lepus has no policies yet"
)

store_not_opened_again_yet = pytest.mark.skipif(
    not os.environ.get("LEPUS_TEST_AMQP"),
    reason="after a failed write Lepus stores nothing until it is started again",
)
