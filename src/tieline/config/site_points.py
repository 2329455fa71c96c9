"""The points of a site by name, for the sections of `site.toml` that refer to them."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from tieline.config.lines import KeyPath
from tieline.config.reading import Source
from tieline.model import Point

M = TypeVar("M", bound=BaseModel)

CALCULATED = "calc"
"""The device to which points belong that are calculated from others."""


class SitePoints:
    """What a section may refer to as `device/name`; a reference that leads nowhere becomes a finding.

    Devices whose lists have mistakes are uncertain: a reference to them may be right once those are mended, and is no finding.
    """

    def __init__(self, source: Source, site: str, points: Mapping[str, Point], is_uncertain: Callable[[str], bool]) -> None:
        self.source = source
        """`site.toml`."""
        self.site = site
        self._points = dict(points)
        self.is_uncertain = is_uncertain
        """Whether a device of that name may have points that are not known because of mistakes elsewhere."""

    def add(self, point: Point) -> None:
        """Makes known a point that a section defines."""
        self._points[f"{point.device}/{point.name}"] = point

    def find(self, key: KeyPath, reference: str) -> Point | None:
        """The point, or None and, where it cannot exist, a finding at the key."""
        point = self._points.get(reference)
        if point is None and not self.is_uncertain(reference.partition("/")[0]):
            self._report(key, reference)
        return point

    def match(self, key: KeyPath, pattern: str) -> list[Point]:
        """The points whose `device/name` matches, with `*` and `?` for any characters; nothing that matches is a finding."""
        if not any(wild in pattern for wild in "*?"):
            point = self.find(key, pattern)
            return [] if point is None else [point]
        found = [point for reference, point in self._points.items() if fnmatch.fnmatchcase(reference, pattern)]
        device = pattern.partition("/")[0]
        if not found and not self.is_uncertain(device) and not any(wild in device for wild in "*?"):
            self.source.report_key(key, "matches no point of the site", "correct the pattern", value=pattern)
        return found

    def _report(self, key: KeyPath, reference: str) -> None:
        if reference.count("/") != 1:
            remedy = "name the device and the point in it, for example rtu-1/p"
            self.source.report_key(key, "is not of the form device/name", remedy, value=reference)
            return
        close = difflib.get_close_matches(reference, self._points, n=1)
        remedy = f"did you mean {close[0]}?" if close else "correct the name"
        self.source.report_key(key, "there is no such point at this site", remedy, value=reference)


def sections_of(source: Source, name: str, model: type[M]) -> list[tuple[KeyPath, M]]:
    """Those tables of `[[name]]` that are right in themselves, each with its key; what is wrong with others is reported already."""
    tables = source.document.get(name, [])
    found: list[tuple[KeyPath, M]] = []
    for index, table in enumerate(tables if isinstance(tables, list) else []):
        try:
            found.append(((name, index), model.model_validate(table)))
        except ValidationError:
            continue
    return found


def references(points: Iterable[Point]) -> dict[str, Point]:
    """The points under `device/name`."""
    return {f"{point.device}/{point.name}": point for point in points}
