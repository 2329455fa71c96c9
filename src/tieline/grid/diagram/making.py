"""From a station to its drawing."""

from __future__ import annotations

from collections.abc import Mapping

from tieline.config.diagram import DiagramFile
from tieline.grid.diagram.arranging import arrange
from tieline.grid.diagram.drawing import Drawing
from tieline.grid.diagram.geometry import drawn
from tieline.grid.diagram.parts import Value, plan_of
from tieline.grid.diagram.symbols import SymbolSet
from tieline.model import SingleLine


def draw(
    station: SingleLine,
    layout: DiagramFile | None = None,
    values: Mapping[str, tuple[Value, ...]] | None = None,
    symbols: SymbolSet | None = None,
) -> Drawing:
    """The single-line diagram of a station: the same for the same description, always.

    `layout` is what the site's `diagram.toml` says, `values` are measurements by the path of the equipment or node.
    Raises `ConfigError` for equipment that no single-line can show.
    """
    plan = plan_of(station, layout, values)
    return drawn(arrange(plan), plan, symbols or (layout.symbols if layout else "iec"))
