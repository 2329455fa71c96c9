"""Finds at the site what is wrong with measurements, and says so in events."""

from tieline.edge.detection.detection import Detection

__all__ = ["Detection"]
