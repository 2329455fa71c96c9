"""Sessions and tokens: how long they live, what ends them, what of them is worth stealing."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tieline.config import LoginSection, PersonSection
from tieline.security.identity.accounts import Entry, NotPermittedError

from .world import PEOPLE, Center

LOGIN = LoginSection()


def is_alive(center: Center, entry: Entry) -> bool:
    return center.accounts.login.find(entry.value) is not None


def test_a_session_ends_when_nobody_does_anything(center: Center) -> None:
    center.prepare()
    entry = center.log_in()
    for _ in range(3):
        center.clock.go(29 * 60)
        assert is_alive(center, entry)
        center.accounts.login.touch(entry.session)
    center.clock.go(30 * 60)
    assert not is_alive(center, entry)
    center.clock.go(-30 * 60)
    assert not is_alive(center, entry)  # it does not come back


def test_a_session_ends_after_its_time_whatever_is_done(center: Center) -> None:
    center.prepare()
    entry = center.log_in()
    for _ in range(12 * 6 - 1):
        center.clock.go(600)
        center.accounts.login.touch(entry.session)
        assert is_alive(center, entry)
    center.clock.go(600)
    assert not is_alive(center, entry)


@pytest.mark.parametrize("step_s", [10 * 365 * 86_400, -10 * 365 * 86_400, 3_600, -3_600])
def test_setting_the_wall_clock_neither_ends_nor_prolongs_a_session(center: Center, step_s: float) -> None:
    center.prepare()
    entry = center.log_in()
    center.clock.step(step_s)
    center.clock.go(29 * 60)
    assert is_alive(center, entry)
    center.clock.go(2 * 60)
    assert not is_alive(center, entry)


def test_sessions_survive_a_restart_but_what_a_second_factor_permits_does_not(center: Center) -> None:
    entry = center.full()
    assert center.identity(entry).has_second_factor
    center.restart()
    session = center.accounts.login.find(entry.value)
    assert session is not None
    identity = center.accounts.login.identity(session, "10.0.0.1")
    assert identity is not None
    assert not identity.has_second_factor


def test_the_time_while_nothing_ran_counts(center: Center) -> None:
    center.prepare()
    entry = center.log_in()
    center.restart(after_s=31 * 60)
    assert not is_alive(center, entry)


def test_after_a_restart_a_session_from_the_future_has_ended(center: Center) -> None:
    center.prepare()
    entry = center.log_in()
    center.clock.step(-3_600)
    center.restart()
    assert not is_alive(center, entry)


def test_activity_before_a_restart_is_remembered(center: Center) -> None:
    center.prepare()
    entry = center.log_in()
    center.clock.go(20 * 60)
    center.accounts.login.touch(entry.session)
    center.restart(after_s=15 * 60)
    assert is_alive(center, entry)


def test_a_second_factor_gives_the_browser_a_new_value_and_the_session_keeps_its_name(center: Center) -> None:
    center.prepare(has_app=True)
    first = center.log_in()
    second = center.accounts.login.show_code(first.session, center.code(), address="10.0.0.1")
    assert second.session.name == first.session.name
    assert second.value != first.value
    assert not is_alive(center, first)
    assert is_alive(center, second)


def test_control_is_permitted_for_a_while_only(center: Center) -> None:
    entry = center.full()
    for _ in range(3):
        center.clock.go(20 * 60 - 1)
        center.accounts.login.touch(entry.session)
    session = center.accounts.login.find(entry.value)
    assert session is not None
    assert center.accounts.login.identity(session, "").has_second_factor  # type: ignore[union-attr]
    center.clock.go(3)
    session = center.accounts.login.find(entry.value)
    assert session is not None
    assert not center.accounts.login.identity(session, "").has_second_factor  # type: ignore[union-attr]


def test_where_the_folder_asks_for_no_second_factor_everybody_may_control(tmp_path: Path) -> None:
    center = Center(tmp_path, LoginSection(second_factor="never"))
    with closing(center.accounts):
        center.prepare()
        assert center.identity(center.log_in()).has_second_factor


def test_logging_out_ends_one_session_and_everywhere_ends_all_with_tokens_and_known_browsers(center: Center) -> None:
    center.prepare()
    one, two, three = center.log_in(), center.log_in(), center.log_in()
    _, token = center.accounts.own.make_token(one.session, "script", ["viewer"], 1)
    center.accounts.login.out(one.session, address="10.0.0.1")
    assert [is_alive(center, entry) for entry in (one, two, three)] == [False, True, True]
    assert center.accounts.login.token_identity(token, "") is not None
    center.accounts.login.out_everywhere(two.session, address="10.0.0.1")
    assert [is_alive(center, entry) for entry in (one, two, three)] == [False, False, False]
    assert center.accounts.login.token_identity(token, "") is None
    assert center.log_in(device=three.device or "").device is not None
    assert ("ada", "logout_everywhere", "done") in center.audit.told()


def test_a_person_ends_own_sessions_by_name_and_nobody_elses(center: Center) -> None:
    center.prepare()
    center.prepare("lise")
    mine, other = center.log_in(), center.log_in()
    foreign = center.log_in("lise")
    center.accounts.own.end_session(mine.session, other.session.name)
    assert not is_alive(center, other)
    with pytest.raises(NotPermittedError):
        center.accounts.own.end_session(mine.session, foreign.session.name)
    assert is_alive(center, foreign)


def test_the_oldest_session_ends_when_there_are_too_many(center: Center) -> None:
    center.prepare()
    entries = [center.log_in() for _ in range(12)]
    assert [is_alive(center, entry) for entry in entries] == [False] * 2 + [True] * 10


@pytest.mark.parametrize("value", ["", "x", "'", "' OR '1'='1", "\x00", "\ud800", "é" * 100, "a" * 1_000_000])
def test_values_that_nobody_gave_open_nothing(center: Center, value: str) -> None:
    center.prepare()
    center.log_in()
    assert center.accounts.login.find(value) is None
    assert center.accounts.login.token_identity(value, "") is None


def test_every_character_of_a_value_counts(center: Center) -> None:
    center.prepare()
    value = center.log_in().value
    for index in range(len(value)):
        changed = value[:index] + ("A" if value[index] != "A" else "B") + value[index + 1 :]
        assert center.accounts.login.find(changed) is None
    assert center.accounts.login.find(value) is not None


def test_who_left_the_folder_is_out(tmp_path: Path) -> None:
    center = Center(tmp_path)
    center.prepare()
    entry = center.log_in()
    _, token = center.accounts.own.make_token(entry.session, "script", ["viewer"], 1)
    center.people = tuple(person for person in PEOPLE if person.name != "ada")
    center.restart()
    with closing(center.accounts):
        assert not is_alive(center, entry)
        assert center.accounts.login.token_identity(token, "") is None


def test_a_token_has_some_of_the_persons_roles_and_never_more(tmp_path: Path) -> None:
    center = Center(tmp_path)
    center.prepare()
    session = center.log_in().session
    with pytest.raises(NotPermittedError, match="you do not have the role engineer yourself"):
        center.accounts.own.make_token(session, "script", ["engineer"], 1)
    with pytest.raises(NotPermittedError, match="one role at least"):
        center.accounts.own.make_token(session, "script", [], 1)
    token, value = center.accounts.own.make_token(session, "script", ["operator"], 1)
    identity = center.accounts.login.token_identity(value, "10.0.0.9")
    assert identity is not None
    assert (identity.person, identity.roles, identity.areas, identity.is_token) == ("ada", {"operator"}, {"northgate"}, True)
    assert (identity.session, identity.address, identity.has_second_factor) == (token.name, "10.0.0.9", False)
    center.people = (PersonSection(name="ada", roles=["viewer"]),)
    center.restart()
    with closing(center.accounts):
        lesser = center.accounts.login.token_identity(value, "")
        assert lesser is not None
        assert lesser.roles == set()


def test_tokens_expire_and_are_revoked(center: Center) -> None:
    center.prepare()
    session = center.log_in().session
    with pytest.raises(NotPermittedError, match="from 1 to 90 days"):
        center.accounts.own.make_token(session, "script", ["viewer"], 91)
    short, short_value = center.accounts.own.make_token(session, "short", ["viewer"], 1)
    long, long_value = center.accounts.own.make_token(session, "long", ["viewer"], 90)
    assert [token.name for token in center.accounts.own.tokens(session)] == [long.name, short.name]
    center.clock.go(86_400)
    assert center.accounts.login.token_identity(short_value, "") is None
    center.prepare("lise")
    with pytest.raises(NotPermittedError):
        center.accounts.own.revoke_token(center.log_in("lise").session, long.name)
    center.accounts.own.revoke_token(session, long.name)
    assert center.accounts.login.token_identity(long_value, "") is None


def test_a_clock_set_far_back_does_not_make_tokens_young(center: Center) -> None:
    center.prepare()
    _, value = center.accounts.own.make_token(center.log_in().session, "script", ["viewer"], 1)
    center.clock.step(-86_400)
    assert center.accounts.login.token_identity(value, "") is None


def test_a_code_with_a_token_permits_control_for_a_while(center: Center) -> None:
    entry = center.full()
    _, value = center.accounts.own.make_token(entry.session, "terminal", ["operator"], 1)
    identity = center.accounts.login.token_identity(value, "10.0.0.1")
    assert identity is not None
    assert not identity.has_second_factor
    center.clock.go(30)
    center.accounts.login.show_code_with_token(identity, center.code())
    assert center.accounts.login.token_identity(value, "").has_second_factor  # type: ignore[union-attr]
    center.clock.go(3_600)
    assert not center.accounts.login.token_identity(value, "").has_second_factor  # type: ignore[union-attr]


def test_what_outlasts_a_request_can_ask_whether_it_may_go_on(center: Center) -> None:
    center.prepare()
    entry = center.log_in()
    identity = center.identity(entry)
    _, value = center.accounts.own.make_token(entry.session, "script", ["viewer"], 1)
    token = center.accounts.login.token_identity(value, "")
    assert token is not None
    assert center.accounts.login.lives(identity)
    assert center.accounts.login.lives(token)
    center.accounts.login.out_everywhere(entry.session, address="")
    assert not center.accounts.login.lives(identity)
    assert not center.accounts.login.lives(token)
