"""The alarms as a service: takes batches, answers viewers and people, and has on the disk whatever it has answered.

It belongs to one thread at a time, and waits for the disk; `journal` and `metrics` only read, and may be asked from another thread. What it
could not write it keeps, and writes before anything else is answered.

A batch that leads to nothing is not written at once: should it come again after a restart, it leads to nothing again, because all
that stood when it came was on the disk before it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Unpack

import numpy as np

from tieline.historian.ledger import IntervalSet
from tieline.model import Batch, LocalError, Now, Purpose, RefusedError
from tieline.model.alarms import Alarm, AlarmState
from tieline.model.audit import Draft
from tieline.scada.alarms.conditions import Mask, Rows
from tieline.scada.alarms.engine import AlarmEngine, Requested
from tieline.scada.alarms.floods import Flood, FloodWatch
from tieline.scada.alarms.machine import CODE, HELD, STATES
from tieline.scada.alarms.metrics import (
    MOST_BAD_ACTORS,
    BadActor,
    Metrics,
    chattering,
    flooded,
    most_within,
    percent_in_flood,
    percent_of_hours_above,
)
from tieline.scada.alarms.showing import alarms_of
from tieline.scada.alarms.store import AlarmStore, JournalEntry, JournalQuery
from tieline.scada.alarms.transitions import Transitions, is_told
from tieline.scada.links import Link
from tieline.security.authority import Right, in_words, roles_of

"""Roles of IEC 62351-8."""

PRUNE_PERIOD_S = 60.0
MOST_TARGET, MOST_TEXT, MOST_RECORDED = 400, 1_000, 10_000
_UNACKNOWLEDGED = tuple(
    CODE[state] for state in (AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED, AlarmState.LATCHED_UNACKNOWLEDGED)
)
_FLOOD_MEMORY_US = 24 * 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Requester:
    """Who asks, and the roles that they have."""

    name: str
    roles: frozenset[str] = frozenset()


Permits = Callable[[Requester, Right, str], bool]
"""Whether somebody has a right at a site."""


def by_roles(requester: Requester, right: Right, site: str) -> bool:
    """Whoever has a role has it for every site."""
    del site
    return bool(roles_of(right) & requester.roles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """With which alarms a request was done, and why not with the others."""

    ids: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The alarms that changed since a revision, or all that stand where `is_whole`. Ask for the next ones with this revision."""

    incarnation: int
    """Of the process; revisions of another mean nothing."""
    revision: int
    is_whole: bool
    alarms: tuple[Alarm, ...]


