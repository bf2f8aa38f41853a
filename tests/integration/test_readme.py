"""What the README and other pages show runs as it stands there (but for the port)."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
README = REPOSITORY / "README.md"


@pytest.fixture
def readme_program(broker, tmp_path, run_program):
    """Starts the README's block that begins with the comment `# name`, on the broker under test."""
    blocks = re.findall(r"```python\n(# (\S+)\n.*?)```", README.read_text(), re.DOTALL)
    programs = {name: code for code, name in blocks}

    def start(name):
        host, port = broker.host, broker.port
        local = 'pika.ConnectionParameters("localhost")'
        assert local in programs[name]
        path = tmp_path / name
        path.write_text(programs[name].replace(local, f'pika.ConnectionParameters("{host}", {port})'))
        return run_program(path)

    return start


def test_rpc_example(fresh, readme_program):
    fresh(queues=["rpc_queue"])
    readme_program("rpc_server.py").wait_for_line("waiting for requests")
    readme_program("rpc_client.py").wait_for_line("^the answer is 42$")


@pytest.mark.skipif(
    shutil.which("rabbitmqadmin") is None or shutil.which("curl") is None,
    reason="rabbitmqadmin or curl is not installed",
)
def test_policies_page(private_broker, test_directory):
    page = (REPOSITORY / "docs/policies.md").read_text()
    broker = private_broker()
    options = f"--host {broker.management_host} --port {broker.management_port}"
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL))
    script = "set -eu\n" + commands.replace("localhost:15672", broker.management_url[7:]).replace(
        "rabbitmqadmin ", f"rabbitmqadmin {options} "
    )
    ran = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "HOME": str(test_directory)},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"orders.new *\| *limits", ran.stdout)
    assert '"name":"cap"' in ran.stdout


def test_exchanges_page(private_broker):
    """Every example, in their order, in one program; the last line of each names messages in queues."""
    page = (REPOSITORY / "docs/exchanges.md").read_text()
    broker = private_broker()
    local = 'pika.ConnectionParameters("localhost")'
    first, *examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert local in first
    program = {}
    exec(first.replace(local, f'pika.ConnectionParameters("{broker.host}", {broker.port})'), program)
    channel = program["channel"]
    assert len(examples) == page.count("\n# ")
    for example in examples:
        exec(example, program)
        for queues, count in re.findall(r"([^:,]+): (\d+)", example.splitlines()[-1][2:]):
            names = queues.strip().split(" + ")
            found = [
                channel.queue_declare(name, passive=True).method.message_count for name in names
            ]
            assert sum(found) == int(count), example
        for name in ("eu", "us", "audit"):
            channel.queue_purge(name)
    program["connection"].close()
