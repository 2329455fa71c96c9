"""How a simulated device treats those who ask it: well, or badly in one of the ways that real ones have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Manner = Literal["normal", "silent", "slow", "refusing", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behavior:
    """One manner and what it needs.

    `silent` takes requests and never answers; `slow` answers after `delay_s`; `refusing` says no to everything, a Modbus device with
    the exception `exception`, a DNP3 outstation with IIN2.0 (function code not supported) and the status LOCAL, an IEC 61850 server with
    object-access-denied and the AddCause blocked-by-switching-hierarchy, an SNMP agent with genErr; `gone` does not even listen, and
    existing connections break.
    """

    manner: Manner = "normal"
    delay_s: float = 0.0
    exception: int = 4


NORMAL = Behavior()
