"""The logs that the roles of this machine write, read from their ends; one event a line as JSON, other lines as they are."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

MOST_BYTES = 1_000_000
"""Of each file, from its end."""
MOST_TEXT = 4_000
LEVELS = ("debug", "info", "warning", "error", "critical")
_NAMED = {"timestamp", "level", "role", "event"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One event of a role; what a library or a crash wrote between two of them is one too."""

    time_us: int
    """Microseconds since 1970-01-01 UTC; where the line says none, that of the line before it. 0 where there is no such."""
    source: str
    """The file's name without its ending."""
    role: str
    level: str
    event: str
    fields: dict[str, Any]


def read_tail(path: Path, most_bytes: int = MOST_BYTES) -> list[LogLine]:
    """The newest lines of a log, oldest first; a line that is cut off at the begin is left out. Raises `OSError`."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - most_bytes))
        raw = file.read(most_bytes)
    if size > most_bytes:
        raw = raw.partition(b"\n")[2]
    return list(_lines(path.stem, raw.decode(errors="replace").splitlines()))


def _lines(source: str, texts: list[str]) -> Iterator[LogLine]:
    time_us, role, loose = 0, source, list[str]()
    for text in texts:
        line = _read(source, text)
        if line is None:
            loose.append(text)
            continue
        if loose:
            yield _of_loose(source, role, time_us, loose)
            loose = []
        time_us, role = line.time_us, line.role
        yield line
    if loose:
        yield _of_loose(source, role, time_us, loose)


def _of_loose(source: str, role: str, time_us: int, texts: list[str]) -> LogLine:
    """Lines that are no events: of a library's logger, which begin with their level; a traceback, of which the end says most."""
    is_crash = any(text.startswith("Traceback (most recent call last)") for text in texts)
    first = texts[0].partition(" ")[0].lower()
    level = "error" if is_crash else first if first in LEVELS else "info"
    whole = "\n".join(texts)
    return LogLine(
        time_us=time_us,
        source=source,
        role=role,
        level=level,
        event=texts[-1].strip()[:MOST_TEXT],
        fields={"text": whole[-MOST_TEXT:]} if len(texts) > 1 else {},
    )


def _read(source: str, text: str) -> LogLine | None:
    try:
        found = json.loads(text)
        moment = datetime.fromisoformat(found["timestamp"])
        time_us = round(moment.timestamp() * 1e6)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    level = str(found.get("level", "info"))
    return LogLine(
        time_us=time_us,
        source=source,
        role=str(found.get("role", source)),
        level=level if level in LEVELS else "info",
        event=str(found.get("event", ""))[:MOST_TEXT],
        fields={str(key): value for key, value in found.items() if key not in _NAMED},
    )