class AlarmService:
    """The one place where alarms are taken, told and answered."""

    def __init__(
        self,
        engine: AlarmEngine,
        store: AlarmStore,
        now: Now,
        *,
        permits: Permits = by_roles,
        desks: Mapping[str, Collection[str]] | None = None,
        record: Callable[[list[Draft]], object] = lambda _: None,
    ) -> None:
        """`record` writes what people ask for into the audit, before it is done; where it raises, it is not done.

        `desks` names operators' positions and the sites that each answers for; one for all where left out."""
        self._engine = engine
        self._store = store
        self._permits = permits
        self._record = record
        self.incarnation = random.SystemRandom().getrandbits(53)
        self._sites = np.array([each.site for each in engine.plan], np.object_)
        self._priority = np.array([each.priority for each in engine.plan], np.int64)
        every = dict.fromkeys(each.site for each in engine.plan)
        self._desks = {name: np.isin(self._sites, list(sites)) for name, sites in (desks or {"": every}).items()}
        self._watches = {name: FloodWatch() for name in self._desks}
        taken, made = store.recall(engine, now)
        self._taken = dict(taken)
        self._fresh: set[tuple[str, int]] = set()
        self._pending: list[Transitions] = []
        self._pruned_s = now.monotonic_s
        self._watch_again(now)
        self._note(made, now)
        self._commit()

    # what happens

    def take(self, batches: Sequence[Batch], now: Now) -> int:
        """Takes those of the batches that were not taken before, in one commit; gives how many transitions they led to.

        When it returns, all that they led to is on the disk, and they may be acknowledged. Raises `UnavailableError` where the disk
        takes nothing.
        """
        transitions = 0
        for batch in batches:
            key = batch.site, batch.incarnation
            held = self._taken.setdefault(key, IntervalSet())
            if batch.sequence in held:
                continue
            is_late = batch.purpose is Purpose.BACKFILL
            made = (self._engine.take_late if is_late else self._engine.take)(batch.samples, now, batch.site)
            made += self._engine.take_events(batch.events, now)
            transitions += self._note(made, now)
            held.add(batch.sequence, batch.sequence)
            self._fresh.add(key)
        self._commit()
        return transitions

    def links(self, links: Iterable[Link], now: Now) -> int:
        """Takes how sites and their devices are heard."""
        transitions = self._note(self._engine.links(links, now), now)
        self._commit()
        return transitions

    def tick(self, now: Now) -> int:
        """What is due by the clock; call it a few times a second."""
        transitions = self._note(self._engine.tick(now), now)
        for watch in self._watches.values():
            watch.tick(now.utc_us)
        self._commit()
        if now.monotonic_s - self._pruned_s >= PRUNE_PERIOD_S and self._store.prune(now.utc_us):
            self._pruned_s = now.monotonic_s
        return transitions

    def _note(self, made: list[Transitions], now: Now) -> int:
        self._pending += made
        told = [each.told for each in made]
        if any(map(len, told)):
            rows = np.concatenate(told)
            for name, watch in self._watches.items():
                watch.take(now.utc_us, int(np.count_nonzero(self._desks[name][rows])))
        return sum(map(len, made))

    def _commit(self) -> None:
        if self._pending or self._engine.standing.is_unsaved.any():
            self._write()

    def _write(self) -> None:
        self._store.commit(self._engine, self._pending, {key: self._taken[key] for key in self._fresh})
        self._pending = []
        self._fresh = set()

    def close(self) -> None:
        """Writes which batches led to nothing, and closes the file."""
        try:
            if self._fresh:
                self._write()
        finally:
            self._store.close()

    def _watch_again(self, now: Now) -> None:
        """Tells the watches what the journal says of the last day, so that a flood goes on over a restart."""
        told = self._store.told(now.utc_us - _FLOOD_MEMORY_US, now.utc_us)
        for name, watch in self._watches.items():
            times, counts = np.unique(told.received[self._desks[name][told.row]], return_counts=True)
            for at, count in zip(times.tolist(), counts.tolist(), strict=True):
                watch.take(at, count)
            watch.tick(now.utc_us)

    # what viewers see

    @property
    def revision(self) -> int:
        """Grows with everything that viewers would see."""
        return self._engine.revision

    def snapshot(self, now: Now, sites: Collection[str] | None = None, *, everything: bool = False) -> Changed:
        """All alarms that are not normal, or simply all, of these sites or of all."""
        wanted = np.ones(len(self._engine), np.bool_) if everything else self._engine.standing.state != CODE[AlarmState.NORMAL]
        return self._changed(wanted, sites, now, is_whole=True)

    def changes(self, since: int, incarnation: int, now: Now, sites: Collection[str] | None = None) -> Changed:
        """The alarms that changed after that revision, those that became normal too; a snapshot where it was another process's."""
        if incarnation != self.incarnation or since > self.revision:
            return self.snapshot(now, sites)
        return self._changed(self._engine.standing.revision > since, sites, now, is_whole=False)

    def alarm(self, id: str, now: Now) -> Alarm | None:  # noqa: A002 - the field's own name
        """One alarm, whatever its state; None where there is none of that name."""
        row = self._engine.row_of.get(id)
        return None if row is None else self._alarms(np.array([row]), now)[0]

    def unacknowledged(self) -> tuple[int, int, int, int]:
        """How many alarms nobody has acknowledged, for the priorities 1 to 4."""
        waiting = np.isin(self._engine.standing.state, _UNACKNOWLEDGED)
        one, two, three, four = np.bincount(self._priority[waiting], minlength=5)[1:].tolist()
        return one, two, three, four

    def standing(self) -> int:
        """How many alarms stand before people."""
        return int(np.count_nonzero(is_told(self._engine.standing.state)))

    def in_ten_minutes(self) -> int:
        """How many alarms of the last ten minutes people were told of, at the desk that had most."""
        return max(watch.count for watch in self._watches.values())

    def floods(self) -> dict[str, Flood | None]:
        """What flood each desk is in."""
        return {name: watch.flood for name, watch in self._watches.items()}

    def _changed(self, wanted: Mask, sites: Collection[str] | None, now: Now, *, is_whole: bool) -> Changed:
        if sites is not None:
            wanted = wanted & np.isin(self._sites, list(sites))
        alarms = self._alarms(np.flatnonzero(wanted), now)
        return Changed(incarnation=self.incarnation, revision=self.revision, is_whole=is_whole, alarms=alarms)

    def _alarms(self, rows: Rows, now: Now) -> tuple[Alarm, ...]:
        return alarms_of(self._engine, rows, now)

    # what people ask for

    def acknowledge(self, ids: Iterable[str], requester: Requester, now: Now, *, reason: str = "") -> Done:
        """They have seen them. All requests raise `RefusedError` where nothing at all could be done."""
        return self._request(
            Right.ACKNOWLEDGE,
            "alarm_acknowledge",
            reason,
            ids,
            requester,
            now,
            lambda allowed, by: self._engine.acknowledge(allowed, by, now, reason),
        )

    def reset(self, ids: Iterable[str], requester: Requester, now: Now, *, reason: str = "") -> Done:
        """Releases latched alarms whose conditions are gone."""
        return self._request(
            Right.ACKNOWLEDGE,
            "alarm_reset",
            reason,
            ids,
            requester,
            now,
            lambda allowed, by: self._engine.reset(allowed, by, now, reason),
        )

    def shelve(self, ids: Iterable[str], requester: Requester, now: Now, *, minutes: float, reason: str) -> Done:
        """Puts them aside for a time."""

        def do(allowed: list[str], by: str) -> Requested:
            return self._engine.shelve(allowed, by, now, minutes=minutes, reason=reason)

        return self._request(Right.SHELVE, "alarm_shelve", f"{reason} ({minutes:g} min)", ids, requester, now, do)

    def unshelve(self, ids: Iterable[str], requester: Requester, now: Now, *, reason: str = "") -> Done:
        """Takes them up again."""
        return self._request(
            Right.SHELVE,
            "alarm_unshelve",
            reason,
            ids,
            requester,
            now,
            lambda allowed, by: self._engine.unshelve(allowed, by, now, reason),
        )

    def take_out(self, ids: Iterable[str], requester: Requester, now: Now, *, reason: str) -> Done:
        """Out of service."""
        return self._request(
            Right.TAKE_OUT,
            "alarm_take_out",
            reason,
            ids,
            requester,
            now,
            lambda allowed, by: self._engine.take_out(allowed, by, now, reason=reason),
        )

    def put_back(self, ids: Iterable[str], requester: Requester, now: Now, *, reason: str = "") -> Done:
        """Into service."""
        return self._request(
            Right.TAKE_OUT,
            "alarm_put_back",
            reason,
            ids,
            requester,
            now,
            lambda allowed, by: self._engine.put_back(allowed, by, now, reason),
        )

    def suppress(self, ids: Iterable[str], by: str, now: Now, *, is_on: bool, reason: str) -> int:
        """By logic, not by people: equipment is out of service or de-energized. Gives how many changed their state."""
        transitions = self._note(self._engine.suppress(ids, by, now, is_on=is_on, reason=reason), now)
        self._commit()
        return transitions

    def _request(
        self,
        right: Right,
        action: str,
        reason: str,
        ids: Iterable[str],
        requester: Requester,
        now: Now,
        do: Callable[[list[str], str], Requested],
    ) -> Done:
        wanted = list(dict.fromkeys(ids))
        refused = {each: why for each in wanted if (why := self._objection(right, each, requester))}
        self._record(
            [
                Draft(
                    actor=requester.name,
                    action=action,
                    target=each[:MOST_TARGET],
                    detail={"reason": (refused.get(each) or reason)[:MOST_TEXT]},
                    outcome="refused" if each in refused else "granted",
                )
                for each in wanted[:MOST_RECORDED]
            ]
        )
        done = do([each for each in wanted if each not in refused], requester.name)
        refused |= done.refused
        if len(done.transitions):
            self._note([done.transitions], now)
        self._commit()
        if refused and len(refused) == len(wanted):
            first, why = next(iter(refused.items()))
            more = f", and {len(refused) - 1} more" if len(refused) > 1 else ""
            raise RefusedError(f"{first}: {why}{more}")
        return Done(ids=tuple(each for each in wanted if each not in refused), refused=refused)

    def _objection(self, right: Right, id: str, requester: Requester) -> str:  # noqa: A002 - the field's own name
        row = self._engine.row_of.get(id)
        if row is None:
            return "there is no such alarm"
        site = self._engine.plan[row].site
        if self._permits(requester, right, site):
            return ""
        return f"{requester.name} has not the role {in_words(roles_of(right))} for {site}"

    # what was

    def journal(self, **asked: Unpack[JournalQuery]) -> list[JournalEntry]:
        """Lines of the sequence of events, as `AlarmStore.journal`."""
        return self._store.journal(**asked)

    def metrics(self, begin: int, end: int, now: Now, *, desk: str = "", operators: int = 1) -> Metrics:
        """The figures of [begin, end) of one desk with so many operators. Raises `KeyError` where there is no such desk."""
        if not begin < end or operators < 1:
            raise LocalError("metrics need a time and an operator")
        mine = self._desks[desk]
        told = self._store.told(begin, end)
        row, at = told.row[mine[told.row]], told.received[mine[told.row]]
        plan, standing = self._engine.plan, self._engine.standing
        counts = np.bincount(row, minlength=len(plan))
        worst = np.argsort(-counts, kind="stable")[:MOST_BAD_ACTORS]
        priorities = np.bincount(self._priority[row], minlength=5).tolist()
        floods = flooded(at)
        stands = self._engine.delays.is_active & (standing.state < HELD) & mine
        old = np.flatnonzero(standing.is_old(stands, now.utc_us))
        state = np.bincount(standing.state[mine], minlength=len(STATES))
        return Metrics(
            begin=begin,
            end=end,
            operators=operators,
            alarms=len(at),
            per_operator_hour=len(at) / ((end - begin) / 3.6e9) / operators,
            most_in_ten_minutes=-(-most_within(at) // operators),
            percent_of_hours_above_30=percent_of_hours_above(at, begin, end, 30 * operators),
            floods=floods,
            percent_in_flood=percent_in_flood(floods, begin, end),
            priorities={priority: priorities[priority] for priority in range(1, 5)},
            bad_actors=tuple(
                BadActor(alarm=plan[each].id, count=int(counts[each]), percent=100 * int(counts[each]) / len(at))
                for each in worst.tolist()
                if counts[each]
            ),
            chattering=tuple(plan[each].id for each in chattering(row, at).tolist()),
            stale=tuple(plan[each].id for each in old.tolist()),
            standing=int(np.count_nonzero(stands)),
            unacknowledged=int(state[list(_UNACKNOWLEDGED)].sum()),
            shelved=int(state[CODE[AlarmState.SHELVED]]),
            suppressed=int(state[CODE[AlarmState.SUPPRESSED]]),
            out_of_service=int(state[CODE[AlarmState.OUT_OF_SERVICE]]),
        )
