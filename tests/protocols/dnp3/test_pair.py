"""Our master and our outstation on bad links: what is measured arrives once, in order, and nothing is made up."""

from __future__ import annotations

import numpy as np
import pytest

from tests.protocols.dnp3.fake_link import T0_US, FakeLink, Faults
from tieline.model import Now
from tieline.protocols.dnp3.commands import CommandStatus
from tieline.protocols.dnp3.line import Line
from tieline.protocols.dnp3.link import LinkStation
from tieline.protocols.dnp3.master import EventPoll, Master, MasterSettings, Measured
from tieline.protocols.dnp3.measurements import Flag, PointType
from tieline.protocols.dnp3.outstation import Database, Outstation, OutstationSettings, Points

KINDS = (PointType.BINARY_INPUT, PointType.ANALOG_INPUT, PointType.COUNTER)
POINTS = 50
BURST = 40
ONLINE = np.uint8(Flag.ONLINE)


class NoCommands:
    """Refuses whatever is asked."""

    def select(self, index, command):
        return CommandStatus.NOT_SUPPORTED

    def operate(self, index, command, mode):
        return CommandStatus.NOT_SUPPORTED

    def write_string(self, index, value):
        return False


class Pair:
    """The two sessions, each on its line, and the link between."""

    def __init__(self, faults: Faults, *, polled: bool = False, confirmed: bool = False, datagrams: bool = False, seed: int = 1):
        self.database = Database(
            {
                PointType.BINARY_INPUT: Points(index=range(POINTS), event_class=1, event_variation=2),
                PointType.ANALOG_INPUT: Points(index=range(POINTS), event_class=2, event_variation=8),
                PointType.COUNTER: Points(index=range(POINTS), event_class=3, event_variation=5),
            }
        )
        polls = (EventPoll(period_s=1.0),) if polled else ()
        classes = frozenset() if polled else frozenset({1, 2, 3})
        settings = MasterSettings(
            timeout_s=2.0, event_polls=polls, unsolicited_classes=classes, first_backoff_s=0.5, longest_backoff_s=2.0
        )
        self.master = Master(settings)
        now = Now(1_000.0, T0_US)
        self.outstation = Outstation(
            OutstationSettings(
                event_capacity=(20_000,) * 3, confirm_timeout_s=2.0, unsolicited_retry_s=0.5, unsolicited_retry_most_s=2.0
            ),
            self.database,
            NoCommands(),
            now,
        )
        lines = Line(datagrams=datagrams), Line(datagrams=datagrams)
        common = {"confirmed": confirmed, "timeout_s": 0.3, "retries": 10, "keep_alive_s": 30.0}
        lines[0].add(LinkStation(local=1, remote=10, is_master=True, **common), self.master)
        lines[1].add(LinkStation(local=10, remote=1, is_master=False, **common), self.outstation)
        self.link = FakeLink(*lines, faults, seed)
        self.measured = []
        self.made = 0

    def make_events(self, count: int) -> None:
        """So many events, each with a millisecond of its own, in turn of each kind; a number's value is the event's number."""
        kind = KINDS[self.made // count % len(KINDS)]
        numbers = np.arange(self.made, self.made + count)
        times = T0_US + numbers * 1_000
        if kind is PointType.BINARY_INPUT:
            table = self.database.table(kind)
            points = numbers % POINTS
            values = 1.0 - table.value[points]
        else:
            points, values = numbers % POINTS, numbers.astype(np.float64)
        self.database.update(kind, points, values, np.full(count, ONLINE), times)
        self.made += count

    def run(self, events: int, *, per_s: float, within_s: float) -> None:
        """Makes events at a rate, unless the buffer is full, and goes on until all have arrived."""
        link = self.link
        end_s = link.monotonic_s + within_s
        while link.monotonic_s < end_s and (self.made < events or len(self.outstation.buffer)):
            if self.made < events and len(self.outstation.buffer) < 10_000:
                self.make_events(BURST)
                link.lines[1].tick(link.now)
            link.run_until(link.monotonic_s + BURST / per_s)
            self.measured += [event for event in self.master.events() if isinstance(event, Measured)]
        link.run_until(link.monotonic_s + 1.0)
        self.measured += [event for event in self.master.events() if isinstance(event, Measured)]

    def event_columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Kind (by group), index, value and number (from the time) of every event that was delivered, in order."""
        parts = [each for event in self.measured for each in event.measurements if each.is_event]
        return (
            np.concatenate([np.full(len(part), part.kind.static) for part in parts]),
            np.concatenate([part.index for part in parts]),
            np.concatenate([part.value for part in parts]),
            np.concatenate([(part.time_us - T0_US) // 1_000 for part in parts]),
        )


def assert_all_once_in_order(pair: Pair, events: int) -> None:
    kinds, indexes, values, numbers = pair.event_columns()
    assert len(numbers) == pair.made >= events, f"{len(numbers)} of {pair.made} arrived, {pair.link.drops} drops"
    assert np.array_equal(numbers, np.arange(pair.made))
    assert np.array_equal(indexes, numbers % POINTS)
    is_number = kinds != PointType.BINARY_INPUT.static
    assert np.array_equal(values[is_number], numbers[is_number].astype(np.float64))
    assert np.array_equal(kinds, np.array([kind.static for kind in KINDS])[numbers // BURST % len(KINDS)])
    assert pair.outstation.buffer.lost == 0


@pytest.mark.timeout(60)
def test_a_hundred_thousand_events_arrive_once_in_order_over_a_link_that_loses_doubles_delays_splits_and_drops():
    faults = Faults(loss=0.002, duplication=0.002, delay_s=(0.001, 0.02), splits=4, seconds_between_drops=5.0)
    pair = Pair(faults)
    pair.run(100_000, per_s=2_000, within_s=3_600)
    assert pair.link.drops > 5
    assert pair.master.repeated_events > 0, "the link was too good to show anything"
    assert_all_once_in_order(pair, 100_000)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("faults", "options"),
    [
        (Faults(), {}),
        (Faults(splits=8, seconds_between_drops=2.0), {}),
        (Faults(splits=8, seconds_between_drops=2.0), {"polled": True}),
        (Faults(loss=0.01, duplication=0.01, splits=3), {"polled": True}),
        (Faults(loss=0.01, delay_s=(0.01, 0.05), splits=3), {"confirmed": True}),
        (Faults(loss=0.02, duplication=0.02, delay_s=(0.001, 0.2), keeps_order=False), {"datagrams": True}),
        (Faults(loss=0.02, duplication=0.02, delay_s=(0.001, 0.2), keeps_order=False), {"datagrams": True, "polled": True}),
    ],
    ids=["clean", "dropping", "dropping-polled", "lossy-polled", "serial-confirmed", "datagrams", "datagrams-polled"],
)
def test_events_arrive_once_in_order(faults, options, seed):
    pair = Pair(faults, seed=seed, **options)
    pair.run(4_000, per_s=400, within_s=1_200)
    assert_all_once_in_order(pair, 4_000)
