"""What the audit left open when the center ended: selections that nobody executed, and commands without an outcome."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tieline.model import AuditRecord

RECALLED_RECORDS = 10_000
"""So many records of the audit are read at the start."""


@dataclass(slots=True)
class LeftOpen:
    """Records without an end, by their ids."""

    selections: dict[str, AuditRecord] = field(default_factory=dict)
    commands: dict[str, AuditRecord] = field(default_factory=dict)


def left_open(records: Iterable[AuditRecord]) -> LeftOpen:
    """What has no end in these records, which are in their order."""
    found = LeftOpen()
    for record in records:
        id_, selection = record.detail.get("id"), record.detail.get("selection")
        match record.action:
            case "select" if record.outcome == "granted" and isinstance(id_, str):
                found.selections[id_] = record
            case "select_ended" if isinstance(id_, str):
                found.selections.pop(id_, None)
            case "command" if isinstance(id_, str):
                found.selections.pop(str(selection), None)
                if record.outcome == "released":
                    found.commands[id_] = record
            case "command_outcome" if isinstance(id_, str):
                found.commands.pop(id_, None)
            case _:
                pass
    return found
