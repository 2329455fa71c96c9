"""Which piece of `grid/` a logical node belongs to, by the links of the substation section and the `scl` column of `grid/`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tieline.config.grid import Equipment, Grid, Switch
from tieline.config.iec61850.quantities import Meaning
from tieline.config.quantities import Quantity
from tieline.protocols.iec61850.scl import Scl
from tieline.protocols.iec61850.scl.substation import Substation

_BUSBAR_SWITCHES = 3
"""So many switches at a node make it a busbar, as in the single-line of a site without SCL."""


class EquipmentLinks:
    """From paths of the substation section, `MB/J1/Q01/BC1`, to equipment of `grid/`."""

    def __init__(self, scl: Scl, grid: Grid | None) -> None:
        pieces = [piece for piece in grid or () if piece.scl]
        self._by_name = grid.by_name if grid else {}
        self._by_path = {piece.scl: piece for piece in pieces}
        self._in_bay: dict[str, list[Equipment]] = {}
        bays = {path for substation in scl.substations for path in bay_paths(substation)}
        for piece in pieces:
            for above in _upwards(piece.scl):
                if above in bays:
                    self._in_bay.setdefault(above, []).append(piece)
        self._switches = Counter(node for switch in (grid.switches if grid else ()) for node in switch.nodes)

    def named(self, name: str) -> Equipment | None:
        """The piece of that name."""
        return self._by_name.get(name)

    def find(self, links: Sequence[str], quantity: Quantity, *, is_of_link: bool) -> Equipment | None:
        """The piece that has the quantity: what a link leads to, what that is part of, or else what stands in its bay."""
        for link in links:
            for path in [link] if is_of_link else _upwards(link):
                piece = self._by_path.get(path)
                if piece is not None and piece.kind in quantity.equipment:
                    return piece
        if is_of_link:
            return None
        for link in links:
            for path in _upwards(link):
                piece = _only([each for each in self._in_bay.get(path, ()) if each.kind in quantity.equipment])
                if piece is not None:
                    return piece
        return None

    def counted(self, piece: Equipment, meaning: Meaning) -> str:
        """Whether energy towards the busbar is exported or imported in the sense of the piece; empty where its busbar is not known.

        A busbar is a node at which three switches meet.
        """
        if len(piece.nodes) != 2:
            return ""
        is_busbar = [self._switches[node] >= _BUSBAR_SWITCHES for node in piece.nodes]
        if is_busbar[0] == is_busbar[1]:
            return ""
        return "energy_exported" if is_busbar[1] == meaning.towards_busbar else "energy_imported"


def bay_paths(substation: Substation) -> Iterator[str]:
    """The paths of its bays, `MB/J1/Q01`."""
    for level in substation.voltage_levels:
        for bay in level.bays:
            yield f"{substation.name}/{level.name}/{bay.name}"


def plant_paths(scl: Scl) -> Iterator[str]:
    """The paths of everything in the substation section that a piece of `grid/` can be."""
    for substation in scl.substations:
        yield from (f"{substation.name}/{each.name}" for each in substation.transformers)
        yield from bay_paths(substation)
        for level in substation.voltage_levels:
            path = f"{substation.name}/{level.name}"
            yield from (f"{path}/{each.name}" for each in level.transformers)
            for bay in level.bays:
                within = [each.name for each in bay.transformers]
                within += [each.name for each in bay.equipment]
                within += [each.name for each in bay.nodes]
                yield from (f"{path}/{bay.name}/{name}" for name in within)


def _upwards(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition("/")[0]


def _only(pieces: Sequence[Equipment]) -> Equipment | None:
    """The one piece, or the one breaker: what is measured in a bay is measured at its breaker."""
    breakers = [piece for piece in pieces if isinstance(piece, Switch) and piece.type == "breaker"]
    candidates = breakers or pieces
    return candidates[0] if len(candidates) == 1 else None
