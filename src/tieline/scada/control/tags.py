"""Tags: red ones forbid operating, the others are only read. They hang until somebody takes them off, over restarts too."""

from __future__ import annotations

from collections.abc import Iterable

from tieline.model import Point, RefusedError
from tieline.model.control import Person, Tag, TagKind
from tieline.security.authority import Right, roles_of


class Tags:
    """All tags, by what they hang on."""

    def __init__(self, points: Iterable[Point], tags: Iterable[Tag] = ()) -> None:
        self._points = {point.path: point for point in points}
        self._equipment = {point.equipment for point in self._points.values() if point.equipment}
        self._tags = {tag.id: tag for tag in tags}

    def all(self) -> list[Tag]:
        """Every tag, the oldest first."""
        return sorted(self._tags.values(), key=lambda tag: (tag.placed_us, tag.id))

    def on(self, point: Point) -> list[Tag]:
        """The tags that hang on the point, on its equipment, or on another point of the same equipment."""
        return [tag for tag in self.all() if self._covers(tag, point)]

    def check_target(self, target: str) -> list[Point]:
        """The points that a tag there would hang on. Raises `RefusedError` where there is nothing of that name."""
        if target in self._points:
            return [self._points[target]]
        found = [point for point in self._points.values() if target and point.equipment == target]
        if not found:
            raise RefusedError(f"there is no point and no equipment {target!r}; write site/device/name or the name of equipment")
        return found

    def put(self, tag: Tag) -> None:
        """Hangs it on."""
        self._tags[tag.id] = tag

    def under(self, tag: Tag) -> list[Point]:
        """The points that it hangs on; none where there is nothing of that name any more."""
        return [point for point in self._points.values() if self._covers(tag, point)]

    def check_removal(self, person: Person, id: str, reason: str) -> Tag:  # noqa: A002 - the field's own name
        """The tag, where the person may take it off. Raises `RefusedError`."""
        tag = self._tags.get(id)
        if tag is None:
            raise RefusedError(f"there is no tag {id!r}")
        if person.name == tag.owner:
            return tag
        if not may_clear(person, (point.site for point in self.under(tag))):
            raise RefusedError(f"the tag is {tag.owner}'s: only {tag.owner} or an engineer takes it off")
        if not reason.strip():
            raise RefusedError(f"the tag is {tag.owner}'s: say why it is taken off")
        return tag

    def remove(self, tag: Tag) -> None:
        """Takes it off."""
        self._tags.pop(tag.id, None)

    def _covers(self, tag: Tag, point: Point) -> bool:
        if tag.target in {point.path, point.equipment}:
            return True
        tagged = self._points.get(tag.target)
        return tagged is not None and bool(point.equipment) and (tagged.site, tagged.equipment) == (point.site, point.equipment)


def may_clear(person: Person, sites: Iterable[str]) -> bool:
    """Whether the person may hang and take off any tag at all of these sites."""
    return bool(roles_of(Right.CLEAR_TAGS) & person.roles) and (not person.areas or person.areas.issuperset(sites))


def in_words(tag: Tag) -> str:
    """As it is read."""
    kind = "do not operate" if tag.kind is TagKind.DO_NOT_OPERATE else "note"
    return f"{kind}: {tag.reason} ({tag.owner}, on {tag.target})"
