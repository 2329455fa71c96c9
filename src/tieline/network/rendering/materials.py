"""What has to be bought for the network that the folder describes: counted by site and in all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from tieline.config.network import Link, Network, Supply

Section = Literal["models", "transceivers", "cables", "supplies", "batteries"]
BETWEEN = "between sites"
"""Where a cable lies that ends at two of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One kind of thing."""

    section: Section
    name: str
    description: str
    counts: Mapping[str, int]
    """Pieces by site: of cables runs, of batteries cells."""
    lengths_m: Mapping[str, float]
    """Of cables, by site; empty otherwise."""

    @property
    def count(self) -> int:
        """In all."""
        return sum(self.counts.values())

    @property
    def length_m(self) -> float:
        """In all."""
        return sum(self.lengths_m.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The bill of materials."""

    utility: str
    places: tuple[str, ...]
    """Sites and places in their order, those with something; `between sites` last."""
    items: tuple[Item, ...]

    def section(self, name: Section) -> tuple[Item, ...]:
        """The items of one section."""
        return tuple(each for each in self.items if each.section == name)


@dataclass(frozen=True, slots=True)
class _One:
    section: Section
    name: str
    description: str
    place: str
    count: int = 1
    length_m: float = 0.0


def bill_of(network: Network, utility: str) -> Bill:
    """Models of all nodes, transceivers in cages, cables, supplies, cells. What is built into a model is not counted again."""
    found: dict[tuple[Section, str], list[_One]] = {}
    for one in _everything(network):
        found.setdefault((one.section, one.name), []).append(one)
    order: tuple[Section, ...] = ("models", "transceivers", "cables", "supplies", "batteries")
    items = tuple(_item(ones) for _, ones in sorted(found.items(), key=lambda each: (order.index(each[0][0]), each[0][1])))
    used = {place for item in items for place in item.counts}
    places = tuple(place.name for place in network.places if place.name in used)
    return Bill(utility=utility, places=(*places, BETWEEN) if BETWEEN in used else places, items=items)


def _item(ones: list[_One]) -> Item:
    counts: dict[str, int] = {}
    lengths: dict[str, float] = {}
    for one in ones:
        counts[one.place] = counts.get(one.place, 0) + one.count
        if one.section == "cables":
            lengths[one.place] = lengths.get(one.place, 0.0) + one.length_m
    first = ones[0]
    return Item(section=first.section, name=first.name, description=first.description, counts=counts, lengths_m=lengths)


def _everything(network: Network) -> Iterator[_One]:
    for node in network.nodes:
        yield _One("models", node.model.name, node.model.description, node.site)
    for link in network.links:
        yield from _of_link(network, link)
    for supply in network.supplies:
        yield from _of_supply(supply)


def _of_link(network: Network, link: Link) -> Iterator[_One]:
    for port, optics in ((link.a, link.optics_a), (link.b, link.optics_b)):
        if optics is not None and not port.optics:
            yield _One("transceivers", optics.name, optics.description, network.by_name[port.node].site)
    if link.cable is not None:
        sites = {network.by_name[name].site for name in link.nodes}
        place = sites.pop() if len(sites) == 1 else BETWEEN
        yield _One("cables", link.cable.name, link.cable.description, place, length_m=link.length_m)


def _of_supply(supply: Supply) -> Iterator[_One]:
    if supply.cell is not None:
        size = "" if supply.capacity_ah is None else f", {supply.capacity_ah:g} Ah"
        yield _One("batteries", f"{supply.cell.name}{size}", supply.cell.description, supply.site, supply.cells)
    else:
        most = "" if supply.capacity_w is None else f", {supply.capacity_w:g} W"
        kind = {"dc": "DC supply", "ac": "AC supply", "converter": "converter", "battery": "battery"}[supply.kind]
        yield _One("supplies", f"{kind} {supply.voltage_v:g} V{most}", "", supply.site)
