"""Alarms: what a person has to act on, in the words of ISA-18.2 and IEC 62682."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AlarmKind(StrEnum):
    """What raises an alarm."""

    HIGH_HIGH = "high_high"
    HIGH = "high"
    LOW = "low"
    LOW_LOW = "low_low"
    DEVIATION = "deviation"
    """A value too far from another one."""
    RATE = "rate"
    """A value that moves too fast, up or down."""
    STATE = "state"
    """A binary or double point in an abnormal state."""
    QUALITY = "quality"
    """A sample that is not worth what it should be."""
    COMMUNICATION = "communication"
    """A device that does not answer its gateway, or a site that the center does not hear."""
    EVENT = "event"
    """Something that a gateway reports, until it reports the end of it."""


class AlarmState(StrEnum):
    """The states of ISA-18.2-2016 figure 3 (IEC 62682 figure 3), in its order A to I."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"
    """Active, and nobody has said that they have seen it."""
    ACKNOWLEDGED = "acknowledged"
    """Active, and somebody has."""
    RETURNED = "returned_unacknowledged"
    """No longer active, and nobody has said that they have seen it."""
    LATCHED_UNACKNOWLEDGED = "latched_unacknowledged"
    """No longer active; wants to be acknowledged and then reset."""
    LATCHED_ACKNOWLEDGED = "latched_acknowledged"
    """No longer active, acknowledged; wants to be reset."""
    SHELVED = "shelved"
    """Put aside by a person for a time."""
    SUPPRESSED = "suppressed_by_design"
    """Means nothing as things stand, because the equipment is out of service for example."""
    OUT_OF_SERVICE = "out_of_service"
    """Taken out by a person, for maintenance of the alarm itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One alarm as it stands. Times are microseconds since 1970-01-01 UTC, 0 for never."""

    id: str
    """`site/name`, for one of a family `site/name/device/point`."""
    site: str
    device: str
    """Empty for an alarm of the site itself."""
    point: str
    """The point's name; empty for an alarm of no point."""
    name: str
    text: str
    kind: AlarmKind
    priority: int
    """1 critical, 2 high, 3 medium, 4 low."""
    state: AlarmState
    is_active: bool
    """Whether the condition holds now, also where nobody is told because the alarm is shelved or suppressed."""
    raised: int = 0
    """When the condition last came, by the device's own clock where it has one."""
    raised_received: int = 0
    """When the center knew."""
    has_device_time: bool = False
    """Whether `raised` is the device's own time; otherwise it is the gateway's or the center's."""
    returned: int = 0
    """When the condition last went."""
    acknowledged: int = 0
    acknowledged_by: str = ""
    value: float | None = None
    """What the point read when the state changed last; None where nothing was read, as for events."""
    quality: int = 0
    unit: str = ""
    limit: float | None = None
    shelved_until: int = 0
    shelved_by: str = ""
    out_of_service_by: str = ""
    reason: str = ""
    """Why it is shelved, suppressed or out of service."""
    group: str = ""
    is_first_out: bool = False
    """Whether it came first of its group."""
    is_chattering: bool = False
    """Whether it came three times within the last minute."""
    is_stale: bool = False
    """Whether it has been active for more than 24 hours."""
    is_communication_lost: bool = False
    """Whether its device or its site is not heard, so that nobody knows whether the condition still holds."""
    count: int = 0
    """How often the condition came."""
    area: str = ""
    equipment: str = ""
    consequence: str = ""
    """What happens where nobody acts."""
    response: str = ""
    """What to do."""
    revision: int = 0
    """Grows with every change of any alarm; says which alarms have changed since a viewer looked."""
