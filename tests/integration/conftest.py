"""The fixtures of the integration tests."""

from support.fixtures import *  # noqa: F403
