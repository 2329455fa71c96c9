"""Events: what happened, once, at a time, worth a line to a person."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much an event matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened at a site, to a device or in Tieline itself.

    `kind` is a stable word for machines (`device_lost`, `device_restored`, `samples_conflated`, `link_lost` ...); `text` is for
    people. `time` is microseconds since 1970-01-01 UTC.
    """

    time: int
    site: str
    device: str = ""
    kind: str
    severity: Severity = Severity.INFO
    text: str
