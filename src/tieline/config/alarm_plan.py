"""What is known of an alarm before anything happens: rows of alarms.csv and defaults, checked and resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tieline.model import Point
from tieline.model.alarms import AlarmKind

INVALID, QUESTIONABLE = "invalid", "questionable"
SWITCHING_STATES = ("de-energized", "earthed")
"""Those in which a piece of equipment can be left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmPlan:
    """One alarm."""

    id: str
    """`site/name`, for one of a family `site/name/device/point`; unique."""
    site: str
    device: str = ""
    """Empty for the site itself."""
    point: Point | None = None
    """None for an alarm of a device or of the site."""
    name: str
    text: str
    kind: AlarmKind
    priority: int
    limit: float | None = None
    hysteresis: float = 0.0
    reference: Point | None = None
    abnormal: frozenset[int] = frozenset()
    """The values of a binary or double point that are abnormal."""
    is_any_doubt: bool = False
    """For a quality alarm: whether questionable samples raise it too, and not only invalid ones."""
    event: str = ""
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0
    latched: bool = False
    group: str = ""
    area: str = ""
    equipment: str = ""
    consequence: str = ""
    response: str = ""
    suppress: str = ""
    suppress_inputs: Mapping[str, Point] = field(default_factory=dict)
    suppress_states: frozenset[str] = frozenset()
    """The switching states of its equipment, of `SWITCHING_STATES`, in which it is suppressed."""
    shelvable: bool = True
    most_shelve_s: float = 8 * 3600.0


def points_of(plan: AlarmPlan) -> list[Point]:
    """All points whose samples matter to the alarm."""
    return [point for point in (plan.point, plan.reference, *plan.suppress_inputs.values()) if point is not None]
