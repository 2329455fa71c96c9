"""A master with a hand on its clock and on what the outstation says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from tieline.model import Now
from tieline.protocols.dnp3.application import IIN, Control, Function, ObjectBlock, encode_fragment, parse_fragment
from tieline.protocols.dnp3.master import Master, MasterEvent, MasterSettings, Measured, Result, TaskDone

NOTHING = IIN(0)
START_US = 1_700_000_000_000_000
Event = TypeVar("Event")


def response(
    sequence: int,
    blocks: Sequence[ObjectBlock] = (),
    *,
    iin: IIN = NOTHING,
    first: bool = True,
    final: bool = True,
    confirm: bool = False,
    unsolicited: bool = False,
) -> bytes:
    control = Control(first=first, final=final, confirm=confirm, unsolicited=unsolicited, sequence=sequence)
    function = Function.UNSOLICITED_RESPONSE if unsolicited else Function.RESPONSE
    return encode_fragment(control, function, blocks, iin)


class Rig:
    """The link is up, unless told otherwise."""

    def __init__(self, settings: MasterSettings | None = None, *, up: bool = True) -> None:
        self.seconds = 0.0
        self.steps_us = 0
        self.master = Master(settings)
        self.log: list[MasterEvent] = []
        if up:
            self.master.link_up(self.now)

    @classmethod
    def started(cls, **settings: object) -> Rig:
        """The outstation has answered the start-up sequence; the next sequence number is 1."""
        plain = {"disable_unsolicited_at_start": False, "unsolicited_classes": frozenset()}
        rig = cls(MasterSettings(**(plain | settings)))  # type: ignore[arg-type]
        assert rig.sent() == ["c0 01 3c 02 06 3c 03 06 3c 04 06 3c 01 06"]
        rig.hear("c0 81 00 00")
        assert rig.sent() == []
        rig.log.clear()
        return rig

    @property
    def now(self) -> Now:
        return Now(self.seconds, START_US + round(self.seconds * 1e6) + self.steps_us)

    def sent(self, *, may_begin: bool = True) -> list[str]:
        """What leaves now."""
        return [outgoing.fragment.hex(" ") for outgoing in self.master.take(self.now, may_begin=may_begin)]

    def hear(self, octets: str | bytes) -> list[MasterEvent]:
        """The outstation says something; what the application is told."""
        self.master.receive(bytes.fromhex(octets) if isinstance(octets, str) else octets, self.now)
        return self.told()

    def reply(self, octets: str) -> list[MasterEvent]:
        """Something leaves and is answered, with the sequence number put in: the first digit stays."""
        fragment = self.master.take(self.now)[-1].fragment
        answer = bytearray.fromhex(octets)
        answer[0] = answer[0] & 0xF0 | fragment[0] & 0x0F
        return self.hear(bytes(answer))

    def told(self) -> list[MasterEvent]:
        events = self.master.events()
        self.log += events
        return events

    def wait(self, seconds: float) -> list[MasterEvent]:
        """Time passes at once, and the master is told."""
        self.seconds += seconds
        self.master.tick(self.now)
        return self.told()

    def wait_for_deadline(self) -> list[MasterEvent]:
        """Time passes to the master's own deadline."""
        deadline = self.master.next_deadline()
        assert deadline is not None
        assert deadline > self.seconds
        return self.wait(deadline - self.seconds)

    def logged(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.log if isinstance(event, kind)]

    def result(self, number: int) -> Result:
        """The one result of a request."""
        (done,) = [event for event in self.logged(TaskDone) if event.request == number]
        return done.result

    def values(self) -> list[tuple[int, int, float]]:
        """Event group or static group, index and value of everything measured so far."""
        return [
            (each.kind.event if each.is_event else each.kind.static, index, value)
            for event in self.logged(Measured)
            for each in event.measurements
            for index, value in zip(each.index.tolist(), each.value.tolist(), strict=True)
        ]


def functions(sent: list[str]) -> list[int]:
    return [parse_fragment(bytes.fromhex(fragment)).function for fragment in sent]
