"""Security administrators create, lock and reset; nobody raises himself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tieline.config import LoginSection, PersonSection
from tieline.model import ConfigError
from tieline.security.identity.accounts import Accounts, AccountState, Identity, LoginRefusedError, NotPermittedError

from .world import OTHER_PASSWORD, PASSWORD, SECRET, Center


def test_the_first_administrator_gets_a_secret_for_one_login(center: Center) -> None:
    given = center.accounts.administration.first_administrator()
    assert given is not None
    assert given.name == "rosalind"
    entry = center.log_in("rosalind", given.secret)
    assert entry.session.stage == "change_password"
    assert center.accounts.login.identity(entry.session, "") is None
    entry = center.accounts.login.change_password(entry.session, given.secret, PASSWORD, address="")
    assert center.identity(entry).has_role("security_administrator")
    with pytest.raises(LoginRefusedError):
        center.log_in("rosalind", given.secret)
    assert center.accounts.administration.first_administrator() is None
    assert given.secret not in repr(center.audit.records)


def test_the_first_secret_expires_and_a_new_start_gives_another(center: Center) -> None:
    first = center.accounts.administration.first_administrator()
    assert first is not None
    center.clock.go(3_600)
    with pytest.raises(LoginRefusedError, match="has expired"):
        center.log_in("rosalind", first.secret)
    second = center.accounts.administration.first_administrator()
    assert second is not None
    assert second.secret != first.secret
    with pytest.raises(LoginRefusedError, match="wrong"):
        center.log_in("rosalind", first.secret)
    assert center.log_in("rosalind", second.secret).session.stage == "change_password"


def test_the_one_time_secret_is_not_kept_as_a_password(center: Center) -> None:
    given = center.accounts.administration.first_administrator()
    assert given is not None
    session = center.log_in("rosalind", given.secret).session
    with pytest.raises(Exception, match="used before"):
        center.accounts.login.change_password(session, given.secret, given.secret, address="")


def test_without_an_administrator_in_the_folder_the_remedy_is_said(tmp_path: Path) -> None:
    center = Center(tmp_path, people=(PersonSection(name="ada", roles=["operator"]),))
    with closing(center.accounts), pytest.raises(ConfigError, match="security_administrator"):
        center.accounts.administration.first_administrator()


def test_prepared_accounts_are_ready_and_stay_as_they_are(center: Center) -> None:
    center.prepare()
    center.accounts.administration.prepare("ada", OTHER_PASSWORD)
    assert center.log_in().session.stage == "full"
    with pytest.raises(ConfigError, match="there is no person 'mallory'"):
        center.accounts.administration.prepare("mallory", PASSWORD)


def test_an_administrator_creates_an_account_with_a_secret_for_one_login(center: Center) -> None:
    by = center.administrator()
    given = center.accounts.administration.create(by, "ada")
    entry = center.log_in("ada", given.secret)
    assert entry.session.stage == "change_password"
    with pytest.raises(NotPermittedError, match="has an account already"):
        center.accounts.administration.create(by, "ada")
    with pytest.raises(NotPermittedError, match="there is no person 'mallory'"):
        center.accounts.administration.create(by, "mallory")
    assert ("rosalind", "account_created", "done") in center.audit.told()


def test_a_secret_that_is_not_used_expires(center: Center) -> None:
    given = center.accounts.administration.create(center.administrator(), "ada")
    center.clock.go(72 * 3_600)
    with pytest.raises(LoginRefusedError, match="expired"):
        center.log_in("ada", given.secret)


def test_a_locked_account_ends_at_once_and_says_so_to_its_owner_only(center: Center) -> None:
    by = center.administrator()
    entry = center.full("ada")
    _, token = center.accounts.own.make_token(entry.session, "script", ["viewer"], 1)
    center.accounts.administration.lock(by, "ada", "left the company")
    assert center.accounts.login.find(entry.value) is None
    assert center.accounts.login.token_identity(token, "") is None
    with pytest.raises(LoginRefusedError, match="is locked"):
        center.log_in()
    with pytest.raises(LoginRefusedError, match=r"^the name or the password is wrong$"):
        center.log_in("ada", OTHER_PASSWORD)
    center.accounts.administration.unlock(by, "ada")
    assert center.log_in().session.person == "ada"
    assert [one.detail["reason"] for one in center.audit.records if one.action == "account_locked"] == ["left the company"]


def test_a_person_without_an_account_can_be_locked_before_a_provider_lets_him_in(center: Center) -> None:
    center.accounts.administration.lock(center.administrator(), "ada", "not yet")
    with pytest.raises(LoginRefusedError, match="is locked"):
        center.accounts.login.by_provider("ada", address="", provider="x")


def test_unlocking_ends_the_wait_after_failures(center: Center) -> None:
    by = center.administrator()
    center.prepare()
    for _ in range(5):
        with pytest.raises(LoginRefusedError):
            center.log_in("ada", OTHER_PASSWORD)
    (state,) = (one for one in center.accounts.administration.states(by) if one.name == "ada")
    assert state.waits_s == 1.0
    center.accounts.administration.unlock(by, "ada")
    assert center.log_in().session.person == "ada"


def test_a_reset_takes_everything_that_the_account_had(center: Center) -> None:
    by = center.administrator()
    entry = center.full("ada")
    codes = center.accounts.factors.new_recovery_codes(entry.session)
    given = center.accounts.administration.reset(by, "ada")
    assert center.accounts.login.find(entry.value) is None
    assert center.accounts.factors.held("ada").recovery_codes == 0
    with pytest.raises(LoginRefusedError):
        center.log_in()
    session = center.log_in("ada", given.secret).session
    for code in (center.code(SECRET), codes[0]):
        with pytest.raises(LoginRefusedError):
            center.accounts.login.show_code(session, code, address="")


def test_who_leaves_and_comes_back_does_not_get_the_account_of_before(center: Center) -> None:
    by = center.administrator()
    center.full("ada")
    center.accounts.administration.remove(by, "ada")
    with pytest.raises(LoginRefusedError):
        center.log_in()
    with pytest.raises(NotPermittedError, match="there is no account 'ada'"):
        center.accounts.administration.reset(by, "ada")


def test_only_an_administrator_with_a_second_factor_in_a_session_administers_and_only_others(center: Center) -> None:
    administrator = center.administrator()
    operator = center.identity(center.full("grace"))
    center.prepare("ada")
    administration = center.accounts.administration
    attempts = {
        "by security administrators only": (operator, "ada"),
        "not with an API token": (replace(administrator, is_token=True), "ada"),
        "second factor first": (replace(administrator, has_second_factor=False), "ada"),
        "nobody administers the own account": (administrator, "rosalind"),
    }
    for words, (by, name) in attempts.items():
        for act in (
            lambda: administration.create(by, name),  # noqa: B023
            lambda: administration.reset(by, name),  # noqa: B023
            lambda: administration.lock(by, name, "x"),  # noqa: B023
            lambda: administration.unlock(by, name),  # noqa: B023
            lambda: administration.reset_factors(by, name),  # noqa: B023
            lambda: administration.end_sessions(by, name),  # noqa: B023
            lambda: administration.revoke_tokens(by, name),  # noqa: B023
            lambda: administration.remove(by, name),  # noqa: B023
        ):
            with pytest.raises(NotPermittedError, match=words):
                act()
    assert center.log_in().session.person == "ada"


def test_administrators_and_auditors_see_every_person_others_none(center: Center) -> None:
    by = center.administrator()
    center.full("ada")
    states = {one.name: one for one in center.accounts.administration.states(by)}
    assert list(states) == ["ada", "grace", "lise", "rosalind", "hedy"]
    assert (states["ada"].has_account, states["ada"].has_app, states["ada"].sessions) == (True, True, 1)
    assert states["ada"].areas == ("northgate",)
    assert not states["lise"].has_account
    auditor = replace(by, roles=frozenset({"security_auditor"}))
    assert center.accounts.administration.states(auditor)
    with pytest.raises(NotPermittedError):
        center.accounts.administration.states(replace(by, roles=frozenset({"operator"})))


def test_accounts_of_people_who_left_the_folder_are_shown_as_left_over(tmp_path: Path) -> None:
    center = Center(tmp_path)
    center.prepare("lise")
    center.people = tuple(person for person in center.people if person.name != "lise")
    center.restart()
    with closing(center.accounts):
        by = center.administrator()
        left = [one.name for one in center.accounts.administration.states(by) if not one.is_in_folder]
        assert left == ["lise"]
        center.accounts.administration.remove(by, "lise")


def test_the_console_gives_a_secret_to_who_has_lost_everything(center: Center) -> None:
    center.full("rosalind")
    given = center.accounts.administration.from_console("rosalind")
    assert center.log_in("rosalind", given.secret).session.stage == "change_password"
    assert ("tieline", "account_reset", "done") in center.audit.told()


def test_another_process_sees_what_was_changed_at_once(center: Center) -> None:
    entry = center.full("ada")
    other = Accounts.open(
        center.path,
        title="Ridgeway",
        people=center.people,
        settings=LoginSection(),
        clock=center.clock,
        record=center.audit.append,
    )
    with closing(other):
        other.administration.from_console("ada")
    assert center.accounts.login.find(entry.value) is None


def test_a_provider_vouches_for_people_of_the_folder_only(center: Center) -> None:
    entry = center.accounts.login.by_provider("ada", address="10.0.0.1", provider="https://login.example")
    assert center.identity(entry).person == "ada"
    for name in ("mallory", "Ada", "", "ada "):
        with pytest.raises(LoginRefusedError, match="no person of that name"):
            center.accounts.login.by_provider(name, address="", provider="x")
    with pytest.raises(LoginRefusedError):
        center.log_in()  # there is no password, so none is right


def test_who_comes_by_a_provider_does_not_leave_a_one_time_secret_lying_about(center: Center) -> None:
    given = center.accounts.administration.create(center.administrator(), "ada")
    assert center.accounts.login.by_provider("ada", address="", provider="x").session.stage == "full"
    with pytest.raises(LoginRefusedError):
        center.log_in("ada", given.secret)


def test_an_administrator_sees_when_and_from_where_somebody_logged_in_last_and_what_failed_since(center: Center) -> None:
    by = center.administrator()
    center.prepare()
    assert state_of(center, by, "ada").login_us is None
    center.log_in(address="10.0.0.7")
    logged_in_us = center.clock.utc_us
    center.clock.go(60)
    for _ in range(2):
        with pytest.raises(LoginRefusedError):
            center.log_in(password=OTHER_PASSWORD)
    state = state_of(center, by, "ada")
    assert (state.login_us, state.login_address, state.failures) == (logged_in_us, "10.0.0.7", 2)
    assert center.accounts.login.before("ada") is None
    center.log_in(address="10.0.0.8")
    before = center.accounts.login.before("ada")
    assert before is not None
    assert (before.time_us, before.address, before.failures) == (logged_in_us, "10.0.0.7", 2)
    assert state_of(center, by, "ada").failures == 0


def test_sessions_tokens_and_second_factors_are_ended_one_by_one(center: Center) -> None:
    by = center.administrator()
    administration, login = center.accounts.administration, center.accounts.login
    session = center.full().session
    _, value = center.accounts.own.make_token(session, "x", ["viewer"], 1)
    token = login.token_identity(value, "")
    assert token is not None
    center.clock.go(30)
    login.show_code_with_token(token, center.code())
    administration.end_sessions(by, "ada")
    assert (state_of(center, by, "ada").sessions, state_of(center, by, "ada").tokens) == (0, 1)
    center.log_in()
    administration.reset_factors(by, "ada")
    state = state_of(center, by, "ada")
    assert (state.sessions, state.tokens, state.has_app, state.recovery_codes) == (0, 1, False, 0)
    token = login.token_identity(value, "")
    assert token is not None
    assert not token.has_second_factor
    administration.revoke_tokens(by, "ada")
    assert state_of(center, by, "ada").tokens == 0
    assert login.token_identity(value, "") is None
    center.log_in()  # the password is as it was
    told = [one.action for one in center.audit.records if one.actor == "rosalind" and one.target == "ada"]
    assert told == ["sessions_ended", "factors_reset", "tokens_revoked"]


def test_the_console_is_the_way_out_where_nobody_is_left_who_could_unlock(center: Center) -> None:
    by = center.administrator()
    center.accounts.administration.lock(by, "hedy", "on leave")
    given = center.accounts.administration.from_console("hedy")
    assert center.log_in("hedy", given.secret).session.stage == "change_password"
    assert ("tieline", "account_unlocked", "done") in center.audit.told()


def test_accounts_of_the_version_before_are_taken_over(center: Center) -> None:
    center.prepare()
    center.accounts.close()
    with closing(sqlite3.connect(center.path)) as rows:
        for column in ("login_us", "login_address", "before_us", "before_address", "before_failures"):
            rows.execute(f"ALTER TABLE accounts DROP COLUMN {column}")
        rows.execute("PRAGMA user_version = 1")
        rows.commit()
    center.accounts = center.open()
    assert center.log_in().session.person == "ada"


def state_of(center: Center, by: Identity, name: str) -> AccountState:
    return next(one for one in center.accounts.administration.states(by) if one.name == name)
