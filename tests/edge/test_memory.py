"""The gateway's memory: what comes back after a restart, and what a damaged file costs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tieline.edge.memory import Memory
from tieline.model import UnavailableError


class Counter:
    """A part that counts."""

    def __init__(self, count: int = 0) -> None:
        self.count = count

    def remember(self) -> dict[str, Any]:
        return {"count": self.count, "raw": b"\x00\x01"}

    def recall(self, state: Mapping[str, Any]) -> None:
        self.count = state.get("count", 0)


def test_every_part_goes_on_where_it_was(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "memory.bin"
    Memory(file, {"a": Counter(3), "b": Counter(4)}).write()
    a, b, new = Counter(), Counter(), Counter(9)
    Memory(file, {"a": a, "b": b, "new": new}).recall()
    assert (a.count, b.count, new.count) == (3, 4, 9)


@pytest.mark.parametrize("damage", [b"", b"\xc1", b"\x93\x01\x02\x03", b"not at all", None])
def test_a_damaged_file_costs_only_what_it_held(tmp_path: Path, damage: bytes | None) -> None:
    file = tmp_path / "memory.bin"
    Memory(file, {"a": Counter(3)}).write()
    file.write_bytes(file.read_bytes()[:-3] if damage is None else damage)
    part = Counter(7)
    memory = Memory(file, {"a": part})
    memory.recall()
    assert part.count == 7
    memory.write()
    again = Counter()
    Memory(file, {"a": again}).recall()
    assert again.count == 7


def test_a_single_wrong_bit_anywhere_costs_what_was_held(tmp_path: Path) -> None:
    file = tmp_path / "memory.bin"
    Memory(file, {"a": Counter(3)}).write()
    whole = file.read_bytes()
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        part = Counter(7)
        Memory(file, {"a": part}).recall()
        assert part.count == 7


class Broken(Counter):
    """A part that fails at whatever it is asked."""

    def remember(self) -> dict[str, Any]:
        if self.count:
            return {"count": object()}
        raise KeyError("remember")

    def recall(self, state: Mapping[str, Any]) -> None:
        raise KeyError("recall")


def test_a_part_that_fails_costs_the_others_nothing(tmp_path: Path) -> None:
    file = tmp_path / "memory.bin"
    Memory(file, {"bad": Broken(), "strange": Broken(1), "good": Counter(3)}).write()
    good = Counter()
    Memory(file, {"good": good}).recall()
    assert good.count == 3
    Memory(file, {"bad": Counter(3), "good": Counter(4)}).write()
    Memory(file, {"bad": Broken(), "good": good}).recall()
    assert good.count == 4


async def test_a_disk_that_hangs_holds_up_nothing(tmp_path: Path) -> None:
    """A named pipe in the place of the file beside it: opening it waits until somebody reads."""
    os.mkfifo(tmp_path / "memory.new")
    task = asyncio.create_task(Memory(tmp_path / "memory.bin", {"a": Counter(3)}, period_s=0.001).run())
    async with asyncio.timeout(5):
        for _ in range(20):
            await asyncio.sleep(0.002)
    with (tmp_path / "memory.new").open("rb") as reader:
        task.cancel()
        await asyncio.wait([task])
        await asyncio.to_thread(reader.read)


def test_a_file_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    Memory(tmp_path / "file" / "memory.bin", {"a": Counter(3)}).write()
    assert (tmp_path / "file").read_text() == "in the way"


async def test_nothing_is_written_that_is_ahead_of_what_is_safe(tmp_path: Path) -> None:
    """What a part held when it was asked is written when all that was reported before is stored; not at all where that was given up."""
    part, file = Counter(1), tmp_path / "memory.bin"
    asked, stored, done = asyncio.Event(), asyncio.Event(), asyncio.Event()
    turns = 0

    async def settle() -> None:
        nonlocal turns
        turns += 1
        if turns == 1:
            asked.set()
            await stored.wait()
            return
        if turns == 3:
            done.set()
        raise UnavailableError("the disk is full")

    task = asyncio.create_task(Memory(file, {"a": part}, settle, period_s=0.001).run())
    async with asyncio.timeout(10):
        await asked.wait()
        assert not file.exists()
        part.count = 2
        stored.set()
        await done.wait()
    task.cancel()
    await asyncio.wait([task])
    found = Counter()
    Memory(file, {"a": found}).recall()
    assert found.count == 1
