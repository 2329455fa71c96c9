"""The symbols: IEC 60617 and ANSI (IEEE 315), both with positions told by shape.

Each is drawn as it hangs below a busbar: the first port at the top, the second at the bottom, a third to the right, a fourth to the left.
What has a position has a body that is filled, hollow, dashed or hatched; the hatch is drawn as lines, because a fill cannot refer to a
pattern from a style sheet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tieline.grid.diagram.shapes import Shape, box, disc, letter, path
from tieline.model import EquipmentType

SymbolSet = Literal["iec", "ansi"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """A symbol; extents are pixels from its center."""

    shapes: tuple[Shape, ...]
    upright: tuple[Shape, ...] = ()
    """What is not turned with the rest."""
    up: float
    down: float
    left: float
    right: float
    has_position: bool = False


_EARTH = "M0 {0}V{1}M-7 {1}H7M-4.5 {2}H4.5M-2 {3}H2"


def _earth(start: float) -> Shape:
    return path(_EARTH.format(*(f"{start + step:g}" for step in (0, 4, 7, 10))))


def _hatched(half: float) -> Shape:
    """Lines across a body of that half size."""
    edge = f"{half:g}"
    return path(f"M-{edge} 0L0 -{edge}M-{edge} {edge}L{edge} -{edge}M0 {edge}L{edge} 0", "hatch")


def _switch(*shapes: Shape, up: float, down: float, half: float, hatch: float) -> Symbol:
    return Symbol(shapes=(*shapes, _hatched(hatch)), up=up, down=down, left=half, right=half, has_position=True)


def _both(*shapes: Shape, half: float, reach: float, right: float | None = None, upright: tuple[Shape, ...] = ()) -> Symbol:
    return Symbol(shapes=shapes, upright=upright, up=reach, down=reach, left=half, right=half if right is None else right)


def _knife(start: float, end: float, *more: Shape) -> tuple[Shape, ...]:
    """A blade between two contacts, in its three positions."""
    return (
        path(f"M0 {end:g}V{start:g}", "wire blade-closed"),
        path(f"M0 {end:g}L{(end - start) * 0.62:g} {start + 2:g}", "wire blade-open"),
        path(f"M0 {end:g}L{(end - start) * 0.34:g} {start + 1:g}", "wire blade-between"),
        disc(0, start, 2.6, "body"),
        disc(0, end, 2.6, "body"),
        *more,
    )


_COIL = "M0 -14V-10A{r} {r} 0 0 1 0 -5A{r} {r} 0 0 1 0 0A{r} {r} 0 0 1 0 5A{r} {r} 0 0 1 0 10V14"
_ZIGZAG = "M0 -12V-9L5 -7.5L-5 -4.5L5 -1.5L-5 1.5L5 4.5L-5 7.5L0 9V12"
_HUMPS = "M-10 {0}a2.5 2.5 0 0 {1} 5 0a2.5 2.5 0 0 {1} 5 0a2.5 2.5 0 0 {1} 5 0a2.5 2.5 0 0 {1} 5 0"
_SMALL_HUMPS = "M-7.5 {0}a2.5 2.5 0 0 {1} 5 0a2.5 2.5 0 0 {1} 5 0a2.5 2.5 0 0 {1} 5 0"
_WAVE = "M-6 {0}c2 -4 4 -4 6 0s4 4 6 0"
_TAPS = path("M-14 12L14 -12M14 -12L8.5 -11.2M14 -12L11.6 -7", "wire taps")

_IEC: dict[str, Symbol] = {
    "breaker": _switch(box(-8, -8, 16, 16, "body"), up=8, down=8, half=8, hatch=8),
    "disconnector": _switch(disc(0, 0, 6.5, "body"), up=6.5, down=6.5, half=6.5, hatch=4.6),
    "load-break-switch": _switch(path("M-7 -9H7M0 -9V-6"), disc(0, 0.5, 6.5, "body"), up=9, down=7, half=7, hatch=4.6),
    "earthing-switch": _switch(disc(0, 0, 5.5, "body"), _earth(5.5), up=5.5, down=16, half=7, hatch=3.9),
    "fuse": _both(box(-4, -9, 8, 18), path("M0 -9V9"), half=4, reach=9),
    "current-transformer": _both(
        disc(0, 0, 5.5), path("M0 -6V6M5.5 0H12M7.7 -2.5L9.2 2.5M9.7 -2.5L11.2 2.5"), half=6, reach=6, right=12
    ),
    "voltage-transformer": Symbol(shapes=(path("M0 -11V-9"), disc(0, -4, 5), disc(0, 3, 5)), up=11, down=8, left=5, right=5),
    "power-transformer": _both(disc(0, -6, 10), disc(0, 6, 10), half=10, reach=16),
    "power-transformer-3": Symbol(shapes=(disc(0, -7, 10), disc(0, 7, 10), disc(10, 0, 10)), up=17, down=17, left=10, right=20),
    "power-transformer-4": Symbol(
        shapes=(disc(0, -9, 10), disc(0, 9, 10), disc(10, 0, 10), disc(-10, 0, 10)), up=19, down=19, left=20, right=20
    ),
    "capacitor": _both(path("M0 -10V-3M-9 -3H9M-9 3H9M0 3V10"), half=9, reach=10),
    "reactor": _both(path("M0 -10V0H-9A9 9 0 1 1 0 9V10"), half=9.5, reach=10),
    "resistor": _both(path("M0 -12V-9M0 9V12"), box(-4, -9, 8, 18), half=4, reach=12),
}

_ANSI: dict[str, Symbol] = {
    "breaker": _switch(box(-9, -9, 18, 18, "body"), up=9, down=9, half=9, hatch=9),
    "disconnector": _switch(*_knife(-8, 8), up=10.6, down=10.6, half=12, hatch=4),
    "load-break-switch": _switch(*_knife(-8, 8, path("M-6 -13H6M-6 -10.6H6")), up=13, down=10.6, half=12, hatch=4),
    "earthing-switch": _switch(*_knife(-7, 6), _earth(8.6), up=9.6, down=19, half=11, hatch=4),
    "fuse": _both(box(-4, -9, 8, 18), path("M-4 -6H4M-4 6H4M0 -9V9"), half=4, reach=9),
    "current-transformer": _both(
        path("M0 -8V8M3 -7.5a3.5 3.5 0 0 1 0 7a3.5 3.5 0 0 1 0 7"), disc(-4, -6, 1.2, "dot"), half=6, reach=8, right=8
    ),
    "voltage-transformer": Symbol(
        shapes=(path("M0 -11V-5"), path(_SMALL_HUMPS.format(-5, 1)), path(_SMALL_HUMPS.format(4, 0)), path("M-8 -0.5H8")),
        up=11,
        down=8,
        left=9,
        right=9,
    ),
    "power-transformer": _both(
        path("M0 -16V-5M0 16V5"), path(_HUMPS.format(-5, 0)), path(_HUMPS.format(5, 1)), half=11, reach=16
    ),
    "power-transformer-3": Symbol(
        shapes=(
            path("M0 -17V-6M0 17V6M9 0H20"),
            path(_HUMPS.format(-6, 0)),
            path(_HUMPS.format(6, 1)),
            path("M12 -7.5a2.5 2.5 0 0 0 0 5a2.5 2.5 0 0 0 0 5a2.5 2.5 0 0 0 0 5"),
        ),
        up=17,
        down=17,
        left=11,
        right=20,
    ),
    "power-transformer-4": Symbol(
        shapes=(
            path("M0 -17V-6M0 17V6M12 0H20M-12 0H-20"),
            path(_HUMPS.format(-6, 0)),
            path(_HUMPS.format(6, 1)),
            path("M12 -7.5a2.5 2.5 0 0 0 0 5a2.5 2.5 0 0 0 0 5a2.5 2.5 0 0 0 0 5"),
            path("M-12 -7.5a2.5 2.5 0 0 1 0 5a2.5 2.5 0 0 1 0 5a2.5 2.5 0 0 1 0 5"),
        ),
        up=17,
        down=17,
        left=20,
        right=20,
    ),
    "capacitor": _both(path("M0 -10V-3M-9 -3H9M-9 6Q0 -2 9 6M0 2V10"), half=9, reach=10),
    "reactor": _both(path(_COIL.format(r="2.5")), half=5, reach=14),
    "resistor": _both(path(_ZIGZAG), half=5, reach=12),
}

_SAME: dict[str, Symbol] = {
    "line": _both(path("M0 -12V12M-4 3L4 -1M-4 0L4 -4M-4 6L4 2"), half=4, reach=12),
    "cable": _both(path("M0 -12V12"), path("M-5 -9H5L0 -2ZM-5 9H5L0 2Z", "outline"), half=5, reach=12),
    "line-end": Symbol(shapes=(path("M0 -12V8M-5 1L0 9L5 1"),), up=12, down=9, left=5, right=5),
    "cable-end": Symbol(
        shapes=(path("M0 -12V-9M0 -1V8M-5 2L0 9L5 2"), path("M-5 -9H5L0 -1Z", "outline")), up=12, down=9, left=5, right=5
    ),
    "load": Symbol(shapes=(path("M0 -12V0"), path("M-6 -1H6L0 9Z", "solid")), up=12, down=9, left=6, right=6),
    "infeed": Symbol(
        shapes=(
            path("M0 -12V-9"),
            box(-9, -9, 18, 18),
            path("M-9 -3L-3 -9M-9 3L3 -9M-9 9L9 -9M-3 9L9 -3M3 9L9 3M-9 3L-3 9M-9 -3L3 9M-9 -9L9 9M-3 -9L9 3M3 -9L9 -3", "fine"),
        ),
        up=12,
        down=9,
        left=9,
        right=9,
    ),
    "generator": Symbol(shapes=(path("M0 -12V-10"), disc(0, 0, 10)), upright=(letter("G"),), up=12, down=10, left=10, right=10),
    "motor": Symbol(shapes=(path("M0 -12V-10"), disc(0, 0, 10)), upright=(letter("M"),), up=12, down=10, left=10, right=10),
    "solar": Symbol(
        shapes=(path("M0 -12V-9"), box(-11, -9, 22, 18)),
        upright=(path("M-11 -9L0 -1L11 -9", "outline"), path(_WAVE.format(4), "wire")),
        up=12,
        down=9,
        left=11,
        right=11,
    ),
    "storage": Symbol(
        shapes=(path("M0 -12V-6M-9 -6H9M-9 2H9"), path("M-5 -2H5M-5 6H5", "heavy")), up=12, down=8, left=9, right=9
    ),
    "converter": _both(
        path("M0 -12V-10M0 10V12M-10 10L10 -10"),
        box(-10, -10, 20, 20),
        half=10,
        reach=12,
        upright=(path("M-7.5 -5c1.2 -2.4 2.2 -2.4 3.2 0s2 2.4 3.2 0", "wire"), path("M2 5H8M2 8H8", "fine")),
    ),
    "converter-end": Symbol(
        shapes=(path("M0 -12V-10M-10 10L10 -10"), box(-10, -10, 20, 20)),
        upright=(path("M-7.5 -5c1.2 -2.4 2.2 -2.4 3.2 0s2 2.4 3.2 0", "wire"), path("M2 5H8M2 8H8", "fine")),
        up=12,
        down=10,
        left=10,
        right=10,
    ),
    "surge-arrester": Symbol(
        shapes=(path("M0 -11V-8M0 -8V2M-3 -1L0 3L3 -1"), box(-4.5, -8, 9, 15), _earth(7)), up=11, down=18, left=7, right=7
    ),
    "earth-fault-neutralizer": Symbol(
        shapes=(
            path("M0 -11V-8a2.5 2.5 0 0 1 0 5a2.5 2.5 0 0 1 0 5a2.5 2.5 0 0 1 0 5M-7 4L9 -8M9 -8L4.5 -7M9 -8L7 -3.5"),
            _earth(7),
        ),
        up=11,
        down=18,
        left=7,
        right=9,
    ),
    "bushing": _both(path("M0 -9V9M-6 -5Q-1.5 0 -6 5M6 -5Q1.5 0 6 5"), half=6, reach=9),
    "busbar": Symbol(shapes=(path("M0 -8V0"), path("M-12 0H12", "bar")), up=8, down=3, left=12, right=12),
    "other": _both(path("M0 -12V-8M0 8V12"), box(-8, -8, 16, 16), half=8, reach=12, upright=(letter("?"),)),
}

_WITH_EARTH = {"capacitor", "reactor", "resistor"}
_ENDS = {"line": "line-end", "cable": "cable-end", "converter": "converter-end"}


def kind_of(equipment: EquipmentType, terminals: int) -> str:
    """The symbol of a piece of equipment with so many terminals; a line with one of them leaves the drawing."""
    kind = equipment.value.replace("_", "-")
    if equipment is EquipmentType.POWER_TRANSFORMER and terminals > 2:
        return f"{kind}-{min(terminals, 4)}"
    if terminals < 2:
        return f"{kind}-earthed" if kind in _WITH_EARTH else _ENDS.get(kind, kind)
    return kind


def symbol(kind: str, symbols: SymbolSet = "iec") -> Symbol:
    """The symbol of that kind."""
    found = _SETS[symbols].get(kind)
    if found is not None:
        return found
    bare = _SETS[symbols][kind.removesuffix("-earthed")]
    return Symbol(
        shapes=(*bare.shapes, _earth(bare.down)),
        up=bare.up,
        down=bare.down + 11,
        left=bare.left,
        right=bare.right,
    )


TAPS = _TAPS
"""The arrow through a transformer whose ratio can be changed on load."""
_SETS: dict[SymbolSet, dict[str, Symbol]] = {"iec": _SAME | _IEC, "ansi": _SAME | _ANSI}
KINDS = frozenset(_SETS["iec"])
