"""The substation section of an SCL file (IEC 61850-6, clause 9.2): voltage levels, bays, equipment and what connects it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class LNode:
    """A link from the primary plant to a logical node of an IED."""

    ied: str
    """Empty in a specification (SSD), where no IED is chosen yet."""
    ld_inst: str
    prefix: str
    ln_class: str
    ln_inst: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """An end of a piece of equipment and the connectivity node that it is connected to."""

    name: str
    node: str
    """Path of the node, `AA1/E1/Q01/L1`; as it was written, or put together from the names of which it consists."""
    is_grounded: bool = False
    """Connected to earth: the predefined node `grounded`."""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectivityNode:
    """A place where terminals meet."""

    name: str
    path: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function with its logical nodes; functions within are part of it."""

    name: str
    type: str
    description: str
    l_nodes: tuple[LNode, ...]
    functions: tuple[Function, ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubEquipment:
    """A part of equipment, one phase of it most often."""

    name: str
    phase: str
    description: str
    l_nodes: tuple[LNode, ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConductingEquipment:
    """A breaker, disconnector, instrument transformer, line end ... by its type code `CBR`, `DIS`, `CTR`, `VTR`, `IFL` ..."""

    name: str
    type: str
    description: str
    terminals: tuple[Terminal, ...]
    l_nodes: tuple[LNode, ...]
    parts: tuple[SubEquipment, ...]
    x: float | None = None
    """Coordinates of the single-line (IEC 61850-6, annex C), where the file has them."""
    y: float | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TapChanger:
    """The tap changer of a winding."""

    name: str
    type: str
    l_nodes: tuple[LNode, ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerWinding:
    """A winding with its terminals."""

    name: str
    description: str
    terminals: tuple[Terminal, ...]
    tap_changer: TapChanger | None
    l_nodes: tuple[LNode, ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerTransformer:
    """A power transformer."""

    name: str
    description: str
    windings: tuple[TransformerWinding, ...]
    l_nodes: tuple[LNode, ...]
    x: float | None = None
    y: float | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralEquipment:
    """Plant that does not conduct the primary current: fans, batteries, doors."""

    name: str
    type: str
    description: str
    l_nodes: tuple[LNode, ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bay:
    """A bay."""

    name: str
    description: str
    equipment: tuple[ConductingEquipment, ...]
    transformers: tuple[PowerTransformer, ...]
    general: tuple[GeneralEquipment, ...]
    nodes: tuple[ConnectivityNode, ...]
    functions: tuple[Function, ...]
    l_nodes: tuple[LNode, ...]
    x: float | None = None
    y: float | None = None
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoltageLevel:
    """A voltage level."""

    name: str
    description: str
    voltage_v: float | None
    """Nominal, between phases, in volts."""
    frequency_hz: float | None
    bays: tuple[Bay, ...]
    transformers: tuple[PowerTransformer, ...]
    general: tuple[GeneralEquipment, ...]
    functions: tuple[Function, ...]
    l_nodes: tuple[LNode, ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Substation:
    """A substation."""

    name: str
    description: str
    voltage_levels: tuple[VoltageLevel, ...]
    transformers: tuple[PowerTransformer, ...]
    general: tuple[GeneralEquipment, ...]
    functions: tuple[Function, ...]
    l_nodes: tuple[LNode, ...]
    line: int = field(default=0, compare=False)

    def links(self) -> Iterator[tuple[str, str, LNode]]:
        """Every link to a logical node: the path of what it hangs on, `AA1/E1/Q01/QA1`, its name of kind, and the link."""
        yield from _of(self.name, "Substation", self)
        for transformer in self.transformers:
            yield from _transformer(self.name, transformer)
        for level in self.voltage_levels:
            level_path = f"{self.name}/{level.name}"
            yield from _of(level_path, "VoltageLevel", level)
            for transformer in level.transformers:
                yield from _transformer(level_path, transformer)
            for bay in level.bays:
                path = f"{level_path}/{bay.name}"
                yield from _of(path, "Bay", bay)
                for transformer in bay.transformers:
                    yield from _transformer(path, transformer)
                for piece in bay.equipment:
                    yield from _links(f"{path}/{piece.name}", "ConductingEquipment", piece.l_nodes)
                    for part in piece.parts:
                        yield from _links(f"{path}/{piece.name}/{part.name}", "SubEquipment", part.l_nodes)


def _links(path: str, kind: str, links: tuple[LNode, ...]) -> Iterator[tuple[str, str, LNode]]:
    return ((path, kind, link) for link in links)


def _of(path: str, kind: str, place: Substation | VoltageLevel | Bay) -> Iterator[tuple[str, str, LNode]]:
    yield from _links(path, kind, place.l_nodes)
    for function in place.functions:
        yield from _functions(path, function)
    for piece in place.general:
        yield from _links(f"{path}/{piece.name}", "GeneralEquipment", piece.l_nodes)


def _functions(path: str, function: Function) -> Iterator[tuple[str, str, LNode]]:
    path = f"{path}/{function.name}"
    yield from _links(path, "Function", function.l_nodes)
    for within in function.functions:
        yield from _functions(path, within)


def _transformer(path: str, transformer: PowerTransformer) -> Iterator[tuple[str, str, LNode]]:
    path = f"{path}/{transformer.name}"
    yield from _links(path, "PowerTransformer", transformer.l_nodes)
    for winding in transformer.windings:
        yield from _links(f"{path}/{winding.name}", "TransformerWinding", winding.l_nodes)
        if winding.tap_changer:
            yield from _links(f"{path}/{winding.name}/{winding.tap_changer.name}", "TapChanger", winding.tap_changer.l_nodes)
