"""The catalogue: models of network equipment, transceivers, cables and battery cells, each with the source of its figures.

Its files stand in `catalogue/*.toml` beside this module; a utility adds its own, or corrects one, in `network/catalogue/*.toml`. An entry
of the utility replaces the one of the same name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tieline.config.fields import Strict
from tieline.config.findings import Finding
from tieline.config.reading import Source

NodeKind = Literal[
    "switch",
    "router",
    "firewall",
    "media_converter",
    "redbox",
    "radio",
    "relay",
    "merging_unit",
    "rtu",
    "gateway",
    "controller",
    "meter",
    "pmu",
    "clock",
    "camera",
    "access_reader",
    "sensor",
    "server",
    "workstation",
    "other",
]
PortMedium = Literal["copper", "fiber", "sfp", "radio", "serial"]
"""`sfp` is a cage that takes a transceiver; `fiber` has its optics built in."""
Connector = Literal["rj45", "m12", "lc", "sc", "st", "terminal", "antenna", ""]

Style = Literal["linux", "ovs", "ios", "comnet"]
"""How configurations for it are written."""
ModelName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9_.-]{0,62}[a-z0-9])?$")]
PoeClass = Annotated[int, Field(ge=0, le=8)]
"""A class of IEEE 802.3 clauses 33 and 145; 0 is treated as 3 by a PSE."""

POE_W: Mapping[int, tuple[float, float]] = {
    0: (15.4, 12.95),
    1: (4.0, 3.84),
    2: (7.0, 6.49),
    3: (15.4, 12.95),
    4: (30.0, 25.5),
    5: (45.0, 40.0),
    6: (60.0, 51.0),
    7: (75.0, 62.0),
    8: (90.0, 71.3),
}
"""By class: what the PSE has to have, and what reaches the device, in W (IEEE 802.3-2022, clauses 33 and 145)."""

_RANGE = re.compile(r"^(?P<prefix>.*?)(?P<first>\d+)-(?P<last>\d+)$")


def expand_names(text: str) -> tuple[str, ...]:
    """The names of a list like `1-8` or `gi1/1-4 te1`, in its order. Raises `ValueError`."""
    names: list[str] = []
    for part in text.split():
        match = _RANGE.match(part)
        if match is None:
            names.append(part)
            continue
        first, last = int(match["first"]), int(match["last"])
        if not first <= last < first + 1_024:
            raise ValueError(f"{part} is no range of names; write for example 1-8 or gi1/1-8")
        names.extend(f"{match['prefix']}{number}" for number in range(first, last + 1))
    if not names or len(set(names)) < len(names):
        raise ValueError("names ports twice, or none; write for example 1-8, gi1/1-4 or a b")
    return tuple(names)


def _check_names(text: str) -> str:
    expand_names(text)
    return text


def _check_template(text: str) -> str:
    try:
        text.format(port="9", index=9)
    except (LookupError, ValueError, AttributeError) as error:
        raise ValueError("is no template; write for example GigabitEthernet1/{port}, or {index} for the port's number") from error
    return text


Template = Annotated[str, AfterValidator(_check_template)]
"""`{port}` stands for the port's name, `{index}` for its number within the model, from 1."""


