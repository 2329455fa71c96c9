"""Links: their two ends exist and are free, and what is between them fits both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tieline.config.network.catalog import Cable, Transceiver
from tieline.config.network.description import Link, Node, Port
from tieline.config.network.draft import Draft
from tieline.config.network.rows import LinkRow

_TAKES = {
    "copper": {"copper", "sfp", "serial"},
    "fiber": {"fiber", "sfp"},
    "radio": {"radio"},
    "internal": {"copper", "fiber", "sfp", "radio", "serial"},
}
_SPREAD_NM = 30
"""Wavelengths that differ by less than this are the same window."""


class _End(NamedTuple):
    column: str
    sfp_column: str
    text: str
    sfp: str


def resolve_links(draft: Draft, nodes: Mapping[str, Node]) -> list[Link]:
    """Those whose ends and cable are known."""
    ducts = {duct.name for duct in draft.file.ducts}
    taken: dict[str, tuple[int, str]] = {}
    links: list[Link] = []
    names: set[str] = set()
    written = frozenset(row.name for _, row in draft.nodes)
    for line, row in draft.links:
        for duct in row.ducts:
            draft.is_known("links", line, "ducts", duct, ducts, "duct in network.toml", "ducts")
        link = _Reader(draft, line, row, nodes, written, taken).link()
        if link is not None and link.name not in names:
            names.add(link.name)
            links.append(link)
    return links


class _Reader:
    """One row."""

    def __init__(
        self,
        draft: Draft,
        line: int,
        row: LinkRow,
        nodes: Mapping[str, Node],
        written: frozenset[str],
        taken: dict[str, tuple[int, str]],
    ) -> None:
        self._draft = draft
        self._line = line
        self._row = row
        self._nodes = nodes
        self._written = written
        self._taken = taken

    def _report(self, where: str, value: object, problem: str, remedy: str) -> None:
        self._draft.report("links", self._line, where, value, problem, remedy)

    def link(self) -> Link | None:
        """The link, or None."""
        row = self._row
        ends = _End("a", "sfp_a", row.a, row.sfp_a), _End("b", "sfp_b", row.b, row.sfp_b)
        a, b = (self._port(end) for end in ends)
        cable = self._cable()
        if a is None or b is None:
            return None
        if a.node == b.node:
            self._report("b", row.b, "both ends are ports of one node", "name a port of another node")
        optics = [self._optics(end, port, cable) for end, port in zip(ends, (a, b), strict=True)]
        self._check_pair(*optics)
        speed = self._speed((a, b), optics, cable)
        if row.cable and cable is None:
            return None
        return Link(
            name=row.name,
            a=a,
            b=b,
            medium=row.medium,
            cable=cable,
            length_m=row.length_m or 0.0,
            speed_mbps=speed,
            splices=row.splices,
            connectors=row.connectors if row.medium == "fiber" else 0,
            db_per_km=row.db_per_km,
            extra_db=row.extra_db,
            optics_a=optics[0],
            optics_b=optics[1],
            ducts=tuple(row.ducts),
            delay_us=row.delay_us,
            description=row.description,
        )

    def _port(self, end: _End) -> Port | None:
        name, _, port_name = end.text.partition("/")
        node = self._nodes.get(name)
        if node is None:
            if name not in self._written:  # one that is written has a model that is not known
                self._draft.is_known("links", self._line, end.column, name, self._nodes, "node", "nodes")
            return None
        port = node._by_name.get(port_name)  # noqa: SLF001 - the index of its ports
        if port is None:
            ports = ", ".join(group.names for group in node.model.ports)
            self._report(end.column, end.text, f"{name} has no such port", f"its ports are {ports}")
            return None
        before = self._taken.setdefault(port.path, (self._line, self._row.name))
        if before != (self._line, self._row.name):
            self._report(end.column, end.text, f"link {before[1]} in line {before[0]} uses the port", "choose another port")
        elif port.medium not in _TAKES[self._row.medium]:
            self._report(
                end.column,
                end.text,
                f"is a {port.medium} port, and the link is {self._row.medium}",
                "put a media converter between, or correct the medium",
            )
        return port

    def _cable(self) -> Cable | None:
        row = self._row
        if not row.cable:
            return None
        cables = self._draft.catalog.cables
        if not self._draft.is_known("links", self._line, "cable", row.cable, cables, "cable in the catalogue", "catalogue"):
            return None
        cable = cables[row.cable]
        if cable.medium != row.medium:
            self._report("cable", row.cable, f"is a {cable.medium} cable, and the link is {row.medium}", "correct one of them")
        elif cable.max_m is not None and row.length_m is not None and row.length_m > cable.max_m:
            self._report("length_m", f"{row.length_m:g}", f"{cable.name} carries {cable.max_m:g} m at the most", "use fiber")
        return cable

    def _optics(self, end: _End, port: Port, cable: Cable | None) -> Transceiver | None:
        """What sends and receives at an end; None for copper without."""
        row, known = self._row, self._draft.catalog.transceivers
        if port.medium != "sfp":
            if end.sfp:
                self._report(end.sfp_column, end.sfp, f"{port.path} takes no SFP", "leave it empty")
            return self._check_fiber(end, known.get(port.optics), cable)
        if not end.sfp:
            if row.medium in {"copper", "fiber"}:
                self._report(end.sfp_column, "", f"the cage {port.path} is empty", "write a transceiver of the catalogue")
            return None
        if not self._draft.is_known(
            "links", self._line, end.sfp_column, end.sfp, known, "transceiver in the catalogue", "catalogue"
        ):
            return None
        chosen = known[end.sfp]
        if chosen.speed_mbps not in port.speeds_mbps:
            speeds = ", ".join(map(str, port.speeds_mbps))
            self._report(end.sfp_column, end.sfp, f"does not fit into {port.path}, which has {speeds} Mbit/s", "choose another")
        if chosen.medium != row.medium and row.medium in {"copper", "fiber"}:
            self._report(end.sfp_column, end.sfp, f"is for {chosen.medium}, and the link is {row.medium}", "choose another")
            return chosen
        return self._check_fiber(end, chosen, cable)

    def _check_fiber(self, end: _End, optics: Transceiver | None, cable: Cable | None) -> Transceiver | None:
        if optics is None or cable is None or cable.fiber is None or optics.medium != "fiber":
            return optics
        where, value = (end.sfp_column, end.sfp) if end.sfp else (end.column, end.text)
        if cable.fiber not in optics.fiber:
            self._report(where, value, f"{optics.name} does not fit {cable.fiber} fiber {cable.name}", "choose another of them")
        elif str(optics.wavelength_nm) not in cable.db_per_km and self._row.db_per_km is None:
            problem = f"the attenuation of {cable.name} at {optics.wavelength_nm} nm is not known"
            self._report(where, value, problem, "write it into db_per_km, or into the catalogue")
        return optics

    def _check_pair(self, one: Transceiver | None, other: Transceiver | None) -> None:
        if one is None or other is None or one.medium != "fiber" or other.medium != "fiber":
            return
        for sends, takes in ((one, other), (other, one)):
            wanted = takes.receive_wavelength_nm or takes.wavelength_nm
            if sends.wavelength_nm is None or wanted is None:
                continue
            if abs(sends.wavelength_nm - wanted) > _SPREAD_NM or sends.fibers != takes.fibers:
                problem = f"{sends.name} sends at {sends.wavelength_nm} nm, and {takes.name} receives at {wanted} nm"
                if sends.fibers != takes.fibers:
                    problem = f"{sends.name} needs {sends.fibers} fiber(s), and {takes.name} {takes.fibers}"
                self._report("sfp_b", self._row.sfp_b, problem, "put transceivers that belong together at both ends")
                return

    def _speed(self, ports: tuple[Port, Port], optics: list[Transceiver | None], cable: Cable | None) -> float:
        """What both ends can, the highest; 0 and a finding for none."""
        row = self._row
        if row.medium == "radio" and row.speed_mbps is not None:
            return row.speed_mbps
        most = cable.max_mbps if cable is not None and cable.max_mbps is not None else None
        can = [
            {each.speed_mbps} if each is not None and port.medium in {"sfp", "fiber"} else set(port.speeds_mbps)
            for port, each in zip(ports, optics, strict=True)
        ]
        common = can[0] & can[1]
        fitting = {speed for speed in common if most is None or speed <= most}
        if common and not fitting:
            self._report(
                "cable", row.cable, f"carries {most} Mbit/s, and the ends have {min(common)} at the least", "choose another"
            )
        if not common:
            words = " and ".join(
                f"{port.path} has {'/'.join(map(str, sorted(speeds)))} Mbit/s" for port, speeds in zip(ports, can, strict=True)
            )
            self._report("b", row.b, f"the ends have no speed in common: {words}", "choose ports or transceivers of one speed")
        if row.speed_mbps is None:
            return max(fitting, default=0)
        if row.speed_mbps > max(fitting, default=row.speed_mbps):
            self._report(
                "speed_mbps", f"{row.speed_mbps:g}", f"the ends agree on {max(fitting)} Mbit/s at the most", "correct it"
            )
        return row.speed_mbps
