"""A network of two interfaces that nobody else sees: a veth pair in a network namespace of its own."""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import pytest

NEAR, FAR = "near0", "far0"

_CLONE_NEWNET = 0x4000_0000
_T = TypeVar("_T")


class Namespace:
    """Runs things inside; sockets that are opened there stay there, whoever uses them afterwards."""

    def __init__(self) -> None:
        # A namespace belongs to a thread: this one lives in it, and so do the processes that it starts.
        self._thread = ThreadPoolExecutor(1)

    def call(self, work: Callable[[], _T]) -> _T:
        return self._thread.submit(work).result(20)

    def ip(self, *words: str) -> bytes:
        return self.call(lambda: subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)).stdout

    def await_up(self, interface: str) -> None:
        """The kernel drops what is sent before it has noticed that the other end is there; it takes its time."""
        end = time.monotonic() + 10
        while b"state UP" not in self.ip("-o", "link", "show", interface):
            assert time.monotonic() < end, f"{interface} does not come up"

    def close(self) -> None:
        self._thread.shutdown()


def _enter() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextmanager
def veth_pair() -> Iterator[Namespace]:
    """`NEAR` and `FAR`, both up; skips the test where this machine cannot make them."""
    namespace = Namespace()
    try:
        try:
            namespace.call(_enter)
            namespace.ip("link", "add", NEAR, "type", "veth", "peer", "name", FAR)
            for interface in (NEAR, FAR, "lo"):
                namespace.ip("link", "set", interface, "up")
            for interface in (NEAR, FAR):
                namespace.await_up(interface)
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"no veth pair in a network namespace can be made here: {error}")
        yield namespace
    finally:
        namespace.close()
