"""From the utility folder's words to a master's settings."""

from __future__ import annotations

from typing import Any

import pytest

from tieline.config.dnp3 import Dnp3Device, Dnp3Polls, Dnp3Tcp
from tieline.config.dnp3_points import Dnp3Row
from tieline.edge.dnp3.commanding import error_of
from tieline.edge.dnp3.settings import event_delay_s, ranges_of, reports_events, settings_of
from tieline.edge.driver import UnconfirmedError
from tieline.model import RemoteError, Reporting, UnavailableError
from tieline.protocols.dnp3.commands import CommandStatus
from tieline.protocols.dnp3.master import ClassAssignment, EventPoll, FreezePlan, Outcome, Result, TimeSynchronization
from tieline.protocols.dnp3.measurements import PointType


def device(rows: list[dict[str, Any]] | None = None, **keys: Any) -> Dnp3Device:
    read = [Dnp3Row.model_validate({"name": f"p{n}", "kind": "analog"} | row) for n, row in enumerate(rows or [])]
    given: dict[str, Any] = {
        "polls": Dnp3Polls(),
        "unsolicited": (1, 2, 3),
        "time_synchronization": "lan",
        "assign_classes": False,
        "write_deadbands": False,
        "freeze_counters_s": 0.0,
        "control": "direct_operate",
    }
    return Dnp3Device(
        site="northgate",
        name="rtu-1",
        description="",
        outstation=10,
        master=1,
        connection=Dnp3Tcp(transport="tcp", host="10.0.0.1", timeout_s=3, retries=4, max_fragment=500),
        rows=tuple(read),
        points=tuple(row.to_point("northgate", "rtu-1", Reporting()) for row in read),
        **(given | keys),
    )


def test_timeouts_polls_and_time_are_taken_over() -> None:
    polls = Dnp3Polls(integrity_s=100, events_s=7, class_1_s=1, class_3_s=3)
    settings = settings_of(device(polls=polls, unsolicited=(2,), time_synchronization="non_lan", freeze_counters_s=900))
    assert (settings.timeout_s, settings.retries, settings.max_fragment) == (3, 4, 500)
    assert settings.integrity_period_s == 100
    assert settings.unsolicited_classes == {2}
    assert settings.time_synchronization is TimeSynchronization.NON_LAN
    assert settings.freeze == FreezePlan(period_s=900)
    assert settings.event_polls == (
        EventPoll(period_s=7),
        EventPoll(classes=frozenset({1}), period_s=1),
        EventPoll(classes=frozenset({3}), period_s=3),
    )
    assert settings.class_assignments == settings.deadbands == ()


def test_classes_of_the_list_become_ranges() -> None:
    rows = [
        {"group": 30, "index": index, "class": event_class} for index, event_class in ((3, 2), (4, 2), (9, 2), (5, 1), (6, ""))
    ]
    rows[-1].pop("class")
    rows += [{"group": 1, "index": 0, "class": 0, "kind": "binary"}, {"group": 12, "index": 0, "kind": "control"}]
    assert settings_of(device(rows, assign_classes=True)).class_assignments == (
        ClassAssignment(point_class=0, kind=PointType.BINARY_INPUT, ranges=((0, 0),)),
        ClassAssignment(point_class=1, kind=PointType.ANALOG_INPUT, ranges=((5, 5),)),
        ClassAssignment(point_class=2, kind=PointType.ANALOG_INPUT, ranges=((3, 4), (9, 9))),
    )


def test_deadbands_of_analog_inputs_are_sent_in_counts() -> None:
    rows = [
        {"group": 30, "index": 7, "scale": -0.5, "deadband": 2},
        {"group": 40, "index": 8, "deadband": 2},
        {"group": 30, "index": 9},
    ]
    assert settings_of(device(rows, write_deadbands=True)).deadbands == ((7, 4.0), (9, 0.0))


@pytest.mark.parametrize(
    ("indexes", "ranges"), [([], []), ([5], [(5, 5)]), ([3, 1, 2], [(1, 3)]), ([1, 2, 4, 5, 9], [(1, 2), (4, 5), (9, 9)])]
)
def test_indexes_become_runs(indexes: list[int], ranges: list[tuple[int, int]]) -> None:
    assert list(ranges_of(indexes)) == ranges


def test_only_who_is_asked_for_events_or_reports_them_keeps_values_fresh_between_full_polls() -> None:
    assert reports_events(device())
    assert event_delay_s(device()) == 2
    polled = device(unsolicited=(), polls=Dnp3Polls(class_1_s=5, class_2_s=30))
    assert reports_events(polled)
    assert event_delay_s(polled) == 32
    assert not reports_events(device(unsolicited=()))


@pytest.mark.parametrize(
    ("result", "kind", "words"),
    [
        (Result(outcome=Outcome.REFUSED, statuses=(CommandStatus.BLOCKED,)), RemoteError, r"interlock.*\(BLOCKED\)"),
        (Result(outcome=Outcome.REFUSED, why="it indicates parameter error"), RemoteError, "parameter error"),
        (Result(outcome=Outcome.NOT_SENT, why="there is no link"), UnavailableError, "was not asked: there is no link"),
        (Result(outcome=Outcome.UNCONFIRMED), UnconfirmedError, "may or may not have acted"),
    ],
)
def test_what_became_of_a_command_is_said_in_words(result: Result, kind: type[Exception], words: str) -> None:
    error = error_of("northgate/rtu-1/qf1", result)
    assert type(error) is kind
    with pytest.raises(kind, match=words):
        raise error


def test_a_confirmed_command_is_no_error() -> None:
    assert error_of("northgate/rtu-1/qf1", Result(outcome=Outcome.DONE)) is None
