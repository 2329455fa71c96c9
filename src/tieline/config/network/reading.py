"""Reads `network/` of a utility folder, cross-checks it, and resolves it.

    network.toml  nodes.csv  ports.csv  links.csv  acls.csv  supplies.csv  catalogue/*.toml

`network.toml`, `nodes.csv` and `links.csv` have to be there. Every mistake is a finding, and one does not hide the others: what refers to
an entry that could not be read is not reported as a second mistake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tieline.config.findings import Finding
from tieline.config.network.access_lists import resolve_acls, resolve_routes
from tieline.config.network.addressing import check_addresses, check_connections, check_vlans, resolve_vlans
from tieline.config.network.catalog import read_catalog
from tieline.config.network.description import Defaults, Duct, Network, Place
from tieline.config.network.draft import Draft, Surroundings, outline
from tieline.config.network.lags import check_lags
from tieline.config.network.links import resolve_links
from tieline.config.network.nodes import resolve_nodes
from tieline.config.network.power import check_power, resolve_supplies
from tieline.config.network.rings import resolve_rings
from tieline.config.network.rows import AclRow, LinkRow, NodeRow, PortRow, SupplyRow
from tieline.config.network.sections import SECTIONS, NetworkFile
from tieline.config.network.services import resolve_classes, resolve_services
from tieline.config.network.watching import Watching, derive_watching
from tieline.config.reading import Source
from tieline.config.snmp import Watch

_ROWS: Mapping[str, type[Any]] = {"nodes": NodeRow, "ports": PortRow, "links": LinkRow, "acls": AclRow, "supplies": SupplyRow}
_REQUIRED = {"nodes", "links"}
_OF_NO_NODE = {"network/acls.csv", "network/supplies.csv"}
"""Mistakes in these change nothing in what is watched."""


@dataclass(frozen=True, kw_only=True)
class NetworkFolder:
    """What `network/` says."""

    network: Network | None = None
    """None where the folder describes none, or where there are mistakes."""
    watching: Watching = field(default_factory=Watching)


def read_network(folder: Path, around: Surroundings, findings: list[Finding]) -> NetworkFolder:
    """The network; mistakes go to `findings`."""
    path = folder / "network"
    if not path.is_dir():
        return NetworkFolder()
    before = len(findings)
    catalog = read_catalog(folder, findings)
    top = Source(folder, path / "network.toml", findings)
    file = top.read_toml(NetworkFile)
    positions: Mapping[str, Sequence[int]]
    if file is None:
        file, positions, partial = outline(top.document)
    else:
        positions, partial = {name: range(len(getattr(file, name))) for name in SECTIONS}, set()
    draft = Draft(
        around=around,
        catalog=catalog,
        top=top,
        file=file,
        positions=positions,
        sources={stem: Source(folder, path / f"{stem}.csv", findings) for stem in _ROWS},
        partial=partial,
    )
    if any(finding.file.startswith("network/catalogue/") for finding in findings[before:]):
        draft.partial.add("catalogue")
    for stem, model in _ROWS.items():
        read_before = len(findings)
        if stem in _REQUIRED or (path / f"{stem}.csv").is_file():
            getattr(draft, stem).extend(draft.sources[stem].read_table(model))
        if len(findings) > read_before:
            draft.partial.add(stem)
    for file_path in sorted(path.glob("*.csv")):
        if file_path.stem not in _ROWS:
            names = ", ".join(f"{stem}.csv" for stem in _ROWS)
            Source(folder, file_path, findings).report("there is no such part of the network", f"the files are {names}")
    network = _resolve(draft)
    watching = derive_watching(draft, network)
    if len(findings) == before:
        return NetworkFolder(network=network, watching=watching)
    files = {finding.file for finding in findings[before:]} - _OF_NO_NODE
    return NetworkFolder(watching=replace(watching, uncertain=_uncertain(draft) if files else {}))


def _uncertain(draft: Draft) -> Mapping[str, frozenset[str]] | None:
    """The nodes that are watched or would be but for mistakes, by site."""
    if draft.file.watch is None and "watch" not in draft.partial:
        return {}
    if "nodes" in draft.partial or not draft.nodes:
        return None
    return {site: frozenset(row.name for _, row in draft.nodes if row.site == site) for site in draft.around.sites}


def _resolve(draft: Draft) -> Network:
    file = draft.file
    check_duplicates(draft)
    places = (
        *(Place(name=name, title=draft.around.titles.get(name, name), is_site=True) for name in draft.around.sites),
        *(Place(name=place.name, title=place.title or place.name, is_site=False) for place in file.places),
    )
    vlans = resolve_vlans(draft)
    check_vlans(draft, vlans)
    classes = resolve_classes(draft)
    supplies = resolve_supplies(draft, {place.name for place in places})
    nodes = resolve_nodes(draft, {place.name for place in places}, vlans, {supply.name: supply for supply in supplies})
    links = resolve_links(draft, nodes)
    nodes = check_power(draft, nodes, links)
    network = Network(
        defaults=Defaults(**file.defaults.model_dump()),
        watch=None if file.watch is None else Watch(**file.watch.model_dump()),
        catalog=draft.catalog,
        places=places,
        vlans=vlans,
        classes=classes,
        nodes=tuple(nodes.values()),
        links=tuple(links),
        ducts=tuple(Duct(name=duct.name, description=duct.description) for duct in file.ducts),
        acls=resolve_acls(draft, nodes, vlans),
        routes=resolve_routes(draft, nodes),
        supplies=supplies,
        rings=resolve_rings(draft, nodes, links),
        services=resolve_services(draft, nodes, vlans, classes),
    )
    check_addresses(draft, network)
    check_connections(draft, network)
    check_lags(draft, network)
    return network


def check_duplicates(draft: Draft) -> None:
    """Names are there once: in each list of network.toml, and in each CSV that has names."""
    for section in SECTIONS:
        if section == "routes":
            continue
        seen: set[str] = set()
        for number, entry in enumerate(getattr(draft.file, section)):
            if entry.name in seen:
                draft.top.report_key(
                    draft.key(section, number, "name"), "the name is taken already", "choose another", value=entry.name
                )
            seen.add(entry.name)
    for number, place in enumerate(draft.file.places):
        if place.name in draft.around.sites:
            draft.top.report_key(
                draft.key("places", number, "name"), "a site has the name", "leave the place out", value=place.name
            )
    for stem in ("nodes", "links", "supplies"):
        first: dict[str, int] = {}
        for line, row in getattr(draft, stem):
            if first.setdefault(row.name, line) != line:
                draft.report(stem, line, "name", row.name, f"the name is taken by line {first[row.name]}", "choose another")
                draft.partial.add(stem)
