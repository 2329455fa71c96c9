"""What a section about IEC 61850 says as far as it can be understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tieline.config.iec61850.section import Iec61850Connection

_CONNECTION: TypeAdapter[Iec61850Connection] = TypeAdapter(Iec61850Connection)


@dataclass(frozen=True, slots=True)
class Iec61850Outline:
    """What is particular of an IED; `connection` is None where it is wrong."""

    scl: str
    ied: str
    access_point: str
    client: str
    control_blocks: tuple[str, ...] | None
    connection: Iec61850Connection | None


@dataclass(frozen=True, slots=True)
class GooseOutline:
    """Which GOOSE is listened to."""

    scl: str
    control_blocks: tuple[str, ...] | None


def iec61850_outline(table: Mapping[str, Any]) -> Iec61850Outline:
    """Of a device's section."""
    reports = table.get("reports")
    return Iec61850Outline(
        scl=_text(table, "scl"),
        ied=_text(table, "ied"),
        access_point=_text(table, "access_point"),
        client=_text(table, "client"),
        control_blocks=_texts(reports, "control_blocks") if isinstance(reports, Mapping) else None,
        connection=_connection(table.get("connection", {})),
    )


def goose_outline(document: Mapping[str, Any]) -> GooseOutline | None:
    """Of a `site.toml`; None where it listens to none."""
    table = document.get("goose")
    return GooseOutline(_text(table, "scl"), _texts(table, "control_blocks")) if isinstance(table, Mapping) else None


def _connection(table: object) -> Iec61850Connection | None:
    try:
        return _CONNECTION.validate_python({"transport": "tcp"} | table if isinstance(table, dict) else table)
    except ValidationError:
        return None


def _text(table: Mapping[str, Any], key: str) -> str:
    text = table.get(key)
    return text if isinstance(text, str) else ""


def _texts(table: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    texts = table.get(key)
    return tuple(text for text in texts if isinstance(text, str)) if isinstance(texts, list) else None
