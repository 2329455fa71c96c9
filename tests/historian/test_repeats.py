"""What devices report twice is stored once; what only looks alike is not touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from tests.historian.conftest import DAY, NOW, count, rows_of
from tieline.historian import Historian, Retention
from tieline.model import AuditRecord, Batch, Event, Purpose, Quality, Samples

DEVICE_TIME = int(Quality.DEVICE_TIME)


def sent(
    first: int,
    last: int,
    *,
    incarnation: int,
    start: int = 0,
    may_repeat: bool = False,
    quality: int = DEVICE_TIME,
    at: int = NOW,
) -> Batch:
    """Events of a device, numbered from `first` to before `last`."""
    numbers = np.arange(first, last)
    happened = tuple(Event(time=NOW + number, site="a", kind="moved", text=str(number)) for number in range(first, last))
    samples = Samples.of(numbers % 5 + 1, at + numbers, numbers, quality)
    return Batch(
        site="a",
        incarnation=incarnation,
        sequence=first + 1,
        samples=samples,
        events=happened,
        start=start,
        may_repeat=may_repeat,
    )


def values(historian: Historian) -> list[object]:
    return [value for (value,) in rows_of(historian, "SELECT value FROM samples ORDER BY value")]


def texts(historian: Historian) -> list[int]:
    return sorted(int(str(text)) for (text,) in rows_of(historian, "SELECT text FROM events"))


def test_what_a_successor_repeats_is_stored_once(historian: Historian) -> None:
    historian.commit([sent(0, 10, incarnation=1, start=1)])
    result = historian.commit([sent(5, 15, incarnation=2, start=2, may_repeat=True)])
    assert (result.samples, result.repeated_samples, result.repeated_events) == (5, 5, 5)
    assert values(historian) == texts(historian) == list(range(15))


def test_the_order_of_predecessor_and_successor_does_not_matter(opened: Callable[..., Historian]) -> None:
    batches = [
        sent(0, 10, incarnation=1, start=1),
        sent(5, 15, incarnation=2, start=2, may_repeat=True),
        sent(15, 20, incarnation=2, start=2),
    ]
    for number, order in enumerate(permutations(batches)):
        for batch in order:
            historian = opened()  # what is known of starts outlives the process
            historian.commit([replace(batch, site=f"s{number}", samples=moved(batch.samples, number))])
    found = rows_of(
        opened(),
        "SELECT (epoch_us(time) - $1) // 1000 AS turn, count(*), count(DISTINCT value) FROM samples GROUP BY turn",
        [NOW],
    )
    assert sorted(found) == [(number, 20, 20) for number in range(6)]


def moved(samples: Samples, number: int) -> Samples:
    return Samples(samples.point, samples.time + number * 1000, samples.value, samples.quality)


def test_repeats_within_one_commit_are_stored_once(historian: Historian) -> None:
    successor, predecessor = sent(5, 15, incarnation=2, start=2, may_repeat=True), sent(0, 10, incarnation=1, start=1)
    assert historian.commit([successor, predecessor]).repeated_samples == 5
    assert values(historian) == texts(historian) == list(range(15))


def test_the_gateway_s_own_times_are_never_taken_for_repeats(historian: Historian) -> None:
    historian.commit([sent(0, 10, incarnation=1, quality=0)])
    assert historian.commit([sent(0, 10, incarnation=2, quality=0, may_repeat=True)]).samples == 10


@pytest.mark.parametrize(
    ("point", "time", "value", "quality"),
    [(2, 0, 1.0, 0), (1, 1, 1.0, 0), (1, 0, 2.0, 0), (1, 0, 1.0, int(Quality.INVALID)), (1, 0, float("nan"), 0)],
)
def test_a_sample_that_differs_in_anything_is_stored(
    historian: Historian, point: int, time: int, value: float, quality: int
) -> None:
    one = Batch(site="a", incarnation=1, sequence=1, samples=Samples.of(1, NOW, 1.0, DEVICE_TIME))
    other = Samples.of(point, NOW + time, value, DEVICE_TIME | quality)
    historian.commit([one])
    assert historian.commit([replace(one, incarnation=2, samples=other, may_repeat=True)]).samples == 1


def test_a_repeated_sample_without_a_number_is_recognized(historian: Historian) -> None:
    one = Batch(site="a", incarnation=1, sequence=1, samples=Samples.of(1, NOW, np.nan, DEVICE_TIME | Quality.INVALID))
    historian.commit([one])
    assert historian.commit([replace(one, incarnation=2, may_repeat=True)]).repeated_samples == 1


def test_a_batch_that_cannot_repeat_is_not_looked_at(historian: Historian) -> None:
    historian.commit([sent(0, 10, incarnation=1, start=1)])
    assert historian.commit([sent(0, 10, incarnation=2, start=1)]).samples == 10


@pytest.mark.parametrize("days", [3, 20])
def test_repeats_are_found_in_sorted_parts_of_many_days(opened: Callable[..., Historian], days: int) -> None:
    historian = opened(retention=Retention(lake_after_days=400))
    sent_once = [sent(day * 10, day * 10 + 10, incarnation=1, at=NOW - day * DAY) for day in range(days)]
    historian.commit(sent_once)
    historian.maintain(fully=True)
    result = historian.commit([replace(batch, incarnation=2, may_repeat=True) for batch in sent_once])
    assert (result.samples, result.repeated_samples) == (0, 10 * days)


def fetched(first: int, last: int, *, incarnation: int) -> Batch:
    """The same as the center's `tieline fetch --store` hands it over; its times are the gateway's."""
    return replace(sent(first, last, incarnation=incarnation, quality=0), purpose=Purpose.BACKFILL, events=(), may_repeat=True)


def by_itself(first: int, last: int, *, incarnation: int, purpose: Purpose = Purpose.BACKFILL) -> Batch:
    return replace(sent(first, last, incarnation=incarnation, start=1, quality=0), purpose=purpose, events=())


def test_what_is_fetched_twice_is_stored_once(historian: Historian) -> None:
    historian.commit([fetched(0, 10, incarnation=1), fetched(0, 10, incarnation=2)])
    assert historian.commit([fetched(5, 15, incarnation=3)]).samples == 5
    assert values(historian) == list(range(15))


@pytest.mark.parametrize("is_opened_anew", [False, True])
@pytest.mark.parametrize("purpose", [Purpose.BACKFILL, Purpose.LIVE])
def test_what_was_fetched_before_the_site_has_sent_it_is_stored_once(
    opened: Callable[..., Historian], purpose: Purpose, is_opened_anew: bool
) -> None:
    historian = opened()
    historian.commit([fetched(0, 10, incarnation=1)])
    if is_opened_anew:
        historian.close()
        historian = opened()
    result = historian.commit([by_itself(0, 12, incarnation=2, purpose=purpose)])
    assert (result.samples, result.repeated_samples) == (2, 10)
    assert values(historian) == list(range(12))


def test_what_the_site_has_sent_in_the_meantime_is_not_fetched_again(historian: Historian) -> None:
    historian.commit([by_itself(0, 10, incarnation=1), fetched(0, 12, incarnation=2)])
    assert values(historian) == list(range(12))


def test_another_site_s_samples_are_not_looked_at_for_what_was_fetched(historian: Historian) -> None:
    historian.commit([fetched(0, 10, incarnation=1)])
    assert historian.commit([replace(by_itself(0, 10, incarnation=2), site="b")]).samples == 10


def test_a_picture_is_noted_and_not_stored(historian: Historian) -> None:
    picture = replace(sent(0, 10, incarnation=1), purpose=Purpose.PICTURE, events=())
    assert historian.commit([picture]).samples == 0
    assert historian.commit([picture]).repeats == 1
    assert count(historian) == 0


def record(sequence: int, *, actor: str = "automation/avr") -> AuditRecord:
    return AuditRecord(
        sequence=sequence,
        time_us=NOW + sequence,
        site="a",
        actor=actor,
        action="command",
        target="a/t1/tap",
        detail={"value": 3, "reason": "low"},
        outcome="released",
    )


def test_audit_records_are_stored_once_however_often_they_come(historian: Historian) -> None:
    for incarnation in (1, 2):
        records = tuple(record(sequence) for sequence in (1, 2, 2))
        historian.commit([Batch(site="a", incarnation=incarnation, sequence=1, samples=Samples.empty(), records=records)])
    found = rows_of(historian, "SELECT site, sequence, actor, detail->>'reason', outcome FROM audit ORDER BY sequence")
    assert found == [("a", 1, "automation/avr", "low", "released"), ("a", 2, "automation/avr", "low", "released")]


def test_two_records_with_one_number_are_both_kept(historian: Historian) -> None:
    records = (record(1), record(1, actor="mallory"))
    historian.commit([Batch(site="a", incarnation=1, sequence=1, samples=Samples.empty(), records=records)])
    assert rows_of(historian, "SELECT actor, hash FROM audit ORDER BY actor") == [(each.actor, each.hash) for each in records]


def test_a_file_of_an_older_release_that_kept_a_chain_takes_records_of_today(opened: Callable[..., Historian]) -> None:
    historian = opened()
    historian._writer.execute(
        "DROP VIEW audit; ALTER TABLE store.audit ADD COLUMN previous VARCHAR; ALTER TABLE store.audit DROP hash"
    )
    historian._writer.execute("ALTER TABLE store.audit ADD COLUMN hash VARCHAR")
    historian.close()
    again = opened()
    again.commit([Batch(site="a", incarnation=1, sequence=1, samples=Samples.empty(), records=(record(1),), start=1)])
    assert rows_of(again, "SELECT sequence, hash FROM audit") == [(1, record(1).hash)]


def test_a_file_of_an_older_release_gets_what_it_does_not_have(opened: Callable[..., Historian]) -> None:
    historian = opened()
    historian._writer.execute("DROP VIEW audit; DROP TABLE store.audit; DROP TABLE store.start")
    historian.close()
    again = opened()
    again.commit([Batch(site="a", incarnation=1, sequence=1, samples=Samples.empty(), records=(record(1),), start=1)])
    assert rows_of(again, "SELECT count(*) FROM audit") == [(1,)]
