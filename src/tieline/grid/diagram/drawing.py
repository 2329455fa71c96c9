"""What a drawing is made of, in pixels: screens, reports and the writer of SVG work with this, and know nothing of layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tieline.grid.diagram.symbols import SymbolSet

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Box) -> bool:
        """Whether they have more in common than an edge."""
        return self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """Where a wire meets a symbol."""

    net: str
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A line of text. `x` and `y` are those of its base line."""

    text: str
    x: float
    y: float
    anchor: Anchor
    style: Literal["name", "title", "subtitle", "bar-name"]
    of: str
    """The equipment or node it names."""
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Where a measurement is shown: the value ends at `x`, its unit begins behind."""

    point: str
    quantity: str
    unit: str
    decimals: int
    x: float
    y: float
    of: str
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """A symbol at its place, turned by so many degrees clockwise."""

    id: str
    kind: str
    name: str
    description: str
    level: int
    x: float
    y: float
    turn: int
    is_mirrored: bool
    """Upside down."""
    box: Box
    joints: tuple[Joint, ...]
    has_position: bool
    is_normally_open: bool
    has_taps: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Busbar:
    """A busbar."""

    id: str
    """The equipment it is, or its node."""
    net: str
    name: str
    level: int
    x1: float
    x2: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A straight wire of a net; `x1, y1` is above or left."""

    net: str
    level: int
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A junction."""

    net: str
    level: int
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A single-line diagram."""

    name: str
    title: str
    width: float
    height: float
    symbols: SymbolSet
    levels: tuple[float | None, ...]
    elements: tuple[Element, ...]
    busbars: tuple[Busbar, ...]
    lines: tuple[Line, ...]
    dots: tuple[Dot, ...]
    labels: tuple[Label, ...]
    readings: tuple[Reading, ...]
