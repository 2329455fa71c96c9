"""`tieline network`: lists of what the network consists of, and its drawings."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast, get_args

import typer
from rich.console import Console
from rich.table import Table

from tieline.config import Utility, read_folder
from tieline.config.network import Network, Port, format_vlans
from tieline.model import ConfigError
from tieline.network.drawing import Theme, plan_overview, plan_site, svg_of

Rows = Iterator[tuple[str, ...]]
_TABLE_WIDTH = 160
"""Of a table that does not go to a terminal."""


def show_lists(folder: Path, names: Sequence[str], site: str | None, output: str) -> None:
    """Prints lists. Raises `ConfigError` for a folder without a network, and for words that mean nothing."""
    _, network = read_network(folder)
    for name in names:
        one_of(name, tuple(_LISTS), "list")
    one_of(output, ("table", "csv", "json"), "format")
    if site is not None:
        one_of(site, tuple(place.name for place in network.places), "site")
    chosen = list(names) or [name for name in _LISTS if name != "ports"]
    if output == "csv" and len(chosen) != 1:
        raise ConfigError("csv holds one list; add --list with its name")
    if output == "json":
        lists = {
            name: [dict(zip(_LISTS[name][0], row, strict=True)) for row in _LISTS[name][1](network, site)] for name in chosen
        }
        typer.echo(json.dumps(lists, indent=2, ensure_ascii=False))
        return
    if output == "csv":
        header, rows = _LISTS[chosen[0]]
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows(network, site))
        return
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _TABLE_WIDTH)
    for name in chosen:
        header, rows = _LISTS[name]
        table = Table(box=None, pad_edge=False, header_style="bold", title=name, title_justify="left", title_style="bold")
        for column in header:
            table.add_column(
                column, justify="right" if column.endswith((" m", "Mbit/s", " V", " W")) else "left", overflow="fold"
            )
        found = list(rows(network, site))
        for row in found:
            table.add_row(*row)
        if found:
            console.print(table)
            console.print()


def write_drawing(folder: Path, site: str | None, output: Path | None, theme: str) -> None:
    """Writes a drawing. Raises `ConfigError` where there is nothing to draw, or the file cannot be written."""
    style = cast("Theme", one_of(theme, get_args(Theme), "theme"))
    utility, network = read_network(folder)
    plan = plan_overview(network, utility.name) if site is None else plan_site(network, site)
    svg = svg_of(plan, style)
    if output is None:
        typer.echo(svg, nl=False)
        return
    try:
        output.write_text(svg, "utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {output}: {(error.strerror or str(error)).lower()}") from error


def read_network(folder: Path) -> tuple[Utility, Network]:
    """The folder and its network. Raises `ConfigError` for one without."""
    utility = read_folder(folder)
    if utility.network is None:
        raise ConfigError(f"{folder} describes no network; write network/network.toml, network/nodes.csv and network/links.csv")
    return utility, utility.network


def one_of(word: str, known: Sequence[str], what: str) -> str:
    """The word, if it is known. Raises `ConfigError`."""
    if word not in known:
        raise ConfigError(f"there is no {what} {word!r}; write one of {', '.join(known)}")
    return word


def _nodes(network: Network, site: str | None) -> Rows:
    for node in network.nodes:
        if site in {None, node.site}:
            addresses = " ".join(str(each.address) for each in node.addresses)
            fed = f"PoE of {node.powered_by}" if node.powered_by else " ".join(node.supplies)
            yield node.name, node.site, node.rack, node.kind, node.model.name, addresses, fed, node.description


def _is_at(network: Network, ends: tuple[str, ...], site: str | None) -> bool:
    return site is None or any(network.by_name[name].site == site for name in ends if name in network.by_name)


def _ports(network: Network, site: str | None) -> Rows:
    for node in network.nodes:
        if site not in {None, node.site}:
            continue
        for port in node.ports:
            link = network.link_of.get(port.path)
            other = "" if link is None else (link.b if link.a.path == port.path else link.a).path
            speed = "" if link is None else f"{link.speed_mbps:g}"
            poe = "" if port.poe is None else f"class {port.poe.highest_class}"
            yield node.name, port.name, port.medium, port.mode, _vlans(port), speed, poe, other


def _vlans(port: Port) -> str:
    if port.native is None:
        return format_vlans(port.allowed) if port.allowed else ""
    untagged = f"{port.native} untagged" if port.native in port.allowed else ""
    return ", ".join(part for part in (untagged, format_vlans(port.tagged) if port.tagged else "") if part)


def _links(network: Network, site: str | None) -> Rows:
    for link in network.links:
        if _is_at(network, link.nodes, site):
            cable = link.medium if link.cable is None else link.cable.name
            optics = " ".join(dict.fromkeys(each.name for each in (link.optics_a, link.optics_b) if each is not None))
            yield (
                link.name,
                link.a.path,
                link.b.path,
                cable,
                f"{link.length_m:g}",
                f"{link.speed_mbps:g}",
                optics,
                " ".join(link.ducts),
            )


def _vlan_rows(network: Network, site: str | None) -> Rows:
    used: dict[int, int] = {}
    for node in network.nodes:
        if site in {None, node.site} and node.is_bridge:
            for port in node.ports:
                if port.path in network.link_of:
                    for vlan in port.allowed:
                        used[vlan] = used.get(vlan, 0) + 1
    for each in sorted(network.vlans, key=lambda vlan: vlan.id):
        if site is None or each.id in used:
            subnet = "" if each.subnet is None else str(each.subnet)
            gateway = "" if each.gateway is None else str(each.gateway)
            yield str(each.id), each.name, each.zone, subnet, gateway, str(used.get(each.id, 0)), each.description


def _services(network: Network, site: str | None) -> Rows:
    for each in network.services:
        if _is_at(network, each.sources + each.targets, site):
            delay = "" if each.max_delay_ms is None else f"{each.max_delay_ms:g}"
            survives = "" if each.redundancy == "none" else each.redundancy.replace("_", " ")
            vlan = "routed" if each.vlan is None else str(each.vlan)
            queue = "" if each.qos is None else each.qos.name
            yield each.name, each.kind, _some(each.sources), _some(each.targets), vlan, queue, delay, survives


def _some(names: Sequence[str]) -> str:
    return " ".join(names) if len(names) <= 3 else f"{' '.join(names[:3])} and {len(names) - 3} more"


def _rings(network: Network, site: str | None) -> Rows:
    for ring in network.rings:
        members = ring.members + ring.lan_a + ring.lan_b
        if _is_at(network, members, site):
            lans = f"A {' '.join(ring.lan_a)}; B {' '.join(ring.lan_b)}" if ring.protocol == "prp" else ""
            yield ring.name, ring.protocol, _some(ring.members), ring.root, lans, ring.description


def _supplies(network: Network, site: str | None) -> Rows:
    fed: dict[str, int] = {}
    for node in network.nodes:
        for name in node.supplies:
            fed[name] = fed.get(name, 0) + 1
    for each in network.supplies:
        if site in {None, each.site}:
            capacity = "" if each.capacity_w is None else f"{each.capacity_w:g}"
            battery = f"{each.cells} x {each.cell.name}, {each.capacity_ah:g} Ah" if each.cell is not None else ""
            yield (
                each.name,
                each.site,
                each.kind,
                f"{each.voltage_v:g}",
                capacity,
                " ".join(each.fed_by),
                str(fed.get(each.name, 0)),
                battery,
            )


_LISTS: Mapping[str, tuple[tuple[str, ...], Callable[[Network, str | None], Rows]]] = {
    "nodes": (("name", "site", "rack", "kind", "model", "addresses", "fed by", "description"), _nodes),
    "ports": (("node", "port", "medium", "mode", "VLANs", "Mbit/s", "PoE", "linked to"), _ports),
    "links": (("name", "a", "b", "cable", "length, m", "Mbit/s", "transceivers", "ducts"), _links),
    "vlans": (("VLAN", "name", "zone", "subnet", "gateway", "ports", "description"), _vlan_rows),
    "services": (("name", "kind", "from", "to", "VLAN", "class", "most ms", "survives"), _services),
    "rings": (("name", "protocol", "members", "root", "LANs", "description"), _rings),
    "supplies": (("name", "site", "kind", "supply, V", "most, W", "fed by", "nodes", "battery"), _supplies),
}
"""Columns and rows of each list."""
