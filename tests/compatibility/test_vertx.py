"""The tests of Vert.x' RabbitMQ client (Java)."""

import os
import shutil
from pathlib import Path

import pytest

from outcomes import read_junit, run

VERSION = "4.5.0"
HERE = Path(__file__).parent

# The others start containers of their own, with TLS, with a proxy, or to stop them.
CLASSES = (
    "RabbitMQClientEmptyJsonTest",
    "RabbitMQClientReconnectTest",
    "RabbitMQConsumptionStreamingTest",
    "RabbitMQOptionsTest",
    "RabbitMQServiceTest",
    "UtilsTest",
)

EXCEPTIONS = {}

pytestmark = [
    pytest.mark.skipif(shutil.which("mvn") is None, reason="Maven is not installed"),
    pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK is installed"),
]


def test_its_tests_with_a_running_broker(broker, management, test_directory, judge):
    shutil.copy(HERE / "vertx_client.xml", test_directory / "pom.xml")
    shutil.copy(HERE / "GenericContainer.java", test_directory)
    chosen = test_directory / "chosen.txt"
    chosen.write_text("".join(f"**/{name}.class\n" for name in CLASSES))
    reports = test_directory / "reports"
    ports = {
        "LEPUS_DEFAULT_PORT": str(broker.port),
        "LEPUS_DEFAULT_MANAGEMENT_PORT": str(broker.management_port),
    }
    properties = {"vertx": VERSION, "chosen": chosen, "reports": reports}
    command = ["mvn", "--batch-mode", "--quiet", *(f"-D{k}={v}" for k, v in properties.items())]
    log = test_directory / "maven.log"
    maven = run(
        [*command, "test"], log, 800, cwd=test_directory, env={**os.environ, **ports}
    )
    assert maven.returncode == 0, log.read_text()[-4000:]
    outcomes = read_junit(f"vertx-rabbitmq {VERSION}", reports.glob("*.xml"), EXCEPTIONS)
    judge(outcomes, at_least=38)
