"""What listening tells the drivers: look at once. A hint proves nothing; it makes a driver ask before its period is over."""

from __future__ import annotations

import asyncio


class Hints:
    """By the name of a device; what is hinted while nobody waits is kept, once."""

    def __init__(self) -> None:
        self._events: dict[str, asyncio.Event] = {}
        self._engines: dict[bytes, str] = {}

    def poke(self, device: str) -> None:
        """The device has something to tell; harmless where nobody ever waits for it."""
        self._of(device).set()

    async def wait(self, device: str, timeout_s: float) -> bool:
        """Returns True at the next hint, at once where there is one already, and False where none came within the time."""
        event = self._of(device)
        try:
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError:
            return False
        event.clear()
        return True

    def learn(self, device: str, engine_id: bytes) -> None:
        """The device has proven to be this engine: what it sends from another of its addresses is known by it."""
        self._engines = {engine: name for engine, name in self._engines.items() if name != device} | {engine_id: device}

    def device_of(self, engine_id: bytes) -> str | None:
        """Who that engine is; None where nobody has proven to be it."""
        return self._engines.get(engine_id)

    def _of(self, device: str) -> asyncio.Event:
        return self._events.setdefault(device, asyncio.Event())
