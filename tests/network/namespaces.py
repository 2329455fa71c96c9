"""Ends of veth pairs in a network namespace: sends raw frames into them, and hears what comes out of each.

Run as a script within the namespace: takes one JSON document on standard input and answers with one on standard output.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

IS_THERE = os.geteuid() == 0
ABSENT = "needs root, for network namespaces"

_ALL = 0x0003
_PACKET_AUXDATA = 8
_SOL_PACKET = 263
_VLAN_VALID = 0x10
_OUTGOING = 4
_QUIET_S = 0.4


@contextmanager
def namespaces(*names: str) -> Iterator[None]:
    """Makes them, without IPv6 and its chatter, and takes them away with all that is in them."""
    made: list[str] = []
    try:
        for name in names:
            subprocess.run(["ip", "netns", "add", name], check=True)
            made.append(name)
            for which in ("all", "default"):
                subprocess.run(
                    ["ip", "netns", "exec", name, "sysctl", "-q", "-w", f"net.ipv6.conf.{which}.disable_ipv6=1"], check=True
                )
        yield
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "del", name], check=False)


def join(names: Sequence[str], *, switch: str, ends: str) -> None:
    """A veth pair for each name: `NAME` in the namespace of the switch, `NAME` in that of the ends."""
    lines = [f"link add {name} netns {switch} type veth peer name {name} netns {ends}" for name in names]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
    for space in (switch, ends):
        up = "\n".join(f"link set {name} up" for name in names)
        subprocess.run(["ip", "-n", space, "-batch", "-"], input=up, text=True, check=True)


def injected(ends: str, ports: Sequence[str], frames: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Sends each frame into its port; what came out, by port, with the tags that it had on the wire."""
    document = {"ports": list(ports), "frames": [(port, frame.hex()) for port, frame in frames]}
    done = subprocess.run(
        ["ip", "netns", "exec", ends, sys.executable, __file__],
        input=json.dumps(document),
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    return [(port, bytes.fromhex(frame)) for port, frame in json.loads(done.stdout)]


def _main() -> None:
    document = json.load(sys.stdin)
    sockets = {}
    with selectors.DefaultSelector() as selector:
        for port in document["ports"]:
            one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
            one.bind((port, _ALL))
            one.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
            sockets[port] = one
            selector.register(one, selectors.EVENT_READ, port)
        heard: list[tuple[str, str]] = []
        for port, frame in document["frames"]:
            sockets[port].send(bytes.fromhex(frame))
            heard += _receive(selector, 0)
        while more := _receive(selector, _QUIET_S):
            heard += more
        for one in sockets.values():
            one.close()
    json.dump(heard, sys.stdout)


def _receive(selector: selectors.BaseSelector, patience_s: float) -> list[tuple[str, str]]:
    heard = []
    for key, _ in selector.select(patience_s):
        assert isinstance(key.fileobj, socket.socket)
        data, ancillary, _, address = key.fileobj.recvmsg(2_048, 256)
        for level, kind, content in ancillary:
            if (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA):
                status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", content[:20])
                if status & _VLAN_VALID:  # the kernel took the outer tag off
                    data = data[:12] + struct.pack(">HH", tpid or 0x8100, tci) + data[12:]
        heard.append((key.data, data.hex() if address[2] != _OUTGOING else ""))
    return heard


if __name__ == "__main__":
    _main()
