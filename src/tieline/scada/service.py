"""Answers what the screens ask: each request goes to the alarms or to control, in the name of the person who is logged in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import msgspec

from tieline.bus import scada
from tieline.model import Now
from tieline.model.alarms import Alarm
from tieline.scada.alarm_desk import AlarmDesk
from tieline.scada.alarms import AlarmService, Done, Requester
from tieline.scada.control_answers import ControlAnswers, somebody
from tieline.security.authority import Right, roles_of
from tieline.security.identity.accounts.identity import Identity

MOST_ALARMS = 2_000
"""In one answer; the rest is asked for with the answer's revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRequester(Requester):
    """A person whose roles may hold in some areas only."""

    areas: frozenset[str] | None


def permits(requester: Requester, right: Right, site: str) -> bool:
    """Whether the person has the right at the site."""
    is_there = not isinstance(requester, PersonRequester) or requester.areas is None or site in requester.areas
    return is_there and bool(roles_of(right) & requester.roles)


class ScadaService:
    """What supervision answers."""

    def __init__(self, alarms: AlarmDesk, control: ControlAnswers) -> None:
        self._alarms = alarms
        self._control = control

    async def answer(self, request: scada.AnyRequest) -> object:
        """What was asked for. Raises `TielineError`: `RefusedError` above all."""
        match request:
            case scada.ListAlarms():
                return await self._alarms.do(lambda service, now: _list(service, request, now))
            case scada.ActOnAlarms():
                requester = _requester(request.who)
                done = await self._alarms.do(lambda service, now: _act(service, request, requester, now))
                return scada.AlarmsDone(done.ids, dict(done.refused))
            case scada.ReadJournal():
                entries = await self._alarms.read(
                    lambda service, _: service.journal(
                        begin=request.begin,
                        end=request.end,
                        alarm=request.alarm or None,
                        after=request.after,
                        limit=request.most,
                    )
                )
                return scada.Table([msgspec.to_builtins(entry) for entry in entries])
            case scada.ReadMetrics():
                figures = await self._alarms.read(
                    lambda service, now: service.metrics(request.begin, request.end, now, operators=request.operators)
                )
                return scada.Figures(msgspec.to_builtins(figures, str_keys=True))
            case _:
                return await self._control.answer(request)


def _list(service: AlarmService, request: scada.ListAlarms, now: Now) -> scada.AlarmChanges:
    if request.since < 0:
        changed = service.snapshot(now, everything=request.everything)
    else:
        changed = service.changes(request.since - bool(request.after), request.incarnation, now)
    alarms: Sequence[Alarm] = changed.alarms
    if request.after and not changed.is_whole:
        alarms = [alarm for alarm in alarms if (alarm.revision, alarm.id) > (request.since, request.after)]
    if len(alarms) <= MOST_ALARMS:
        return scada.AlarmChanges(changed.incarnation, changed.revision, changed.is_whole, True, "", tuple(alarms))
    told = sorted(alarms, key=lambda alarm: (alarm.revision, alarm.id))[:MOST_ALARMS]
    return scada.AlarmChanges(changed.incarnation, told[-1].revision, changed.is_whole, False, told[-1].id, tuple(told))


def _act(service: AlarmService, request: scada.ActOnAlarms, requester: Requester, now: Now) -> Done:
    ids, reason = request.ids, request.reason
    match request.action:
        case "acknowledge":
            return service.acknowledge(ids, requester, now, reason=reason)
        case "reset":
            return service.reset(ids, requester, now, reason=reason)
        case "shelve":
            return service.shelve(ids, requester, now, minutes=request.minutes, reason=reason)
        case "unshelve":
            return service.unshelve(ids, requester, now, reason=reason)
        case "take_out":
            return service.take_out(ids, requester, now, reason=reason)
        case "put_back":
            return service.put_back(ids, requester, now, reason=reason)
        case _:
            assert_never(request.action)


def _requester(who: Identity | None) -> Requester:
    who = somebody(who)
    return PersonRequester(name=who.person, roles=frozenset(who.roles), areas=who.areas)
