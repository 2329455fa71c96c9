"""The control desk: select before operate, between people and their points.

    select -> held for select_s -> (approved by a second person) -> executed: checked anew -> under way -> ended
                    `-> cancelled, or expired

One selection holds a point at a time, also while its command is under way. Only who selected may execute or cancel. Everything is checked
when it is selected and again when it is executed, because what held then may hold no longer. A selection that a check refuses holds
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tieline.model import Now, PointId, RefusedError
from tieline.model.control import Person, Selection, Standing, Verdict
from tieline.scada.control.checks import Checks


@dataclass(slots=True)
class _Held:
    selection: Selection
    until_s: float
    is_under_way: bool = False


class ControlDesk:
    """Holds selections. It has no clock: every call is told what time it is."""

    def __init__(self, checks: Checks, *, select_s: float, most_selections: int, new_id: Callable[[], str]) -> None:
        self._checks = checks
        self._select_s = select_s
        self._most_selections = most_selections
        self._new_id = new_id
        self._held: dict[str, _Held] = {}
        self._holder: dict[PointId, str] = {}

    def selections(self) -> list[Selection]:
        """Those that hold a point, the oldest first."""
        return [held.selection for held in self._held.values()]

    def select(self, person: Person, point: PointId, value: float, now: Now) -> Selection:
        """A selection with the verdict of every check; where one refuses it holds nothing."""
        verdicts = (*self._checks.verdicts(person, point, value, now), self._free(point))
        known = self._checks.point(point)
        selection = Selection(
            id=self._new_id(),
            point=point,
            path=str(point) if known is None else known.path,
            value=value,
            requester=person.name,
            made_us=now.utc_us,
            expires_us=now.utc_us + round(self._select_s * 1e6),
            verdicts=verdicts,
        )
        if not selection.is_refused:
            self._held[selection.id] = _Held(selection, now.monotonic_s + self._select_s)
            self._holder[point] = selection.id
        return selection

    def approve(self, person: Person, selection: str, now: Now) -> Selection:
        """The selection, approved by a second person. Raises `RefusedError` where that person may not."""
        approved = self.approved(person, selection, now)
        self._held[selection].selection = approved
        return approved

    def approved(self, person: Person, selection: str, now: Now) -> Selection:
        """The selection as it would be if that person approved it now; raises as `approve` does."""
        held = self._find(selection, now)
        asked, point = held.selection, self._checks.point(held.selection.point)
        assert point is not None
        if person.name == asked.requester:
            raise RefusedError("the second person is another one than who selected")
        rules = self._checks.permits(person, point)
        if not rules:
            raise RefusedError(f"{person.name} may not approve operating {point.path}")
        if any(rule.second_factor for rule in rules) and not person.has_second_factor:
            raise RefusedError("approving needs a login with a second factor")
        if all(verdict.check != "second_person" for verdict in asked.verdicts):
            raise RefusedError("nothing has to be approved")
        verdicts = tuple(_approved(verdict, person.name) for verdict in asked.verdicts)
        return replace(asked, approved_by=person.name, verdicts=verdicts)

    def cancel(self, person: Person, selection: str, now: Now) -> Selection:
        """Gives the point free. Raises `RefusedError` where the selection is somebody else's, or there is none."""
        held = self._own(person, selection, now)
        self._release(selection)
        return held.selection

    def give_up(self, selection: str) -> None:
        """Gives the point free, whoever selected it. Raises `RefusedError` where its command is under way."""
        held = self._held.get(selection)
        if held is not None and held.is_under_way:
            raise RefusedError("the command of the selection is under way")
        self._release(selection)

    def execute(self, person: Person, selection: str, now: Now) -> Selection:
        """The selection as it is checked now: ready, and under way from here on, or refused, and gone.

        Raises `RefusedError` where there is none, it is somebody else's, it is under way, a second person has not approved yet, or
        another switch of the site moves: what is checked for one could be wrong as soon as the other has moved.
        """
        held = self._own(person, selection, now)
        asked = held.selection
        verdicts = self._checks.verdicts(person, asked.point, asked.value, now, asked.approved_by)
        held.selection = checked = replace(asked, verdicts=verdicts)
        if checked.is_refused:
            self._release(selection)
        elif not checked.is_ready:
            raise RefusedError(checked.reason)
        elif (other := self._moving(checked.point)) is not None:
            raise RefusedError(f"{other.requester} is operating {other.path}; at one site one switch is moved after the other")
        else:
            held.is_under_way = True
        return checked

    def recheck(self, person: Person, selection: Selection, value: float, now: Now) -> str:
        """What speaks against the value for the point of a selection that is under way; nothing where nothing does."""
        verdicts = self._checks.verdicts(person, selection.point, value, now, selection.approved_by)
        return replace(selection, verdicts=verdicts).reason

    def end(self, selection: str) -> None:
        """Its command has ended, whatever became of it: the point is free."""
        self._release(selection)

    def tick(self, now: Now) -> list[Selection]:
        """Selections that nobody executed in time; their points are free."""
        late = [held.selection for held in self._held.values() if not held.is_under_way and now.monotonic_s >= held.until_s]
        for selection in late:
            self._release(selection.id)
        return late

    def _free(self, point: PointId) -> Verdict:
        holder = self._held.get(self._holder.get(point, ""))
        if holder is None and len(self._held) < self._most_selections:
            return Verdict(check="selection", standing=Standing.MET, words="nobody else has selected it")
        if holder is None:
            return Verdict(check="selection", standing=Standing.REFUSED, words=f"{self._most_selections} points are selected")
        doing = "is operating" if holder.is_under_way else "has selected"
        words = f"{holder.selection.requester} {doing} {holder.selection.path}"
        return Verdict(check="selection", standing=Standing.REFUSED, words=words)

    def _moving(self, id: PointId) -> Selection | None:  # noqa: A002 - the field's own name
        """The switch that is moved now at the site of this one; None where this point moves none."""
        point = self._checks.point(id)
        if point is None or not self._checks.moves_a_switch(id):
            return None
        for held in self._held.values():
            other = self._checks.point(held.selection.point)
            is_there = other is not None and other.site == point.site and self._checks.moves_a_switch(other.id)
            if held.is_under_way and is_there:
                return held.selection
        return None

    def _find(self, selection: str, now: Now) -> _Held:
        held = self._held.get(selection)
        if held is None:
            raise RefusedError("there is no such selection: it expired, was cancelled, or was executed")
        if held.is_under_way:
            raise RefusedError("the command of the selection is under way")
        if now.monotonic_s >= held.until_s:
            raise RefusedError(f"the selection expired {now.monotonic_s - held.until_s:.1f} s ago; select again")
        return held

    def _own(self, person: Person, selection: str, now: Now) -> _Held:
        held = self._find(selection, now)
        if held.selection.requester != person.name:
            raise RefusedError(f"the selection is {held.selection.requester}'s")
        return held

    def _release(self, selection: str) -> None:
        held = self._held.pop(selection, None)
        if held is not None and self._holder.get(held.selection.point) == selection:
            del self._holder[held.selection.point]


def _approved(verdict: Verdict, by: str) -> Verdict:
    if verdict.check != "second_person":
        return verdict
    return Verdict(check=verdict.check, standing=Standing.MET, words=f"approved by {by}")
