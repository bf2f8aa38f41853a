"""What the pages of docs/ show runs as it stands there (but for the ports)."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.broker import Broker

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]


def needs(*programs):
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {missing}")


def blocks_of(page, *languages):
    """The page's blocks in these languages: [(language, text)…]. Empty lines put each text where it
    is in the page, for tracebacks."""
    whole = (DOCS / page).read_text()
    block = re.compile(rf"^```({'|'.join(languages)})\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    found = block.finditer(whole)
    return [(each[1], "\n" * whole.count("\n", 0, each.start(2)) + each[2]) for each in found]


def run_commands(commands, broker, directory):
    """Runs a shell block; what it prints is the answer."""
    options = f"--host {broker.management_host} --port {broker.management_port}"
    script = commands.replace("localhost:15672", broker.management_url[7:])
    ran = subprocess.run(
        ["bash", "-euc", script.replace("rabbitmqadmin ", f"rabbitmqadmin {options} ")],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "HOME": str(directory)},
    )
    assert ran.returncode == 0, commands + ran.stdout + ran.stderr
    return ran.stdout


def run_program(page, example, broker, program):
    """Runs a Python block, with the names of the blocks before it."""
    local = 'pika.ConnectionParameters("localhost"'
    for shown, actual in (
        (local, f'pika.ConnectionParameters("{broker.host}", {broker.port}'),
        ("localhost:15672", broker.management_url[7:]),
        ("localhost:5672", f"{broker.host}:{broker.port}"),
    ):
        example = example.replace(shown, actual)
    exec(compile(example, DOCS / page, "exec"), program)


def names_itself(example):
    """Whether the block is a program of its own."""
    return re.match(r"# \w+\.py", example.lstrip())


def has_assert(example, program):
    assert re.search(r"^\s*assert ", example, re.MULTILINE), example


def has_counts(example, program):
    """The last line names messages in queues, which are as many."""
    channel = program["channel"]
    last_line = example.splitlines()[-1]
    assert last_line.startswith("# "), example
    for queues, count in re.findall(r"([^:,]+): (\d+)", last_line[2:]):
        names = queues.strip().split(" + ")
        found = [channel.queue_declare(name, passive=True).method.message_count for name in names]
        assert sum(found) == int(count), example
    for name in ("eu", "us", "audit"):
        channel.queue_purge(name)


def run_page(page, broker, directory, check=has_assert):
    """Runs the page's blocks in their order, all of Python in one program, and checks each but the
    first."""
    program = {}
    examples = [block for block in blocks_of(page, "python", "sh") if not names_itself(block[1])]
    for number, (language, text) in enumerate(examples):
        if language == "sh":
            run_commands(text, broker, directory)
            continue
        run_program(page, text, broker, program)
        if number > 0:
            check(text, program)
    program["connection"].close()


def test_exchanges_page(private_broker, test_directory):
    run_page("exchanges.md", private_broker(), test_directory, check=has_counts)


def test_queues_page(private_broker, test_directory):
    run_page("queues.md", private_broker(), test_directory)


@pytest.fixture
def start_with(private_broker, test_directory):
    """Starts a broker with a configuration file that a page shows."""

    def start(text):
        config = test_directory / "lepus.conf"
        config.write_text(text)
        return private_broker("--config", config)

    return start


def test_publishing_page(start_with, test_directory):
    (_, size_limit), _ = blocks_of("publishing.md", "ini")
    run_page("publishing.md", start_with(size_limit), test_directory)


def test_publishing_page_under_an_alarm(start_with):
    _, (_, disk_limit) = blocks_of("publishing.md", "ini")
    (program,) = [text for _, text in blocks_of("publishing.md", "python") if names_itself(text)]
    run_program("publishing.md", program, start_with(disk_limit), {})


def test_consuming_page(private_broker, test_directory):
    run_page("consuming.md", private_broker(), test_directory)


@needs("curl")
def test_access_page(private_broker, test_directory):
    run_page("access.md", private_broker(), test_directory)


@needs("curl", "rabbitmqadmin")
def test_policies_page(private_broker, test_directory):
    broker = private_broker()
    commands = "".join(text for _, text in blocks_of("policies.md", "sh"))
    printed = run_commands(commands, broker, test_directory)
    assert re.search(r"orders.new *\| *limits", printed)
    assert '"name":"cap"' in printed


def test_running_page(test_directory):
    """The settings that it shows are known."""
    for number, (_, text) in enumerate(blocks_of("running.md", "ini")):
        config = test_directory / f"{number}.conf"
        config.write_text(text)
        command = [Broker.binary(), "--config", config, "--print-config"]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert (shown.returncode, shown.stderr) == (0, "")
        from_file = [line for line in shown.stdout.splitlines() if str(config) in line]
        assert len(from_file) == len(text.strip().splitlines()), shown.stdout


def without_blocks(page):
    return re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)


def anchors_of(page):
    """How the page's headings are linked to, as GitHub makes it of them."""
    headings = re.findall(r"^#+ (.*)$", without_blocks(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\((?!https?:)([^)]*)\)", without_blocks(page)):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link
