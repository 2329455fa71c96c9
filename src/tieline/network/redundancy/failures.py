"""What can fail at once: a link, a node, a duct with all links in it, a supply with all that hangs on it alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from tieline.config.network import Network, Service

FailureKind = Literal["link", "node", "duct", "supply"]
Element = tuple[Literal["link", "node"], str]
"""What a way goes through."""

_SURVIVES: Mapping[str, tuple[FailureKind, ...]] = {
    "none": (),
    "any_link": ("link",),
    "any_node": ("node",),
    "any_duct": ("duct",),
    "any": ("link", "node", "duct", "supply"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """One thing that fails, and everything that is gone then."""

    kind: FailureKind
    name: str
    gone: frozenset[Element]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def has_to_survive(service: Service, failure: Failure) -> bool:
    """Whether the description asks it of the service."""
    return failure.kind in _SURVIVES[service.redundancy]


def failures_of(network: Network) -> Iterator[Failure]:
    """Every single failure: links, nodes, ducts, supplies, each in the order of the folder. The failure of a port is that of its link."""
    fed = _Feeding(network)
    for link in network.links:
        yield Failure("link", link.name, frozenset({("link", link.name)}))
    for node in network.nodes:
        yield Failure("node", node.name, frozenset(("node", name) for name in fed.without_node(node.name)))
    within: dict[str, list[Element]] = {duct.name: [] for duct in network.ducts}
    for link in network.links:
        for name in link.ducts:
            within[name].append(("link", link.name))
    for name, links in within.items():
        yield Failure("duct", name, frozenset(links))
    for supply in network.supplies:
        yield Failure("supply", supply.name, frozenset(("node", name) for name in fed.without_supply(supply.name)))


class _Feeding:
    def __init__(self, network: Network) -> None:
        self._network = network
        self._fed_over_poe: dict[str, list[str]] = {}
        self._on_supply: dict[str, list[str]] = {}
        for node in network.nodes:
            if node.powered_by and not node.supplies:
                self._fed_over_poe.setdefault(node.powered_by.partition("/")[0], []).append(node.name)
            for supply in node.supplies:
                self._on_supply.setdefault(supply, []).append(node.name)
        self._feeds: dict[str, list[str]] = {}
        for each in network.supplies:
            for supply in each.fed_by:
                self._feeds.setdefault(supply, []).append(each.name)

    def without_node(self, name: str) -> set[str]:
        """The node, and what it feeds over PoE."""
        gone, left = set[str](), [name]
        while left:
            one = left.pop()
            if one not in gone:
                gone.add(one)
                left += self._fed_over_poe.get(one, ())
        return gone

    def without_supply(self, name: str) -> set[str]:
        """What nothing else feeds."""
        dead, left = {name}, [name]
        while left:
            for fed in self._feeds.get(left.pop(), ()):
                # A battery goes on by itself when what charges it fails.
                supply = self._network.supply_by_name[fed]
                if fed not in dead and supply.kind != "battery" and dead.issuperset(supply.fed_by):
                    dead.add(fed)
                    left.append(fed)
        gone = set[str]()
        for supply_name in dead:
            for node in self._on_supply.get(supply_name, ()):
                if dead.issuperset(self._network.by_name[node].supplies):
                    gone |= self.without_node(node)
        return gone
