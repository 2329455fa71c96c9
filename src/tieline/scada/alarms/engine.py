"""The alarms of all sites as they stand: what samples, events, links and people do to them, in columns.

    samples -> conditions (signals) -> delays (changes) -> machine (transitions)
    events, links --------------------^                     ^-- requests of people, suppression by design, time

The engine belongs to one thread, looks at no clock and keeps nothing on disk: what a store has to write is marked in
`standing.is_unsaved`. It is told of everything in one order, so that the same input gives the same alarms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tieline.config.alarm_plan import AlarmPlan, points_of
from tieline.model import Event, Now, Samples
from tieline.scada.alarms.conditions import Conditions, Floats, Observed, Qualities, Rows, Times
from tieline.scada.alarms.delays import Changes, Delays
from tieline.scada.alarms.events import EventConditions
from tieline.scada.alarms.first_out import FirstOut
from tieline.scada.alarms.hearing import Hearing
from tieline.scada.alarms.machine import STATES, Held, Refused, Trigger, follow, target
from tieline.scada.alarms.standing import Standing
from tieline.scada.alarms.suppression import Suppression
from tieline.scada.alarms.transitions import Transitions, is_told
from tieline.scada.links import Link

DESIGN = "design"
"""Who suppresses by an expression."""
TIME = "time"
"""Who ends a shelving that is over."""

_NOT_KNOWN = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """What became of a request."""

    transitions: Transitions
    refused: Mapping[str, str] = field(default_factory=dict)
    """Alarm: why nothing was done with it."""


class AlarmEngine:
    """Every alarm, its condition and its state."""

    def __init__(self, plan: Sequence[AlarmPlan]) -> None:
        self.plan = tuple(plan)
        self.row_of = {each.id: row for row, each in enumerate(self.plan)}
        if len(self.row_of) < len(self.plan):
            raise ValueError("two alarms have the same id")
        self.standing = Standing(len(self.plan))
        self.delays = self._make_delays()
        self.first_out = FirstOut([f"{each.site}/{each.group}" if each.group else "" for each in self.plan])
        used = {point.path: point for each in self.plan for point in points_of(each)}.values()
        self._points_of = {
            site: np.array([point.id for point in used if point.site == site], np.uint32)
            for site in {point.site for point in used}
        }
        """Site: the points that alarms look at."""
        self._is_latching = np.array([each.latched for each in self.plan], np.bool_)
        self._conditions = Conditions(self.plan)
        self._late_conditions, self._late_delays = Conditions(self.plan), self._make_delays()
        self._late_until = np.full(len(self.plan), _NOT_KNOWN)
        """What was measured after this belongs to another outage than what came late before."""
        self._suppression = Suppression(self.plan)
        self._events = EventConditions(self.plan)
        self._hearing = Hearing(self.plan)
        self.revision = 0
        """Grows with everything that changes."""

    def _of(self, site: str | None, samples: Samples) -> Samples:
        if site is None or not len(samples):
            return samples
        own = self._points_of.get(site)
        is_own = np.zeros(len(samples), np.bool_) if own is None else np.isin(samples.point, own)
        return samples if is_own.all() else samples.take(is_own)

    def _make_delays(self) -> Delays:
        on, off = ([each.on_delay_s for each in self.plan], [each.off_delay_s for each in self.plan])
        return Delays(np.array(on, np.float64), np.array(off, np.float64))

    def __len__(self) -> int:
        return len(self.plan)

    @property
    def is_lost(self) -> npt.NDArray[np.bool_]:
        """Alarms of whose device or site nothing is heard."""
        return self._hearing.is_lost

    def recalled(self, now: Now) -> list[Transitions]:
        """To be called once after `standing`, `delays` and `first_out.is_marked` were filled with what another process left."""
        standing = self.standing
        self.delays.recall(now)
        known = np.minimum(self.delays.since, self.delays.since_received)
        self._conditions.recall(np.minimum(known, now.utc_us))
        self.first_out.recall(is_told(standing.state), standing.raised)
        most_s = np.array([each.most_shelve_s for each in self.plan])
        left_s = np.clip((standing.shelved_until - now.utc_us) / 1e6, 0, most_s)
        standing.unshelve_s = np.where(standing.is_shelved, now.monotonic_s + left_s, np.inf)
        orphaned = standing.is_suppressed.copy()
        orphaned[self._suppression.rows] = False
        made = self._suppress(np.flatnonzero(orphaned), False, "its expression was removed", now)
        orphans = [
            each.id
            for each, is_held in zip(self.plan, standing.is_suppressed_by_logic, strict=True)
            if is_held and not each.suppress_states
        ]
        return made + self.suppress(orphans, DESIGN, now, is_on=False, reason="its switching states were removed")

    # what happens

    def take(self, samples: Samples, now: Now, site: str | None = None) -> list[Transitions]:
        """Samples in the order in which they were reported; from a site, those of other sites' points are passed over."""
        samples = self._of(site, samples)
        made = [
            each
            for rows, is_on, text in self._suppression.take(samples, now.utc_us)
            for each in self._suppress(rows, is_on, text, now)
        ]
        observed = self._conditions.take(samples, now.utc_us)
        return made if observed is None else made + self._observe(observed, now)

    def take_late(self, samples: Samples, now: Now, site: str | None = None) -> list[Transitions]:
        """Samples that were measured while nobody could be told, and say nothing of how things stand now.

        A condition that came and went meanwhile is told as one that returned and that nobody has acknowledged.
        """
        observed = self._late_conditions.take(self._of(site, samples), now.utc_us)
        if observed is None:
            return []
        self._part_outages(observed)
        made = [each for change in self._late_delays.take(observed, now) for each in self._missed(change, now)]
        self._late_delays.touched.clear()
        return made

    def _part_outages(self, late: Observed) -> None:
        """What was seen at the end of an outage does not last until the next one: in between there were live samples."""
        rows, first = np.unique(late.row, return_index=True)
        self._late_delays.forget(rows[late.time[first] > self._late_until[rows]])
        last = late.time[np.append(first[1:], len(late)) - 1]
        newest = self._conditions.newest(rows)
        self._late_until[rows] = np.where(newest < last, _NOT_KNOWN, newest)

    def _missed(self, change: Changes, now: Now) -> Iterator[Transitions]:
        standing, row, time = self.standing, change.row, change.time
        was_known = (standing.raised[row] <= time) & (time <= standing.returned[row])
        places = np.flatnonzero(change.is_active & ~self.delays.is_active[row] & ~was_known)
        if not len(places):
            return
        rows, time, value, quality = row[places], time[places], change.value[places], change.quality[places]
        for trigger in (Trigger.RAISE, Trigger.RETURN):
            yield self._fire_condition(trigger, rows, time, value, quality, now)

    def take_events(self, events: Iterable[Event], now: Now) -> list[Transitions]:
        """Events of any sites, in the order in which they were reported."""
        observed = self._events.take(events)
        return [] if observed is None else self._observe(observed, now)

    def links(self, links: Iterable[Link], now: Now) -> list[Transitions]:
        """How sites and their devices are heard."""
        observed, marked = self._hearing.take(links, now.utc_us)
        standing = marked[self.standing.state[marked] > 0]
        if len(standing):
            self._revise(standing)
        return [] if observed is None else self._observe(observed, now)

    def tick(self, now: Now) -> list[Transitions]:
        """What is due by the clock: delays, shelvings that are over. Call it a few times a second."""
        made = [each for change in self.delays.tick(now) for each in self._changed(change, now)]
        self._note_waiting()
        standing = self.standing
        is_over = (standing.shelved_until <= now.utc_us) | (standing.unshelve_s <= now.monotonic_s)
        over = np.flatnonzero(standing.is_shelved & is_over)
        if len(over):
            made.append(self._act(Trigger.EXPIRE, over, now, by=TIME, reason=""))
        marked = np.flatnonzero(standing.judge(self.delays.is_active, now.utc_us) & (standing.state > 0))
        self._revise(marked)
        return made

    def _observe(self, observed: Observed, now: Now) -> list[Transitions]:
        made = [each for change in self.delays.take(observed, now) for each in self._changed(change, now)]
        self._note_waiting()
        return made

    def _note_waiting(self) -> None:
        for rows in self.delays.touched:
            self.standing.is_unsaved[rows] = True
        self.delays.touched.clear()

    def _changed(self, change: Changes, now: Now) -> Iterator[Transitions]:
        for trigger, which in ((Trigger.RAISE, change.is_active), (Trigger.RETURN, ~change.is_active)):
            places = np.flatnonzero(which)
            if not len(places):
                continue
            rows, time, value = change.row[places], change.time[places], change.value[places]
            yield self._fire_condition(trigger, rows, time, value, change.quality[places], now)

    def _fire_condition(
        self, trigger: Trigger, rows: Rows, time: Times, value: Floats, quality: Qualities, now: Now
    ) -> Transitions:
        standing = self.standing
        standing.value[rows], standing.quality[rows] = value, quality
        if trigger is Trigger.RAISE:
            standing.raised[rows], standing.raised_received[rows] = time, now.utc_us
            standing.raised_quality[rows] = quality
            standing.came(rows, now.utc_us)
        else:
            standing.returned[rows] = time
        return self._fire(trigger, rows, time, value, quality, now)

    def _suppress(self, rows: Rows, is_on: bool, text: str, now: Now) -> list[Transitions]:
        standing = self.standing
        rows = rows[standing.is_suppressed[rows] != is_on]
        if not len(rows):
            return []
        standing.is_suppressed[rows] = is_on
        return self._held_by_design(rows, is_on, DESIGN, text, now, others=standing.is_suppressed_by_logic)

    def _held_by_design(
        self, rows: Rows, is_on: bool, by: str, reason: str, now: Now, *, others: npt.NDArray[np.bool_]
    ) -> list[Transitions]:
        """Fires for those that are not suppressed for another reason too."""
        self.standing.is_unsaved[rows] = True
        rows = rows[~others[rows]]
        if not len(rows):
            return []
        return [self._act(Trigger.SUPPRESS if is_on else Trigger.UNSUPPRESS, rows, now, by=by, reason=reason)]

    # what people and logic ask for; ids that are not known are refused like everything else

    def acknowledge(self, ids: Iterable[str], by: str, now: Now, reason: str = "") -> Requested:
        """Somebody has seen them."""
        return self._request(Trigger.ACKNOWLEDGE, ids, by, reason, now)

    def reset(self, ids: Iterable[str], by: str, now: Now, reason: str = "") -> Requested:
        """Releases latched alarms whose conditions are gone."""
        return self._request(Trigger.RESET, ids, by, reason, now)

    def shelve(self, ids: Iterable[str], by: str, now: Now, *, minutes: float, reason: str) -> Requested:
        """Puts them aside for a time; of those that are shelved already, the time begins anew."""

        def forbids(plan: AlarmPlan) -> str:
            if not plan.shelvable:
                return "it cannot be shelved by its design"
            if not 0 < minutes * 60 <= plan.most_shelve_s:
                return f"it can be shelved for {plan.most_shelve_s / 60:g} minutes at the most, not for {minutes:g}"
            return "" if reason.strip() else "a reason is needed"

        return self._request(Trigger.SHELVE, ids, by, reason, now, forbids=forbids, seconds=minutes * 60)

    def unshelve(self, ids: Iterable[str], by: str, now: Now, reason: str = "") -> Requested:
        """Takes them up again."""
        return self._request(Trigger.UNSHELVE, ids, by, reason, now)

    def take_out(self, ids: Iterable[str], by: str, now: Now, *, reason: str) -> Requested:
        """Out of service, until they are put back."""

        def forbids(plan: AlarmPlan) -> str:
            del plan
            return "" if reason.strip() else "a reason is needed"

        return self._request(Trigger.TAKE_OUT, ids, by, reason, now, forbids=forbids)

    def put_back(self, ids: Iterable[str], by: str, now: Now, reason: str = "") -> Requested:
        """Into service."""
        return self._request(Trigger.PUT_BACK, ids, by, reason, now)

    def suppress(self, ids: Iterable[str], by: str, now: Now, *, is_on: bool, reason: str) -> list[Transitions]:
        """By logic outside of the engine, beside what expressions say; ids that are not known are passed over."""
        standing = self.standing
        rows = np.array([self.row_of[each] for each in dict.fromkeys(ids) if each in self.row_of], np.intp)
        rows = rows[standing.is_suppressed_by_logic[rows] != is_on]
        if not len(rows):
            return []
        standing.is_suppressed_by_logic[rows] = is_on
        standing.suppressed_reason[rows] = reason if is_on else ""
        return self._held_by_design(rows, is_on, by, reason, now, others=standing.is_suppressed)

    def _request(
        self,
        trigger: Trigger,
        ids: Iterable[str],
        by: str,
        reason: str,
        now: Now,
        *,
        forbids: Callable[[AlarmPlan], str] = lambda _: "",
        seconds: float = 0.0,
    ) -> Requested:
        rows: list[int] = []
        refused: dict[str, str] = {}
        for each in dict.fromkeys(ids):
            row = self.row_of.get(each)
            why = "there is no such alarm" if row is None else self._refusal(trigger, row) or forbids(self.plan[row])
            if why:
                refused[each] = why
            elif row is not None:
                rows.append(row)
        made = self._act(trigger, np.array(rows, np.intp), now, by=by, reason=reason, seconds=seconds if rows else 0.0)
        return Requested(transitions=made, refused=refused)

    def _refusal(self, trigger: Trigger, row: int) -> str:
        found = target(trigger, STATES[self.standing.state[row]], is_latching=bool(self._is_latching[row]))
        return found.why if isinstance(found, Refused) else ""

    def _act(self, trigger: Trigger, rows: Rows, now: Now, *, by: str, reason: str, seconds: float = 0.0) -> Transitions:
        """What a person, a logic or the time does, where the table permits it."""
        standing = self.standing
        match trigger:
            case Trigger.ACKNOWLEDGE:
                standing.acknowledged[rows], standing.acknowledged_by[rows] = now.utc_us, by
            case Trigger.SHELVE:
                standing.is_shelved[rows] = True
                standing.shelved_until[rows] = now.utc_us + int(seconds * 1e6)
                standing.unshelve_s[rows] = now.monotonic_s + seconds
                standing.shelved_by[rows], standing.shelved_reason[rows] = by, reason
            case Trigger.UNSHELVE | Trigger.EXPIRE:
                standing.is_shelved[rows] = False
                standing.shelved_until[rows], standing.unshelve_s[rows] = 0, np.inf
                standing.shelved_by[rows], standing.shelved_reason[rows] = "", ""
            case Trigger.TAKE_OUT:
                standing.is_out[rows] = True
                standing.out_by[rows], standing.out_reason[rows] = by, reason
            case Trigger.PUT_BACK:
                standing.is_out[rows] = False
                standing.out_by[rows], standing.out_reason[rows] = "", ""
            case _:
                pass
        time = np.full(len(rows), now.utc_us)
        return self._fire(trigger, rows, time, standing.value[rows], standing.quality[rows], now, by=by, reason=reason)

    def _fire(
        self,
        trigger: Trigger,
        rows: Rows,
        time: Times,
        value: Floats,
        quality: Qualities,
        now: Now,
        *,
        by: str = "",
        reason: str = "",
    ) -> Transitions:
        standing = self.standing
        before = standing.state[rows]
        held = Held(
            self.delays.is_active[rows],
            standing.is_shelved[rows],
            standing.is_suppressed[rows] | standing.is_suppressed_by_logic[rows],
            standing.is_out[rows],
        )
        after, _ = follow(trigger, before, self._is_latching[rows], held)
        standing.state[rows] = after
        made = Transitions(
            trigger=trigger,
            row=rows,
            before=before,
            after=after,
            time=time,
            received=now.utc_us,
            value=value,
            quality=quality,
            by=by,
            reason=reason,
        )
        told = made.told
        standing.acknowledged[told], standing.acknowledged_by[told] = 0, ""
        self._revise(rows)
        was_told, stands = is_told(before), is_told(after)
        self._revise(self.first_out.move(rows, was_told, stands, standing.raised, standing.raised_quality))
        return made

    def _revise(self, rows: Rows) -> None:
        if len(rows):
            self.revision += 1
            self.standing.revision[rows] = self.revision
            self.standing.is_unsaved[rows] = True
