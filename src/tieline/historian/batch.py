"""What goes into the historian, and what it says about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tieline.model import Event, Samples


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Samples and events that one publisher sent together.

    `site`, `incarnation` (drawn at random, 63 bits, whenever the publisher starts) and `sequence` (1, 2, 3 ... within the
    incarnation) identify it: a batch with an identity that is committed already is a repeat, whatever it holds.
    """

    site: str
    incarnation: int
    sequence: int
    samples: Samples
    events: tuple[Event, ...] = ()


class AnyBatch(Protocol):
    """What `Historian.commit` needs of a batch; `Batch` has it, and so has the bus's."""

    @property
    def site(self) -> str: ...
    @property
    def incarnation(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def samples(self) -> Samples: ...
    @property
    def events(self) -> tuple[Event, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitResult:
    """What one commit did; `repeats` counts the batches that were committed before."""

    batches: int = 0
    samples: int = 0
    events: int = 0
    repeats: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long samples stay where; days are UTC days."""

    lake_after_days: int = 1
    """So many whole days after today stay in the DuckDB file; older ones move to the lake."""
    delete_after_days: int | None = None
    """Samples, rollups and events of days longer ago than this are deleted; `None` keeps them for ever."""

    def __post_init__(self) -> None:
        if self.lake_after_days < 0:
            raise ValueError("lake_after_days must not be negative")
        if self.delete_after_days is not None and self.delete_after_days < 1:
            raise ValueError("delete_after_days must be at least 1")
