"""Runs Tieline's own commands as children: keeps them running, stops them together, says in one line why one cannot start.

A child that exits with code 2 has said that it cannot do its job (a port in use, a directory that cannot be written); it ends the
whole. One that ends in any other way is started again, at once the first time and then more and more slowly.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import structlog

from tieline.io.process import start, stop, tail_of
from tieline.model import UnavailableError

log = structlog.get_logger()

CANNOT_START = 2
_MOST_WAIT_S = 10.0
_IS_STABLE_AFTER_S = 30.0
_POLL_S = 0.1
_MOST_LOG_BYTES = 16 * 1024 * 1024


@dataclass(slots=True)
class Child:
    """One command of Tieline; what it writes goes to its log file, or to our own output where there is none."""

    name: str
    arguments: Sequence[str]
    log_file: Path | None = None
    process: Process | None = field(default=None, repr=False)

    async def start(self) -> None:
        """Starts it."""
        command = [sys.executable, "-m", "tieline", *self.arguments]
        if self.log_file is None:
            self.process = await start(command)
            return
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        if self.log_file.exists() and self.log_file.stat().st_size > _MOST_LOG_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".old"))
        with self.log_file.open("ab") as output:
            self.process = await start(command, output=output)

    async def keep(self) -> None:
        """Starts it again whenever it ends. Raises `UnavailableError` where it cannot do its job."""
        loop = asyncio.get_running_loop()
        wait_s = 0.0
        while True:
            assert self.process is not None
            started = loop.time()
            code = await self.process.wait()
            if code == CANNOT_START:
                raise UnavailableError(self._reason())
            wait_s = 0.0 if loop.time() - started > _IS_STABLE_AFTER_S else min(2 * wait_s + 0.25, _MOST_WAIT_S)
            log.warning("process ended", child=self.name, code=code, restart_in_s=wait_s)
            await asyncio.sleep(wait_s)
            await self.start()

    async def stop(self) -> None:
        """Ends it and waits for that."""
        if self.process is not None:
            await stop(self.process)

    def _reason(self) -> str:
        lines = tail_of(self.log_file).splitlines() if self.log_file else []
        said = [line.removeprefix("tieline: ") for line in lines if line.startswith("tieline: ")]
        return said[-1] if said else f"{self.name} cannot run; its own message says why"


class Supervisor:
    """Starts children when entered, keeps them running, stops them when left.

    async with Supervisor(children) as supervisor:
        await supervisor.until(is_ready, timeout_s=60)
        await supervisor.forever()
    """

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = children
        self._keepers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        try:
            for child in self._children:
                await child.start()
                self._keepers.append(asyncio.create_task(child.keep(), name=f"keep {child.name}"))
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(child.stop() for child in self._children))

    async def until(self, is_ready: Callable[[], Awaitable[bool]], *, timeout_s: float) -> None:
        """Waits until the condition holds. Raises `UnavailableError` where a child cannot run, or the time is over."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not await is_ready():
            if asyncio.get_running_loop().time() > deadline:
                raise UnavailableError(f"not ready after {timeout_s:g} s; the logs say more")
            await self._watch(timeout_s=_POLL_S)

    async def forever(self) -> None:
        """Waits until cancelled. Raises `UnavailableError` where a child cannot run."""
        await self._watch(timeout_s=None)

    async def _watch(self, *, timeout_s: float | None) -> None:
        ended, _ = await asyncio.wait(self._keepers, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        for keeper in ended:
            keeper.result()
