"""Shapes that symbols are made of: SVG elements with classes, and nothing that styles them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One SVG element. Coordinates are pixels from the symbol's center, y downwards."""

    tag: str
    attributes: tuple[tuple[str, str], ...]
    style: str
    """Its CSS class."""
    text: str = ""


def path(d: str, style: str = "wire") -> Shape:
    """A path."""
    return Shape(tag="path", attributes=(("d", d),), style=style)


def disc(x: float, y: float, radius: float, style: str = "outline") -> Shape:
    """A circle."""
    return Shape(tag="circle", attributes=(("cx", number(x)), ("cy", number(y)), ("r", number(radius))), style=style)


def box(x: float, y: float, width: float, height: float, style: str = "outline") -> Shape:
    """A rectangle."""
    values = (("x", number(x)), ("y", number(y)), ("width", number(width)), ("height", number(height)))
    return Shape(tag="rect", attributes=values, style=style)


def letter(text: str, y: float = 4.0) -> Shape:
    """A letter in the middle; it stays upright however the symbol is turned."""
    return Shape(tag="text", attributes=(("x", "0"), ("y", number(y)), ("text-anchor", "middle")), style="letter", text=text)


def number(value: float) -> str:
    """As SVG writes it: no more digits than it has."""
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"
