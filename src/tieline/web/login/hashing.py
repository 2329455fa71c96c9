"""Runs what hashes passwords in threads: few at once, for each takes a core and 64 MiB, and not many waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from tieline.model import UnavailableError

T = TypeVar("T")
AT_ONCE = 2
WAITING = 32


class Hashing:
    """For one event loop."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._held = 0

    async def run(self, work: Callable[[], T]) -> T:
        """What the work gives. Raises `UnavailableError` where too much waits already, and what the work raises."""
        if self._held >= AT_ONCE + WAITING:
            raise UnavailableError("too many people log in at this moment; try again")
        self._held += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(work)
        finally:
            self._held -= 1
