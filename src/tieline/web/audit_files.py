"""The audits that lie on this machine, read from their ends: those of the center's control and of the logins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tieline.model import AuditRecord
from tieline.security.audit.files import files_of, from_line

MOST_BYTES = 32_000_000
"""Read for one question; some 60,000 records."""


def read_backwards(
    folder: Path, *, start: int, end: int, is_wanted: Callable[[AuditRecord], bool], limit: int, most_bytes: int = MOST_BYTES
) -> tuple[list[AuditRecord], bool]:
    """The newest wanted records from `start` to before `end`, newest first, and whether that is all there are.

    Files that begin after `end` are not read; lines that are damaged are left out. An audit that was never begun has none.
    Raises `OSError`.
    """
    if not folder.is_dir():
        return [], True
    found: list[AuditRecord] = []
    left = most_bytes
    for _, path in reversed(files_of(folder)):
        first = _first_time(path)
        if first is not None and first >= end:
            continue
        size = path.stat().st_size
        if size > left:
            return found, False
        left -= size
        for line in reversed(path.read_bytes().splitlines()):
            try:
                record = from_line(line)
            except ValueError:
                continue
            if record.time_us < end and record.time_us >= start and is_wanted(record):
                found.append(record)
                if len(found) == limit:
                    return found, False
        if first is not None and first < start:
            break
    return found, True


def _first_time(path: Path) -> int | None:
    with path.open("rb") as file:
        try:
            return from_line(file.readline()).time_us
        except ValueError:
            return None
