"""The communications network as it is at the moment: what is cut, dark, exchanged or switched off, and what flows where.

Everything follows from the description and from what has happened since: which nodes are fed, which links are up at both ends, what
stands at the other end of a port, which way the designed streams take now and what each port therefore counts. Counters are by the clock,
as the engine time of agents is; what happens happens at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from tieline.config.network import POE_W, Link, Network, Node, Port
from tieline.network.performance.bounds import OVERHEAD_OCTETS
from tieline.network.performance.paths import NoPathError, Paths, Step
from tieline.network.performance.traffic import Stream
from tieline.network.redundancy.failures import Element
from tieline.simulator.plant.shapes import Walk

Column = npt.NDArray[np.float64]

IN_OCTETS, OUT_OCTETS, IN_FRAMES, OUT_FRAMES, ERRORS, DISCARDS = range(6)
"""Columns of what a port counts."""

_BASE_OCTETS_PER_S = 250.0
_BASE_FRAMES_PER_S = 2.0
"""Of every link that is up, each way: address resolution, spanning tree, LLDP, management."""
_DRAW = 0.7
"""Usual share of a device's largest draw."""
_WALK_SPREAD, _WALK_MEMORY_S = 0.05, 300.0


@dataclass(slots=True)
class _Happened:
    """What differs from the description."""

    cut: set[str] = field(default_factory=set)
    """Links."""
    cut_ducts: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    """Supplies."""
    swapped: list[tuple[str, str]] = field(default_factory=list)
    """Ports whose cables have been exchanged."""
    power_off: set[str] = field(default_factory=set)
    """Ports that could feed a device."""
    errors: dict[str, float] = field(default_factory=dict)
    """By port, a second."""
    firmware: dict[str, str] = field(default_factory=dict)
    """By node."""