class Tagging(Strict):
    """What becomes of the tags of frames, which differs between vendors where the configuration says the same."""

    access_tagged: Literal["drop", "own_vlan", "any"] = Field(
        default="own_vlan",
        description="a frame with a tag on an access port: dropped, taken where it is the port's own VLAN, or taken as tagged",
    )
    ingress_filtering: bool = Field(
        default=True, description="whether a trunk drops frames of VLANs that are not allowed on it (IEEE 802.1Q clause 8.6.2)"
    )
    native_tagged: Literal["accept", "drop"] = Field(default="accept", description="a frame tagged with the trunk's native VLAN")
    native_egress: Literal["untagged", "tagged"] = Field(
        default="untagged", description="how frames of the native VLAN leave a trunk"
    )
    priority_tagged: Literal["native", "drop"] = Field(
        default="native", description="a frame with a tag of VLAN 0, priority only"
    )
    trunk_untagged: Literal["native", "drop"] = Field(default="native", description="a frame without a tag on a trunk")
    second_tag: Literal["keep", "drop"] = Field(default="keep", description="a frame with a further tag beneath")
    access_inner: Literal["keep", "drop"] = Field(
        default="keep", description="whether a frame with a tag beneath that of its VLAN leaves an access port"
    )
    most_tags: int | None = Field(default=None, ge=2, description="tags that it can tell apart; None for any number")
    new_port: Literal["access", "trunk", "disabled", "hybrid"] = Field(
        default="access", description="what a port is that nobody has configured"
    )
    source: str = Field(default="", description="where that is from")


class PortGroup(Strict):
    """Ports of a model that are alike."""

    names: Annotated[str, AfterValidator(_check_names)] = Field(description="like 1-8, or gi1/1-4, or a b")
    medium: PortMedium = "copper"
    speeds_mbps: list[Annotated[int, Field(ge=1, le=400_000)]] = Field(default_factory=lambda: [10, 100], min_length=1)
    connector: Connector = ""
    optics: str = Field(default="", description="a transceiver of the catalogue that is built in; with medium fiber")
    poe_class: PoeClass | None = Field(default=None, description="the highest class that it feeds")
    buffer_kib: float | None = Field(default=None, gt=0, description="of this port alone; shared where it is left out")
    interface: Template = Field(default="", description="what the device calls them; the model's template where it is left out")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.medium == "fiber") != bool(self.optics):
            raise ValueError(
                "a port of medium fiber names its optics, and no other does; write optics, or medium = sfp for a cage"
            )
        if self.poe_class is not None and self.medium != "copper":
            raise ValueError("only copper ports feed devices; remove poe_class")
        return self


class TrafficHint(Strict):
    """What such a device usually sends, where nobody says better."""

    kind: str = Field(description="a kind of service")
    rate_kbps: float = Field(default=0.0, ge=0)
    frame_octets: int = Field(default=0, ge=0, le=9_216)
    source: str = ""


class Model(Strict):
    """A model of network equipment, or of a connected device."""

    name: ModelName
    kind: NodeKind
    vendor: str = ""
    description: str = ""
    source: str = Field(min_length=1, description="where the figures are from")
    layer: Literal[1, 2, 3] = Field(default=2, description="1 passes bits on, 2 bridges, 3 routes too")
    ports: list[PortGroup] = Field(min_length=1)
    stateful: bool = Field(default=False, description="whether it lets replies through by itself")
    forwarding: Literal["store_and_forward", "cut_through"] = "store_and_forward"
    latency_us: float = Field(
        default=0.0, ge=0, description="longest time from the last bit in to the first bit out, without queues"
    )
    switching_mbps: float | None = Field(default=None, gt=0, description="all ports together; None forwards at line rate")
    queues: Annotated[int, Field(ge=1, le=16)] = 8
    buffer_kib: float | None = Field(default=None, gt=0, description="shared by all ports")
    max_vlans: int = Field(default=4_094, ge=1, le=4_094)
    poe_budget_w: float | None = Field(default=None, gt=0, description="all ports together")
    poe_class: PoeClass | None = Field(default=None, description="as a powered device")
    power_w: float = Field(default=0.0, ge=0, description="largest draw, without what it feeds over PoE")
    supply_inputs: Annotated[int, Field(ge=0, le=4)] = 1
    supply_v: tuple[float, float] | None = Field(default=None, description="lowest and highest supply voltage")
    temperature_c: tuple[float, float] | None = Field(default=None, description="lowest and highest ambient temperature")
    redundancy: list[Literal["rstp", "mrp", "hsr", "prp", "lacp", "dual_homing"]] = Field(default_factory=list)
    tagging: Tagging = Tagging()
    traffic: list[TrafficHint] = Field(default_factory=list)
    has_lldp: bool = False
    has_snmp: bool = False
    has_port_security: bool = Field(default=False, description="whether it counts strangers at its access ports")
    interface: Template = Field(default="", description="what it calls its ports, like GigabitEthernet1/{port}")
    style: Style | None = Field(default=None, description="how its configuration is written, whatever else is asked for")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        names = [name for group in self.ports for name in expand_names(group.names)]
        if len(set(names)) < len(names):
            raise ValueError("two groups have ports of the same name; give each its own")
        if self.poe_budget_w is not None and all(group.poe_class is None for group in self.ports):
            raise ValueError("poe_budget_w without a port that feeds anything; write poe_class of the ports")
        for name in ("supply_v", "temperature_c"):
            span = getattr(self, name)
            if span is not None and not span[0] <= span[1]:
                raise ValueError(f"{name} ends below its beginning; write the lower figure first")
        return self

    @property
    def is_bridge(self) -> bool:
        """Whether it forwards frames between its ports."""
        return self.layer > 1 and self.kind in {"switch", "redbox", "router", "firewall"}


