"""Finding sites, devices and points by what people call them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tieline.config import Device, Site, Utility
from tieline.model import Point, PointId, PointKind
from tieline.web.errors import bad_request, not_found

_KEY_QUANTITIES = (
    "active_power",
    "voltage",
    "frequency",
    "state_of_charge",
    "reactive_power",
    "current",
    "irradiance",
    "temperature",
)
_KEY_UNITS = ("MW", "kV", "Hz", "kW", "%", "MVAr", "Mvar", "A", "V", "°C")


class Catalog:
    """A utility's sites, devices and points under their names and ids."""

    def __init__(self, utility: Utility) -> None:
        self.utility = utility
        self.points = utility.points
        self._by_path = {point.path: point for point in self.points}
        self._by_id = {int(point.id): point for point in self.points}
        self._resolutions = dict(_resolutions(utility))
        self._straight = {
            processed.point.id
            for site in utility.sites
            for processed in site.processing
            if processed.reporting is not None and processed.reporting.door is not None
        }
        self._sites = {site.name: site for site in (*utility.sites, *utility.roles)}
        self._haystack = [f"{point.path} {point.description} {point.equipment} {point.unit}".lower() for point in self.points]

    def site(self, name: str) -> Site:
        """The site of that name."""
        if name not in self._sites:
            raise not_found(f"site {name!r}")
        return self._sites[name]

    def devices(self, site: str | None = None) -> list[Device]:
        """All devices, or those of one site, with what stands beside them: calculated, automation, Tieline itself."""
        sites = self._sites.values() if site is None else (self.site(site),)
        return [device for one in sites for device in one.groups]

    def point(self, reference: str) -> Point:
        """The point that a path `site/device/name` or an id in digits names."""
        point = self._by_path.get(reference)
        if point is None and reference.isascii() and reference.isdigit():
            point = self._by_id.get(int(reference[:20]))
        if point is None:
            raise not_found(f"point {reference!r}; name it site/device/name or by its id")
        return point

    def decimals(self, point: Point) -> int:
        """How many decimals are worth showing: those of the register's step or of the deadband, or four digits of the span."""
        if point.kind.is_discrete or point.kind is PointKind.COUNTER:
            return 0
        finest = max(self._resolutions.get(point.id, 0.0), point.reporting.deadband)
        if not finest and point.low is not None and point.high is not None:
            finest = (point.high - point.low) / 10_000
        return min(max(math.ceil(-math.log10(finest) - 1e-9), 0), 3) if finest else 2

    def is_straight(self, point: Point) -> bool:
        """Whether it went straight from one sample to the next (a swinging door stands for that); it held its value otherwise."""
        return point.id in self._straight

    def some_points(self, references: str, limit: int) -> list[Point]:
        """The points of a comma-separated list, each once, in its order."""
        names = list(dict.fromkeys(name for name in references.split(",") if name))
        if not names:
            raise bad_request("points: name at least one point, as site/device/name or by id, separated by commas")
        if len(names) > limit:
            raise bad_request(f"points: {len(names)} are too many for one request; ask for at most {limit}")
        return [self.point(name) for name in names]

    def find(
        self, *, site: str | None = None, device: str | None = None, kind: PointKind | None = None, text: str = ""
    ) -> list[Point]:
        """The points that fit all of the given; every word of `text` has to occur in path, description, equipment or unit."""
        if site is not None:
            self.site(site)
        words = text.lower().split()
        return [
            point
            for point, haystack in zip(self.points, self._haystack, strict=True)
            if (site is None or point.site == site)
            and (device is None or point.device == device)
            and (kind is None or point.kind is kind)
            and all(word in haystack for word in words)
        ]


def _resolutions(utility: Utility) -> Iterator[tuple[PointId, float]]:
    for site in utility.sites:
        for device in site.devices:
            for point, row in zip(device.points, device.rows, strict=False):
                if row.step:
                    yield point.id, row.step


def key_points(points: Sequence[Point], limit: int = 4) -> list[Point]:
    """The few points that say most of a site: one of each important quantity (or unit, where no quantity is given)."""
    chosen: dict[str, Point] = {}
    for point in points:
        if point.kind is not PointKind.ANALOG:
            continue
        key = point.quantity or point.unit
        if key in _KEY_QUANTITIES or key in _KEY_UNITS:
            chosen.setdefault(key, point)
    ranks = {key: rank for rank, key in enumerate((*_KEY_QUANTITIES, *_KEY_UNITS))}
    return [chosen[key] for key in sorted(chosen, key=ranks.__getitem__)][:limit]
