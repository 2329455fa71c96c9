"""The newest events, each under a number, in bounded memory."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice

from tieline.model import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedEvent:
    """An event and its number; numbers grow by one and start again at 1 with the process."""

    id: int
    event: Event


class EventRing:
    """Keeps the newest events; the oldest make room for new ones."""

    def __init__(self, capacity: int = 1_000) -> None:
        self._held: deque[NumberedEvent] = deque(maxlen=capacity)
        self.newest_id = 0

    def __len__(self) -> int:
        return len(self._held)

    def append(self, event: Event) -> int:
        """Keeps the event and gives its number."""
        self.newest_id += 1
        self._held.append(NumberedEvent(id=self.newest_id, event=event))
        return self.newest_id

    def after(self, id: int = 0) -> list[NumberedEvent]:  # noqa: A002 - the field's own name
        """The held events with a larger number, oldest first."""
        count = min(max(self.newest_id - id, 0), len(self._held))
        return list(islice(self._held, len(self._held) - count, None))
