"""The kinds of events that alarms listen to: which of them last, and what ends them."""

from __future__ import annotations

from collections.abc import Mapping

from tieline.config.detection import Disagreement, Flatline, Limits, Missing, Rate, Residual, Spike, Stuck

EVENT_OF: Mapping[type, str] = {
    Limits: "limit_exceeded",
    Rate: "rate_exceeded",
    Stuck: "value_stuck",
    Flatline: "flatline",
    Spike: "spike",
    Missing: "data_missing",
    Disagreement: "disagreement",
    Residual: "unusual_value",
}
"""What detection reports of what it looks for; it reports the end of it as `x_ended`, but for spikes, which are over at once."""

DEVICE_LOST, DEVICE_RESTORED = "device_lost", "device_restored"

ENDS: Mapping[str, tuple[str, ...]] = {
    DEVICE_LOST: (DEVICE_RESTORED,),
    "link_lost": ("link_restored", "link_up"),
    "function_fault": ("function_recovered",),
    "rule_fault": ("rule_fault_over",),
    "automation_handover": ("automation_handback",),
}
"""Kinds of events whose ends have names of their own."""

LASTING = frozenset({*ENDS, *EVENT_OF.values()} - {EVENT_OF[Spike]})
"""Kinds of events that have an end; all others just happen."""
