"""What the historian is told about keeping, and what it says about a commit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitResult:
    """What one commit did; `repeats` counts the batches that were committed before."""

    batches: int = 0
    samples: int = 0
    events: int = 0
    repeats: int = 0
    repeated_samples: int = 0
    """In batches that were not committed before: those that a device had reported before."""
    repeated_events: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long samples stay where; days are UTC days."""

    lake_after_days: int = 1
    """So many whole days after today stay in the DuckDB file; older ones move to the lake."""
    delete_after_days: int | None = None
    """Samples, rollups and events of days longer ago than this are deleted; `None` keeps them for ever."""
    most_mb: int | None = None
    """Disk (in units of 1,000,000 bytes) for file and lake together; where it is short, the oldest is deleted early."""
    reserve_mb: int = 0
    """Of the disk itself, what stays free: with `most_mb`, the oldest is deleted early for that too."""

    def __post_init__(self) -> None:
        if self.lake_after_days < 0:
            raise ValueError("lake_after_days must not be negative")
        if self.delete_after_days is not None and self.delete_after_days < 1:
            raise ValueError("delete_after_days must be at least 1")
        if self.most_mb is not None and self.most_mb < 16:
            raise ValueError("most_mb must be at least 16")
