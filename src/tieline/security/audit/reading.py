"""Reads the entries of an audit in a folder, also while a role appends to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tieline.model import AuditRecord
from tieline.model.audit import read_entry
from tieline.security.audit.notes import Checkpoint, Note
from tieline.security.audit.tiles import WIDTH, Tile, read_tail, reader, unpack

_TRIES = 5
MOST_BYTES = 32_000_000
"""Read for one question; some 100,000 records."""


class AuditReader:
    """What is in an audit. Nothing is verified; entries that cannot be read are left out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read = reader(folder)

    def size(self) -> int:
        """How many entries the log has. Raises `OSError`."""
        tail = read_tail(self._read("tail") or b"")
        sizes = [tail.frames[-1].size] if tail.frames else []
        checkpoint = self.checkpoint()
        return max([*sizes, 0 if checkpoint is None else checkpoint.size])

    def checkpoint(self) -> Checkpoint | None:
        """The published one, unverified. Raises `OSError`."""
        try:
            return Checkpoint.parse(Note.parse(self._read("checkpoint") or b"").text)
        except ValueError:
            return None

    def bundle(self, index: int) -> list[bytes]:
        """The entries from 256 times this on, up to 256 of them; none where they are gone or not there yet. Raises `OSError`."""
        for _ in range(_TRIES):  # a role that appends moves entries from the tail to tiles meanwhile
            begin = index * WIDTH
            tail = read_tail(self._read("tail") or b"")
            whole = self._read(Tile(-1, index).path)
            if whole is not None:
                return _unpacked(whole)
            newest = self._newest_part(index)
            start = tail.start
            if start is None or start >= begin + WIDTH:
                if newest is not None:
                    return newest
                continue
            held = [entry for frame in tail.frames for entry in frame.entries]
            if start <= begin:
                return held[begin - start : begin - start + WIDTH]
            if newest is not None and begin + len(newest) >= start:
                return newest[: start - begin] + held[: begin + WIDTH - start]
        return []

    def since(self, sequence: int, most: int) -> list[AuditRecord]:
        """The records after this one, oldest first, at most so many. Raises `OSError`."""
        found: list[AuditRecord] = []
        for index in range(max(self._bundle_of(sequence), self._first()), -(-self.size() // WIDTH)):
            for entry in self.bundle(index):
                record = _record(entry)
                if record is not None and record.sequence > sequence:
                    found.append(record)
                    if len(found) == most:
                        return found
        return found

    def records(self) -> Iterator[AuditRecord]:
        """All that is there, oldest first. Raises `OSError`."""
        for index in range(self._first(), -(-self.size() // WIDTH)):
            yield from filter(None, map(_record, self.bundle(index)))

    def backwards(self) -> Iterator[list[bytes]]:
        """The entries of each bundle, the newest bundle first. Raises `OSError`."""
        for index in range(-(-self.size() // WIDTH) - 1, -1, -1):
            entries = self.bundle(index)
            if not entries:
                return
            yield entries

    def _bundle_of(self, sequence: int) -> int:
        """The bundle in which the record after this one stands: sequences grow, and may leave some out."""
        low, high = self._first(), min(sequence, max(self.size() - 1, 0)) // WIDTH
        while low < high:
            middle = (low + high + 1) // 2
            first = next(filter(None, map(_record, self.bundle(middle)[:1])), None)
            if first is None or first.sequence <= sequence + 1:  # forgotten ones are older
                low = middle
            else:
                high = middle - 1
        return low

    def _first(self) -> int:
        """The first bundle that was not given up, as the log says; unverified."""
        try:
            word, _, number = Note.parse(self._read("forgotten") or b"").text.split("\n")[1].partition(" ")
            return int(number) // WIDTH if word == "forgotten" and number.isdigit() else 0
        except (ValueError, IndexError):
            return 0

    def _newest_part(self, index: int) -> list[bytes] | None:
        folder = (self._folder / Tile(-1, index, 1).path).parent
        try:
            widths = sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())
        except (FileNotFoundError, NotADirectoryError):
            return None
        raw = self._read(Tile(-1, index, widths[-1]).path) if widths else None
        return None if raw is None else _unpacked(raw)


def read_backwards(
    folder: Path, *, start: int, end: int, is_wanted: Callable[[AuditRecord], bool], limit: int, most_bytes: int = MOST_BYTES
) -> tuple[list[AuditRecord], bool]:
    """The newest wanted records from `start` to before `end`, newest first, and whether that is all there are.

    Entries that are damaged are left out. An audit that was never begun has none. Raises `OSError`.
    """
    found: list[AuditRecord] = []
    left = most_bytes
    for entries in AuditReader(folder).backwards():
        left -= sum(map(len, entries))
        if left < 0:
            return found, False
        first = _record(entries[0])
        if first is not None and first.time_us >= end:
            continue
        for record in filter(None, map(_record, reversed(entries))):
            if start <= record.time_us < end and is_wanted(record):
                found.append(record)
                if len(found) == limit:
                    return found, False
        if first is not None and first.time_us < start:
            break
    return found, True


def _record(entry: bytes) -> AuditRecord | None:
    try:
        return read_entry(entry)
    except ValueError:
        return None


def _unpacked(raw: bytes) -> list[bytes]:
    try:
        return unpack(raw)
    except ValueError:
        return []
