"""Setting an outstation's clock (IEEE 1815-2012, clause 10.3).

On a LAN the outstation notes when RECORD_CURRENT_TIME arrives, the master when it leaves; the time of leaving is then written (g50v3),
and the outstation adds what has passed since. Elsewhere fragments travel for long: the master asks how long the outstation took to
answer (DELAY_MEASURE), takes half of what remains of the round trip for the way, and writes the time at which its own request will
arrive (g50v1). Round trips are measured on the clock that does not step.
"""

from __future__ import annotations

from tieline.protocols.dnp3.application import Function, ObjectBlock
from tieline.protocols.dnp3.master.settings import TimeSynchronization
from tieline.protocols.dnp3.master.tasks import Blocks, Fate, Outcome, Reply, Request, Result, Steps, ask, delay_in, time_record


def synchronize(procedure: TimeSynchronization) -> Steps:
    """One of both procedures."""
    return _on_lan() if procedure is TimeSynchronization.LAN else _elsewhere()


def measure_delay() -> Steps:
    """How long a fragment travels one way."""
    reply = yield Request(Function.DELAY_MEASURE, is_repeatable=True)
    return _delay(reply)


def write_time(destination: int | None = None) -> Steps:
    """WRITE of the time at which it is sent (g50v1); the way to a broadcast address is taken for nothing."""
    return ask(Request(Function.WRITE, lambda now: _time(1, now.utc_ms), destination=destination))


def broadcast_on_lan(destination: int) -> Steps:
    """The procedure of a LAN for all outstations at once."""
    return _on_lan(destination)


def _on_lan(destination: int | None = None) -> Steps:
    reply = yield Request(Function.RECORD_CURRENT_TIME, is_repeatable=True, destination=destination)
    if reply.fate is not Fate.SENT and reply.failure is not None:
        return reply.failure
    assert reply.sent is not None
    return (yield from ask(Request(Function.WRITE, _time(3, reply.sent.utc_ms), destination=destination)))


def _elsewhere() -> Steps:
    reply = yield Request(Function.DELAY_MEASURE, is_repeatable=True)
    measured = _delay(reply)
    if measured.outcome is not Outcome.DONE:
        return measured
    delay_ms = measured.delay_ms or 0
    reply = yield Request(Function.WRITE, lambda now: _time(1, now.utc_ms + delay_ms))
    return reply.failure or Result(outcome=Outcome.DONE, iin=reply.iin, delay_ms=delay_ms)


def _delay(reply: Reply) -> Result:
    if reply.failure is not None:
        return reply.failure
    taken_ms = delay_in(reply.blocks)
    if taken_ms is None:
        return Result(outcome=Outcome.UNCONFIRMED, why="the answer holds no delay (g52)", iin=reply.iin)
    assert reply.sent is not None
    assert reply.received is not None
    round_trip_ms = (reply.received.monotonic_s - reply.sent.monotonic_s) * 1_000
    return Result(outcome=Outcome.DONE, iin=reply.iin, delay_ms=max(0, round((round_trip_ms - taken_ms) / 2)))


def _time(variation: int, time_ms: int) -> Blocks:
    return (ObjectBlock.counted(50, variation, time_record(variation, time_ms)),)
