"""The link to the center, in fake time."""

from __future__ import annotations

import pytest

from tieline.bus.envelope import LinkAnswer, LinkRequest, decode_link_request, encode_link
from tieline.edge.link import Link
from tieline.model import Event, Now, RemoteError

START_US = 1_700_000_000_000_000


class Center:
    """A center with a clock of its own, at the end of a way that takes time, or is cut."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.changes: list[bool] = []
        self.link = Link("north", self.events.append)
        self.link.on_change = self.changes.append
        self.is_there = True
        self.there_s = self.back_s = 0.01
        self.offset_us = 0
        self.step_us = 0
        self.asked: list[float] = []
        self._ticks = 0
        self._due: list[tuple[float, bytes]] = []

    @property
    def now_s(self) -> float:
        return self._ticks / 10

    def now(self) -> Now:
        return self.at(self.now_s)

    def at(self, monotonic_s: float) -> Now:
        return Now(monotonic_s, START_US + self.step_us + round(monotonic_s * 1e6))

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            for due_s, answer in [one for one in self._due if one[0] <= self.now_s]:
                self.link.answered(answer, self.at(due_s))
            self._due = [one for one in self._due if one[0] > self.now_s]
            question = self.link.tick(self.now())
            if question is not None:
                self.asked.append(self.now_s)
                if self.is_there:
                    number = decode_link_request(question).number
                    received = START_US + round((self.now_s + self.there_s) * 1e6) + self.offset_us
                    answer = encode_link(LinkAnswer(number, received, received + 2_000))
                    self._due.append((self.now_s + self.there_s + 0.002 + self.back_s, answer))
            self._ticks += 1

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


def test_the_center_is_asked_once_a_second() -> None:
    center = Center()
    center.run(5)
    assert center.asked == [0, 1, 2, 3, 4]


def test_a_link_is_up_after_a_stable_second_and_nothing_is_said_about_a_quick_start() -> None:
    center = Center()
    center.run(1)
    assert not center.link.is_up
    center.run(0.5)
    assert center.link.is_up
    assert (center.kinds, center.changes) == ([], [True])


def test_a_link_is_down_after_three_seconds_without_an_answer_and_up_again_after_a_stable_one() -> None:
    center = Center()
    center.run(5)
    center.is_there = False
    center.run(2.0)
    assert center.link.is_up
    center.run(0.4)
    assert (center.link.is_up, center.kinds) == (False, ["center_lost"])
    assert center.link.since == pytest.approx(START_US + 7_150_000, abs=60_000)  # the last answer came at 4 s
    center.run(60)
    center.is_there = True
    center.run(1.0)
    assert not center.link.is_up
    center.run(1.5)
    assert (center.link.is_up, center.kinds, center.changes) == (True, ["center_lost", "center_restored"], [True, False, True])
    assert "after 62 s" in center.events[-1].text


def test_a_center_that_is_away_from_the_start_is_told_lost_once() -> None:
    center = Center()
    center.is_there = False
    center.run(30)
    assert (center.kinds, center.changes, center.link.is_up) == (["center_lost"], [], False)


def test_every_second_answer_lost_is_no_stable_second() -> None:
    center = Center()
    center.is_there = False
    center.run(5)
    for turn in range(20):
        center.is_there = turn % 2 == 0
        center.run(1)
    assert not center.link.is_up


def test_a_few_lost_answers_do_not_bring_a_link_down() -> None:
    center = Center()
    center.run(5)
    center.is_there = False
    center.run(1.5)
    center.is_there = True
    center.run(5)
    assert (center.link.is_up, center.kinds) == (True, [])


def test_a_center_that_only_answers_what_was_asked_long_ago_is_lost() -> None:
    center = Center()
    center.run(5)
    center.back_s = 4.0
    center.run(20)
    assert not center.link.is_up


def test_the_time_in_which_the_gateway_itself_stood_still_is_no_silence() -> None:
    center = Center()
    center.run(5)
    center._ticks += 100
    center.run(3)
    assert (center.link.is_up, center.kinds) == (True, [])


@pytest.mark.parametrize("offset_us", [-3_600_000_000, 0, 40_000])
def test_round_trip_and_clock_offset_are_those_of_ntp(offset_us: int) -> None:
    center = Center()
    center.offset_us = offset_us
    center.run(5)
    assert center.link.round_trip_s == pytest.approx(0.02)
    assert center.link.offset_s == pytest.approx(offset_us / 1e6, abs=1e-6)


def test_the_offset_is_that_of_the_quickest_of_the_last_answers() -> None:
    center = Center()
    center.run(3)
    center.back_s = 0.6  # one way only, which NTP cannot tell from an offset
    center.run(4)
    assert center.link.round_trip_s == pytest.approx(0.61)
    assert center.link.offset_s == pytest.approx(0, abs=1e-6)
    center.run(8)
    assert center.link.offset_s == pytest.approx(-0.295, abs=1e-6)


def test_a_step_of_the_own_clock_between_question_and_answer_spoils_nothing() -> None:
    center = Center()
    center.run(0.1)
    center.step_us = 3_000_000_000
    center.run(0.5)
    assert center.link.offset_s == pytest.approx(0, abs=1e-6)
    center.run(2)
    assert center.link.is_up


def test_answers_that_nobody_asked_for_change_nothing() -> None:
    center = Center()
    for payload in (b"", b"nonsense", encode_link(LinkAnswer(99, 1, 2)), encode_link(LinkRequest(1, 1))):
        center.link.answered(payload, center.now())
    center.run(0.1)
    answer = encode_link(LinkAnswer(1, START_US, START_US))
    for _ in range(5):
        center.link.answered(answer, center.now())
    assert not center.link.is_up


def test_any_bytes_that_are_no_question_are_refused() -> None:
    for payload in (b"", b"\x00", b"\x91\x01", b"\xff" * 40):
        with pytest.raises(RemoteError):
            decode_link_request(payload)
