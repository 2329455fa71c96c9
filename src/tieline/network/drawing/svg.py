"""A drawing of the network as SVG: valid, accessible, styled by classes alone; alone with its styles, or for a page that has them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

from tieline.network.drawing.plan import ROW, Box, Plan, Wire

Theme = Literal["day", "night"]
_MEDIA = (("copper", "copper"), ("fiber", "fiber"), ("radio", "radio"))


def svg_of(plan: Plan, theme: Theme | None = None) -> str:
    """The document; with a theme it has its styles in it and stands alone. The same network gives the same bytes."""
    width, height = max(plan.width, 420.0), plan.height
    kind = f"network-drawing {theme}" if theme else "network-drawing"
    size = f'viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}" height="{_n(height)}"'
    names = 'role="group" aria-labelledby="network-title network-desc"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{kind}" {names} {size}>',
        f'<title id="network-title">{escape(plan.title)}</title>',
        f'<desc id="network-desc">{escape(plan.summary)}</desc>',
    ]
    if theme is not None:
        lines.append(f"<style>{styles()}</style>")
        lines.append(f'<rect class="ground" width="{_n(width)}" height="{_n(height)}"/>')
    lines.append(f'<text class="heading" x="28" y="34">{escape(plan.title)}</text>')
    lines += _legend()
    lines += (_wire(wire) for wire in plan.wires)
    lines += (_box(box) for box in plan.boxes)
    lines += (_label(wire) for wire in plan.wires)
    lines.append("</svg>")
    return "\n".join(lines) + "\n"


def styles() -> str:
    """The style sheet, for both themes."""
    return files("tieline.network.drawing").joinpath("network.css").read_text("utf-8")


def _legend() -> Iterator[str]:
    for number, (medium, words) in enumerate(_MEDIA):
        x = 28 + 92 * number
        yield f'<path class="wire {medium}" d="M{x} 51H{x + 28}"/><text class="note" x="{x + 34}" y="54">{words}</text>'


def _wire(wire: Wire) -> str:
    d = "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in wire.points)
    names = f"data-id={quoteattr(wire.key)} data-links={quoteattr(' '.join(wire.links))}"
    return f'<g class="link" {names}><title>{escape(wire.tip)}</title><path class="wire {wire.medium}" d="{d}"/></g>'


def _label(wire: Wire) -> str:
    lines = "".join(
        f'<tspan x="{_n(wire.label_x)}" dy="{12 if number else 0}">{escape(line)}</tspan>'
        for number, line in enumerate(wire.label.split("\n"))
    )
    of = f'class="label" data-of={quoteattr(wire.key)} data-speeds={quoteattr(wire.speeds)}'
    return f'<text {of} y="{_n(wire.label_y)}" text-anchor="{wire.anchor}">{lines}</text>'


def _box(box: Box) -> str:
    parts = [
        f'<g class="node {box.kind}" data-id={quoteattr(box.key)} transform="translate({_n(box.x)} {_n(box.y)})">',
        f'<rect class="frame hit" width="{_n(box.width)}" height="{_n(box.height)}" rx="{11 if box.kind == "remote" else 3}"/>',
    ]
    if box.tip:
        parts.insert(1, f"<title>{escape(box.tip)}</title>")
    if box.head:
        middle = _n(box.width / 2)
        parts.append(f'<text class="title" x="{middle}" y="15.5" text-anchor="middle">{escape(box.title)}</text>')
        if box.subtitle and box.kind != "remote":
            parts.append(f'<text class="note" x="{middle}" y="29" text-anchor="middle">{escape(box.subtitle)}</text>')
        if box.rows:
            parts.append(f'<path class="rule" d="M0 {_n(box.head)}H{_n(box.width)}"/>')
    for number, row in enumerate(box.rows):
        y = box.head + 4 + ROW * number + 11
        if row.is_heading:
            parts.append(f'<text class="rack" x="8" y="{_n(y)}">{escape(row.name)}</text>')
            continue
        title = f"<title>{escape(row.tip)}</title>" if row.tip else ""
        parts.append(
            f'<g class="row" data-id={quoteattr(row.name)}>{title}'
            f'<rect class="hit" x="2" y="{_n(y - 11)}" width="{_n(box.width - 4)}" height="{_n(ROW)}"/>'
            f'<text class="name" x="{_n(8 + 10 * row.indent)}" y="{_n(y)}">'
            f"{escape(('↳ ' if row.indent else '') + row.name)}</text>"
        )
        if row.note:
            parts.append(f'<text class="note" x="{_n(box.width - 8)}" y="{_n(y)}" text-anchor="end">{escape(row.note)}</text>')
        parts.append("</g>")
    return "".join([*parts, "</g>"])


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
