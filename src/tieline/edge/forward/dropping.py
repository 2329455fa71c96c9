"""What was given up for lack of space, from the moment when that began."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tieline.model import Batch


class Dropped:
    """Counts samples, events and records, and the time from which they are."""

    def __init__(self) -> None:
        self.samples = 0
        self.events = 0
        self.first_us: int | None = None
        self.last_us: int | None = None

    def note(self, batch: Batch) -> None:
        """A batch is gone."""
        self.samples += len(batch.samples)
        self.events += len(batch.events) + len(batch.records)
        times = [one.time for one in batch.events] + [one.time_us for one in batch.records]
        if len(batch.samples):
            times += [int(batch.samples.time.min()), int(batch.samples.time.max())]
        if times:
            self.first_us = min(times) if self.first_us is None else min(self.first_us, *times)
            self.last_us = max(times) if self.last_us is None else max(self.last_us, *times)

    def in_words(self) -> str:
        """The numbers and the range of time, for a person."""
        text = f"{self.samples:,} samples"
        if self.events:
            text += f" and {self.events:,} events"
        if self.first_us is not None and self.last_us is not None:
            text += f" from {_moment(self.first_us)} to {_moment(self.last_us)}"
        return f"{text} were given up"


def _moment(time_us: int) -> str:
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)).isoformat(" ", "seconds")
    except OverflowError:  # a device clock gone mad
        return "a time that is none"
