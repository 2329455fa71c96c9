"""What a function of the local automation is to the scan that runs it.

A function is a state machine without clock, socket or task: `scan` is called once a period with the moment, with the values as they
were at the start of that scan, and with what became of its earlier requests; it says what it wants done. The engine asks the command
gate for it, and the gate alone decides. While `may_act` is False the function observes: it keeps its filters and timers such that it
can take over without a bump, starts no sequence, and its requests, if it makes any, are not passed on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tieline.model import VALIDITY, Now, Outcome, Point, Result, Severity


@dataclass(frozen=True, slots=True)
class Reading:
    """The newest sample of a point when the scan began."""

    value: float
    """In the point's unit; NaN where nothing was ever read."""
    quality: int
    time_us: int
    """Microseconds since 1970-01-01 UTC; 0 where nothing was ever heard."""
    age_s: float
    """Seconds since `time_us`, not below 0; infinite where nothing was ever heard."""
    is_too_old: bool = False
    """Older than the site's automation permits."""

    @property
    def is_good(self) -> bool:
        """The validity is good, the value is a number, and it is not too old: only then may anything be built on it."""
        return (self.quality & VALIDITY) == 0 and math.isfinite(self.value) and not self.is_too_old


Read = Callable[[Point], Reading]
"""Gives a point of the site out of one snapshot: every call within a scan sees the same moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a function wants done; the reason goes into the audit and is for people."""

    point: Point
    value: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a function wants said; the engine makes it an event of the site at the scan's time."""

    kind: str
    """A stable word for machines, such as `tap_runaway`."""
    text: str
    severity: Severity = Severity.INFO
    device: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of an earlier request of the same function. Each request that was passed on gets exactly one, in some later scan.

    A function waits for the answer before it asks for anything else of the same point: the gate refuses a second command meanwhile.
    A request made while `may_act` is False is not passed on and gets none. At a restart requests that were under way get none.
    """

    request: Request
    outcome: Outcome

    @property
    def is_done(self) -> bool:
        """The device confirmed, and where the point has a feedback, that followed."""
        return self.outcome.result is Result.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What one scan of a function came to."""

    requests: tuple[Request, ...] = ()
    notices: tuple[Notice, ...] = ()


NOTHING = Action()


class Function(Protocol):
    """One function of a site's automation. It never raises for anything that the field does; if it does raise, its scan is a fault."""

    @property
    def name(self) -> str:
        """As the site's file calls it."""
        ...

    def scan(self, now: Now, read: Read, answers: Sequence[Answer], *, may_act: bool) -> Action:
        """One scan; `answers` are those that arrived since the last one."""
        ...

    def reset(self) -> None:
        """Somebody releases a lockout: the next scan begins without it. Nothing happens where there is none."""
        ...

    def shown(self) -> Mapping[str, float]:
        """The values of its own points under the names that its plan declares; NaN is shown with bad quality."""
        ...

    def remember(self) -> dict[str, Any]:
        """What has to survive a restart: numbers, strings, lists and bytes."""
        ...

    def recall(self, state: Mapping[str, Any]) -> None:
        """Takes what `remember` gave in an earlier life; ignores what is missing, unknown or damaged."""
        ...
