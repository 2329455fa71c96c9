"""Plays parts of a switch that a Linux machine does not have, as a `pass_persist` script of snmpd.

The state is a JSON file that the test may change at any time: {"1.3.6.1.2.1.105.1.1.1.3.1.7": ["integer", "1"], ...}. What is set through
SNMP is written back to it; the types are those of snmpd.conf(5). An entry whose third element is "ro" cannot be set.
"""

import fcntl
import json
import sys
from pathlib import Path


def oid_of(text):
    return tuple(int(part) for part in text.strip(".").split("."))


class State:
    def __init__(self, path):
        self.path = Path(path)
        self.seen = None
        self.cells = {}
        self.order = []

    def read(self):
        status = self.path.stat()
        if self.seen != (status.st_mtime_ns, status.st_ino):
            self.seen = (status.st_mtime_ns, status.st_ino)
            self.cells = {oid_of(name): cell for name, cell in json.loads(self.path.read_text()).items()}
            self.order = sorted(self.cells)
        return self.cells

    def write(self, name, kind, value):
        with Path(f"{self.path}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.seen = None
            cells = self.read()
            if name not in cells or cells[name][2:] == ["ro"]:
                return "not-writable"
            if cells[name][0] != kind:
                return "wrong-type"
            changed = {".".join(map(str, each)): cell for each, cell in cells.items()}
            changed[".".join(map(str, name))] = [kind, value.strip('"')]
            new = Path(f"{self.path}.new")
            new.write_text(json.dumps(changed))
            new.replace(self.path)
        return "DONE"


def main(path, root):
    state, root = State(path), oid_of(root)
    say = lambda *lines: print(*lines, sep="\n", flush=True)  # noqa: E731
    for line in sys.stdin:
        command = line.strip()
        if command == "PING":
            say("PONG")
        elif command in ("get", "getnext"):
            name = oid_of(sys.stdin.readline())
            cells = state.read()
            if command == "getnext":
                name = next((each for each in state.order if each > name and each[: len(root)] == root), None)
            if name in cells:
                kind, value = cells[name][:2]
                say("." + ".".join(map(str, name)), kind, value)
            else:
                say("NONE")
        elif command == "set":
            name = oid_of(sys.stdin.readline())
            kind, _, value = sys.stdin.readline().strip().partition(" ")
            say(state.write(name, kind, value))
        else:
            break


if __name__ == "__main__":
    main(*sys.argv[1:])