class Transceiver(Strict):
    """A transceiver that is put into a cage, or the optics of a fixed port."""

    name: ModelName
    description: str = ""
    source: str = Field(min_length=1)
    medium: Literal["fiber", "copper"] = "fiber"
    fiber: list[Literal["multimode", "singlemode"]] = Field(default_factory=list)
    speed_mbps: int = Field(ge=10, le=400_000)
    wavelength_nm: int | None = Field(default=None, ge=600, le=1_700)
    receive_wavelength_nm: int | None = Field(
        default=None, description="where it is another one, as with one fiber for both ways"
    )
    fibers: Literal[1, 2] = 2
    connector: Connector = "lc"
    transmit_min_dbm: float | None = None
    transmit_max_dbm: float | None = None
    sensitivity_dbm: float | None = Field(default=None, description="the least that its receiver needs")
    overload_dbm: float | None = Field(default=None, description="the most that its receiver stands")
    penalty_db: float = Field(default=0.0, ge=0, description="for dispersion and reflections, as in the standard's link budget")
    budget_db: float | None = Field(default=None, description="power budget, where the standard names it")
    reach_m: dict[str, float] = Field(default_factory=dict, description="by cable of the catalogue: the dispersion limit")
    spectral_width_nm: float | None = Field(default=None, ge=0)
    power_w: float = Field(default=1.0, ge=0)
    temperature_c: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.medium == "fiber" and (self.wavelength_nm is None or not self.fiber):
            raise ValueError("optics have a wavelength_nm and the kinds of fiber that they fit; write both")
        return self


class Cable(Strict):
    """A cable type."""

    name: ModelName
    description: str = ""
    source: str = Field(min_length=1)
    medium: Literal["copper", "fiber"]
    fiber: Literal["multimode", "singlemode"] | None = None
    db_per_km: dict[str, float] = Field(default_factory=dict, description="by wavelength in nm, as text")
    splice_db: float = Field(default=0.1, ge=0, description="one splice")
    connector_db: float = Field(default=0.5, ge=0, description="one mated pair of connectors")
    bandwidth_mhz_km: dict[str, float] = Field(default_factory=dict, description="modal bandwidth by wavelength")
    dispersion_ps_nm_km: dict[str, float] = Field(default_factory=dict, description="chromatic dispersion by wavelength")
    loop_ohm_per_100m: float | None = Field(default=None, gt=0, description="direct current, there and back, of one pair")
    max_mbps: int | None = Field(default=None, gt=0)
    max_m: float | None = Field(default=None, gt=0, description="the longest channel")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.medium == "fiber") != (self.fiber is not None):
            raise ValueError("a fiber cable says which fiber it has, a copper cable none; write fiber = multimode or singlemode")
        if self.medium == "fiber" and not self.db_per_km:
            raise ValueError('a fiber cable has an attenuation; write db_per_km = { "1310" = 0.4 }')
        return self


