"""`sites/<site>/diagram.toml`: what should be different in the single-line from how it is drawn by itself."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field

from tieline.config.fields import Strict
from tieline.config.findings import Finding
from tieline.config.reading import Source
from tieline.model import SingleLine


class BayLayout(Strict):
    """A bay."""

    name: str = Field(default="", description="what it is called in the drawing")
    description: str = Field(default="", description="where it leads to, below its name")
    side: Literal["up", "down"] | None = Field(default=None, description="to which side of the busbar it is drawn")


class EquipmentLayout(Strict):
    """A piece of equipment."""

    name: str = Field(default="", description="what it is called in the drawing")
    symbol: Literal["load-break-switch", "fuse", "cable", "line"] | None = Field(
        default=None, description="drawn as this; connectivity has no word for it"
    )


class NodeLayout(Strict):
    """A connectivity node."""

    name: str = Field(default="", description="what the busbar is called in the drawing")
    busbar: bool | None = Field(default=None, description="whether it is drawn as a busbar")


class DiagramFile(Strict):
    """The whole file; each part of it can be left out."""

    title: str = Field(default="", description="of the drawing")
    symbols: Literal["iec", "ansi"] = Field(default="iec", description="the set of symbols")
    columns: int | None = Field(default=None, ge=2, le=100, description="sections of a feeder in one row")
    order: tuple[str, ...] = Field(default=(), description="bays from left to right; those not named follow")
    bays: dict[str, BayLayout] = Field(default_factory=dict, description="by name")
    equipment: dict[str, EquipmentLayout] = Field(default_factory=dict, description="by path, or name in grid/")
    nodes: dict[str, NodeLayout] = Field(default_factory=dict, description="by path, or name in grid/")


def read_diagram(
    folder: Path, site: Path, station: SingleLine | None, findings: list[Finding], *, is_station_known: bool = True
) -> DiagramFile:
    """The site's file, or the defaults where it has none; what it names has to be in the station, where that could be read."""
    path = site / "diagram.toml"
    if not path.is_file():
        return DiagramFile()
    source = Source(folder, path, findings)
    read = source.read_toml(DiagramFile)
    if read is None:
        return DiagramFile()
    if not is_station_known:
        return read
    if station is None:
        source.report("the site has no connectivity that could be drawn", "describe it in grid/ or in an SCL file")
        return read
    bays = [bay.name for level in station.levels for bay in level.bays]
    pieces = {piece.path: piece for piece in station.equipment()}
    nodes = [node.path for node in station.nodes()]
    for row, name in enumerate(read.order):
        _check(source, ("order", row), name, bays, "bay")
        if name in read.order[:row]:
            source.report_key(("order", row), "the bay is named twice", "remove one of them", value=name)
    for name in read.bays:
        _check(source, ("bays", name), name, bays, "bay")
    for name, hint in read.equipment.items():
        _check(source, ("equipment", name), name, pieces, "piece of equipment")
        if hint.symbol and name in pieces:
            inside = [end for end in pieces[name].nodes if end in nodes]
            if len(inside) != 2:
                problem = f"the symbol has two ends, the equipment has {len(inside)} in this station"
                source.report_key(("equipment", name, "symbol"), problem, "leave the symbol out", value=hint.symbol)
    for name in read.nodes:
        _check(source, ("nodes", name), name, nodes, "node")
    return read


def _check(source: Source, key: tuple[int | str, ...], name: str, known: Iterable[str], what: str) -> None:
    names: Collection[str] = list(known)
    if name in names:
        return
    close = difflib.get_close_matches(name, names, n=1)
    remedy = f"did you mean {close[0]}?" if close else f"write one of {', '.join(list(names)[:12])}"
    source.report_key(key, f"the site has no such {what}", remedy, value=name)
