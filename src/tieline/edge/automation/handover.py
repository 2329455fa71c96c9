"""Who is in charge: the center, or the site alone.

    starting --center there for a moment--> connected --center lost for handover_delay_s--> isolated
        `------center not there for handover_delay_s-------------------------------------------^  |
                                            ^--center there for handback_delay_s------------------'

A link that comes and goes must not make functions come and go with it: after `most_handovers_per_hour` hand-overs the site stays isolated
until the first of them is an hour ago. That is the safe side: what a site does alone rests on its own measurements only, and an operator's
command passes the gate in every state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from tieline.config.function_base import Acts
from tieline.edge.automation.function import Notice
from tieline.model import Now, Severity

HOUR_S = 3600.0
AT_START_S = 1.0
"""A center that is there for so long at the start was there before, as far as anyone knows."""


class Mode(StrEnum):
    """Who is in charge."""

    STARTING = "starting"
    """Not known yet: only what acts always acts."""
    CONNECTED = "connected"
    ISOLATED = "isolated"


class Handover:
    """Decides from the center's reachability."""

    def __init__(self, *, handover_delay_s: float, handback_delay_s: float, most_per_hour: int) -> None:
        self.mode = Mode.STARTING
        self._handover_delay_s = handover_delay_s
        self._handback_delay_s = handback_delay_s
        self._handovers: deque[float] = deque(maxlen=most_per_hour)
        self._ages: list[float] = []
        """Of hand-overs before the restart, in seconds; until the first scan."""
        self._was_reachable: bool | None = None
        self._since = 0.0
        self._is_limit_told = False

    def may_act(self, acts: Acts) -> bool:
        """Whether a function that declares this may act now."""
        return acts == "always" or acts == self.mode.value

    def update(self, now: Now, *, is_reachable: bool) -> Notice | None:
        """The moment of a scan; what there is to tell."""
        self._handovers.extend(now.monotonic_s - age for age in self._ages)
        self._ages = []
        if is_reachable != self._was_reachable:
            self._was_reachable, self._since = is_reachable, now.monotonic_s
        for_s = now.monotonic_s - self._since
        match self.mode:
            case Mode.STARTING if is_reachable and for_s >= AT_START_S:
                self.mode = Mode.CONNECTED
            case Mode.STARTING | Mode.CONNECTED if not is_reachable and for_s >= self._handover_delay_s:
                return self._take_over(now, for_s)
            case Mode.ISOLATED if is_reachable and for_s >= self._handback_delay_s:
                return self._hand_back(now, for_s)
        return None

    def _take_over(self, now: Now, for_s: float) -> Notice:
        self.mode = Mode.ISOLATED
        self._handovers.append(now.monotonic_s)
        self._is_limit_told = False
        text = f"the center has not been reached for {for_s:.0f} s: the site goes on alone"
        return Notice(kind="automation_handover", text=text, severity=Severity.WARNING)

    def _hand_back(self, now: Now, for_s: float) -> Notice | None:
        left_s = self._handovers[0] + HOUR_S - now.monotonic_s if len(self._handovers) == self._handovers.maxlen else 0.0
        if left_s <= 0:
            self.mode = Mode.CONNECTED
            return Notice(
                kind="automation_handback", text=f"the center has been there for {for_s:.0f} s: the site is handed back"
            )
        if self._is_limit_told:
            return None
        self._is_limit_told = True
        text = f"{self._handovers.maxlen} hand-overs within an hour: the site stays alone for {left_s:.0f} s more"
        return Notice(kind="automation_handback_delayed", text=text, severity=Severity.WARNING)

    def remember(self, now: Now) -> dict[str, Any]:
        """The mode, and how long ago the hand-overs were."""
        return {"mode": self.mode.value, "ages": [*self._ages, *(now.monotonic_s - at for at in self._handovers)]}

    def recall(self, state: Mapping[str, Any]) -> None:
        """A site that was alone is alone until the center has been there for long enough again."""
        if state.get("mode") == Mode.ISOLATED.value:
            self.mode = Mode.ISOLATED
        ages = state.get("ages")
        if isinstance(ages, list):
            self._ages = [float(age) for age in ages if isinstance(age, int | float) and 0 <= age <= HOUR_S]
