"""Batches: what a gateway sends at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tieline.model.audit import AuditRecord
from tieline.model.events import Event
from tieline.model.samples import Samples


class Purpose(StrEnum):
    """Why a batch is sent, which decides what becomes of it on its way."""

    LIVE = "live"
    """What happens now; goes first."""
    EVENTS = "events"
    """Events and audit records; dropped last."""
    BACKFILL = "backfill"
    """What was measured while the center could not be reached; for the history alone."""
    PICTURE = "picture"
    """The newest sample of every point, when the center is reached again; for the live state alone, the history has or gets them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Samples, events and audit records of one site in the order in which they were reported.

    `(site, incarnation, sequence)` names a batch for ever: one that comes twice is recognized by that, whatever it holds.
    """

    site: str
    incarnation: int
    """Random, 63 bits, drawn whenever the gateway starts."""
    sequence: int
    """1, 2, 3 ... within the incarnation."""
    samples: Samples
    events: tuple[Event, ...] = ()
    records: tuple[AuditRecord, ...] = ()
    purpose: Purpose = Purpose.LIVE
    start: int = 0
    """The how manieth start of the site's gateway this is, counted beside its streams; 0 where nobody counts."""
    may_repeat: bool = False
    """Whether devices may report once more what an earlier gateway, or this one, has stored but could not confirm to them."""

    @property
    def is_fetched(self) -> bool:
        """Whether the center has asked for it: what its site has kept, and what may still come, or have come, by itself."""
        return self.purpose is Purpose.BACKFILL and self.start == 0

    @property
    def message_id(self) -> str:
        """Its name in one word; the bus removes doubles by it."""
        return f"{self.site}.{self.incarnation:x}.{self.sequence}"
