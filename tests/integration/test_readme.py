"""What the README shows runs as it stands there (but for the port)."""

import re
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
