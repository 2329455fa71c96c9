"""What control asks of the switching state; who answers is handed over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tieline.model import PointId


class Judgement(Protocol):
    """An answer: `ok` is False where something speaks against it, None where that is not known."""

    @property
    def ok(self) -> bool | None:
        """Whether it may be done."""
        ...

    @property
    def words(self) -> str:
        """Why, for people."""
        ...


class SwitchingState(Protocol):
    """Which parts of the network are live, and what would change with a switch."""

    def position(self, switch: str, /) -> bool | None:
        """True closed, False open, None not known."""
        ...

    def would_earth_live(self, switch: str, /) -> Judgement:
        """Whether closing this earthing switch leaves what is live alone."""
        ...

    def would_energize(self, switch: str, /) -> Judgement:
        """Whether closing leaves what is earthed without voltage."""
        ...

    def would_parallel(self, switch: str, /) -> Judgement:
        """Whether closing neither closes a ring nor joins two live parts."""
        ...

    def synchrocheck_needed(self, switch: str, /) -> Judgement:
        """Whether closing joins no two live parts."""
        ...

    def would_deenergize(self, switch: str, /) -> Judgement:
        """Whether opening leaves everything live that is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Switching:
    """The switching state, and which switch a point operates."""

    state: SwitchingState
    switch_of: Callable[[PointId], str | None]
    """None, or nothing, for points that move no switch, such as the reset of its trip."""
