"""Audit records: who wanted what done, and what became of it; each is an entry of a transparency log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

Detail = Mapping[str, str | int | float | bool | None]

MOST_ENTRY_BYTES = 65_535
"""An entry's length is two bytes (C2SP tlog-tiles)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a record shall say, before its log gives it a number and a time."""

    actor: str
    action: str
    target: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)
    outcome: str = ""


@dataclass(frozen=True, kw_only=True)
class AuditRecord:
    """One entry of an audit."""

    sequence: int
    """1, 2, 3 ... for the life of the audit. A number that is left out is a record that was lost, which stays visible."""
    time_us: int
    """Microseconds since 1970-01-01 UTC."""
    site: str
    """Whose audit: a site, `center` for its control, `web` for logins and accounts."""
    actor: str
    """Who: a person's name, `automation/<function>`, `center`, `tieline` itself."""
    action: str
    """A stable word: `command`, `command_outcome`, `handover`, `audit_repaired` ..."""
    target: str = ""
    """On what: a point's path, a function's name."""
    detail: Detail = field(default_factory=dict)
    outcome: str = ""
    """A stable word, where there is one: `released`, `done`, `refused`, `failed`, `unknown`."""

    @cached_property
    def entry(self) -> bytes:
        """The record as the log holds it: JSON in ASCII, keys sorted, no spaces, numbers as Python writes them.

        Raises `ValueError` where a number is not finite.
        """
        content = {name: getattr(self, name) for name in _KEYS} | {"detail": dict(self.detail)}
        return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()

    @cached_property
    def hash(self) -> str:
        """Its leaf hash in the log's Merkle tree, in hexadecimal (RFC 6962 §2.1)."""
        return hashlib.sha256(b"\0" + self.entry).hexdigest()


_KEYS = ("sequence", "time_us", "site", "actor", "action", "target", "outcome")
_TEXTS = ("site", "actor", "action", "target", "outcome")


def read_entry(entry: bytes) -> AuditRecord:
    """The record in an entry of a log. Raises `ValueError` for anything else."""
    try:
        content = json.loads(entry)
    except RecursionError as error:
        raise ValueError("the entry is nested too deeply") from error
    if not isinstance(content, dict) or content.keys() != {*_KEYS, "detail"}:
        raise ValueError("the entry has not the keys of a record")
    detail = content["detail"]
    if not isinstance(detail, dict) or not all(isinstance(value, str | int | float | None) for value in detail.values()):
        raise ValueError("the detail is not flat")
    if not all(type(content[key]) is int for key in ("sequence", "time_us")):
        raise ValueError("sequence or time is no integer")
    if not all(isinstance(content[key], str) for key in _TEXTS):
        raise ValueError("a text is no text")
    return AuditRecord(**content)
