"""The topology of the network, drawn: one sheet a site, and one of all sites."""

from tieline.network.drawing.overview import plan_overview
from tieline.network.drawing.plan import Box, Plan, Row, Wire
from tieline.network.drawing.site import plan_site
from tieline.network.drawing.svg import Theme, styles, svg_of

__all__ = ["Box", "Plan", "Row", "Theme", "Wire", "plan_overview", "plan_site", "styles", "svg_of"]