class Cell(Strict):
    """A battery cell type, by the capacity factors of its manufacturer (IEEE 1115, IEEE 485)."""

    name: ModelName
    description: str = ""
    source: str = Field(min_length=1)
    chemistry: Literal["lead_acid", "nickel_cadmium"]
    nominal_v: float = Field(gt=0)
    end_v: float = Field(gt=0, description="at which it counts as empty, and for which the factors hold")
    capacity_ah: list[Annotated[float, Field(gt=0)]] = Field(default_factory=list, description="sizes that there are, rated")
    factors: list[tuple[float, float]] = Field(
        min_length=2, description="minutes and Kt: Ah of rated capacity for each ampere over that time"
    )
    temperature_factors: list[tuple[float, float]] = Field(default_factory=list, description="degrees C and factor on the size")


class CatalogFile(Strict):
    """One file of the catalogue."""

    models: list[Model] = Field(default_factory=list)
    transceivers: list[Transceiver] = Field(default_factory=list)
    cables: list[Cable] = Field(default_factory=list)
    cells: list[Cell] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Catalog:
    """What there is to choose from, by name."""

    models: Mapping[str, Model] = field(default_factory=dict)
    transceivers: Mapping[str, Transceiver] = field(default_factory=dict)
    cables: Mapping[str, Cable] = field(default_factory=dict)
    cells: Mapping[str, Cell] = field(default_factory=dict)


_SECTIONS = ("models", "transceivers", "cables", "cells")


@lru_cache(maxsize=1)
def standard_catalog() -> Catalog:
    """The one that comes with Tieline."""
    folder = Path(__file__).parent / "catalogue"
    findings: list[Finding] = []
    catalog = _read(folder.parent, sorted(folder.glob("*.toml")), Catalog(), findings)
    assert not findings, findings
    return catalog


def read_catalog(folder: Path, findings: list[Finding]) -> Catalog:
    """That, with the utility's own entries in place of those of the same name."""
    return _read(folder, sorted((folder / "network" / "catalogue").glob("*.toml")), standard_catalog(), findings)


def _read(folder: Path, files: Sequence[Path], before: Catalog, findings: list[Finding]) -> Catalog:
    entries: dict[str, dict[str, object]] = {section: dict(getattr(before, section)) for section in _SECTIONS}
    places: dict[tuple[str, str], str] = {}
    sources: list[tuple[Source, CatalogFile]] = []
    for path in files:
        source = Source(folder, path, findings)
        content = source.read_toml(CatalogFile)
        if content is None:
            continue
        sources.append((source, content))
        for section in _SECTIONS:
            for index, entry in enumerate(getattr(content, section)):
                first = places.setdefault((section, entry.name), source.name)
                if first != source.name or sum(entry.name == other.name for other in getattr(content, section)) > 1:
                    source.report_key((section, index, "name"), f"{first} has it", "choose another name", value=entry.name)
                entries[section][entry.name] = entry
    catalog = Catalog(**entries)  # type: ignore[arg-type]  # each section was read with its own model
    for source, content in sources:
        for problem in _unknown(content, catalog):
            source.report_key(*problem[:-1], value=problem[-1])
    return catalog


def _unknown(content: CatalogFile, catalog: Catalog) -> Iterator[tuple[tuple[str | int, ...], str, str, str]]:
    for index, model in enumerate(content.models):
        for number, group in enumerate(model.ports):
            if group.optics and group.optics not in catalog.transceivers:
                key = ("models", index, "ports", number, "optics")
                yield key, "there is no such transceiver", "write the name of one of the catalogue", group.optics
    for index, transceiver in enumerate(content.transceivers):
        for cable in transceiver.reach_m:
            if cable not in catalog.cables:
                yield (
                    ("transceivers", index, "reach_m"),
                    "there is no such cable",
                    "write the name of one of the catalogue",
                    cable,
                )
