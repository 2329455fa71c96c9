"""The points of all sites by their paths, for what is written once for the whole utility."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Collection, Mapping

from tieline.config.lines import KeyPath
from tieline.config.reading import Source
from tieline.model import Point

_UNWRITABLE, _WRITABLE = "no command can be addressed to that", "name a point of the kind setpoint or control"


class UtilityPoints:
    """What may be referred to as `site/device/name`; a reference that leads nowhere becomes a finding in the file that makes it.

    Sites that have mistakes are uncertain: a reference to them may be right once those are mended, and is no finding.
    """

    def __init__(self, points: Mapping[str, Point], uncertain: Collection[str] = ()) -> None:
        """`points` are under their paths; `uncertain` names sites."""
        self._points = points
        self._uncertain = uncertain

    def find(self, source: Source, key: KeyPath, path: str) -> Point | None:
        """The point, or None and, where it cannot exist, a finding at the key."""
        point = self._points.get(path)
        if point is None and not self._is_uncertain(path):
            if path.count("/") != 2:
                remedy = "name the site, the device and the point in it, for example northgate/rtu-1/p"
                source.report_key(key, "is not of the form site/device/name", remedy, value=path)
            else:
                close = difflib.get_close_matches(path, self._points, n=1)
                source.report_key(
                    key, "there is no such point", f"did you mean {close[0]}?" if close else "correct the name", value=path
                )
        return point

    def find_writable(self, source: Source, key: KeyPath, path: str) -> Point | None:
        """As `find`, for a point that takes commands."""
        point = self.find(source, key, path)
        if point is not None and not point.kind.is_writable:
            source.report_key(key, _UNWRITABLE, _WRITABLE, value=path)
            return None
        return point

    def writable(self, source: Source, key: KeyPath, patterns: list[str]) -> dict[str, Point]:
        """The points that take commands and match any pattern, by path; a pattern that matches none is a finding.

        `*` and `?` stand for any characters.
        """
        found: dict[str, Point] = {}
        for pattern in patterns:
            if not any(wild in pattern for wild in "*?"):
                point = self.find_writable(source, key, pattern)
                found |= {} if point is None else {pattern: point}
                continue
            matched = {path: point for path, point in self._points.items() if fnmatch.fnmatchcase(path, pattern)}
            writable = {path: point for path, point in matched.items() if point.kind.is_writable}
            if not writable and not self._is_uncertain(pattern):
                problem = _UNWRITABLE if matched else "matches no point"
                source.report_key(key, problem, _WRITABLE if matched else "correct the pattern", value=pattern)
            found |= writable
        return found

    def every_writable(self) -> list[Point]:
        """All points that take commands."""
        return [point for point in self._points.values() if point.kind.is_writable]

    def _is_uncertain(self, path: str) -> bool:
        site = path.partition("/")[0]
        return any(fnmatch.fnmatchcase(name, site) for name in self._uncertain)
