#!/usr/bin/env python3
"""How many instructions a message takes on its way through the broker's core: instructions.py
LEPUS-PATH. Fails if a count is more than 5 % over the one in instructions.json, which is changed
together with what makes it rise (or fall). The last line is `N passed, N failed`."""

import json
import re
import subprocess
import sys
from pathlib import Path

COMMITTED = Path(__file__).with_name("instructions.json")
RISE_MAX = 1.05
# The difference of two runs is what the messages cost, without the start and the end.
FEW, MANY = 2000, 12000


def instructions(program, kind, messages):
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, kind,
         str(messages)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        raise RuntimeError(done.stderr)
    return int(found.group(1))


def main():
    program = sys.argv[1]
    passed = failed = 0
    print(f"{'instructions of a message':<28} {'committed':>10} {'counted':>10}")
    for kind, committed in json.loads(COMMITTED.read_text()).items():
        counted = (
            instructions(program, kind, MANY) - instructions(program, kind, FEW)
        ) / (MANY - FEW)  # fmt: skip
        good = counted <= committed * RISE_MAX
        passed, failed = passed + good, failed + (not good)
        print(f"{kind:<28} {committed:>10} {counted:>10.0f}{'' if good else '   ROSE'}")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
