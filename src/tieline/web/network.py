"""The communications network: its drawings, what is watched of it, and what the proofs and budgets say about its design.

What is live in it are ordinary points; here is told which of them belongs to which node, port and link.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache, cached_property
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from tieline.config import Utility
from tieline.config.network import Link, Network, Node, Port, format_vlans
from tieline.config.snmp import Measure, SnmpDevice
from tieline.network.drawing import plan_overview, plan_site, styles, svg_of
from tieline.network.report import Report, report_of
from tieline.network.result import Verdict
from tieline.web.api import ERRORS
from tieline.web.catalog import Catalog
from tieline.web.errors import not_found

MOST_STATES = 15_000
"""So many points the overview may ask the live feed for; where there are more it is told of the links between sites and of drift."""
_STATES = frozenset({Measure.LINK, Measure.NEIGHBOR, Measure.POE, Measure.SUPPLY, Measure.FIRMWARE, Measure.DRIFT})
_LOADS = frozenset({Measure.IN_PERCENT, Measure.OUT_PERCENT})
_MOST_LOSSES = 20
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class WatchedBody(BaseModel):
    """A point that says how a node, or one of its ports, is."""

    id: int
    site: str
    node: str
    port: str = Field(description="empty where it is about the node")
    link: str = Field(description="that ends at the port; empty where none does")
    measure: Measure
    name: str = Field(description="the point's name")
    max_silence_s: float


class LinkEndsBody(BaseModel):
    """A link of the design."""

    name: str
    a: str = Field(description="node/port")
    b: str
    medium: str
    speed_mbps: float


class PlaceBody(BaseModel):
    """A site, or another place where nodes stand."""

    name: str
    title: str
    is_site: bool
    nodes: int
    watched: int = Field(description="how many of them are")


class NetworkBody(BaseModel):
    """The network as a whole."""

    title: str
    places: list[PlaceBody] = Field(description="those that have nodes")
    nodes: dict[str, str] = Field(description="where each node stands")
    links: list[LinkEndsBody] = Field(description="between places")
    watched: list[WatchedBody] = Field(
        description=f"states of the whole network, utilization of the links between places; with more than {MOST_STATES:,} only of these "
        "links, and how much differs at each node"
    )


class NetworkPortBody(BaseModel):
    """A port of a node, as designed."""

    name: str
    mode: str
    vlans: str
    link: str = Field(description="empty where none ends there")
    other: str = Field(description="node/port at its other end")
    speed_mbps: float | None
    feeds: str = Field(description="the node that lives from its power")


class NetworkNodeBody(BaseModel):
    """A node, as designed."""

    name: str
    kind: str
    model: str
    rack: str
    description: str
    addresses: list[str]
    firmware: str = Field(description="what it should run; empty where nobody says")
    is_watched: bool
    ports: list[NetworkPortBody]


class PlaceNetworkBody(BaseModel):
    """The network of a site, or of another place."""

    title: str
    nodes: list[NetworkNodeBody]
    links: list[LinkEndsBody] = Field(description="those with an end there")
    watched: list[WatchedBody] = Field(
        description="all points of its nodes; states and utilization of the other ends of its links"
    )


class FindingBody(BaseModel):
    """Something that is wrong with the design, or that cannot be judged."""

    subject: str
    text: str
    lines: list[str] = Field(description="the way of a frame step by step; formula, inputs and source of a figure")
    verdict: Verdict
    nodes: list[str] = Field(description="those that it names, and those at the ends of links that it names")


class TopicBody(BaseModel):
    """One of the things that are proven or computed."""

    key: str
    title: str
    verdict: Verdict
    summary: str
    findings: list[FindingBody]


class LossBody(BaseModel):
    """What a single failure stops."""

    failure: str
    text: str
    nodes: list[str]


class FindingsBody(BaseModel):
    """What the proofs and budgets say."""

    is_right: bool
    size: str
    first: FindingBody | None = Field(description="the link that breaks first when traffic grows")
    losses: list[LossBody] = Field(description=f"single failures that stop most, at most {_MOST_LOSSES}")
    stopping: int = Field(description="how many single failures stop something")
    topics: list[TopicBody]


class NetworkView:
    """What the routes answer, made when it is first asked for."""

    def __init__(self, utility: Utility) -> None:
        self._utility = utility
        self._findings: FindingsBody | None = None
        self._proving = asyncio.Lock()
        self.drawing = cache(self._drawn)

    @property
    def network(self) -> Network:
        """The description. Raises what a page is told where there is none."""
        if self._utility.network is None:
            raise not_found("network; the folder describes none in network/")
        return self._utility.network

    @cached_property
    def _agents(self) -> dict[str, SnmpDevice]:
        """Watched nodes by their name."""
        return {device.name: device for site in self._utility.sites for device in site.devices if isinstance(device, SnmpDevice)}

    @cached_property
    def _fed(self) -> dict[str, str]:
        """The node that lives from the power of a port, by `node/port`."""
        return {node.powered_by: node.name for node in self.network.nodes if node.powered_by}

    def find_place(self, name: str) -> str:
        """The name, where nodes stand there."""
        if not any(node.site == name for node in self.network.nodes):
            raise not_found(f"site {name!r} with a network")
        return name

    def _drawn(self, place: str) -> str:
        network = self.network
        return svg_of(plan_site(network, place) if place else plan_overview(network, self._utility.name))

    @cached_property
    def whole(self) -> NetworkBody:
        """The network with all its places."""
        network = self.network
        counts = Counter(node.site for node in network.nodes)
        watched = Counter(node.site for node in network.nodes if node.name in self._agents)
        between = [link for link in network.links if len({network.by_name[name].site for name in link.nodes}) > 1]
        ends = {port.path for link in between for port in (link.a, link.b)}
        points = [
            point
            for node in self._agents
            for point in self._points(node)
            if point.measure in _STATES or (point.measure in _LOADS and f"{node}/{point.port}" in ends)
        ]
        if len(points) > MOST_STATES:
            points = [point for point in points if point.measure is Measure.DRIFT or f"{point.node}/{point.port}" in ends]
        return NetworkBody(
            title=self._utility.name,
            places=[
                PlaceBody(
                    name=place.name,
                    title=place.title,
                    is_site=place.is_site,
                    nodes=counts[place.name],
                    watched=watched[place.name],
                )
                for place in network.places
                if counts[place.name]
            ],
            nodes={node.name: node.site for node in network.nodes},
            links=[_ends(link) for link in between],
            watched=points,
        )

    def at(self, place: str) -> PlaceNetworkBody:
        """The network of one place."""
        network = self.network
        self.find_place(place)
        here = [node for node in network.nodes if node.site == place]
        links = {link.name: link for node in here for link in network.links_of[node.name]}
        names = {node.name for node in here}
        beyond = {port.path for link in links.values() for port in (link.a, link.b) if port.node not in names}
        points = [point for node in here for point in self._points(node.name)]
        for path in sorted(beyond):
            node, _, port = path.partition("/")
            points += [point for point in self._points(node) if point.port == port and point.measure in {Measure.LINK, *_LOADS}]
        return PlaceNetworkBody(
            title=next(each.title for each in network.places if each.name == place),
            nodes=[self._node(node) for node in here],
            links=[_ends(link) for link in links.values()],
            watched=points,
        )

    def _points(self, node: str) -> Iterator[WatchedBody]:
        device = self._agents.get(node)
        if device is None:
            return
        links = {port.name: self._link(port) for port in self.network.by_name[node].ports} | {"": ""}
        for point, row in zip(device.points, device.rows, strict=True):
            yield WatchedBody(
                id=int(point.id),
                site=point.site,
                node=node,
                port=row.port,
                link=links[row.port],
                measure=row.measure,
                name=point.name,
                max_silence_s=point.reporting.max_silence_s,
            )

    def _link(self, port: Port) -> str:
        link = self.network.link_of.get(port.path)
        return "" if link is None else link.name

    def _node(self, node: Node) -> NetworkNodeBody:
        device = self._agents.get(node.name)
        return NetworkNodeBody(
            name=node.name,
            kind=node.kind.replace("_", " "),
            model=node.model.name,
            rack=node.rack,
            description=node.description or node.model.description,
            addresses=[str(each.address) for each in node.addresses],
            firmware="" if device is None else device.firmware,
            is_watched=device is not None,
            ports=[self._port(port) for port in node.ports],
        )

    def _port(self, port: Port) -> NetworkPortBody:
        link = self.network.link_of.get(port.path)
        return NetworkPortBody(
            name=port.name,
            mode=port.mode,
            vlans=_vlans(port),
            link=self._link(port),
            other="" if link is None else (link.b if link.a.path == port.path else link.a).path,
            speed_mbps=None if link is None else link.speed_mbps,
            feeds=self._fed.get(port.path, ""),
        )

    async def findings(self) -> FindingsBody:
        """What the proofs and budgets say; computed once, in a thread: some seconds for a large network."""
        network = self.network
        async with self._proving:
            if self._findings is None:
                report = await asyncio.to_thread(report_of, self._utility)
                self._findings = _findings(report, network)
            return self._findings


def _ends(link: Link) -> LinkEndsBody:
    return LinkEndsBody(name=link.name, a=link.a.path, b=link.b.path, medium=link.medium, speed_mbps=link.speed_mbps)


def _vlans(port: Port) -> str:
    """Those that pass, the one without a tag first."""
    untagged = f"{port.native} untagged" if port.native is not None and port.native in port.allowed else ""
    return ", ".join(part for part in (untagged, format_vlans(port.tagged) if port.tagged else "") if part)


def _findings(report: Report, network: Network) -> FindingsBody:
    links = {link.name: link.nodes for link in network.links}

    def named(*texts: str) -> list[str]:
        found: dict[str, None] = {}
        for text in texts:
            for match in _WORD.findall(text):
                word = match.rstrip(".")
                for node in (word,) if word in network.by_name else links.get(word, ()):
                    found[node] = None
        return list(found)

    first = report.growth
    losses = report.redundancy.losses
    return FindingsBody(
        is_right=report.is_right,
        size=report.size,
        first=None
        if first is None
        else FindingBody(
            subject=first.subject,
            text=first.note,
            lines=[line.strip() for line in first.lines()],
            verdict=first.verdict,
            nodes=named(first.subject, first.note),
        ),
        losses=[
            LossBody(failure=str(loss.failure), text=str(loss), nodes=named(*(name for _, name in sorted(loss.failure.gone))))
            for loss in losses[:_MOST_LOSSES]
        ],
        stopping=len(losses),
        topics=[
            TopicBody(
                key=topic.key,
                title=topic.title,
                verdict=topic.verdict,
                summary=topic.summary,
                findings=[
                    FindingBody(
                        subject=each.subject,
                        text=each.text,
                        lines=[line.strip() for line in each.lines],
                        verdict=each.verdict,
                        nodes=named(each.subject, each.text, *each.lines),
                    )
                    for each in topic.weaknesses
                ],
            )
            for topic in report.topics
        ],
    )


def network_router(catalog: Catalog) -> APIRouter:
    """Routes of the network."""
    router = APIRouter(responses=ERRORS)
    view = NetworkView(catalog.utility)
    svg: dict[int | str, dict[str, Any]] = {200: {"content": {"image/svg+xml": {}}}}

    @router.get("/api/network", summary="The communications network: places, links between them, what is watched")
    async def whole() -> NetworkBody:
        return view.whole

    @router.get("/api/network/findings", summary="What the proofs and budgets say about its design")
    async def findings() -> FindingsBody:
        return await view.findings()

    @router.get("/api/network/drawing", response_class=Response, responses=svg)
    async def overview() -> Response:
        """The drawing of all places; classes tell the state, the page sets them."""
        return Response(await asyncio.to_thread(view.drawing, ""), media_type="image/svg+xml")

    @router.get("/api/network/places/{place}", summary="The network of a site, or of another place: nodes with their ports")
    async def one_place(place: str) -> PlaceNetworkBody:
        return view.at(place)

    @router.get("/api/network/places/{place}/drawing", response_class=Response, responses=svg)
    async def drawing(place: str) -> Response:
        """The drawing of a site, or of another place."""
        return Response(await asyncio.to_thread(view.drawing, view.find_place(place)), media_type="image/svg+xml")

    @router.get("/static/network-drawing.css", include_in_schema=False)
    async def style_sheet() -> Response:
        return Response(styles(), media_type="text/css")

    return router
