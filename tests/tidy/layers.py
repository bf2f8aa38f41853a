#!/usr/bin/env python3
"""Checks what each source file includes: layers.py [ROOT].

Dependencies point down only (docs/architecture.md), and what does I/O or threads stays in the layers made for it.
Prints one line per problem, ends with `N passed, N failed` (a file is one check), and fails if there is a problem.
"""

import pathlib
import re
import sys

# A layer may include itself and those named here. Files right in broker/ and tests/ wire everything.
LAYERS = {
    "broker/base": set(),
    "amqp": {"broker/base"},
    "storage": {"broker/base"},
    "broker/model": {"broker/base", "amqp", "storage"},
    "broker/connection": {"broker/base", "amqp", "broker/model"},
    "broker/transport": {"broker/base", "amqp", "broker/model", "broker/connection"},
    "management": {"broker/base", "amqp", "broker/model"},
}
ALL = set(LAYERS)
WIRING = "broker"
TESTS = "tests"

# What the core may not touch, and who may. A pattern is matched from the start of the included name.
OUTSIDE = [
    (r"boost/(asio|beast)|openssl/ssl\.h", {"broker/transport", "management", WIRING}, "sockets and timers"),
    (r"openssl/", {"broker/transport", "management", "broker/model", WIRING}, "OpenSSL"),
    (r"rocksdb/", {"storage"}, "RocksDB"),
    (r"nlohmann/", {"management", WIRING}, "JSON"),
    (r"spdlog/", {"broker/transport", "management", WIRING}, "the log"),
    (r"CLI/", {WIRING}, "the command line"),
    (r"pcre2\.h", {"broker/model"}, "regular expressions"),
    (r"(mutex|shared_mutex)$", {"storage", "broker/model", "broker/transport", "management", WIRING}, "locks"),
    (r"(thread|condition_variable|future|semaphore|barrier|latch|stop_token)$",
     {"storage", "broker/transport", "management", WIRING}, "threads"),
    (r"(fstream|filesystem|cstdio)$",
     {"storage", "broker/base", "broker/transport", "management", WIRING}, "files"),
    (r"(sys/(socket|epoll|mman|stat|uio|file)|netinet/|arpa/|unistd|fcntl|netdb|poll|dirent|pthread)",
     {"storage", "broker/base", "broker/transport", "management", WIRING}, "the operating system"),
    (r"(gtest|gmock|benchmark)/", {TESTS}, "test libraries"),
]
# In storage/, RocksDB is behind one interface.
ROCKSDB_FILES = re.compile(r"storage/(.*/)?rocksdb_[a-z_]+\.(h|cc)$")
# What the model may see of storage/: the interface, never an implementation.
STORAGE_IMPLEMENTATION = re.compile(r"storage/(.*/)?(rocksdb_|memory_)")
# What has a better one here.
REPLACED = {
    "assert.h": "broker/base/assert.h", "cassert": "broker/base/assert.h",
    "regex": "pcre2.h (std::regex recurses on its input)",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SUFFIXES = {".h", ".cc"}


def layer_of(path):
    """The layer of a file or an included name, as a string; None if it is none of ours."""
    parts = pathlib.PurePosixPath(path).parts
    if len(parts) < 2:
        return None
    if parts[0] == TESTS:
        return TESTS
    if parts[0] == "broker" and len(parts) > 2:
        return "/".join(parts[:2])
    return parts[0] if parts[0] in ("amqp", "storage", "broker", "management") else None


def allowed(layer):
    if layer == TESTS:
        return ALL | {WIRING, TESTS}
    if layer == WIRING:
        return ALL | {WIRING}
    return LAYERS[layer] | {layer}


def check_ours(path, layer, name):
    target = layer_of(name)
    if target is None:
        return f'"{name}" is no path from the root'
    if target not in allowed(layer):
        return f"{layer} may not include {target} ({name})"
    if layer.startswith("broker/model") and STORAGE_IMPLEMENTATION.match(name):
        return f"{layer} sees storage by its interface only, not {name}"
    return None


def check_outside(path, layer, name):
    if name in REPLACED and layer != TESTS:
        return f"<{name}>: use {REPLACED[name]}"
    if layer == TESTS:
        return None
    if name.startswith("rocksdb/") and layer == "storage" and not ROCKSDB_FILES.match(path):
        return f"<{name}>: RocksDB belongs into storage/rocksdb_*"
    for pattern, layers, what in OUTSIDE:
        if re.match(pattern, name) and layer not in layers:
            return f"<{name}>: {layer} does without {what}"
        if re.match(pattern, name):
            break
    return None


def check_file(root, path):
    """The problems of one file, `path` being relative to `root`, as lines."""
    layer = layer_of(path)
    if layer not in ALL | {WIRING, TESTS}:
        return [f"{path}: belongs to no layer"]
    text = (root / path).read_text(errors="replace")
    problems = []
    if path.endswith(".h") and not re.search(r"^#pragma once$", text, re.MULTILINE):
        problems.append(f"{path}:1: has no #pragma once")
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quoted, name = match[1] == '"', match[2]
        problem = (check_ours if quoted else check_outside)(path, layer, name)
        if quoted and not problem and not (root / name).exists():
            problem = f'there is no "{name}"'
        if problem:
            problems.append(f"{path}:{number}: {problem}")
    return problems


def source_files(root):
    for folder in ("amqp", "storage", "broker", "management", "tests"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file() and "node_modules" not in path.parts:
                yield path.relative_to(root).as_posix()


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]
    passed = failed = 0
    for path in source_files(root):
        problems = check_file(root, path)
        for problem in problems:
            print(problem)
        passed, failed = passed + (not problems), failed + bool(problems)
    if passed + failed == 0:
        print(f"no sources below {root}")
        failed = 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
