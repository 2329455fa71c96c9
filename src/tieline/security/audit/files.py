"""How an audit lies on disk.

    audit/
      0000000000000001.jsonl     one record a line; the name is the sequence of the first
      0000000000004711.jsonl     the next file continues the chain
      head                       what the oldest and the newest acknowledged record are, so that a cut-off end is seen
      sent                       up to which record the center has them
      reserve                    room that is given up when the disk is full
      lock                       held by the one process that appends

A line is JSON with sorted keys and no spaces: a record has one spelling, byte for byte.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieline.model import AuditRecord
from tieline.model.audit import FIRST_PREVIOUS

_NAME = re.compile(r"^(\d{16})\.jsonl$")
_HEAD = re.compile(rb"(\d{16}) ([0-9a-f]{64}) (\d{16}) ([0-9a-f]{64}) ([0-9a-f]{8})\n")
_KEYS = {"sequence", "time_us", "site", "actor", "action", "target", "detail", "outcome", "previous", "hash"}


def file_name(first: int) -> str:
    """The name of the file that begins with the record of this sequence."""
    return f"{first:016d}.jsonl"


def files_of(folder: Path) -> list[tuple[int, Path]]:
    """The audit's files with the sequence of their first record, oldest first."""
    found = [(match, path) for path in folder.iterdir() if (match := _NAME.match(path.name))]
    return sorted((int(match[1]), path) for match, path in found)


def to_line(record: AuditRecord) -> bytes:
    """The record as its line, with the line feed."""
    content = json.loads(record.canonical()) | {"previous": record.previous, "hash": record.hash}
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def from_line(line: bytes) -> AuditRecord:
    """The record in a line, with or without its line feed; its hash is not looked at. Raises `ValueError` for anything else."""
    try:
        content: Any = json.loads(line)
    except RecursionError as error:
        raise ValueError("the line is nested too deeply") from error
    if not isinstance(content, dict) or set(content) != _KEYS:
        raise ValueError("the line has not the keys of a record")
    numbers, detail = ("sequence", "time_us"), content["detail"]
    if not isinstance(detail, dict) or not all(isinstance(value, str | int | float | None) for value in detail.values()):
        raise ValueError("the detail is not flat")
    if not all(type(content[key]) is int for key in numbers):
        raise ValueError("sequence or time is no integer")
    if not all(isinstance(content[key], str) for key in _KEYS - {"detail", *numbers}):
        raise ValueError("a text is no text")
    record = AuditRecord(**content)
    if to_line(record).rstrip(b"\n") != line.rstrip(b"\n"):
        raise ValueError("the record is not spelled as records are")
    return record


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Between which records the audit reaches."""

    first: int = 1
    """Sequence of the oldest record that was not given up to make room."""
    first_previous: str = FIRST_PREVIOUS
    last: int = 0
    """Sequence of the newest acknowledged record; the files may hold one more."""
    last_hash: str = FIRST_PREVIOUS

    def to_bytes(self) -> bytes:
        """Always of the same length, with a checksum, and so short that a disk writes it as a whole."""
        text = f"{self.first:016d} {self.first_previous} {self.last:016d} {self.last_hash}".encode()
        return text + f" {zlib.crc32(text):08x}\n".encode()


def read_head(folder: Path) -> Head | None:
    """The head, or None where it is missing or damaged."""
    try:
        raw = (folder / "head").read_bytes()
    except OSError:
        return None
    match = _HEAD.fullmatch(raw)
    if match is None:
        return None
    first, first_previous, last, last_hash, _ = (part.decode() for part in match.groups())
    head = Head(first=int(first), first_previous=first_previous, last=int(last), last_hash=last_hash)
    return head if head.to_bytes() == raw else None
