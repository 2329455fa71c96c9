"""Serial lines without hardware: pseudo terminals."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import tty
from typing import Any


@contextlib.contextmanager
def line():
    """Two pseudo terminals joined by `pump`: paths of the two ends, descriptors of the middle."""
    ends = [pty.openpty() for _ in range(2)]
    for pair in ends:
        for descriptor in pair:
            tty.setraw(descriptor)
    try:
        yield [os.ttyname(slave) for _, slave in ends], [master for master, _ in ends]
    finally:
        for pair in ends:
            for descriptor in pair:
                os.close(descriptor)


@contextlib.asynccontextmanager
async def pump(masters):
    loop = asyncio.get_running_loop()
    for source, target in (masters, reversed(masters)):
        loop.add_reader(source, lambda source=source, target=target: os.write(target, os.read(source, 4096)))
    try:
        yield
    finally:
        for master in masters:
            loop.remove_reader(master)


def rtu(path: str, unit: int, **limits: Any) -> dict[str, Any]:
    return {
        "transport": "rtu",
        "serial_port": path,
        "unit": unit,
        "baud_rate": 115200,
        "parity": "none",
        "timeout_s": 0.5,
    } | limits
