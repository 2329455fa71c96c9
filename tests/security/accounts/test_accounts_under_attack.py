"""What somebody does who knows one secret and wants the next: each is guessed at its own cost."""

from __future__ import annotations

import pytest

from tieline.security.identity.accounts import LoginRefusedError, TooManyFailuresError, WeakPasswordError

from .authenticator import Authenticator
from .test_factors import ORIGIN
from .world import OTHER_PASSWORD, PASSWORD, Center


def guess(center: Center, times: int) -> None:
    session = center.log_in(address="10.6.6.6").session
    for _ in range(times):
        with pytest.raises(LoginRefusedError, match="is wrong"):
            center.accounts.login.show_code(session, "000000", address="10.6.6.6")


def test_who_knows_the_password_gets_no_new_patience_for_guessing_codes_by_showing_it(center: Center) -> None:
    center.prepare(has_app=True)
    guess(center, 4)
    session = center.log_in(address="10.6.6.6").session
    with pytest.raises(WeakPasswordError):
        center.accounts.login.change_password(session, PASSWORD, "short", address="10.6.6.6")
    guess(center, 1)
    with pytest.raises(TooManyFailuresError):
        center.accounts.login.show_code(session, center.code(), address="10.6.6.6")


def test_guessing_the_password_so_far_in_a_session_makes_wait(center: Center) -> None:
    center.prepare()
    session = center.log_in().session
    for _ in range(5):
        with pytest.raises(LoginRefusedError, match="so far is wrong"):
            center.accounts.login.change_password(session, "no idea of it at all", OTHER_PASSWORD, address="")
    with pytest.raises(TooManyFailuresError):
        center.accounts.login.change_password(session, PASSWORD, OTHER_PASSWORD, address="")


def test_guessing_codes_with_a_stolen_token_is_slow_and_does_not_keep_its_owner_from_control(center: Center) -> None:
    center.prepare(has_app=True)
    session = center.log_in().session
    values = [center.accounts.own.make_token(session, label, ["viewer"], 1)[1] for label in ("one", "two")]
    one, two = (center.accounts.login.token_identity(value, "10.6.6.6") for value in values)
    assert one is not None
    assert two is not None
    for _ in range(5):
        with pytest.raises(LoginRefusedError):
            center.accounts.login.show_code_with_token(one, "000000")
    with pytest.raises(TooManyFailuresError):
        center.accounts.login.show_code_with_token(two, center.code())
    entry = center.accounts.login.show_code(session, center.code(), address="")
    assert center.identity(entry).has_second_factor


def test_a_new_password_does_not_prolong_what_a_second_factor_permits(center: Center) -> None:
    session = center.full().session
    center.clock.go(25 * 60)
    entry = center.accounts.login.change_password(session, PASSWORD, OTHER_PASSWORD, address="")
    assert entry.session.controls_for_s == pytest.approx(35 * 60)


def test_how_many_guesses_were_not_looked_at_is_recorded_for_codes_too(center: Center) -> None:
    center.prepare(has_app=True)
    guess(center, 5)
    session = center.log_in().session
    for _ in range(3):
        with pytest.raises(TooManyFailuresError):
            center.accounts.login.show_code(session, "000000", address="")
    center.clock.go(2)
    guess(center, 1)
    assert center.audit.records[-1].detail["refused_before"] == 3
    assert center.audit.records[-1].detail["waits_s"] == 2.0


def test_a_security_key_that_cannot_be_recorded_is_none(center: Center) -> None:
    center.prepare()
    session = center.log_in().session
    factors = center.accounts.factors
    answer = Authenticator().register(factors.ask_new_key(session, ORIGIN), ORIGIN)
    center.audit.failure = OSError("no space left on device")
    with pytest.raises(OSError, match="no space"):
        factors.add_key(session, answer, "blue key")
    assert not factors.has_any("ada")


def test_a_security_key_belongs_to_one_person(center: Center) -> None:
    key = Authenticator()
    factors = center.accounts.factors
    for name in ("ada", "lise"):
        center.prepare(name)
    ada, lise = (center.log_in(name).session for name in ("ada", "lise"))
    factors.add_key(ada, key.register(factors.ask_new_key(ada, ORIGIN), ORIGIN), "blue key")
    with pytest.raises(LoginRefusedError, match="not right"):
        factors.add_key(lise, key.register(factors.ask_new_key(lise, ORIGIN), ORIGIN), "blue key")
    assert factors.has_any("ada")
    assert not factors.has_any("lise")
