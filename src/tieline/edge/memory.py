"""What a gateway has to remember when it is started again: counters, energies, positions in other parties' buffers.

Parts give small dictionaries of numbers, texts, lists and bytes; they are written together, atomically, every ten seconds and at the end.
What is written is never ahead of what is safe: it is taken first, and written when all that was reported before is on the disk.
A file that is damaged, which a checksum at its end tells, or of a part that is no longer there, costs what it held and nothing else; so
does a part that fails at remembering or recalling.
"""

from __future__ import annotations

import asyncio
import os
import threading
import zlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec
import structlog

from tieline.edge.driver import Settle, at_once
from tieline.model import UnavailableError

VERSION = 1
CHECKSUM_BYTES = 4
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


Keep = Callable[[], Awaitable[None]]
"""Writes the memory now; raises `UnavailableError` where it is not on the disk afterwards."""


@runtime_checkable
class KeepingAtOnce(Remembering, Protocol):
    """A part that must not go on before its state is on the disk."""

    def keep_with(self, keep: Keep) -> None:
        """Takes what writes it."""
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
        self._broken: set[str] = set()
        self._guard = threading.Lock()
        self._taken_last = self._written_last = 0

    def recall(self) -> None:
        """Gives every part what it held when the file was written."""
        try:
            document = msgspec.msgpack.decode(_checked(self._file.read_bytes()), type=dict[str, Any])
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError) as error:
            log.error("gateway's memory cannot be read", file=str(self._file), reason=str(error))
            return
        if document.get("version") != VERSION:
            log.error("gateway's memory is of another version", file=str(self._file))
            return
        for name, part in self._parts.items():
            state = document.get(name)
            if isinstance(state, dict):
                try:
                    part.recall(state)
                except Exception:  # a gateway that cannot go on from somewhere has to begin
                    log.exception("gateway's memory cannot be recalled", part=name)

    def write(self) -> None:
        """Writes what all parts hold now, if it is not what was written last; a full disk is noted once and tried again."""
        self._write(*self._taken())

    def _taken(self) -> tuple[int, bytes]:
        """What all parts hold, and how many times that was asked."""
        self._taken_last += 1
        held = {name: state for name, part in self._parts.items() if (state := self._held(name, part)) is not None}
        raw = msgspec.msgpack.encode({"version": VERSION, **held})
        return self._taken_last, raw + zlib.crc32(raw).to_bytes(CHECKSUM_BYTES, "little")

    def _held(self, name: str, part: Remembering) -> msgspec.Raw | None:
        try:
            state = msgspec.Raw(msgspec.msgpack.encode(part.remember()))
        except Exception:  # what one part does wrong must not cost the others their state
            if name not in self._broken:
                log.exception("gateway's memory lacks a part", part=name)
            self._broken.add(name)
            return None
        self._broken.discard(name)
        return state

    def _write(self, number: int, raw: bytes) -> None:
        with self._guard:
            if number < self._written_last or raw == self._written:
                return
            self._written_last = number
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
            try:
                await self._write_what_is_safe()
            except UnavailableError as error:
                log.warning("gateway's memory not written", reason=str(error))

    async def keep(self) -> None:
        """Writes now. Raises `UnavailableError` where what all parts hold is not on the disk afterwards."""
        await self._write_what_is_safe()
        if self._is_failing:
            raise UnavailableError(f"{self._file} cannot be written")

    async def _write_what_is_safe(self) -> None:
        taken = self._taken()
        await self._settle()
        await asyncio.to_thread(self._write, *taken)


def _checked(raw: bytes) -> bytes:
    """What stands before the checksum. Raises `ValueError` where that is not the right one."""
    content, checksum = raw[:-CHECKSUM_BYTES], raw[-CHECKSUM_BYTES:]
    if checksum != zlib.crc32(content).to_bytes(CHECKSUM_BYTES, "little"):
        raise ValueError("the checksum is not that of the content")
    return content
