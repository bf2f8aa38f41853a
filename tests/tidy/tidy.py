#!/usr/bin/env python3
"""Layers, clang-format-16 and clang-tidy-16: tidy.py [all] [--base COMMIT] [--seconds N].

Looks at the sources that changed since COMMIT, by default since the commits of the last six hours of history, and
at what is not committed; with `all` at all of them. clang-tidy begins no new file after N seconds; what it left
out is said, and counts neither way. Each file is one check of each tool. Ends with `N passed, N failed`.
"""

import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import time

import layers

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "tidy"
LANDING_HOURS = 6


def git(*arguments):
    result = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return result.stdout.split("\n")[:-1] if result.returncode == 0 else []


def previous_landing():
    """The last commit that is not part of the latest burst of work; None if there is none."""
    head = git("log", "-1", "--format=%ct")
    if not head:
        return None
    before = int(head[0]) - LANDING_HOURS * 3600
    return next(iter(git("rev-list", "-1", "--first-parent", f"--before=@{before}", "HEAD")), None)


def changed_files(base):
    """The sources that differ from `base`, in the tree as it is; all of them without a base."""
    every = list(layers.source_files(ROOT))
    if base is None:
        return every
    changed = set(git("diff", "--name-only", base)) | set(git("ls-files", "--others", "--exclude-standard"))
    return [path for path in every if path in changed]


def translation_units(files):
    """The .cc files to check: those that changed, and for a header the file of its name or one that includes it."""
    sources = [path for path in layers.source_files(ROOT) if path.endswith(".cc")]
    chosen = {path for path in files if path.endswith(".cc")}
    for header in (path for path in files if path.endswith(".h")):
        own = header.removesuffix(".h") + ".cc"
        if own in sources:
            chosen.add(own)
            continue
        line = f'#include "{header}"'
        users = [path for path in sources if line in (ROOT / path).read_text(errors="replace")]
        if users and not chosen.intersection(users):
            chosen.add(users[0])
    # What changed last comes first, for there may not be time for all.
    latest = {}
    for path in git("log", "--format=", "--name-only", "-n", "200"):
        latest.setdefault(path, len(latest))
    return sorted(chosen, key=lambda path: (latest.get(path, -1), path))


def run(command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def check_format(path):
    result = run(["clang-format-16", "--dry-run", "--Werror", path])
    return "" if result.returncode == 0 else f"{path}: not formatted (clang-format-16 -i {path})\n"


def check_tidy(path, deadline):
    """What clang-tidy says; None if there was no time left."""
    if time.monotonic() > deadline:
        return None
    # GCC's builds decide about compiler warnings.
    result = run(["clang-tidy-16", "--quiet", "-p", str(BUILD), "--extra-arg=-Wno-everything", path])
    return "" if result.returncode == 0 else result.stdout + result.stderr


def check_all(files, units, seconds):
    """Runs every check; yields (name, output)."""
    deadline = time.monotonic() + seconds
    for path in files:
        yield path, "".join(problem + "\n" for problem in layers.check_file(ROOT, path))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, output in zip(files, pool.map(check_format, files)):
            yield path, output
        for path, output in zip(units, pool.map(lambda unit: check_tidy(unit, deadline), units)):
            yield path, output


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="?", choices=["all"])
    parser.add_argument("--base", default=None)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    options = parser.parse_args()
    base = None if options.what else options.base or previous_landing()
    files = changed_files(base)
    first_landing = base is None and not options.what
    units = [] if first_landing else translation_units(files)
    if first_landing:
        print("tidy: there is no earlier landing to compare with; ./test tidy all runs clang-tidy on everything")
    print(f"tidy: {len(files)} files, {len(units)} of them through clang-tidy"
          + (f", changed since {base[:12]}" if base else ""), flush=True)
    passed = failed = left_out = 0
    for _, output in check_all(files, units, options.seconds):
        if output is None:
            left_out += 1
            continue
        print(output, end="", flush=True)
        passed, failed = passed + (not output), failed + bool(output)
    if left_out:
        print(f"tidy: no time was left for clang-tidy on {left_out} files; ./test tidy all looks at them")
    if not files:
        print("tidy: no source has changed")
        passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
