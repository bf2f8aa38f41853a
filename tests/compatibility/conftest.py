"""Fixtures of the compatibility tests: those of the integration tests, and the judge of a client's own
tests."""

from collections import Counter
from pathlib import Path

import pytest

from outcomes import Outcomes
from support.fixtures import *  # noqa: F403
from support.fixtures import EXTERNAL_AMQP

_tables = []


@pytest.fixture
def judge():
    """Takes what became of a client's tests, for the table; fails if one of them failed for no
    reason that is known."""

    def take(outcomes: Outcomes, at_least):
        _tables.append(outcomes)
        unexpected = outcomes.unexpected()
        assert not unexpected, "\n".join(f"{test}: {text}" for test, text in unexpected.items())
        assert len(outcomes.passed) >= at_least, f"only {len(outcomes.passed)} passed"
        if not EXTERNAL_AMQP:
            assert not outcomes.stale(), f"these pass now: {sorted(outcomes.stale())}"

    return take


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("tests of client libraries")
    terminalreporter.line(f"{'suite':<24}{'passed':>8}{'skipped':>9}{'excepted':>10}{'failed':>8}")
    for each in _tables:
        terminalreporter.line(
            f"{each.suite:<24}{len(each.passed):>8}{len(each.skipped):>9}"
            f"{len(each.excepted()):>10}{len(each.unexpected()):>8}"
        )
        reasons = Counter(each.exceptions[test] for test in each.excepted())
        for reason, count in reasons.items():
            terminalreporter.line(f"    {count} {reason}")


def pytest_sessionfinish(session):
    """Leaves the counts for `run`, in tests of the clients. What failed as a whole counts once."""
    path = os.environ.get("LEPUS_TEST_SUMMARY")  # noqa: F405
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if path and reporter:
        wholes = sum(len(reporter.stats.get(name, [])) for name in ("failed", "error"))
        passed = sum(len(each.passed) for each in _tables)
        failed = max(wholes, sum(len(each.unexpected()) for each in _tables))
        Path(path).write_text(f"{passed} passed, {failed} failed\n")
