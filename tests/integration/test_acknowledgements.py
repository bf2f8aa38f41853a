"""Deliveries that are not acknowledged in time; docs/acknowledgements.md runs as it stands there."""

import re
from pathlib import Path

import pika
import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs/acknowledgements.md"


@pytest.fixture
def page_program(broker, tmp_path, run_program):
    """Starts the page's block that begins with the comment `# name`, on the broker under test."""
    blocks = re.findall(r"```python\n(# (\S+)\n.*?)```", PAGE.read_text(), re.DOTALL)
    programs = {name: code for code, name in blocks}

    def start(name):
        local = 'pika.ConnectionParameters("localhost")'
        assert local in programs[name]
        here = f'pika.ConnectionParameters("{broker.host}", {broker.port})'
        path = tmp_path / name
        path.write_text(programs[name].replace(local, here))
        return run_program(path)

    return start


def test_timeout_example(fresh, page_program):
    fresh(queues=["reports"])
    program = page_program("patient_consumer.py")
    program.wait_for_line("^got yearly, redelivered: False")
    program.wait_for_line("^got yearly, redelivered: True")
    program.wait_for_line(
        "^406 PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 2000 ms"
    )


def test_setting_of_the_broker(private_broker, test_directory):
    config = test_directory / "test.conf"
    config.write_text("consumer_timeout = 1500\n")
    broker = private_broker("--config", config)
    with pika.BlockingConnection(broker.parameters()) as connection:
        hung, other = connection.channel(), connection.channel()
        hung.queue_declare("work", durable=True)
        deliveries = []
        hung.basic_consume("work", lambda *delivery: deliveries.append(delivery))
        other.basic_publish("", "work", b"1")
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="Timeout value used: 1500 ms"):
            hung.start_consuming()
        assert len(deliveries) == 1
        method, _, body = other.basic_get("work", auto_ack=True)
        assert (method.redelivered, body) == (True, b"1")
    assert re.search(r"no acknowledgement of delivery 1 .*queue 'work'", broker.log_tail())
