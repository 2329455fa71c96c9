"""What a gateway has to remember when it is started again: counters, energies, positions in other parties' buffers.

Parts give small dictionaries of numbers, texts, lists and bytes; they are written together, atomically, every ten seconds and at the end.
A file that is damaged, or of a part that is no longer there, costs what it held and nothing else.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog

VERSION = 1
PERIOD_S = 10.0

log = structlog.get_logger()


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

    def __init__(self, file: Path, parts: Mapping[str, Remembering]) -> None:
        self._file = file
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
        document = {"version": VERSION, **{name: part.remember() for name, part in self._parts.items()}}
        raw = msgspec.msgpack.encode(document)
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
        """Writes every ten seconds until cancelled, and once more then."""
        try:
            while True:
                await asyncio.sleep(PERIOD_S)
                self.write()
        finally:
            self.write()
