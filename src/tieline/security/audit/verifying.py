"""Finds out whether an audit is what was written: nothing changed, removed, inserted or reordered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tieline.model import AuditRecord
from tieline.security.audit.files import Head, files_of, from_line, read_head


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Something that is not as it was written, and where."""

    file: str
    line: int
    """From 1; 0 is the whole file."""
    problem: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.problem}" if self.line else f"{self.file}: {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a verification came to."""

    records: int
    """Lines that are intact records."""
    last: int
    """Sequence of the last of them; 0 for none."""
    last_hash: str
    damages: tuple[Damage, ...]
    """In the order of the files; one for each place, not one for each record that stands after it."""

    @property
    def is_intact(self) -> bool:
        """Nothing was found."""
        return not self.damages


def verify(folder: Path, *, known: tuple[int, str] | None = None) -> Verdict:
    """Reads the whole audit. Raises `OSError` where it cannot be read.

    `known` is the sequence and the hash of a record that somebody else keeps, such as the newest that the center has. Without it
    somebody who rewrites every file and the head, all of them, leaves no trace here.
    """
    head, damages = read_head(folder), []
    if head is None:
        damages.append(Damage(file="head", line=0, problem="is missing or damaged"))
    chain = Chain(head or Head(), damages, known=known)
    for first, path in files_of(folder):
        chain.begin_file(path, first)
        for number, line in enumerate(_lines(path), 1):
            chain.take(number, line)
    chain.end()
    return Verdict(records=chain.records, last=chain.sequence, last_hash=chain.hash, damages=tuple(damages))


class Chain:
    """Follows the records of an audit one by one; after damage it goes on from what is there, so that each damage is told once."""

    def __init__(self, head: Head, damages: list[Damage], *, known: tuple[int, str] | None = None) -> None:
        self.records = 0
        self.sequence = head.first - 1
        """Of the newest intact record."""
        self.hash = head.first_previous
        self._head = head
        self._damages = damages
        self._known = known
        self._file = ""
        self.unreadable = 0
        """Lines since then that may have been a record each."""

    def begin_file(self, path: Path, first: int) -> None:
        """What comes stands in this file."""
        self._file = path.name
        if first <= self.sequence:
            self._damage(0, f"begins with record {first} by its name, {self.sequence + 1} is next")

    def take(self, number: int, line: bytes) -> AuditRecord | None:
        """The record in this line, where it is one; whatever is wrong with it or before it is damage."""
        try:
            record = from_line(line)
            is_intact = record.is_intact and line.endswith(b"\n")
        except ValueError as error:
            self._damage(number, f"is no record: {error}")
            self.unreadable += 1
            return None
        if not is_intact:
            self._damage(number, f"record {record.sequence} is not what its hash says")
            self.unreadable += 1
            return None
        self.records += 1
        self._compare(number, record)
        if record.sequence > self.sequence:
            self.sequence, self.hash, self.unreadable = record.sequence, record.hash, 0
        return record

    def end(self) -> None:
        """No more will come."""
        if self.sequence + self.unreadable < self._head.last:
            first = self.sequence + self.unreadable + 1
            self._damage(0, f"records {first} to {self._head.last} are missing at the end")
        elif self.sequence == self._head.last and self.hash != self._head.last_hash:
            self._damage(0, f"record {self.sequence} is not the one that was written last")
        elif self.sequence > self._head.last + 1 and not any(damage.file == "head" for damage in self._damages):
            self._damage(0, f"records {self._head.last + 2} to {self.sequence} were never acknowledged")
        if self._known is not None and self.sequence < self._known[0]:
            self._damage(0, f"record {self._known[0]}, which is known elsewhere, is missing")

    def _compare(self, number: int, record: AuditRecord) -> None:
        expected = self.sequence + 1
        if record.sequence > expected + self.unreadable:
            first, last = expected + self.unreadable, record.sequence - 1
            gap = f"record {first} is" if last == first else f"records {first} to {last} are"
            self._damage(number, f"{gap} missing before record {record.sequence}")
        elif record.sequence < expected:
            self._damage(number, f"record {record.sequence} stands after record {self.sequence}")
        elif record.sequence == expected and record.previous != self.hash:
            self._damage(number, f"record {record.sequence} does not follow the record before it")
        if self._known is not None and record.sequence == self._known[0] and record.hash != self._known[1]:
            self._damage(number, f"record {record.sequence} is not the one that is known elsewhere")

    def _damage(self, number: int, problem: str) -> None:
        self._damages.append(Damage(file=self._file or "head", line=number, problem=problem))


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file
