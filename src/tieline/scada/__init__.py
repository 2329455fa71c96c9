"""Supervision at the center: the live state of every point and link."""

from tieline.scada.events import EventRing, NumberedEvent
from tieline.scada.links import DeviceStats, Link, LinkState, SiteStats
from tieline.scada.live import Counts, LiveState, Newest

__all__ = ["Counts", "DeviceStats", "EventRing", "Link", "LinkState", "LiveState", "Newest", "NumberedEvent", "SiteStats"]
