"""A receiver that remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tieline.io import Channel


class Heard:
    def __init__(self) -> None:
        self.data = b""
        self.pieces: list[bytes] = []
        self.reasons: list[str] = []
        self.starts = 0
        self._changed = asyncio.Event()

    def start(self) -> None:
        self.starts += 1
        self._changed.set()

    def received(self, data: bytes) -> None:
        assert not self.reasons
        self.data += data
        self.pieces.append(data)
        self._changed.set()

    def closed(self, reason: str) -> None:
        self.reasons.append(reason)
        self._changed.set()

    async def something(self) -> None:
        async with asyncio.timeout(10):
            await self._changed.wait()
        self._changed.clear()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                await self._changed.wait()
                self._changed.clear()


class Doorkeeper:
    """Accepts connections, each for a receiver of its own."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.hosts: list[str] = []
        self.channels: list[Channel] = []
        self.receivers: list[Heard] = []
        self._refuses = refuses
        self._came = asyncio.Event()

    def __call__(self, channel: Channel, host: str) -> Heard | None:
        self.hosts.append(host)
        self.channels.append(channel)
        self.receivers.append(Heard())
        self._came.set()
        return None if self._refuses else self.receivers[-1]

    async def count(self, wanted: int) -> None:
        async with asyncio.timeout(10):
            while len(self.channels) < wanted:
                await self._came.wait()
                self._came.clear()


async def soon(holds: Callable[[], bool]) -> None:
    """Lets the loop turn until something holds that nobody is told of."""
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0)
