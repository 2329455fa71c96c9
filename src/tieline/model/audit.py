"""Audit records: who wanted what done, and what became of it, in a chain that shows every later change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

FIRST_PREVIOUS = "0" * 64
"""What the first record of a chain has before it."""

Detail = Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One line of a site's audit.

    `hash` is SHA-256, in hexadecimal, over `previous`, a line feed, and the record's `canonical` text; `previous` is the hash of the
    record before. Whoever knows one hash can tell whether anything up to it was changed, removed, inserted or reordered.
    """

    sequence: int
    """1, 2, 3 ... for the life of the site's audit."""
    time_us: int
    """Microseconds since 1970-01-01 UTC."""
    site: str
    actor: str
    """Who: a person's name, `automation/<function>`, `center`, `tieline` itself."""
    action: str
    """A stable word: `command`, `command_outcome`, `handover`, `audit_repaired` ..."""
    target: str = ""
    """On what: a point's path, a function's name."""
    detail: Detail = field(default_factory=dict)
    outcome: str = ""
    """A stable word, where there is one: `released`, `done`, `refused`, `failed`, `unknown`."""
    previous: str
    hash: str

    def canonical(self) -> str:
        """The record without its hashes as JSON: keys sorted, no spaces, ASCII, numbers as Python writes them."""
        return canonical(
            sequence=self.sequence,
            time_us=self.time_us,
            site=self.site,
            actor=self.actor,
            action=self.action,
            target=self.target,
            detail=self.detail,
            outcome=self.outcome,
        )

    @property
    def is_intact(self) -> bool:
        """Whether the record has the hash that its content and `previous` give."""
        return self.hash == chain_hash(self.previous, self.canonical())


def canonical(
    *, sequence: int, time_us: int, site: str, actor: str, action: str, target: str, detail: Detail, outcome: str
) -> str:
    """The one text of a record over which its hash is computed. Raises `ValueError` where a number is not finite."""
    content = {
        "sequence": sequence,
        "time_us": time_us,
        "site": site,
        "actor": actor,
        "action": action,
        "target": target,
        "detail": dict(detail),
        "outcome": outcome,
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def chain_hash(previous: str, text: str) -> str:
    """The hash of a record with this canonical text, after the record with the hash `previous`."""
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()
