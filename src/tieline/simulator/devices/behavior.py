"""How a simulated device treats those who ask it: well, or badly in one of the ways that real ones have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Manner = Literal["normal", "silent", "slow", "refusing", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behavior:
    """One manner and what it needs.

    `silent` takes requests and never answers; `slow` answers after `delay_s`; `refusing` answers with the Modbus exception
    `exception`; `gone` does not even listen, and existing connections break.
    """

    manner: Manner = "normal"
    delay_s: float = 0.0
    exception: int = 4


NORMAL = Behavior()
