"""An outstation on the bench: a master's hand on its requests and confirmations, in fake time."""

from __future__ import annotations

import dataclasses

import numpy as np

from tieline.model import Now
from tieline.protocols.dnp3.application import (
    Control,
    Fragment,
    Function,
    ObjectBlock,
    encode_fragment,
    parse_fragment,
)
from tieline.protocols.dnp3.commands import CommandStatus
from tieline.protocols.dnp3.measurements import CommonTime, Flag, PointType, common_time, decode
from tieline.protocols.dnp3.outstation import Database, Outstation, OutstationSettings, Points

T0_US = 1_700_000_000_000_000
ONLINE = Flag.ONLINE
CLASS_0, CLASS_1, CLASS_2, CLASS_3 = (ObjectBlock.all(60, variation) for variation in (1, 2, 3, 4))
EVENTS = CLASS_1, CLASS_2, CLASS_3
INTEGRITY = *EVENTS, CLASS_0


class Handler:
    """Takes every command, or answers what it was told to; writes down what it was asked."""

    def __init__(self):
        self.selected, self.operated, self.strings = [], [], {}
        self.answers = {}

    def select(self, index, command):
        self.selected.append((index, command))
        return self.answers.get(index, CommandStatus.SUCCESS)

    def operate(self, index, command, mode):
        self.operated.append((index, command, mode))
        return self.answers.get(index, CommandStatus.SUCCESS)

    def write_string(self, index, value):
        if index > 9:
            return False
        self.strings[index] = value
        return True


def small_database() -> Database:
    """A few points of each type, with classes 1 (states), 2 (numbers) and 3 (the rest)."""
    return Database(
        {
            PointType.BINARY_INPUT: Points(index=range(20), event_class=1, static_variation=1),
            PointType.DOUBLE_BIT_BINARY_INPUT: Points(index=range(5), event_class=1),
            PointType.BINARY_OUTPUT_STATUS: Points(index=range(4), event_class=1),
            PointType.COUNTER: Points(index=range(6), event_class=3),
            PointType.FROZEN_COUNTER: Points(index=range(4), event_class=3),
            PointType.ANALOG_INPUT: Points(index=[0, 1, 2, 3, 300, 301], event_class=2, deadband=1.0),
            PointType.FROZEN_ANALOG_INPUT: Points(index=[0, 1], event_class=0),
            PointType.ANALOG_OUTPUT_STATUS: Points(index=range(2), event_class=3),
            PointType.BINARY_OUTPUT_COMMAND: Points(index=[1], event_class=3),
            PointType.ANALOG_OUTPUT_COMMAND: Points(index=[0], event_class=3),
            PointType.OCTET_STRING: Points(index=range(3), event_class=3),
        }
    )


class Bench:
    """One association; started and with the start-up response confirmed unless it is to be otherwise."""

    def __init__(self, database=None, *, settings=None, handler=None, files=None, start=True):
        self.now = Now(1_000.0, T0_US)
        self.database = database or small_database()
        self.handler = handler or Handler()
        self.settings = settings or OutstationSettings()
        self.outstation = Outstation(self.settings, self.database, self.handler, self.now, files)
        self.sequence = 15
        self.outstation.link_up(self.now)
        if start and self.settings.unsolicited_allowed:
            (null,) = self.take()
            self.confirm(null)

    def take(self, *, may_begin=True) -> list[bytes]:
        out = self.outstation.take(self.now, may_begin=may_begin)
        assert all(outgoing.destination is None for outgoing in out)
        return [outgoing.fragment for outgoing in out]

    def send(self, fragment: bytes, *, broadcast=None) -> list[bytes]:
        self.outstation.receive(fragment, self.now, broadcast=broadcast)
        return self.take()

    def request(self, function, *blocks, sequence=None) -> bytes:
        self.sequence = (self.sequence + 1) % 16 if sequence is None else sequence
        return encode_fragment(Control(sequence=self.sequence), function, blocks)

    def ask(self, function, *blocks, sequence=None) -> Fragment:
        """The one response that is made at once."""
        (octets,) = self.send(self.request(function, *blocks, sequence=sequence))
        response = parse_fragment(octets)
        assert response.fault is None
        assert response.function == Function.RESPONSE
        assert response.control.sequence == self.sequence
        return response

    def read(self, *blocks) -> list[Fragment]:
        """All fragments of the response to a READ, each confirmed where it asks for that."""
        out = self.send(self.request(Function.READ, *blocks))
        found = []
        while out:
            assert len(out) == 1
            assert len(out[0]) <= self.settings.max_fragment
            found.append(parse_fragment(out[0]))
            assert found[-1].fault is None
            out = self.confirm(out[0]) if found[-1].control.confirm else []
        return found

    def confirm(self, fragment: bytes) -> list[bytes]:
        control = Control.of(fragment[0])
        return self.send(encode_fragment(Control(unsolicited=control.unsolicited, sequence=control.sequence), Function.CONFIRM))

    def after(self, seconds: float) -> list[bytes]:
        """What is sent once so much time has passed."""
        self.now = Now(self.now.monotonic_s + seconds, self.now.utc_us + round(seconds * 1e6))
        self.outstation.tick(self.now)
        return self.take()

    def to_deadline(self) -> list[bytes]:
        deadline = self.outstation.next_deadline()
        assert deadline is not None
        return self.after(deadline - self.now.monotonic_s)

    def update(self, kind, index, value, flags=ONLINE, time_us=None):
        return self.database.update(kind, index, value, flags, self.now.utc_us if time_us is None else time_us)


@dataclasses.dataclass(frozen=True)
class Seen:
    """One measurement of a response."""

    kind: PointType
    index: int
    value: float
    flags: int
    time_us: int
    text: bytes | None = None


def measurements(fragments, *, is_event=None) -> list[Seen]:
    """What responses measure, in order; relative times are made absolute."""
    found = []
    for fragment in fragments:
        common: CommonTime | None = None
        for block in fragment.blocks:
            common = common_time(block) or common
            decoded = decode(block, common)
            if decoded is None or is_event not in {None, decoded.is_event}:
                continue
            texts = decoded.strings or [None] * len(decoded)
            rows = zip(decoded.index, decoded.value, decoded.flags, decoded.time_us, texts, strict=True)
            found += [
                Seen(decoded.kind, int(index), float(value), int(flags), int(time), text)
                for index, value, flags, time, text in rows
            ]
    return found


def block_names(fragment) -> list[str]:
    return [str(block) for block in fragment.blocks]


def online(database: Database) -> Database:
    """All points have been seen: 0, ONLINE, and no event of it."""
    for kind in database.kinds:
        table = database.table(kind)
        if kind.static and kind is not PointType.OCTET_STRING:
            database.update(kind, table.index, np.zeros(len(table)), ONLINE, T0_US, with_events=False)
    return database
