"""Points that are calculated from others: what `[[calculations]]` in `site.toml` declares, in columns."""

from tieline.edge.processing.calculations.calculations import Calculations

__all__ = ["Calculations"]
