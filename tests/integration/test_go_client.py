"""The Go client's own tests, all of them, run against the broker.

The source of amqp091-go is fetched through the Go module proxy; go.sum's check of its content is
the proxy's and
the go tool's business. On RabbitMQ 3.10.8 all of them pass but those of NOT_ON_A_PLAIN_BROKER.
"""

import json
import os
import shutil
import subprocess
from collections import defaultdict

import pytest

from support.broker import REPOSITORY

VERSION = "v1.10.0"
MODULE = f"github.com/rabbitmq/amqp091-go@{VERSION}"

# Test -> why it does not pass against RabbitMQ as this suite runs it.
NOT_ON_A_PLAIN_BROKER = {
    "TestConnection_Close_WhenMemoryAlarmIsActive": "skips itself: it needs rabbitmqctl",
}

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed")


@pytest.fixture(scope="module")
def source():
    """A writable copy of the module's source below build/."""
    directory = REPOSITORY / "build/integration" / f"amqp091-go-{VERSION}"
    if not (directory / "complete").exists():
        shutil.rmtree(directory, ignore_errors=True)
        download = subprocess.run(
            ["go", "mod", "download", "-json", MODULE],
            capture_output=True,
            text=True,
            timeout=180,
            cwd="/",
        )
        assert download.returncode == 0, download.stdout + download.stderr
        shutil.copytree(json.loads(download.stdout)["Dir"], directory)
        for path in [directory, *directory.rglob("*")]:
            path.chmod(path.stat().st_mode | 0o200)
        (directory / "complete").touch()
    binary = directory / "integration.test"
    if not binary.exists():
        build = subprocess.run(
            ["go", "test", "-c", "-tags", "integration", "-o", binary, "."],
            capture_output=True,
            text=True,
            timeout=400,
            cwd=directory,
        )
        assert build.returncode == 0, build.stdout + build.stderr
    return directory


@pytest.mark.timeout(900)
def test_all_of_its_tests(source, broker, test_directory):
    url = f"amqp://{broker.user}:{broker.password}@{broker.host}:{broker.port}/"
    run = subprocess.run(
        [
            "go",
            "tool",
            "test2json",
            "./integration.test",
            "-test.v=test2json",
            "-test.timeout=300s",
        ],
        capture_output=True,
        text=True,
        timeout=320,
        cwd=source,
        env={**os.environ, "AMQP_URL": url},
    )
    (test_directory / "go-test.json").write_text(run.stdout + run.stderr)
    outcomes, output = {}, defaultdict(list)
    for line in run.stdout.splitlines():
        event = json.loads(line)
        if event["Action"] == "output":
            output[event.get("Test")].append(event["Output"])
        elif event["Action"] in ("pass", "fail", "skip") and "Test" in event:
            outcomes[event["Test"]] = event["Action"]

    bad = {name for name, outcome in outcomes.items() if outcome != "pass"}
    # A crash of the test binary leaves tests that began and did not end.
    bad |= {name for name in output if name and name not in outcomes}
    unexpected = sorted(bad - set(NOT_ON_A_PLAIN_BROKER))
    passed = sum(outcome == "pass" for outcome in outcomes.values())
    print(f"amqp091-go {VERSION}: {passed} passed, {len(bad)} not")
    assert not unexpected, "\n".join(
        f"{name}: {outcomes.get(name, 'did not end')}\n{''.join(output[name])[-2000:]}"
        for name in unexpected
    )
    assert passed >= 130, f"only {passed} tests ran:\n{run.stdout[-2000:]}{run.stderr[-2000:]}"
