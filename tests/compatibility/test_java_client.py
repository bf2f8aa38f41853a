"""The tests of RabbitMQ's Java client, which are RabbitMQ's own tests of AMQP as well."""

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from control import RABBITMQCTL, control, on_default_port
from outcomes import read_junit, run
from sources import source_of_debian_package

VERSION = "5.0.0"
DIGEST = "23c185a4b241c60223e8a800472d674f3d8e8fc5688bf99abe6ccdfd55e64aeb"
PROJECT = Path(__file__).with_name("java_client.xml")

SUITES = ("test/ClientTests", "test/functional/FunctionalTests", "test/server/ServerTests")

ALARMS = "sets alarms by rabbitmqctl"

# Classes that are not run.
LEFT_OUT = {
    "EffectVisibilityCrossNodeTest": "needs a cluster",
    "MemoryAlarms": ALARMS,
    "BlockedConnection": ALARMS,
    "ChannelLimitNegotiation": "changes RabbitMQ's settings in Erlang",
    "LoopbackUsers": "changes RabbitMQ's settings in Erlang",
}

NO_TLS = "needs TLS at port 5671"

EXCEPTIONS = {
    "LambdaCallbackTest.blockedListener": ALARMS,
    "SslContextFactoryTest.setSslContextFactory": NO_TLS,
    "SslContextFactoryTest.socketFactoryTakesPrecedenceOverSslContextFactoryWithBlockingIo": NO_TLS,
    "ConnectionRecovery.blockedListenerRecovery": ALARMS,
}

# The channel's close comes before the client sends its next method, which the tests don't expect.
A_RACE = "is won only if the broker answers later than the client goes on"
RACES = {
    "PerMessageTTL.trailingCharsUsedInTTL": A_RACE,
    "PerMessageTTL.tTLMustBePositive": A_RACE,
    "PerMessageTTL.invalidTypeUsedInTTL": A_RACE,
}

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(shutil.which("mvn") is None, reason="Maven is not installed"),
    pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK is installed"),
]


def chosen_classes(source):
    """The patterns of the classes that the library's own suites name."""
    names = set()
    for suite in SUITES:
        text = (source / f"src/test/java/com/rabbitmq/client/{suite}.java").read_text()
        names.update(re.findall(r"(\w+)\.class", text[text.index("SuiteClasses") :]))
    return [f"**/{name}.java" for name in sorted(names - set(LEFT_OUT))]


def test_its_functional_tests(broker, test_directory, judge):
    source = source_of_debian_package("rabbitmq-java-client", VERSION, DIGEST)
    environment = on_default_port(broker, test_directory)
    shutil.copy(PROJECT, test_directory / "pom.xml")
    chosen = test_directory / "chosen.txt"
    chosen.write_text("\n".join(chosen_classes(source)))
    reports = test_directory / "reports"
    properties = {
        "source": source,
        "chosen": chosen,
        "reports": reports,
        "preload": environment.pop("LD_PRELOAD"),
        "rabbitmqctl": f"{sys.executable} -SI {RABBITMQCTL}",
    }
    command = ["mvn", "--batch-mode", "--quiet", *(f"-D{k}={v}" for k, v in properties.items())]
    with control(broker) as control_environment:
        log = test_directory / "maven.log"
        maven = run(
            [*command, "test"],
            log,
            1700,
            cwd=test_directory,
            env={**os.environ, **environment, **control_environment},
        )
    assert maven.returncode == 0, log.read_text()[-4000:]
    outcomes = read_junit(f"amqp-client {VERSION}", reports.glob("*.xml"), EXCEPTIONS)
    outcomes.except_failed(RACES, at_most=len(EXCEPTIONS) + len(RACES))
    judge(outcomes, at_least=460)
