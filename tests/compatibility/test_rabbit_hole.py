"""The tests of rabbit-hole (Go), a client of the management API."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from control import RABBITMQCTL, control
from outcomes import read_junit, run
from sources import source_of_go_module

VERSION = "v3.2.0"

PLUGINS = {
    "/shovel": "needs the plugin rabbitmq_shovel",
    "/federation-": "needs the plugin rabbitmq_federation",
    "/api/parameters": "needs the plugin rabbitmq_federation",
}
EXCEPTIONS = {
    " with arguments returns": "needs statistics at shorter intervals than the usual 5 s",
}

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed")


def with_ports_of(broker, source, copy):
    """A copy of the module whose tests use the broker's ports instead of RabbitMQ's."""
    shutil.copytree(source, copy)
    for path in copy.glob("*_test.go"):
        if path.name != "unit_test.go":
            text = path.read_text().replace("15672", str(broker.management_port))
            path.write_text(re.sub(r"\b5672\b", str(broker.port), text))
    return copy


def set_up(environment):
    """What the module's own script sets up before its tests."""
    for command in (
        "add_vhost rabbit/hole",
        "add_user policymaker policymaker",
        "set_user_tags policymaker policymaker",
        "set_permissions -p / policymaker .* .* .*",
    ):
        words = [sys.executable, str(RABBITMQCTL), *command.split()]
        subprocess.run(words, env={**os.environ, **environment}, check=True)


def test_all_of_its_tests(broker, management, test_directory, judge):
    module = source_of_go_module("github.com/michaelklishin/rabbit-hole/v3", VERSION)
    source = with_ports_of(broker, module, test_directory / "source")
    report = test_directory / "report.xml"
    with control(broker) as environment:
        set_up(environment)
        log = test_directory / "go-test.log"
        run(["go", "test", "-c", "-o", "rabbit_hole.test", "."], log, 400, cwd=source)
        assert (source / "rabbit_hole.test").exists(), log.read_text()
        run(
            ["./rabbit_hole.test", f"-ginkgo.junit-report={report}"],
            log,
            400,
            cwd=source,
            env={**os.environ, "GOMEGA_DEFAULT_EVENTUALLY_TIMEOUT": "5s"},
        )
    outcomes = read_junit(f"rabbit-hole {VERSION}", [report], {})
    outcomes.except_failed({**EXCEPTIONS, **PLUGINS}, at_most=18)
    judge(outcomes, at_least=124)
