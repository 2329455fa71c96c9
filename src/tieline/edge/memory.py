"""What a gateway has to remember when it is started again: counters, energies, positions in other parties' buffers.

Parts give small dictionaries of numbers, texts, lists and bytes; they are written together, atomically, every ten seconds and at the end.
What is written is never ahead of what is safe: it is taken first, and written when all that was reported before is on the disk.
A file that is damaged, or of a part that is no longer there, costs what it held and nothing else.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec
import structlog

from tieline.edge.driver import Settle, at_once
from tieline.model import UnavailableError

VERSION = 1
PERIOD_S = 10.0

log = structlog.get_logger()


@runtime_checkable
class Remembering(Protocol):
    """A part with a state that outlives the process."""

    def remember(self) -> dict[str, Any]:
        """The state as it is now, in what msgpack can hold."""
        ...

    def recall(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state; what is missing, unknown or makes no sense is passed over."""
        ...


class Memory:
    """The states of named parts in one file."""

    def __init__(
        self, file: Path, parts: Mapping[str, Remembering], settle: Settle = at_once, *, period_s: float = PERIOD_S
    ) -> None:
        self._file = file
        self._period_s = period_s
        self._settle = settle
        self._parts = parts
        self._written = b""
        self._is_failing = False

    def recall(self) -> None:
        """Gives every part what it held when the file was written."""
        try:
            raw = self._file.read_bytes()
            document = msgspec.msgpack.decode(raw, type=dict[str, Any])
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            log.error("gateway's memory cannot be read", file=str(self._file), reason=str(error))
            return
        if document.get("version") != VERSION:
            log.error("gateway's memory is of another version", file=str(self._file))
            return
        for name, part in self._parts.items():
            state = document.get(name)
            if isinstance(state, dict):
                part.recall(state)

    def write(self) -> None:
        """Writes what all parts hold now, if it is not what was written last; a full disk is noted once and tried again."""
        self._write(self._taken())

    def _taken(self) -> bytes:
        return msgspec.msgpack.encode({"version": VERSION, **{name: part.remember() for name, part in self._parts.items()}})

    def _write(self, raw: bytes) -> None:
        if raw == self._written:
            return
        beside = self._file.with_suffix(".new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with beside.open("wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._file)
        except OSError as error:
            if not self._is_failing:
                log.error("gateway's memory cannot be written", file=str(self._file), reason=error.strerror or str(error))
            self._is_failing = True
            return
        self._is_failing = False
        self._written = raw

    async def run(self) -> None:
        """Writes every so often until cancelled."""
        while True:
            await asyncio.sleep(self._period_s)
            raw = self._taken()
            try:
                await self._settle()
            except UnavailableError as error:
                log.warning("gateway's memory not written", reason=str(error))
            else:
                self._write(raw)
