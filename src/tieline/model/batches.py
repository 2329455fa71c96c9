"""Batches: what a gateway sends at once."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.model.events import Event
from tieline.model.samples import Samples


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Samples and events of one site in the order in which they were reported.

    `(site, incarnation, sequence)` names a batch for ever: one that comes twice is recognized by that, whatever it holds.
    """

    site: str
    incarnation: int
    """Random, 63 bits, drawn whenever the gateway starts."""
    sequence: int
    """1, 2, 3 ... within the incarnation."""
    samples: Samples
    events: tuple[Event, ...] = ()

    @property
    def message_id(self) -> str:
        """Its name in one word; the bus removes doubles by it."""
        return f"{self.site}.{self.incarnation:x}.{self.sequence}"
