"""Records as others read them: JSON lines, the Common Event Format of ArcSight (CEF), and syslog after RFC 5424."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Literal

from tieline.model import AuditRecord

Format = Literal["json", "cef", "rfc5424"]

FACILITY = 13
"""Log audit (RFC 5424 §6.2.1)."""
ENTERPRISE = 32473
"""The number for examples (RFC 5612): the parameters of a record are named by us alone."""
_NOTICE, _WARNING, _ERROR, _ALERT = 5, 4, 3, 1
_SEVERITY_OF_CEF = {_NOTICE: 3, _WARNING: 6, _ERROR: 8, _ALERT: 10}
_NOT_PRINTABLE = re.compile(r"[^!-~]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")


def severity_of(record: AuditRecord) -> int:
    """Of RFC 5424 §6.2.1: notice, warning for what was refused, error for what failed, alert for damage to the audit itself."""
    if record.action in {"audit_damaged", "audit_repaired"}:
        return _ALERT
    match record.outcome:
        case "refused":
            return _WARNING
        case "failed" | "unknown":
            return _ERROR
        case _:
            return _NOTICE


def as_json(record: AuditRecord) -> str:
    """The entry of the log with its leaf hash: JSON in ASCII, in one line."""
    return json.dumps({**json.loads(record.entry), "hash": record.hash}, sort_keys=True, separators=(",", ":"))


def as_cef(record: AuditRecord) -> str:
    """CEF:0, in one line. In its header `|` and `\\` are escaped, in its extension `=`, `\\` and ends of lines."""
    header = ("Tieline", "Tieline", version("tieline"), record.action, record.action.replace("_", " "))
    extension = {
        "rt": str(record.time_us // 1_000),
        "externalId": f"{record.site}/{record.sequence}",
        "dvchost": record.site,
        "suser": record.actor,
        "act": record.action,
        "outcome": record.outcome,
        "cs1Label": "target",
        "cs1": record.target,
        "cs2Label": "leafHash",
        "cs2": record.hash,
        "cn1Label": "sequence",
        "cn1": str(record.sequence),
        "msg": json.dumps(dict(record.detail), sort_keys=True, ensure_ascii=False),
    }
    fields = "|".join(_one_line(part).replace("\\", "\\\\").replace("|", "\\|") for part in header)
    pairs = " ".join(f"{name}={_cef_value(value)}" for name, value in extension.items() if value)
    return f"CEF:0|{fields}|{_SEVERITY_OF_CEF[severity_of(record)]}|{pairs}"


def as_rfc5424(record: AuditRecord, *, message: Callable[[AuditRecord], str] = as_json) -> str:
    """A syslog message without its frame: the record's fields as structured data, and the record as JSON or CEF."""
    priority = FACILITY * 8 + severity_of(record)
    at = f"{datetime.fromtimestamp(record.time_us // 1_000_000, UTC):%Y-%m-%dT%H:%M:%S}.{record.time_us % 1_000_000:06d}Z"
    names = ("actor", "target", "outcome", "hash")
    pairs = {"sequence": str(record.sequence), **{name: str(getattr(record, name)) for name in names}}
    data = " ".join(f'{name}="{_parameter(value)}"' for name, value in pairs.items())
    header = f"<{priority}>1 {at} {_word(record.site, 255)} tieline - {_word(record.action, 32)}"
    return f"{header} [audit@{ENTERPRISE} {data}] \ufeff{message(record)}"


def framed(message: str) -> bytes:
    """The message with its length before it (RFC 5425 §4.3)."""
    raw = message.encode("utf-8", "replace")
    return f"{len(raw)} ".encode() + raw


def _cef_value(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("=", "\\=").replace("\r", "\\r").replace("\n", "\\n")
    return _CONTROL.sub("?", escaped)


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", text)


def _parameter(value: str) -> str:
    """RFC 5424 §6.3.3."""
    return _CONTROL.sub("?", value).replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _word(text: str, most: int) -> str:
    return _NOT_PRINTABLE.sub("_", text)[:most] or "-"


WRITERS: dict[Format, Callable[[AuditRecord], str]] = {"json": as_json, "cef": as_cef, "rfc5424": as_rfc5424}
