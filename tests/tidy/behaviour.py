#!/usr/bin/env python3
"""Checks that docs/rabbitmq-behaviour.md and the tests belong together: behaviour.py [ROOT].

Every scenario is named there, and everything that is named there exists. Prints one line per problem, ends with
`N passed, N failed` (a name or a file is one check), and fails if there is a problem.
"""

import pathlib
import re
import sys

DOCUMENT = "docs/rabbitmq-behaviour.md"
SCENARIOS = "tests/scenarios"
# A proof stands in backticks: `folder/name` is a scenario, `tests/…` any other file.
SCENARIO = re.compile(r"[a-z_]+/[a-z0-9_]+")
FILE = re.compile(r"tests/[\w./-]+")


def named_proofs(text):
    """The scenarios and the other files that are named, as two sets."""
    names = set(re.findall(r"`([^`\n]+)`", text))
    files = {name for name in names if FILE.fullmatch(name)}
    return {name for name in names - files if SCENARIO.fullmatch(name)}, files


def scenarios_of(root):
    folder = root / SCENARIOS
    return {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.scenario")}


def check(root):
    """How many checks there are, and the problems, as lines."""
    scenarios, files = named_proofs((root / DOCUMENT).read_text())
    existing = scenarios_of(root)
    problems = [f"{DOCUMENT}: there is no scenario {name}" for name in sorted(scenarios - existing)]
    problems += [f"{DOCUMENT} does not name the scenario {name}" for name in sorted(existing - scenarios)]
    problems += [f"{DOCUMENT}: there is no {name}" for name in sorted(files) if not (root / name).exists()]
    return len(scenarios | existing | files), problems


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]
    count, problems = check(root)
    if count == 0:
        count, problems = 1, [f"no scenarios below {root}"]
    for problem in problems:
        print(problem)
    print(f"{count - len(problems)} passed, {len(problems)} failed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
