"""GOOSE seen at the station bus: values into points, and findings into events. Tieline listens; it takes no part in protection."""

from tieline.edge.goose.monitor import GooseMonitor, MonitorHealth
from tieline.edge.goose.points import GooseBlock, GoosePoint

__all__ = ["GooseBlock", "GooseMonitor", "GoosePoint", "MonitorHealth"]
