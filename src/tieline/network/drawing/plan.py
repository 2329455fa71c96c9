"""What a drawing of the network is made of: boxes with rows, and wires between them. Pixels, y downwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tieline.config.network import Link

HEAD = 38.0
"""Height of a box without rows."""
ROW = 15.0
_LETTER = 5.6
"""Width of a letter at 10 px, on average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of a box: a device, or a heading."""

    name: str
    note: str = ""
    """At the right."""
    tip: str = ""
    """What is told where the pointer rests."""
    indent: int = 0
    is_heading: bool = False


@dataclass(slots=True, kw_only=True)
class Box:
    """A switch, a group of devices, a site; `x` and `y` are its upper left corner."""

    key: str
    title: str
    subtitle: str = ""
    kind: str
    """`switch`, `router`, `firewall`, `redbox`, `group`, `site`, `place`, `remote`."""
    tip: str = ""
    rows: list[Row] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0

    def __post_init__(self) -> None:
        widest = max(
            (len(row.name) + len(row.note) + 2 * row.indent + (4 if row.note else 1) for row in self.rows),
            default=0,
        )
        title = max(len(self.title) * 1.15, len(self.subtitle) * 0.95) + 2
        self.width = max(120.0, _LETTER * max(widest, title) + 16)

    @property
    def head(self) -> float:
        """Height of the part with the title; a group has none."""
        return 0.0 if self.kind == "group" else 22.0 if self.kind == "remote" else HEAD

    @property
    def height(self) -> float:
        """Of the whole box."""
        return self.head + (ROW * len(self.rows) + 8 if self.rows else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A link, or several that are alike; `points` are its corners."""

    key: str
    points: tuple[tuple[float, float], ...]
    medium: str
    label: str
    label_x: float
    label_y: float
    anchor: str
    tip: str = ""
    links: tuple[str, ...] = ()
    """Names of those that it stands for."""
    speeds: str = ""
    """Theirs, for a label that has to say more besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A drawing."""

    title: str
    summary: str
    width: float
    height: float
    boxes: tuple[Box, ...]
    """In the order in which they are read: from above, from the left, devices after their switch."""
    wires: tuple[Wire, ...]


def speed_words(mbps: float) -> str:
    """`100M`, `1G`, `2.5G`."""
    return f"{mbps / 1000:g}G" if mbps >= 1_000 else f"{mbps:g}M"


def speeds_words(links: Sequence[Link]) -> str:
    """`1G, 4 x 100M`."""
    alike = Counter(speed_words(link.speed_mbps) for link in links)
    return ", ".join(f"{f'{count} x ' if count > 1 else ''}{speed}" for speed, count in alike.items())


def length_words(meters: float) -> str:
    """`90 m`, `6.3 km`."""
    return f"{meters:g} m" if meters < 1_000 else f"{meters / 1000:g} km"


def link_words(link: Link) -> str:
    """Speed, what it runs over, how long it is."""
    parts = [speed_words(link.speed_mbps), link.cable.name if link.cable is not None else link.medium]
    if link.length_m:
        parts.append(length_words(link.length_m))
    return " ".join(parts)


def link_tip(link: Link) -> str:
    """All about a link."""
    parts = [f"{link.name}: {link.a.path} to {link.b.path}", link_words(link)]
    optics = [each.name for each in (link.optics_a, link.optics_b) if each is not None]
    if optics:
        parts.append(" and ".join(dict.fromkeys(optics)))
    if link.ducts:
        parts.append(f"through {', '.join(link.ducts)}")
    return "; ".join([*parts, *([link.description] if link.description else [])])
