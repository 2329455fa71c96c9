"""Single-line diagrams, drawn from the connectivity of a station."""

from tieline.grid.diagram.drawing import Box, Busbar, Dot, Drawing, Element, Joint, Label, Line, Reading
from tieline.grid.diagram.making import draw
from tieline.grid.diagram.parts import Plan, Value, plan_of
from tieline.grid.diagram.sites import draw_site, values_of
from tieline.grid.diagram.svg import Theme, styles, svg_of
from tieline.grid.diagram.symbols import SymbolSet

__all__ = [
    "Box",
    "Busbar",
    "Dot",
    "Drawing",
    "Element",
    "Joint",
    "Label",
    "Line",
    "Plan",
    "Reading",
    "SymbolSet",
    "Theme",
    "Value",
    "draw",
    "draw_site",
    "plan_of",
    "styles",
    "svg_of",
    "values_of",
]
