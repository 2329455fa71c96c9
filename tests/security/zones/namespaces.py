"""Network namespaces for tests: hosts of a plan behind a router that forwards everything, with real sockets on real ports."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

AGENT = Path(__file__).with_name("port_agent.py")
_numbers = itertools.count()


def run(*command: str, text: str = "", namespace: str = "") -> str:
    """Its output; raises with what it said where it fails."""
    inside = ["ip", "netns", "exec", namespace] if namespace else []
    done = subprocess.run([*inside, *command], input=text, text=True, capture_output=True, timeout=30, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def why_not() -> str:
    """Why there can be no namespaces with a firewall here; empty where there can."""
    if os.geteuid():
        return "only root makes network namespaces"
    for tool in ("ip", "nft"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    try:
        with namespace() as name:
            run("nft", "list", "ruleset", namespace=name)
    except AssertionError as error:
        return f"no network namespaces to be had: {error}"
    return ""


@contextmanager
def namespace() -> Iterator[str]:
    """An empty network namespace, gone afterwards."""
    name = f"tieline-{os.getpid()}-{next(_numbers)}"
    run("ip", "netns", "add", name)
    try:
        run("ip", "link", "set", "lo", "up", namespace=name)
        yield name
    finally:
        run("ip", "netns", "del", name)


def capture(name: str) -> str:
    """The rule set there, as `nft` tells it."""
    return run("nft", "-j", "list", "ruleset", namespace=name)


def counted(name: str) -> dict[str, int]:
    """The packets of each named counter there."""
    items = json.loads(run("nft", "-j", "list", "counters", namespace=name))["nftables"]
    return {item["counter"]["name"]: item["counter"]["packets"] for item in items if "counter" in item}


def connect(router: str, name: str, addresses: list[str]) -> None:
    """A link between the router and a host, with these addresses there and nothing else on it."""
    link = f"v{next(_numbers)}"
    run("ip", "link", "add", link, "netns", router, "type", "veth", "peer", "name", "eth0", "netns", name)
    run("ip", "addr", "add", "169.254.0.1/32", "dev", link, namespace=router)
    run("ip", "addr", "add", "fe80::1/64", "dev", link, "nodad", namespace=router)
    run("ip", "link", "set", link, "up", namespace=router)
    for address in addresses:
        run("ip", "addr", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []), namespace=name)
        run("ip", "route", "add", address, "dev", link, namespace=router)
    run("ip", "link", "set", "eth0", "up", namespace=name)
    run("ip", "route", "add", "169.254.0.1", "dev", "eth0", namespace=name)
    run("ip", "route", "add", "default", "via", "169.254.0.1", namespace=name)
    run("ip", "-6", "route", "add", "default", "via", "fe80::1", "dev", "eth0", namespace=name)


class Agent:
    """A process in a namespace that listens on ports and tries those of others."""

    def __init__(self, name: str, ports: list[int]) -> None:
        self._process = subprocess.Popen(
            ["ip", "netns", "exec", name, sys.executable, "-I", "-S", str(AGENT), json.dumps(ports)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait(self) -> Any:
        """What it answers next."""
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def ask(self, question: dict[str, Any]) -> None:
        """Begins with it; `wait` gives the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
