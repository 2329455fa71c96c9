"""Which differences are new, which are over: each is told once, over a restart of the gateway too.

What may pass by itself, as when a cable is put in, counts when a later look has found it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tieline.edge.snmp.drift import Difference

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a look has changed."""

    begun: tuple[Difference, ...] = ()
    ended: tuple[str, ...] = ()
    """What they said."""


class Drifting:
    """The differences of one node."""

    def __init__(self, wait_s: float) -> None:
        """What may pass is given that long at least."""
        self._wait_s = wait_s
        self.current: tuple[Difference, ...] = ()
        """Those that count now."""
        self._since_s: dict[_Key, float] = {}
        self._told: dict[_Key, str] = {}

    def take(self, found: Sequence[Difference], now_s: float) -> Changes:
        """What the differences of one more look change."""
        self._since_s = {each.key: self._since_s.get(each.key, now_s) for each in found}
        self.current = tuple(each for each in found if self._counts(each, now_s))
        keys = {each.key for each in self.current}
        begun = tuple(
            each
            for each in self.current
            if each.key not in self._told or (each.kind.has_variants and self._told[each.key] != each.text)
        )
        ended = tuple(text for key, text in self._told.items() if key not in keys)
        self._told = {each.key: each.text for each in self.current}
        return Changes(begun, ended)

    def _counts(self, each: Difference, now_s: float) -> bool:
        return not each.kind.may_pass or each.key in self._told or now_s >= self._since_s[each.key] + self._wait_s

    def remember(self) -> list[list[str]]:
        """What has been told."""
        return [[*key, text] for key, text in self._told.items()]

    def recall(self, state: Any) -> None:
        """Goes on from there; what makes no sense is passed over."""
        if isinstance(state, list | tuple):
            told = (
                each
                for each in state
                if isinstance(each, list | tuple) and len(each) == 3 and all(isinstance(x, str) for x in each)
            )
            self._told = {(kind, port): text for kind, port, text in told}


def remembered(state: Mapping[str, Any], key: str) -> list[Any]:
    """A list out of a state; empty where there is none."""
    held = state.get(key)
    return list(held) if isinstance(held, list | tuple) else []
