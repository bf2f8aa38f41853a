"""Runs a program under strace and reads what it wrote and synced, in the order in which it
happened."""

import re
import shutil
import subprocess
from dataclasses import dataclass

CALLS = "fdatasync,fsync,sync_file_range,write,pwrite64,writev,sendmsg,sendto"
_OPTIONS = ["-f", "-D", "-tt", "-yy", "-xx", "-s", "1000000", "-e", f"trace={CALLS}"]
_LINE = re.compile(r"^(\d+) +\S+ (.*)$")
_BEGIN = re.compile(r"^(\w+)\((?:0x)?[0-9a-f]+<(.*?)>(?=[,) ]|$)(.*)$")
_RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def why_not():
    """Why nothing can be traced here, or None."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(
        ["strace", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False
    )
    return f"strace may not trace: {tried.stderr.strip()}" if tried.returncode else None


def traced(command, path):
    """The command that runs `command` under strace; its process is that of `command`."""
    return ["strace", *_OPTIONS, "-o", path, *command]


@dataclass
class Call:
    """One call. `begin` and `end` are places in the record: strace holds a thread at the entry and
    at the return of each call until it has noted it, so what came of a return is noted later."""

    name: str
    target: str  # a path, or both ends of a socket
    data: bytes
    begin: int
    end: int
    result: int


def is_complete(path, pid):
    """Whether the record holds the end of the process."""
    return re.search(rf"^{pid} +\S+ \+\+\+ ", path.read_text(errors="replace"), re.M) is not None


def read(path):
    """All finished calls on open descriptors, by their ends."""
    calls, open_calls = [], {}
    for number, line in enumerate(path.read_text(errors="replace").splitlines()):
        match = _LINE.match(line)
        if match is None:
            continue
        thread, text = match.groups()
        resumed = _RESUMED.match(text)
        if resumed and thread in open_calls:
            begin, first = open_calls.pop(thread)
            text = first + resumed.group(2)
        elif text.endswith("<unfinished ...>"):
            open_calls[thread] = (number, text.removesuffix("<unfinished ...>").rstrip())
            continue
        else:
            begin = number
        called = _BEGIN.match(text)
        result = re.search(r"\) += (-?\d+)", text)
        if called is None or result is None:
            continue
        name, target, arguments = called.groups()
        data = b"".join(
            bytes.fromhex(each.replace("\\x", "")) for each in _STRING.findall(arguments)
        )
        count = int(result.group(1))
        data = data[: max(count, 0)] if data else b""
        calls.append(Call(name, plain(target), data, begin, number, count))
    return calls


def plain(target):
    """With -xx paths are escaped as well."""
    escaped = re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found.group(1), 16)), target)
    return escaped.strip('"')
