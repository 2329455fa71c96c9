"""What was read of `network/` so far, for the checks: rows with their lines, and which lists are not whole because of mistakes in them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from tieline.config.device import Device
from tieline.config.lines import KeyPath
from tieline.config.network.catalog import Catalog
from tieline.config.network.rows import AclRow, LinkRow, NodeRow, PortRow, SupplyRow
from tieline.config.network.sections import SECTIONS, NetworkFile
from tieline.config.outline import HostOutline, ZoneOutline
from tieline.config.reading import Source
from tieline.model import Reporting

_NAMED_IN_WORDS = 12


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the network has to agree with."""

    sites: Sequence[str]
    zones: Sequence[ZoneOutline]
    hosts: Sequence[HostOutline]
    devices: Mapping[str, Sequence[Device]]
    """By site; of those without a mistake."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Of sites, for people."""
    reporting: Mapping[str, Reporting] = field(default_factory=dict)
    """Of sites, for points that say nothing themselves."""
    taken: Mapping[str, Collection[str]] = field(default_factory=dict)
    """By site, names that no watched node can have: of its devices, right or wrong, and of its outstations."""


@dataclass(kw_only=True)
class Draft:
    """The files of `network/`."""

    around: Surroundings
    catalog: Catalog
    top: Source
    file: NetworkFile
    """Of network.toml what is right."""
    positions: Mapping[str, Sequence[int]]
    """For each list of network.toml: which entry of the file each one is."""
    sources: Mapping[str, Source]
    nodes: list[tuple[int, NodeRow]] = field(default_factory=list)
    ports: list[tuple[int, PortRow]] = field(default_factory=list)
    links: list[tuple[int, LinkRow]] = field(default_factory=list)
    acls: list[tuple[int, AclRow]] = field(default_factory=list)
    supplies: list[tuple[int, SupplyRow]] = field(default_factory=list)
    partial: set[str] = field(default_factory=set)
    """Lists with entries that could not be read, or whose names are not their own: what they lack may be there."""
    faulty: set[tuple[str, int]] = field(default_factory=set)
    """Rows of lists that have a mistake: the list and the line."""

    def key(self, section: str, number: int, *rest: str | int) -> KeyPath:
        """Where the entry stands in network.toml."""
        return (section, self.positions[section][number], *rest)

    def report(self, stem: str, line: int, where: str, value: object, problem: str, remedy: str) -> None:
        """Notes a mistake in a list."""
        self.faulty.add((stem, line))
        self.sources[stem].report(problem, remedy, line=line, where=where, value=value)

    def is_known(self, stem: str, line: int, where: str, value: str, known: Collection[str], what: str, of: str) -> bool:
        """Whether a cell names something that there is; a finding where it does not, but not if `of` is not whole."""
        if value in known:
            return True
        if of not in self.partial:
            self.report(stem, line, where, value, f"there is no such {what}", one_of(value, known))
        return False

    def is_known_key(self, key: KeyPath, value: str, known: Collection[str], what: str, of: str) -> bool:
        """The same of a key in network.toml."""
        if value in known:
            return True
        if of not in self.partial:
            self.top.report_key(key, f"there is no such {what}", one_of(value, known), value=value)
        return False


def one_of(name: str, known: Collection[str]) -> str:
    """What somebody may have meant."""
    close = difflib.get_close_matches(name, known, n=1) if len(known) <= 2_000 else []
    if close:
        return f"did you mean {close[0]}?"
    if not known:
        return "there is none yet"
    names = list(known)[:_NAMED_IN_WORDS]
    return f"write one of {', '.join(names)}{' ...' if len(known) > len(names) else ''}"


def outline(document: Mapping[str, Any]) -> tuple[NetworkFile, dict[str, list[int]], set[str]]:
    """Of a network.toml with mistakes what is right, entry by entry; where each entry stands; the lists that are not whole.

    Of a file that is no TOML, nothing is known: no list is whole.
    """
    blank = NetworkFile()
    kept: dict[str, Any] = {name: getattr(blank, name) for name in NetworkFile.model_fields}
    positions: dict[str, list[int]] = {}
    partial: set[str] = set() if document else {*SECTIONS, "watch"}
    with suppress(ValidationError):
        kept["defaults"] = NetworkFile.model_validate({"defaults": document.get("defaults", {})}).defaults
    try:
        kept["watch"] = NetworkFile.model_validate({"watch": document.get("watch")}).watch
    except ValidationError:
        partial.add("watch")
    for name in SECTIONS:
        positions[name] = []
        entries = document.get(name, [])
        if not isinstance(entries, list):
            partial.add(name)
            continue
        right: list[Any] = []
        for index, entry in enumerate(entries):
            try:
                right += getattr(NetworkFile.model_validate({name: [entry]}), name)
                positions[name].append(index)
            except ValidationError:
                partial.add(name)
        kept[name] = right
    return NetworkFile.model_construct(**kept), positions, partial
