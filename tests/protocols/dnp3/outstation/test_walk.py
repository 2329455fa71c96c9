"""Whatever a master and a bad link do to an outstation, in any order: no event is forgotten that did not arrive."""

from __future__ import annotations

import random

import pytest

from tests.protocols.dnp3.outstation.rig import CLASS_1, CLASS_2, EVENTS, INTEGRITY, Bench, measurements, online
from tieline.protocols.dnp3.application import Control, Function, ObjectBlock, encode_fragment, parse_fragment
from tieline.protocols.dnp3.measurements import PointType
from tieline.protocols.dnp3.outstation import Database, OutstationSettings, Points

AI = PointType.ANALOG_INPUT
POINTS = 5
READS = [[CLASS_1], [CLASS_2], EVENTS, INTEGRITY, [ObjectBlock.limited(60, 2, 2)], [ObjectBlock.all(32)], [ObjectBlock.all(30)]]


class Walk:
    """An outstation, what is on its way in both directions, and which events have arrived."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        points = Points(index=range(POINTS), event_class=[1, 2, 3, 1, 2], event_variation=self.rng.choice([1, 3, 5, 7]))
        settings = OutstationSettings(
            max_fragment=self.rng.choice([249, 2_048]),
            confirm_timeout_s=2.0,
            unsolicited_allowed=self.rng.random() < 0.9,
            unsolicited_retry_s=self.rng.choice([0.5, 3.0]),
            unsolicited_retry_most_s=5.0,
            unsolicited_retries=self.rng.choice([None, 0, 2]),
        )
        self.one = Bench(online(Database({AI: points})), settings=settings, start=False)
        self.loss = self.rng.choice([0.05, 0.3, 0.6])
        self.made = 0
        self.arrived: set[float] = set()
        self.to_master: list[bytes] = []
        self.to_outstation: list[bytes] = []
        self.sequence = 0
        """Of the last request, or of the last fragment of its response."""
        self.next = Control()
        """What the fragment has that goes on with the response."""

    def step(self) -> None:
        one, rng = self.one, self.rng
        match rng.choices(range(7), [20, 25, 5, 2, 8, 20, 20])[0]:
            case 0:
                for _ in range(rng.choice([1, 1, 3, 60])):
                    self.made += 1
                    one.update(AI, self.made % POINTS, self.made * 10.0)
            case 1:
                self.to_outstation.append(self.request())
            case 2:
                self.to_outstation += self.to_outstation[-1:]
            case 3:
                one.outstation.link_down(one.now)
                self.to_outstation, self.to_master = [], []
                one.outstation.link_up(one.now)
            case 4:
                one.outstation.restart(one.now)
            case 5:
                for fragment in self.arriving(self.to_outstation):
                    one.outstation.receive(fragment, one.now, broadcast=rng.choice([None] * 30 + [0xFFFE]))
            case _:
                self.to_master += one.after(rng.choice([0.1, 0.5, 1.0, 2.5]))
        if rng.random() < 0.8:
            self.to_master += one.take(may_begin=rng.random() < 0.8)
        while self.to_master and rng.random() < 0.7:
            for fragment in self.arriving(self.to_master):
                self.hear(fragment)
                self.confirm(Control.of(fragment[0]))

    def confirm(self, control: Control) -> None:
        """As a master does: what answers a request that is over is not confirmed."""
        if not control.unsolicited:
            if (control.sequence, control.first) != (self.next.sequence, self.next.first):
                return
            self.sequence = control.sequence
            self.next = Control(first=False, sequence=(control.sequence + 1) % 16)
        if control.confirm:
            answer = Control(unsolicited=control.unsolicited, sequence=control.sequence)
            self.to_outstation.append(encode_fragment(answer, Function.CONFIRM))

    def arriving(self, way: list[bytes]) -> list[bytes]:
        """The next fragment on its way, unless it is lost."""
        fragments = [way.pop(0)] if way else []
        return [] if self.rng.random() < self.loss else fragments

    def hear(self, fragment: bytes) -> None:
        self.arrived.update(seen.value for seen in measurements([parse_fragment(fragment)], is_event=True))

    def request(self) -> bytes:
        self.sequence = (self.sequence + 1) % 16
        self.next = Control(sequence=self.sequence)
        function, blocks = self.rng.choice(
            [
                (Function.READ, self.rng.choice(READS)),
                (Function.READ, self.rng.choice(READS)),
                (Function.ENABLE_UNSOLICITED, EVENTS),
                (Function.DISABLE_UNSOLICITED, [CLASS_1]),
                (Function.DELAY_MEASURE, []),
            ]
        )
        return encode_fragment(Control(sequence=self.sequence), function, blocks)

    def end(self) -> None:
        """The link is good, and the master asks until there is nothing left."""
        one = self.one
        one.outstation.link_down(one.now)
        one.outstation.link_up(one.now)
        one.sequence = self.sequence
        for _ in range(30):
            out = [*one.after(30.0), *one.send(one.request(Function.READ, *EVENTS))]
            while out:
                fragment = out.pop(0)
                self.hear(fragment)
                out += one.confirm(fragment) if Control.of(fragment[0]).confirm else []
            if not len(one.outstation.buffer):
                return


@pytest.mark.parametrize("seed", range(30))
def test_no_event_is_forgotten_that_did_not_arrive(seed):
    walk = Walk(seed)
    for _ in range(300):
        walk.step()
    walk.end()
    assert len(walk.one.outstation.buffer) == walk.one.outstation.buffer.lost == 0
    assert walk.arrived == {number * 10.0 for number in range(1, walk.made + 1)}
    assert walk.made > 100
