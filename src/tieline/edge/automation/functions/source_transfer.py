"""Automatic bus transfer (ANSI device 83), always open before close.

    normal --supply lost, other healthy--> opening --seen open--> waiting
    waiting --dead time, busbar decayed--> closing --seen closed--> transferred
    transferred --supply healthy for the retransfer delay--> opening ... --> normal

A transfer opens one breaker and then closes another: main and standby exchange their breakers; with a tie, that of the lost supply is
exchanged for the tie, and if the supply that feeds both busbars is lost too, the two mains. `_may_close` is the interlock: a breaker is
requested to close only where, in that very scan, so many others are seen open with good quality that two supplies cannot meet.

A trip of a supply's protection is a fault behind the breaker: it locks the function out, so that nothing is closed onto it. A breaker that
somebody else has opened is left alone. A breaker that is not seen to move locks out as well; where a close was refused or has failed for
certain, the breaker that was opened is closed again first, if its supply is healthy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any

from tieline.config.automation_functions.source_transfer import SourceTransferPlan
from tieline.edge.automation.function import NOTHING, Action, Answer, Read, Request
from tieline.edge.automation.functions.inputs import Position, bad_ones, is_on, position, quantity
from tieline.edge.automation.functions.standing import Standing
from tieline.edge.automation.functions.timing import Delay, Recent
from tieline.model import Now, Result, Severity

_TIE = 2
_ABANDONED_AFTER_S = 60.0
"""A transfer in whose middle the function may no longer act goes on if it may again within so long."""


class TransferState(IntEnum):
    """What the point `state` shows."""

    OBSERVING = 0
    BLOCKED = 1
    NORMAL = 2
    SUPPLY_LOST = 3
    OPENING = 4
    WAITING = 5
    CLOSING = 6
    TRANSFERRED = 7
    NOT_READY = 8
    LOCKED_OUT = 9


class _Stage(Enum):
    OPENING = TransferState.OPENING
    WAITING = TransferState.WAITING
    CLOSING = TransferState.CLOSING


@dataclass(slots=True, kw_only=True)
class _Transfer:
    """Breakers by number: 0 and 1 are those of the supplies, 2 is the tie."""

    opens: int
    closes: int
    bus: int
    """The supply to whose busbar the closing breaker leads."""
    feeds: int
    """The supply that will feed it."""
    fed: int
    """The supply that has fed it."""
    is_return: bool
    reason: str
    since: float
    stage: _Stage = _Stage.OPENING
    request: Request | None = None
    failure: str = ""
    """What went wrong before the opened breaker was closed again."""


class SourceTransfer:
    """The transfer of one busbar, or of two with a tie."""

    def __init__(self, plan: SourceTransferPlan) -> None:
        self._plan = plan
        self._section = plan.section
        self._breakers = plan.breakers
        self._standing = Standing(plan.name, block=plan.block, reset=plan.reset)
        self._lost = [Delay(), Delay()]
        self._healthy = [Delay(), Delay()]
        self._lost_s = [-1.0, -1.0]
        self._healthy_s = [-1.0, -1.0]
        self._positions = [Position.UNKNOWN] * len(self._breakers)
        self._transfer: _Transfer | None = None
        self._idle = Delay()
        self._not_before = -math.inf
        self._recent = Recent(3600.0)
        self._is_transferred = False
        self._count = 0
        self._state = TransferState.OBSERVING
        self._remaining_s = 0.0

    @property
    def name(self) -> str:
        """As the site's file calls it."""
        return self._plan.name

    def scan(self, now: Now, read: Read, answers: Sequence[Answer], *, may_act: bool) -> Action:
        """One scan."""
        reason = self._standing.read(read)
        self._see(now, read, may_act=may_act)
        self._standing.set_block(now, reason or self._find_block(read))
        self._see_trips(read)
        self._remaining_s = 0.0
        request = self._proceed(now, read, answers, may_act=may_act)
        notices = self._standing.take_notices()
        return Action(requests=(request,) if request else (), notices=notices) if request or notices else NOTHING

    def reset(self) -> None:
        """The next scan releases a lockout."""
        self._standing.ask_for_reset()

    def shown(self) -> Mapping[str, float]:
        """State and counters."""
        return {
            "state": float(self._state),
            "transferred": float(self._is_transferred),
            "transfers": float(self._count),
            "remaining": self._remaining_s,
            "blocked": float(bool(self._standing.blocked)),
            "locked_out": float(bool(self._standing.lockout)),
        }

    def remember(self) -> dict[str, Any]:
        """Lockout, counters, and whether it has transferred. A transfer that is under way is not: after a restart all is seen anew."""
        state = {"transferred": self._is_transferred, "count": self._count, "recent": self._recent.remember()}
        return self._standing.remember() | state

    def recall(self, state: Mapping[str, Any]) -> None:
        """Takes what `remember` gave."""
        self._standing.recall(state)
        self._is_transferred = state.get("transferred") is True
        count = state.get("count")
        self._count = count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else self._count
        self._recent.recall(state.get("recent"))

    def _see(self, now: Now, read: Read, *, may_act: bool) -> None:
        section = self._section
        self._positions = [position(read, breaker.position) for breaker in self._breakers]
        for index, supply in enumerate(self._plan.supplies):
            voltages = [quantity(read, one) for one in supply.voltage]
            is_lost = may_act and all(volts < section.dead_below_kv * 1e3 for volts in voltages)
            highest = math.inf if section.healthy_below_kv is None else section.healthy_below_kv * 1e3
            is_healthy = all(section.healthy_above_kv * 1e3 < volts < highest for volts in voltages)
            self._lost_s[index] = self._lost[index].held_s(now, holds=is_lost)
            self._healthy_s[index] = self._healthy[index].held_s(now, holds=is_healthy)
        if self._is_normal():
            self._is_transferred = False

    def _find_block(self, read: Read) -> str:
        """Uncertain inputs; a breaker that is operated by a transfer may be on its way."""
        moving = () if self._transfer is None else (self._transfer.opens, self._transfer.closes)
        names = [
            f"{breaker.position.device}/{breaker.position.name}"
            for number, breaker in enumerate(self._breakers)
            if self._positions[number] is Position.UNKNOWN and number not in moving
        ]
        for supply in self._plan.supplies:
            names += bad_ones(read, [*supply.voltage, *supply.trip, supply.bus_voltage])
        return f"{', '.join(names)} not certain" if names else ""

    def _see_trips(self, read: Read) -> None:
        for supply in self._plan.supplies:
            if any(is_on(read, point) for point in supply.trip):
                self._standing.lock_out(f"protection of {supply.name} has tripped {supply.breaker.title}")

    def _proceed(self, now: Now, read: Read, answers: Sequence[Answer], *, may_act: bool) -> Request | None:
        idle_s = self._idle.held_s(now, holds=not may_act)
        transfer = self._transfer
        if self._standing.lockout or idle_s > _ABANDONED_AFTER_S:
            self._abandon("locked out" if self._standing.lockout else "the function may no longer act")
        elif transfer is not None:
            self._state = TransferState(transfer.stage.value)
            return self._continue(now, read, transfer, answers, may_act=may_act)
        self._state = self._find_state(may_act=may_act)
        can_begin = may_act and not self._standing.lockout and not self._standing.blocked and now.monotonic_s >= self._not_before
        return self._begin(now) if can_begin else None

    def _find_state(self, *, may_act: bool) -> TransferState:
        if not may_act:
            return TransferState.OBSERVING
        if self._standing.lockout:
            return TransferState.LOCKED_OUT
        if self._standing.blocked:
            return TransferState.BLOCKED
        if any(self._lost_s[index] >= 0 and self._positions[index] is Position.CLOSED for index in (0, 1)):
            return TransferState.SUPPLY_LOST
        if self._is_normal():
            return TransferState.NORMAL
        return TransferState.TRANSFERRED if self._is_transferred else TransferState.NOT_READY

    def _is_normal(self) -> bool:
        expected = (
            [Position.CLOSED, Position.OPEN] if self._plan.tie is None else [Position.CLOSED, Position.CLOSED, Position.OPEN]
        )
        return self._positions == expected

    def _may_close(self, number: int) -> bool:
        """The interlock: with this breaker closed, two supplies cannot meet, whatever is closed already."""
        others = [position for other, position in enumerate(self._positions) if other != number]
        return Position.OPEN in others

    def _begin(self, now: Now) -> Request | None:
        """Starts a transfer where one is due."""
        transfer = self._find_transfer(now)
        if transfer is None:
            return None
        if self._recent.count(now) >= self._section.most_transfers_an_hour:
            self._standing.lock_out(f"{self._recent.count(now)} transfers within an hour")
            self._state = TransferState.LOCKED_OUT
            return None
        self._recent.add(now)
        self._transfer = transfer
        self._state = TransferState.OPENING
        self._standing.say("transfer_begun", f"{transfer.reason}: opens {self._breakers[transfer.opens].title}", Severity.WARNING)
        return self._ask(now, transfer, transfer.opens, close=False)

    def _find_transfer(self, now: Now) -> _Transfer | None:
        closed = [position is Position.CLOSED for position in self._positions]
        open_ = [position is Position.OPEN for position in self._positions]
        for here, there in ((0, 1), (1, 0)):
            is_tied = self._plan.tie is not None and closed[_TIE]
            is_alone = closed[here] and open_[there] and (self._plan.tie is None or is_tied)
            if is_alone and self._is_due(here, there):
                return self._make(now, opens=here, closes=there, bus=there, feeds=there, fed=here)
            if self._plan.tie is not None and open_[_TIE] and closed[here] and closed[there] and self._is_due(here, there):
                return self._make(now, opens=here, closes=_TIE, bus=here, feeds=there, fed=here)
            if is_alone and self._is_return_due(back_to=there):
                opens = here if self._plan.tie is None else _TIE
                return self._make(now, opens=opens, closes=there, bus=there, feeds=there, fed=here, is_return=True)
        return None

    def _is_due(self, lost: int, other: int) -> bool:
        section = self._section
        lost_s, healthy_s = self._lost_s[lost], self._healthy_s[other]
        if lost_s >= 0 and healthy_s >= 0:
            self._remaining_s = max(section.dead_delay_s - lost_s, section.healthy_delay_s - healthy_s, 0.0)
        return lost_s >= section.dead_delay_s and healthy_s >= section.healthy_delay_s

    def _is_return_due(self, *, back_to: int) -> bool:
        section = self._section
        is_preferred = self._plan.tie is not None or back_to == 0
        if not (self._is_transferred and is_preferred and section.retransfer == "automatic" and self._healthy_s[back_to] >= 0):
            return False
        self._remaining_s = max(section.retransfer_delay_s - self._healthy_s[back_to], 0.0)
        return self._healthy_s[back_to] >= section.retransfer_delay_s

    def _make(self, now: Now, *, opens: int, closes: int, bus: int, feeds: int, fed: int, is_return: bool = False) -> _Transfer:
        name = self._plan.supplies[feeds if is_return else fed].name
        reason = f"supply {name} has returned" if is_return else f"supply {name} is lost"
        return _Transfer(
            opens=opens,
            closes=closes,
            bus=bus,
            feeds=feeds,
            fed=fed,
            is_return=is_return,
            reason=reason,
            since=now.monotonic_s,
        )

    def _ask(self, now: Now, transfer: _Transfer, number: int, *, close: bool) -> Request:
        transfer.since = now.monotonic_s
        transfer.request = Request(point=self._breakers[number].control, value=float(close), reason=transfer.reason)
        return transfer.request

    def _continue(self, now: Now, read: Read, transfer: _Transfer, answers: Sequence[Answer], *, may_act: bool) -> Request | None:
        result = next((answer.outcome.result for answer in answers if answer.request is transfer.request), None)
        is_late = now.monotonic_s - transfer.since > self._section.switch_timeout_s
        match transfer.stage:
            case _Stage.OPENING:
                self._watch_opening(now, transfer, result, is_late=is_late)
                return None
            case _Stage.WAITING:
                return self._try_to_close(now, read, transfer) if may_act and not self._standing.blocked else None
            case _Stage.CLOSING:
                return self._watch_closing(now, transfer, result, is_late=is_late, may_act=may_act)

    def _watch_opening(self, now: Now, transfer: _Transfer, result: Result | None, *, is_late: bool) -> None:
        if self._positions[transfer.opens] is Position.OPEN:
            transfer.stage, transfer.since, transfer.request = _Stage.WAITING, now.monotonic_s, None
        elif result in {Result.REFUSED, Result.FAILED} and self._positions[transfer.opens] is Position.CLOSED:
            self._not_before = now.monotonic_s + self._section.retry_s
            self._abandon(f"{self._breakers[transfer.opens].title} was not opened: the command was {result}")
        elif is_late:
            self._standing.lock_out(f"{self._breakers[transfer.opens].title} was not seen to open")

    def _try_to_close(self, now: Now, read: Read, transfer: _Transfer) -> Request | None:
        if self._positions[transfer.opens] is Position.CLOSED:
            self._abandon(f"{self._breakers[transfer.opens].title} was closed by somebody else")
            return None
        if self._positions[transfer.closes] is Position.CLOSED:
            self._finish(now, transfer)
            return None
        waited_s = now.monotonic_s - transfer.since
        self._remaining_s = max(self._section.dead_time_s - waited_s, 0.0)
        if waited_s < self._section.dead_time_s or not self._is_decayed(read, transfer):
            return None
        if self._healthy_s[transfer.feeds] < 0 and self._healthy_s[transfer.fed] >= self._section.healthy_delay_s:
            self._turn_back(transfer, f"supply {self._plan.supplies[transfer.feeds].name} is not healthy any more")
        if self._healthy_s[transfer.feeds] < 0 or not self._may_close(transfer.closes):
            return None
        transfer.stage = _Stage.CLOSING
        return self._ask(now, transfer, transfer.closes, close=True)

    def _is_decayed(self, read: Read, transfer: _Transfer) -> bool:
        buses = [self._plan.supplies[transfer.bus].bus_voltage]
        if self._plan.tie is None:  # then both supplies lead to one busbar
            buses = [supply.bus_voltage for supply in self._plan.supplies]
        measured = next((bus for bus in buses if bus is not None), None)
        limit_kv = self._section.residual_below_kv or self._section.dead_below_kv
        return measured is None or quantity(read, measured) < limit_kv * 1e3

    def _watch_closing(
        self, now: Now, transfer: _Transfer, result: Result | None, *, is_late: bool, may_act: bool
    ) -> Request | None:
        title = self._breakers[transfer.closes].title
        if self._positions[transfer.closes] is Position.CLOSED:
            self._finish(now, transfer)
        elif result in {Result.REFUSED, Result.FAILED} and self._positions[transfer.closes] is Position.OPEN:
            failure = f"{title} was not closed: the command was {result}"
            can_turn = may_act and not transfer.failure and not self._standing.blocked and self._may_close(transfer.opens)
            if not can_turn or self._healthy_s[transfer.fed] < 0:
                self._standing.lock_out(transfer.failure or failure)
                return None
            self._turn_back(transfer, failure)
            transfer.failure = failure
            return self._ask(now, transfer, transfer.closes, close=True)
        elif is_late:
            self._standing.lock_out(f"{title} was not seen to close")
        return None

    def _turn_back(self, transfer: _Transfer, why: str) -> None:
        self._standing.say(
            "transfer_turned_back", f"{why}; closes {self._breakers[transfer.opens].title} again", Severity.WARNING
        )
        transfer.opens, transfer.closes = transfer.closes, transfer.opens
        transfer.feeds, transfer.fed = transfer.fed, transfer.feeds
        transfer.is_return = not transfer.is_return

    def _finish(self, now: Now, transfer: _Transfer) -> None:
        self._count += 1
        self._is_transferred = not transfer.is_return
        feeds = self._plan.supplies[transfer.feeds].name
        self._standing.say("transfer_done", f"supply {feeds} feeds through {self._breakers[transfer.closes].title}")
        self._transfer = None
        self._not_before = now.monotonic_s
        self._state = TransferState.NORMAL if transfer.is_return else TransferState.TRANSFERRED
        if transfer.failure:
            self._standing.lock_out(transfer.failure)

    def _abandon(self, why: str) -> None:
        if self._transfer is not None:
            self._standing.say("transfer_abandoned", f"transfer abandoned: {why}", Severity.WARNING)
            self._transfer = None
