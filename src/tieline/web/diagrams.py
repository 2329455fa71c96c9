"""Single-line diagrams: the drawing of a site, and where its switches stand and what is energized at this moment.

The switching state is computed in this process from its own live state, which is as new as every other value on the screen; supervisory
control computes its own where it decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from tieline.grid.diagram import draw_site, styles, svg_of
from tieline.grid.topology import Network, Topology, is_usable, network_of
from tieline.model import PointKind
from tieline.model.single_line import SingleLine
from tieline.scada import LiveState
from tieline.web.api import ERRORS
from tieline.web.catalog import Catalog
from tieline.web.errors import not_found

_IN_NEITHER = {0.0: "intermediate", 3.0: "bad"}
"""What a double point says that tells no position."""


class EquipmentStateBody(BaseModel):
    """A piece of equipment at this moment."""

    id: str = Field(description="its path in the single-line: `data-id` in the drawing")
    state: str = Field(description="energized, de-energized, earthed, unknown, energized and earthed")
    position: str = Field(
        description="open, closed, intermediate, bad (both contacts report) or unknown; empty for what is no switch"
    )
    why: str = Field(description="why the position is not known, in words")
    points: list[int] = Field(description="its points, the position first, then its command")


class SwitchingBody(BaseModel):
    """The switching state of a site."""

    nodes: dict[str, str] = Field(description="state of each connectivity node: `data-node` in the drawing")
    equipment: list[EquipmentStateBody] = Field(description="its equipment, and the busbars and other nodes that have points")


class SwitchingState:
    """The topology over the live state; built when it is first asked for, used in the event loop that writes the live state."""

    def __init__(self, catalog: Catalog, live: LiveState, clock: Callable[[], int]) -> None:
        self._catalog = catalog
        self._live = live
        self._clock = clock

    @cached_property
    def network(self) -> Network:
        """The network of the utility."""
        return network_of(self._catalog.utility)

    @cached_property
    def _topology(self) -> Topology:
        return Topology(self.network)

    @cached_property
    def _points(self) -> dict[str, list[int]]:
        """For each piece of the network its points: the position, the command, the others."""
        found: dict[str, list[tuple[int, int]]] = {}
        for point in self._catalog.utility.plant_points:
            row = self.network.find_piece(point.equipment) if point.equipment else None
            name = self.network.switch_of(int(point.id)) or ("" if row is None else self.network.pieces[row].name)
            if name:
                rank = 0 if point.quantity == "switch_position" else 2
                found.setdefault(name, []).append((rank + (point.kind is PointKind.CONTROL), int(point.id)))
        return {name: [point for _, point in sorted(points)] for name, points in found.items()}

    @cached_property
    def _points_of_nodes(self) -> dict[str, list[int]]:
        """For each node the points that name it, the voltage first."""
        found: dict[str, list[tuple[bool, int]]] = {}
        for point in self._catalog.utility.plant_points:
            row = self.network.find_node(point.equipment) if point.equipment else None
            if row is not None:
                found.setdefault(self.network.places[row].name, []).append((point.quantity != "voltage", int(point.id)))
        return {name: [point for _, point in sorted(points)] for name, points in found.items()}

    @cached_property
    def _doubles(self) -> npt.NDArray[np.uint32]:
        """The points of two bits."""
        return np.array([each.point for each in self.network.positions if each.is_double], np.uint32)

    def of(self, station: SingleLine) -> SwitchingBody:
        """The state of a station, computed from the newest positions and voltages."""
        topology, told = self._refreshed()
        network = self.network
        equipment = []
        for piece in station.equipment():
            row = network.find_piece(piece.path)
            if row is None:
                equipment.append(EquipmentStateBody(id=piece.path, state="unknown", position="", why="", points=[]))
                continue
            name = network.pieces[row].name
            position = why = ""
            if piece.type.is_switch:
                known = topology.position(name)
                position = ("closed" if known else "open") if known is not None else told.get(name, "unknown")
                why = topology.why_unknown(name) if known is None else ""
            points = self._points.get(name, [])
            equipment.append(
                EquipmentStateBody(id=piece.path, state=topology.state(name).words, position=position, why=why, points=points)
            )
        pieces = {piece.path for piece in station.equipment()}
        nodes: dict[str, str] = {}
        for node in station.nodes():
            row = network.find_node(node.path)
            if row is None:
                continue
            nodes[node.path] = state = topology.state(node.path).words
            points = self._points_of_nodes.get(network.places[row].name, [])
            if points and node.path not in pieces:
                equipment.append(EquipmentStateBody(id=node.path, state=state, position="", why="", points=points))
        return SwitchingBody(nodes=nodes, equipment=equipment)

    def _refreshed(self) -> tuple[Topology, dict[str, str]]:
        """The topology now, and of switches in neither position what their double points say."""
        points = self.network.points
        rows = self._live.rows(points[np.isin(points, self._live.id)])
        newest = self._live.newest(rows, self._clock())
        self._topology.update(newest.point, newest.value, newest.quality, newest.is_stale)
        is_told = ~newest.is_stale & is_usable(newest.quality) & np.isin(newest.point, self._doubles)
        found: dict[str, str] = {}
        for value, word in _IN_NEITHER.items():
            for point in newest.point[is_told & (newest.value == value)].tolist():
                found[self.network.switch_of(point) or ""] = word
        return self._topology, found


def diagram_router(catalog: Catalog, live: LiveState, clock: Callable[[], int]) -> APIRouter:
    """Routes of the drawing and of what is live in it."""
    router = APIRouter(responses=ERRORS)
    switching = SwitchingState(catalog, live, clock)

    def station_of(site: str) -> SingleLine:
        station = catalog.site(site).single_line
        if station is None:
            raise not_found(f"single-line of {site}; its connectivity is described neither in grid/ nor in an SCL file")
        return station

    @cache
    def drawing_of(site: str) -> str:
        return svg_of(draw_site(catalog.utility, site, network=switching.network))

    @router.get("/api/sites/{site}/diagram", response_class=Response, responses={200: {"content": {"image/svg+xml": {}}}})
    async def diagram(site: str) -> Response:
        """The single-line diagram of a site; classes tell the state, the page sets them."""
        station_of(site)
        return Response(await asyncio.to_thread(drawing_of, site), media_type="image/svg+xml")

    @router.get("/api/sites/{site}/switching")
    async def switching_state(site: str) -> SwitchingBody:
        """Where the site's switches stand and what is energized, computed at the moment of the question."""
        return switching.of(station_of(site))

    @router.get("/static/single-line.css", include_in_schema=False)
    async def style_sheet() -> Response:
        return Response(styles(), media_type="text/css")

    return router
