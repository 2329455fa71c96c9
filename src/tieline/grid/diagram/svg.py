"""A drawing as SVG: valid, accessible, styled by classes alone.

The screen inserts it as it is and changes classes; a report writes it to a file, with the styles in it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from importlib.resources import files
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

from tieline.grid.diagram.drawing import Drawing, Element, Label, Line, Reading
from tieline.grid.diagram.shapes import Shape, number
from tieline.grid.diagram.symbols import TAPS, symbol

Theme = Literal["day", "night"]


def svg_of(drawing: Drawing, theme: Theme | None = None) -> str:
    """The drawing as an SVG document. With a theme it has its styles in it and stands alone, every switch in its normal position.

    Without one it is for a page, which has the styles and sets the positions.
    """
    size = f'width="{number(drawing.width)}" height="{number(drawing.height)}"'
    kind = f"single-line {theme}" if theme else "single-line"
    names = 'role="group" aria-labelledby="single-line-title single-line-desc"'
    view = f"0 0 {number(drawing.width)} {number(drawing.height)}"
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" class="{kind}" {names} viewBox="{view}" {size}>']
    lines.append(f'<title id="single-line-title">{escape(drawing.title)}</title>')
    lines.append(f'<desc id="single-line-desc">{escape(_summary(drawing))}</desc>')
    if theme is not None:
        lines.append(f"<style>{styles()}</style>")
        lines.append(f'<rect class="ground" width="{number(drawing.width)}" height="{number(drawing.height)}"/>')
    lines += _wires(drawing)
    lines += _busbars(drawing)
    lines += _dots(drawing)
    lines += (_element(element, drawing, is_normal=theme is not None) for element in drawing.elements)
    lines += (_label(label) for label in drawing.labels)
    lines += (_reading(reading) for reading in drawing.readings)
    lines.append("</svg>")
    return "\n".join(lines) + "\n"


def styles() -> str:
    """The style sheet of diagrams, for both themes."""
    return files("tieline.grid.diagram").joinpath("single-line.css").read_text("utf-8")


def _summary(drawing: Drawing) -> str:
    voltages = ", ".join(f"{kv:g} kV" for kv in drawing.levels if kv is not None)
    parts = f"{len(drawing.elements)} pieces of equipment, {len(drawing.busbars)} busbars"
    return f"Single-line diagram of {drawing.name}: {parts}{f'; {voltages}' if voltages else ''}."


def _wires(drawing: Drawing) -> Iterator[str]:
    """One path for each net."""
    nets: dict[str, list[Line]] = defaultdict(list)
    for line in drawing.lines:
        nets[line.net].append(line)
    for net, found in nets.items():
        d = "".join(
            f"M{number(line.x1)} {number(line.y1)}" + (f"V{number(line.y2)}" if line.x1 == line.x2 else f"H{number(line.x2)}")
            for line in found
        )
        yield f'<path class="net kv-{found[0].level}" data-node={quoteattr(net)} d="{d}"/>'


def _busbars(drawing: Drawing) -> Iterator[str]:
    for bar in drawing.busbars:
        yield (
            f'<g class="busbar kv-{bar.level}" data-id={quoteattr(bar.id)} data-node={quoteattr(bar.net)} role="img">'
            f"<title>{escape(bar.name)}</title>"
            f'<rect class="hit" x="{number(bar.x1 - 4)}" y="{number(bar.y - 7)}" width="{number(bar.x2 - bar.x1 + 8)}" height="14"/>'
            f'<path class="bar" d="M{number(bar.x1)} {number(bar.y)}H{number(bar.x2)}"/></g>'
        )


def _dots(drawing: Drawing) -> Iterator[str]:
    bars = {(bar.net, bar.y) for bar in drawing.busbars}
    rows = Counter(level for level, _ in {(bar.level, bar.y) for bar in drawing.busbars})
    crowded = {level for level, count in rows.items() if count > 1}
    for dot in drawing.dots:
        # Where wires cross busbars, those that end at one have to be told from the others.
        radius = 4 if dot.level in crowded and (dot.net, dot.y) in bars else 2.5
        place = f'cx="{number(dot.x)}" cy="{number(dot.y)}" r="{radius}"'
        yield f'<circle class="junction kv-{dot.level}" data-node={quoteattr(dot.net)} {place}/>'


def _element(element: Element, drawing: Drawing, *, is_normal: bool) -> str:
    drawn = symbol(element.kind, drawing.symbols)
    shapes = "".join(map(_shape, drawn.shapes))
    turned = ' transform="scale(1 -1)"' if element.is_mirrored else f' transform="rotate({element.turn})"' if element.turn else ""
    upright = "".join(map(_shape, (*drawn.upright, *((TAPS,) if element.has_taps else ()))))
    position = ""
    if element.has_position:
        position = " position unknown" if not is_normal else " position open" if element.is_normally_open else " position closed"
    nets = " ".join(joint.net for joint in element.joints)
    words = f"{element.kind.replace('-', ' ')} {element.name}"
    box = element.box
    return (
        f'<g class="equipment {element.kind}{position} kv-{element.level}" data-id={quoteattr(element.id)}'
        f' data-nodes={quoteattr(nets)} transform="translate({number(element.x)} {number(element.y)})" role="img">'
        f"<title>{escape(words)}</title>"
        + (f"<desc>{escape(element.description)}</desc>" if element.description else "")
        + f'<rect class="hit" x="{number(box.left - element.x - 3)}" y="{number(box.top - element.y - 2)}"'
        f' width="{number(box.right - box.left + 6)}" height="{number(box.bottom - box.top + 4)}"/>'
        f"<g{turned}>{shapes}</g>{upright}</g>"
    )


def _shape(shape: Shape) -> str:
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in shape.attributes)
    start = f'<{shape.tag} class="{shape.style}"{attributes}'
    return f"{start}>{escape(shape.text)}</{shape.tag}>" if shape.text else f"{start}/>"


def _label(label: Label) -> str:
    return (
        f'<text class="{label.style}" data-of={quoteattr(label.of)} x="{number(label.x)}" y="{number(label.y)}"'
        f' text-anchor="{label.anchor}">{escape(label.text)}</text>'
    )


def _reading(reading: Reading) -> str:
    return (
        f'<g class="reading" data-point={quoteattr(reading.point)} data-decimals="{reading.decimals}"'
        f' transform="translate({number(reading.x)} {number(reading.y)})">'
        f"<title>{escape(reading.quantity.replace('_', ' '))}</title>"
        f'<text class="value" text-anchor="end">&#8211;</text><text class="unit" x="3">{escape(reading.unit)}</text></g>'
    )
