"""How far the audits were seen in another zone, and what speaks against one: from the files of this machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tieline.security.audit import AuditReader
from tieline.security.audit.arrivals import SiteAudit
from tieline.security.audit.notes import Checkpoint, Note


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPlace:
    """Where something about one audit lies."""

    name: str
    by: str
    """Who sees its checkpoints, for people."""
    folder: Path | None = None
    """The audit itself; None for a site's."""
    witnessed: Path
    """The newest checkpoint that the other zone has signed, or its file."""
    arrivals: Path | None = None
    """The folder in which the center keeps what it compared of the site's records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditState:
    """What is known of an audit."""

    name: str
    by: str
    entries: int
    seen: int
    """Entries of the newest checkpoint that the other zone has signed."""
    seen_s: int | None
    """When, in seconds since 1970-01-01 UTC."""
    compared: int | None
    """Of a site: entries of which the center has the same; None for others."""
    problems: tuple[str, ...]


def states_of(places: Iterable[AuditPlace]) -> list[AuditState]:
    """Of those that were begun. Files that cannot be read are problems."""
    return [state for place in places if (state := _state_of(place)) is not None]


def _state_of(place: AuditPlace) -> AuditState | None:
    problems: list[str] = []
    seen, seen_s = 0, None
    try:
        entries = 0 if place.folder is None else AuditReader(place.folder).size()
        if place.witnessed.exists():
            seen, seen_s = _read(place.witnessed.read_bytes())
    except (OSError, ValueError) as error:
        return AuditState(
            name=place.name, by=place.by, entries=0, seen=0, seen_s=None, compared=None, problems=(f"cannot be read: {error}",)
        )
    compared = None
    if place.arrivals is not None:
        audit = SiteAudit.open(place.name, place.arrivals)
        compared = audit.tree.size
        problems += sorted(audit.told)
        if (place.arrivals / f"{place.name}.refused").exists():
            problems.append("another history than the one seen before was handed in, and refused")
    if not entries and not seen:
        return None
    return AuditState(
        name=place.name,
        by=place.by,
        entries=max(entries, seen),
        seen=seen,
        seen_s=seen_s,
        compared=compared,
        problems=tuple(problems),
    )


def _read(raw: bytes) -> tuple[int, int | None]:
    """Entries, and the time of the witness's signature. Raises `ValueError`."""
    keys, _, rest = raw.partition(b"\n\n")
    note = Note.parse(rest if keys.count(b"\n") == 1 else raw)
    times = [int.from_bytes(signature[4:12], "big") for _, signature in note.signatures if len(signature) == 4 + 8 + 64]
    return Checkpoint.parse(note.text).size, max(times, default=None)
