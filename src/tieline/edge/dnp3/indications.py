"""What an outstation says of itself in its internal indications, as events for people (IEEE 1815-2012, clause 4.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tieline.model import Severity
from tieline.protocols.dnp3.application import IIN
from tieline.protocols.dnp3.master import Rank


class Indication(NamedTuple):
    """How the rise and the fall of a bit are reported."""

    kind: str
    severity: Severity
    rises: str
    falls: str


INDICATIONS: dict[IIN, Indication] = {
    IIN.DEVICE_TROUBLE: Indication("device_trouble", Severity.ERROR, "reports trouble", "reports no more trouble"),
    IIN.LOCAL_CONTROL: Indication(
        "local_control",
        Severity.WARNING,
        "is switched to local control; outputs cannot be operated from here",
        "is switched to remote control",
    ),
    IIN.CONFIG_CORRUPT: Indication(
        "configuration_corrupt", Severity.ERROR, "reports that its configuration is damaged", "has a sound configuration again"
    ),
}
"""The bits whose changes are events; restart and lost events have events of their own, and the time is set when it is asked for."""

DUTIES: dict[Rank, str] = {
    Rank.CLEAR_RESTART: "to forget its restart",
    Rank.SYNCHRONIZE_TIME: "to take the time",
    Rank.ASSIGN_CLASSES: "to take the classes of the point list",
    Rank.WRITE_DEADBANDS: "to take the deadbands of the point list",
    Rank.INTEGRITY: "to report its present values",
    Rank.ENABLE_UNSOLICITED: "to report events unasked",
    Rank.SCAN_EVENTS: "to report the events that it has",
    Rank.POLL_EVENTS: "to report events",
    Rank.FREEZE: "to freeze its counters",
}
"""What an outstation can refuse, in words."""


def changes(before: IIN, after: IIN) -> Iterator[tuple[str, Severity, str]]:
    """Kind, severity and words for each bit that changed."""
    for bit, indication in INDICATIONS.items():
        if (before ^ after) & bit:
            if after & bit:
                yield indication.kind, indication.severity, indication.rises
            else:
                yield indication.kind, Severity.INFO, indication.falls
