"""When a publisher sends, and with which numbers."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.protocols.goose.frames import ADDRESS, GOCB_REF, T0_US
from tieline.model import LocalError, Now
from tieline.protocols.goose import (
    Boolean,
    Data,
    Expected,
    Expired,
    GooseMessage,
    Integer,
    Publisher,
    PublisherSettings,
    Subscriber,
    VisibleString,
    decode_goose,
)

SETTINGS = PublisherSettings(address=ADDRESS, gocb_ref=GOCB_REF, dat_set="ds", min_time_ms=4, max_time_ms=1_000)


def at(seconds: float) -> Now:
    return Now(seconds, T0_US + round(seconds * 1e6))


def message(frame: bytes | None) -> GooseMessage:
    assert frame is not None
    return decode_goose(frame).message


def due(publisher: Publisher) -> float:
    deadline = publisher.next_deadline()
    assert deadline is not None
    return deadline


def test_repetitions_become_slower_up_to_the_longest_time() -> None:
    publisher = Publisher(SETTINGS, [Boolean(False)])
    assert publisher.next_deadline() is None
    assert publisher.tick(at(0)) is None
    messages, times = [message(publisher.first(at(0)))], [0.0]
    for _ in range(12):
        times.append(due(publisher))
        assert publisher.tick(at(times[-1] - 1e-4)) is None
        messages.append(message(publisher.tick(at(times[-1]))))
    waits = [round(1e3 * (after - before)) for before, after in pairwise(times)]
    assert waits == [4, 8, 16, 32, 64, 128, 256, 512, 1_000, 1_000, 1_000, 1_000]
    assert [each.st_num for each in messages] == [1] * 13
    assert [each.sq_num for each in messages] == list(range(13))
    assert [each.time_allowed_to_live_ms for each in messages[:-1]] == [2 * wait for wait in waits]
    assert {each.t.us for each in messages} == {T0_US}


def test_a_change_begins_anew() -> None:
    publisher = Publisher(SETTINGS, [Boolean(False)])
    publisher.first(at(0))
    publisher.tick(at(0.004))
    changed = message(publisher.publish([Boolean(True)], at(0.01)))
    assert (changed.st_num, changed.sq_num, changed.t.us, changed.all_data) == (2, 0, T0_US + 10_000, (Boolean(True),))
    assert due(publisher) == pytest.approx(0.014)
    assert publisher.values == (Boolean(True),)


def test_a_late_repetition_is_sent_once() -> None:
    publisher = Publisher(SETTINGS, [Boolean(False)])
    publisher.first(at(0))
    assert message(publisher.tick(at(100))).sq_num == 1
    assert publisher.tick(at(100)) is None
    assert 100 < due(publisher) <= 100.008


def test_numbers_wrap_to_one() -> None:
    publisher = Publisher(SETTINGS, [Boolean(False)], st_num=0xFFFF_FFFF)
    assert message(publisher.first(at(0))).st_num == 1
    publisher.sq_num = 0xFFFF_FFFF
    assert message(publisher.tick(at(1))).sq_num == 1


def test_what_cannot_be_sent_changes_nothing() -> None:
    publisher = Publisher(SETTINGS, [Boolean(False)])
    publisher.first(at(0))
    wrong: list[list[Data]] = [[], [Boolean(True), Boolean(True)], [Integer(300, 1)], [VisibleString("ä")]]
    for values in wrong:
        with pytest.raises(LocalError):
            publisher.publish(values, at(1))
    assert (publisher.st_num, publisher.values) == (1, (Boolean(False),))
    assert due(publisher) == pytest.approx(0.004)


@pytest.mark.parametrize(("low", "high", "lives"), [(0, 1_000, 2), (5, 4, 2), (4, 1_000, 0)])
def test_times_that_make_no_sense_are_refused(low: int, high: int, lives: int) -> None:
    with pytest.raises(LocalError):
        PublisherSettings(address=ADDRESS, gocb_ref="g", dat_set="d", min_time_ms=low, max_time_ms=high, lives=lives)


def test_the_settings_are_in_the_message() -> None:
    settings = PublisherSettings(
        address=ADDRESS,
        gocb_ref=GOCB_REF,
        dat_set="ds",
        go_id="id",
        conf_rev=7,
        simulation=True,
        nds_com=True,
        shortest_live_ms=500,
        fixed_length=True,
        time_quality=0x2A,
    )
    raw = Publisher(settings, [Boolean(True)]).first(at(0))
    frame = decode_goose(raw)
    assert frame.address == ADDRESS
    assert frame.reserved_1 == 0x8000
    read = frame.message
    assert (read.gocb_ref, read.dat_set, read.go_id, read.conf_rev, read.simulation, read.nds_com) == (
        *(GOCB_REF, "ds", "id", 7),
        *(True, True),
    )
    assert (read.time_allowed_to_live_ms, read.t.quality) == (500, 0x2A)
    assert bytes.fromhex("88 05 0000000007") in raw


def test_a_subscriber_finds_nothing_wrong_with_a_publisher() -> None:
    publisher = Publisher(SETTINGS, [Integer(0)])
    subscriber = Subscriber([Expected(gocb_ref=GOCB_REF, conf_rev=1)], at(0))
    results = subscriber.receive([publisher.first(at(0))], at(0))
    time = 0.0
    for number in range(1, 400):
        time = due(publisher)
        frame = publisher.publish([Integer(number)], at(time)) if number % 25 == 0 else publisher.tick(at(time))
        assert frame is not None
        results += subscriber.receive([frame], at(time))
    assert subscriber.findings() == []
    assert len(results) == 16
    assert not any(isinstance(each, Expired) for each in results)
    assert subscriber.status()[0].frames == 400
