"""Everything that has to be so before a point is operated from the center, each with a verdict in words.

    point -> authority -> second factor -> value -> link -> tags -> interlocks -> earthing -> parallel paths -> second person

All checks are made and shown, whatever the first of them says: who stands before a refusal sees all that is in the way. What is not
known is not permitted. The site's gate has its own checks, and the last word.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from tieline.config.control import CenterInterlock, Control, OnFinding, Rule
from tieline.model import Now, Point, PointId, PointKind
from tieline.model.control import Person, Standing, TagKind, Verdict
from tieline.scada.control.tags import Tags, in_words
from tieline.scada.control.topology import Judgement, Switching
from tieline.scada.control.values import Condition, Values
from tieline.scada.links import LinkState
from tieline.scada.live import LiveState

CLOSED = 1.0


class Checks:
    """Knows the rules, the live state, the switching state and the tags; changes nothing."""

    def __init__(
        self, plan: Control, points: Iterable[Point], live: LiveState, values: Values, tags: Tags, switching: Switching | None
    ) -> None:
        self._plan = plan
        self._points = {point.id: point for point in points}
        self._live = live
        self._tags = tags
        self._switching = switching
        self._rules: dict[PointId, list[Rule]] = {}
        for rule in plan.rules:
            for point in rule.points:
                self._rules.setdefault(point, []).append(rule)
        self._interlocks: dict[PointId, list[tuple[CenterInterlock, Condition]]] = {}
        for interlock in plan.interlocks:
            condition = Condition(interlock.condition, values)
            for point in interlock.condition.points:
                self._interlocks.setdefault(point, []).append((interlock, condition))

    def point(self, id: PointId) -> Point | None:  # noqa: A002 - the field's own name
        """The point, where the center knows it."""
        return self._points.get(id)

    def permits(self, person: Person, point: Point) -> list[Rule]:
        """The rules that let the person operate the point."""
        if person.areas and point.site not in person.areas:
            return []
        return [rule for rule in self._rules.get(point.id, ()) if rule.roles & person.roles]

    def moves_a_switch(self, id: PointId) -> bool:  # noqa: A002 - the field's own name
        """Whether the point operates a switch of the single-line."""
        return self._switching is not None and bool(self._switching.switch_of(id))

    def needs_second_factor(self, points: Iterable[PointId]) -> bool:
        """Whether any rule asks for a second factor for any of the points."""
        return any(rule.second_factor for point in points for rule in self._rules.get(point, ()))

    def verdicts(self, person: Person, id: PointId, value: float, now: Now, approved_by: str = "") -> tuple[Verdict, ...]:  # noqa: A002
        """What speaks for and against the person setting the point to the value now."""
        point = self._points.get(id)
        if point is None:
            return (_verdict("point", ok=False, words=f"there is no point {id}"),)
        if not point.kind.is_writable:
            return (_verdict("point", ok=False, words=f"{point.path} is of the kind {point.kind}, which takes no commands"),)
        rules = self.permits(person, point)
        return (
            _verdict("point", ok=True, words=f"{point.path} takes commands"),
            self._authority(person, point, rules),
            *_factor(person, rules),
            self._value(point, value),
            self._link(point),
            *self._tagged(point),
            *self._interlocked(point, value, now),
            *self._switched(point, value, now),
            *_second_person(rules, approved_by),
        )

    def _authority(self, person: Person, point: Point, rules: list[Rule]) -> Verdict:
        roles = ", ".join(sorted(person.roles)) or "no role"
        if rules:
            having = ", ".join(sorted(person.roles & frozenset(role for rule in rules for role in rule.roles)))
            return _verdict("authority", ok=True, words=f"{person.name} may operate {point.path} as {having}")
        if person.areas and point.site not in person.areas:
            return _verdict("authority", ok=False, words=f"{person.name} has no authority at {point.site}")
        needed = sorted({role for rule in self._rules.get(point.id, ()) for role in rule.roles})
        asked = f"{' or '.join(needed)} may" if needed else "nobody may"
        return _verdict("authority", ok=False, words=f"{person.name} ({roles}) may not operate {point.path}; {asked}")

    def _value(self, point: Point, value: float) -> Verdict:
        why = self._value_problem(point, value)
        return _verdict("value", ok=not why, words=why or f"{self._in_words(point, value)} is permitted")

    def _in_words(self, point: Point, value: float) -> str:
        if point.kind is not PointKind.CONTROL:
            return f"{value:g} {point.unit}".rstrip()
        off, on = ("open", "close") if self.moves_a_switch(point.id) else ("off", "on")
        return on if value else off

    def _value_problem(self, point: Point, value: float) -> str:
        if not math.isfinite(value):
            return f"{value} is no value"
        if point.kind is PointKind.CONTROL:
            return "" if value in {0, 1} else f"{value:g} is neither 0 nor 1"
        plan = self._plan.setpoints.get(point.id)
        lows = [limit for limit in (point.low, None if plan is None else plan.low) if limit is not None]
        highs = [limit for limit in (point.high, None if plan is None else plan.high) if limit is not None]
        if lows and value < max(lows):
            return f"{value:g} {point.unit} is below {max(lows):g} {point.unit}, the lowest value of {point.path}"
        if highs and value > min(highs):
            return f"{value:g} {point.unit} is above {min(highs):g} {point.unit}, the highest value of {point.path}"
        return ""

    def _link(self, point: Point) -> Verdict:
        is_up = self._live.link(point.site).state is LinkState.UP
        return _verdict("link", ok=is_up, words=f"the link to {point.site} is {'up' if is_up else 'down'}")

    def _tagged(self, point: Point) -> Iterator[Verdict]:
        tags = self._tags.on(point)
        if not any(tag.kind is TagKind.DO_NOT_OPERATE for tag in tags):
            yield _verdict("tag", ok=True, words="no tag forbids it")
        for tag in tags:
            is_red = tag.kind is TagKind.DO_NOT_OPERATE
            yield Verdict(check="tag", standing=Standing.REFUSED if is_red else Standing.NOTED, words=in_words(tag))

    def _interlocked(self, point: Point, value: float, now: Now) -> Iterator[Verdict]:
        for interlock, condition in self._of(point, value):
            is_permission = interlock.permits_parallel and self.moves_a_switch(point.id) and self._plan.parallel != "off"
            if not is_permission:
                yield _interlock(condition, now)

    def _of(self, point: Point, value: float) -> Iterator[tuple[CenterInterlock, Condition]]:
        for interlock, condition in self._interlocks.get(point.id, ()):
            if interlock.condition.when is None or interlock.condition.when == value:
                yield interlock, condition

    def _switched(self, point: Point, value: float, now: Now) -> Iterator[Verdict]:
        switching = self._switching
        switch = None if switching is None else switching.switch_of(point.id)
        if switching is None or not switch:
            return
        state = switching.state
        if value != CLOSED:
            losing = state.would_deenergize(switch)
            yield Verdict(check="supply", standing=Standing.MET if losing.ok else Standing.NOTED, words=losing.words)
            return
        for judge in (state.would_earth_live, state.would_energize):
            yield from _judged("earthing", judge(switch), self._plan.earthing)
        yield from self._joined(point, switch, switching, value, now)

    def _joined(self, point: Point, switch: str, switching: Switching, value: float, now: Now) -> Iterator[Verdict]:
        """Parallel paths, unless a synchrocheck permits them."""
        found = [switching.state.would_parallel(switch), switching.state.synchrocheck_needed(switch)]
        against = [judgement for judgement in found if judgement.ok is not True]
        permissions = [condition for interlock, condition in self._of(point, value) if interlock.permits_parallel]
        if against and permissions and self._plan.parallel != "off":
            yield Verdict(check="parallel", standing=Standing.NOTED, words=against[0].words)
            for condition in permissions:
                yield _interlock(condition, now)
            return
        yield from _judged("parallel", against[0] if against else found[0], self._plan.parallel)


def _verdict(check: str, *, ok: bool, words: str) -> Verdict:
    return Verdict(check=check, standing=Standing.MET if ok else Standing.REFUSED, words=words)


def _factor(person: Person, rules: list[Rule]) -> Iterator[Verdict]:
    if any(rule.second_factor for rule in rules):
        words = "the login permits operating" if person.has_second_factor else "operating needs a login with a second factor"
        yield _verdict("second_factor", ok=person.has_second_factor, words=words)


def _second_person(rules: list[Rule], approved_by: str) -> Iterator[Verdict]:
    asking = [rule for rule in rules if rule.second_person]
    if asking and approved_by:
        yield _verdict("second_person", ok=True, words=f"approved by {approved_by}")
    elif asking:
        yield Verdict(check="second_person", standing=Standing.OPEN, words="another person with the authority has to approve")


def _interlock(condition: Condition, now: Now) -> Verdict:
    text = condition.interlock.text
    holds, words = condition.holds(now)
    shown = f" ({words})" if words else ""
    if holds:
        return _verdict("interlock", ok=True, words=f"not interlocked by “{text}”{shown}")
    if holds is None:
        return _verdict("interlock", ok=False, words=f"interlocked: “{text}” cannot be ruled out{shown}")
    return _verdict("interlock", ok=False, words=f"interlocked: {text}{shown}")


def _judged(check: str, judgement: Judgement, on_finding: OnFinding) -> Iterator[Verdict]:
    if on_finding == "off":
        return
    refused = Standing.REFUSED if on_finding == "refuse" else Standing.NOTED
    yield Verdict(check=check, standing=Standing.MET if judgement.ok else refused, words=judgement.words)