class Communications:
    """A network that lives. Give `now_s`, the monotonic time, to what changes it; it never goes back."""

    def __init__(self, network: Network, streams: Sequence[Stream], *, now_s: float, rng: np.random.Generator) -> None:
        self.network = network
        self.on_change: Callable[[], None] | None = None
        """Told when something has happened."""
        self.boots: dict[str, int] = dict.fromkeys(network.by_name, 0)
        """How often each node has come back."""
        self.started_s: dict[str, float] = dict.fromkeys(network.by_name, now_s)
        self._streams = streams
        self._now_s = now_s
        self._walk = Walk(rng, len(streams), spread=_WALK_SPREAD, memory_s=_WALK_MEMORY_S)
        self._happened = _Happened()
        self._ports = {port.path: port for port in network.ports()}
        self._rows = {path: row for row, path in enumerate(self._ports)}
        self._counts: Column = np.zeros((len(self._rows), 6))
        self._rates: Column = np.zeros((len(self._rows), 6))
        self.changed_s: Column = np.full(len(self._rows), now_s)
        """When each port's link last came or went, by its row."""
        self._alive: frozenset[str] = frozenset(network.by_name)
        self._up: frozenset[str] = frozenset()
        self._links: Mapping[str, Link] = {}
        self._paths = Paths(network)
        self._entries: tuple[npt.NDArray[np.intp], ...] = ()
        self._settle(now_s)

    # What happens

    def cut(self, link: str, now_s: float, *, is_cut: bool = True) -> None:
        """Cuts a link, or joins it again."""
        self._mark(self._happened.cut, link, is_there=is_cut)
        self._settle(now_s)

    def cut_duct(self, duct: str, now_s: float, *, is_cut: bool = True) -> None:
        """Cuts everything that runs through a duct, or joins it again."""
        self._mark(self._happened.cut_ducts, duct, is_there=is_cut)
        self._settle(now_s)

    def lose_supply(self, supply: str, now_s: float, *, is_lost: bool = True) -> None:
        """Loses a supply, or has it back. What it feeds alone is lost with it."""
        self._mark(self._happened.lost, supply, is_there=is_lost)
        self._settle(now_s)

    def swap(self, one: str, other: str, now_s: float) -> None:
        """Exchanges the cables of two ports; a second time puts them back."""
        pair = (one, other)
        if pair in self._happened.swapped:
            self._happened.swapped.remove(pair)
        else:
            self._happened.swapped.append(pair)
        self._settle(now_s)

    def disturb(self, port: str, errors_per_s: float, now_s: float) -> None:
        """Has a port receive so many bad frames a second from now on."""
        self._happened.errors[port] = errors_per_s
        self._settle(now_s)

    def load_firmware(self, node: str, version: str, now_s: float) -> None:
        """Has a node run another firmware; it restarts for that."""
        self._happened.firmware[node] = version
        self._count_until(now_s)
        self._restart(node, now_s)
        self._settle(now_s)

    def switch_power(self, port: str, now_s: float, *, is_on: bool) -> None:
        """Switches what a port feeds."""
        self._mark(self._happened.power_off, port, is_there=not is_on)
        self._settle(now_s)

    def wander(self, now_s: float) -> None:
        """Lets the streams have a little more or less than their design's rate."""
        self._walk.step(now_s - self._now_s)
        self._count_until(now_s)
        self._flow()

    # What is

    def is_alive(self, node: str) -> bool:
        """Whether a node is fed."""
        return node in self._alive

    def is_fed(self, supply: str) -> bool:
        """Whether a supply gives power."""
        return supply in self._fed

    def firmware(self, node: str) -> str | None:
        """What a node was given to run; None where it runs what it had."""
        return self._happened.firmware.get(node)

    def is_up(self, port: str) -> bool:
        """Whether the link at a port is up."""
        return port in self._up

    def opposite(self, port: str) -> Port | None:
        """The port at the other end of the cable, whether it is lit or not."""
        link = self._links.get(port)
        if link is None:
            return None
        return link.b if link.a.path == port else link.a

    def link(self, port: str) -> Link | None:
        """What the cable at a port is to both ends."""
        return self._links.get(port)

    def row(self, port: str) -> int:
        """Of its counters."""
        return self._rows[port]

    def count(self, row: int, column: int, now_s: float) -> int:
        """What a port has counted since its node came up."""
        return int(self._counts[row, column] + self._rates[row, column] * (now_s - self._now_s))

    def rate(self, row: int, column: int) -> float:
        """A second, at the moment."""
        return float(self._rates[row, column])

    def has_power(self, port: str) -> bool:
        """Whether a port that feeds devices is switched on."""
        return port not in self._happened.power_off

    def delivered_w(self, port: str) -> float | None:
        """What a port feeds; None where it feeds nothing."""
        there = self._fed_device(port)
        if there is None or not self.has_power(port) or not self.is_alive(self._ports[port].node):
            return None
        return _DRAW * min(there.model.power_w, POE_W[there.model.poe_class or 0][1])

    def joins(self, source: str, target: str) -> bool:
        """Whether there is a way from one node to another now, through routers too."""
        if source == target:
            return self.is_alive(source)
        try:
            return bool(self._paths.unicast(source, target, None))
        except NoPathError:
            return False

    # How it follows

    @staticmethod
    def _mark(those: set[str], name: str, *, is_there: bool) -> None:
        if is_there:
            those.add(name)
        else:
            those.discard(name)

    def _settle(self, now_s: float) -> None:
        """Everything that follows from what has happened."""
        self._count_until(now_s)
        links = list(self._exchanged())
        self._links = {port.path: link for link in links for port in (link.a, link.b)}
        self._fed = self._fed_supplies()
        alive = self._fed_nodes()
        for name in alive - self._alive:
            self._restart(name, now_s)
        self._alive = alive
        up = frozenset(path for link in links if self._is_lit(link) for path in (link.a.path, link.b.path))
        self.changed_s[[self._rows[path] for path in up ^ self._up]] = now_s
        self._up = up
        gone: set[Element] = {("link", link.name) for link in links if link.a.path not in up}
        gone |= {("node", name) for name in self.network.by_name if name not in alive}
        self._paths = Paths(replace(self.network, links=tuple(links)), gone)
        self._route(links)
        self._flow()
        if self.on_change is not None:
            self.on_change()

    def _restart(self, node: str, now_s: float) -> None:
        self.boots[node] += 1
        self.started_s[node] = now_s
        self._counts[[self._rows[port.path] for port in self.network.by_name[node].ports]] = 0

    def _exchanged(self) -> Iterator[Link]:
        """The links, with the ports at which cables have been exchanged."""
        at = dict(zip(self._ports, self._ports, strict=True))
        for one, other in self._happened.swapped:
            at[one], at[other] = at[other], at[one]
        to = {was: is_now for is_now, was in at.items()}
        for link in self.network.links:
            yield replace(link, a=self._ports[to[link.a.path]], b=self._ports[to[link.b.path]])

    def _fed_supplies(self) -> frozenset[str]:
        fed: dict[str, bool] = {}

        def is_fed(name: str) -> bool:
            if name not in fed:
                supply = self.network.supply_by_name[name]
                feeds = supply.kind == "battery" or not supply.fed_by or any(is_fed(other) for other in supply.fed_by)
                fed[name] = feeds and name not in self._happened.lost
            return fed[name]

        return frozenset(name for name in self.network.supply_by_name if is_fed(name))

    def _fed_nodes(self) -> frozenset[str]:
        """Those with a supply of their own, and then what they feed over Ethernet."""
        alive = {
            node.name
            for node in self.network.nodes
            if any(name in self._fed for name in node.supplies) or not (node.supplies or node.powered_by)
        }
        waiting = list(alive)
        while waiting:
            for port in self.network.by_name[waiting.pop()].ports:
                there = self._fed_device(port.path)
                if there is not None and self.has_power(port.path) and there.name not in alive:
                    alive.add(there.name)
                    waiting.append(there.name)
        return frozenset(alive)

    def _fed_device(self, path: str) -> Node | None:
        """The device that would draw its power from a port."""
        port, link = self._ports[path], self._links.get(path)
        if port.poe is None or link is None or self._is_cut(link) or port.mode == "disabled":
            return None
        there = self.network.by_name[link.other(port.node).node]
        if there.supplies or there.model.poe_class is None or link.medium != "copper":
            return None
        return there

    def _is_cut(self, link: Link) -> bool:
        return link.name in self._happened.cut or not self._happened.cut_ducts.isdisjoint(link.ducts)

    def _is_lit(self, link: Link) -> bool:
        return (
            not self._is_cut(link)
            and link.a.node in self._alive
            and link.b.node in self._alive
            and "disabled" not in {link.a.mode, link.b.mode}
        )

    def _route(self, links: Sequence[Link]) -> None:
        """Which stream passes which port, sending and receiving."""
        out, into, carried = [], [], []
        for number, stream in enumerate(self._streams):
            for step in self._steps(stream):
                link = links[step.way.link]
                ends = (link.a, link.b) if step.way.is_forth else (link.b, link.a)
                out.append(self._rows[ends[0].path])
                into.append(self._rows[ends[1].path])
                carried.append(number)
        self._entries = (np.array(out, np.intp), np.array(into, np.intp), np.array(carried, np.intp))

    def _steps(self, stream: Stream) -> Sequence[Step]:
        try:
            if stream.is_flooded:
                return self._paths.flood(stream.source, stream.service.vlan)
            return self._paths.unicast(stream.source, stream.targets[0], stream.service.vlan)
        except NoPathError:
            return ()

    def _flow(self) -> None:
        """What each port counts a second."""
        out, into, carried = self._entries
        wire = np.array([stream.largest_bits / 8 for stream in self._streams])
        factor = 1 + np.clip(self._walk.value, -0.2, 0.2)
        octets = np.array([stream.rate.value * 125_000 for stream in self._streams]) * factor
        frames = octets / wire if len(wire) else octets
        octets = octets - frames * OVERHEAD_OCTETS
        size = len(self._rows)
        rates = np.zeros((size, 6))
        for column, at, values in (
            (OUT_OCTETS, out, octets),
            (OUT_FRAMES, out, frames),
            (IN_OCTETS, into, octets),
            (IN_FRAMES, into, frames),
        ):
            rates[:, column] = np.bincount(at, weights=values[carried], minlength=size)
        up = [self._rows[path] for path in self._up]
        rates[np.ix_(up, (IN_OCTETS, OUT_OCTETS))] += _BASE_OCTETS_PER_S
        rates[np.ix_(up, (IN_FRAMES, OUT_FRAMES))] += _BASE_FRAMES_PER_S
        for path, per_s in self._happened.errors.items():
            if path in self._up:
                rates[self._rows[path], ERRORS] = per_s
        self._rates = rates

    def _count_until(self, now_s: float) -> None:
        self._counts += self._rates * (now_s - self._now_s)
        self._now_s = now_s


def find_gateways(network: Network, site: str) -> Collection[str]:
    """The nodes from which a site's devices are asked: its gateways, and where there is none, the sources of its streams of kind bus."""
    there = [node.name for node in network.nodes if node.site == site]
    gateways = [name for name in there if network.by_name[name].kind == "gateway"]
    sources = {name for service in network.services if service.kind == "bus" for name in service.sources}
    return gateways or [name for name in there if name in sources]
