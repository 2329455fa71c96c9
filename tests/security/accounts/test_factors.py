"""Second factors: codes count once, keys answer their own center only, and nobody gets around them."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path

import pytest

from tieline.config import LoginSection
from tieline.security.identity.accounts import (
    LoginRefusedError,
    NotPermittedError,
    Session,
    TooManyFailuresError,
    WeakPasswordError,
)
from tieline.security.identity.accounts.totp import code_at

from .authenticator import Authenticator
from .world import OTHER_PASSWORD, PASSWORD, SECRET, Center

ORIGIN = "https://scada.ridgeway.example"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (1_234_567_890, "005924"), (2_000_000_000, "279037")],
)
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    assert code_at(SECRET, seconds // 30) == code  # appendix B, SHA-1, the last six of eight digits


def show(center: Center, session: Session, code: str) -> None:
    center.accounts.login.show_code(session, code, address="10.0.0.1")


def test_a_code_counts_once(center: Center) -> None:
    center.prepare(has_app=True)
    code = center.code()
    show(center, center.log_in().session, code)
    other = center.log_in().session
    with pytest.raises(LoginRefusedError, match="wrong, or was used already"):
        show(center, other, code)
    center.clock.go(30)
    show(center, other, center.code())


def test_an_older_code_than_the_one_used_last_does_not_count(center: Center) -> None:
    center.prepare(has_app=True)
    earlier = center.code()
    center.clock.go(30)
    session = center.log_in().session
    show(center, session, center.code())
    with pytest.raises(LoginRefusedError):
        show(center, session, earlier)


def test_of_the_same_code_at_the_same_time_one_counts(center: Center) -> None:
    center.prepare(has_app=True)
    sessions = [center.log_in().session for _ in range(4)]
    code = center.code()

    def attempt(session: Session) -> bool:
        with suppress(LoginRefusedError):
            show(center, session, code)
            return True
        return False

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(attempt, sessions)) == 1


@pytest.mark.parametrize(("off_s", "counts"), [(-60, False), (-30, True), (30, True), (60, False)])
def test_a_phone_may_be_wrong_by_one_step(center: Center, off_s: int, counts: bool) -> None:
    center.prepare(has_app=True)
    session = center.log_in().session
    code = code_at(SECRET, center.clock.utc_us // 30_000_000 + off_s // 30)
    if counts:
        show(center, session, code)
    else:
        with pytest.raises(LoginRefusedError):
            show(center, session, code)


@pytest.mark.parametrize(
    "code", ["", "000000", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "' OR 1=1", "\x00", "\ud800", "9" * 100_000]
)
def test_other_codes_are_refused(center: Center, code: str) -> None:
    center.prepare(has_app=True)
    with pytest.raises(LoginRefusedError):
        show(center, center.log_in().session, code)


def test_a_code_may_be_typed_as_apps_show_it(center: Center) -> None:
    center.prepare(has_app=True)
    code = center.code()
    show(center, center.log_in().session, f" {code[:3]} {code[3:]} ")


def test_guessing_codes_makes_wait(center: Center) -> None:
    center.prepare(has_app=True)
    session = center.log_in().session
    for _ in range(5):
        with pytest.raises(LoginRefusedError):
            show(center, session, "000000")
    with pytest.raises(TooManyFailuresError):
        show(center, session, center.code())
    assert center.audit.told().count(("ada", "second_factor", "refused")) == 5


def test_setting_the_clock_back_does_not_make_a_code_good_again(center: Center) -> None:
    center.prepare(has_app=True)
    code = center.code()
    session = center.log_in().session
    show(center, session, code)
    center.clock.go(300)
    show(center, session, center.code())
    center.clock.step(-300)
    with pytest.raises(LoginRefusedError):
        show(center, session, code)


def test_an_app_is_set_up_by_showing_its_code_and_gives_recovery_codes_once(center: Center) -> None:
    center.prepare()
    session = center.log_in().session
    typed, address = center.accounts.factors.begin_app(session)
    assert address.startswith("otpauth://totp/Tieline%20Ridgeway:ada?secret=" + typed)
    secret = base64.b32decode(typed)
    assert len(secret) == 20
    with pytest.raises(LoginRefusedError, match="clock of the phone"):
        center.accounts.factors.confirm_app(session, "000000")
    assert not center.accounts.factors.has_any("ada")
    code = center.code(secret)
    codes = center.accounts.factors.confirm_app(session, code)
    assert len(set(codes)) == 10
    entry = center.accounts.login.set_up(session)
    assert center.identity(entry).has_second_factor
    with pytest.raises(LoginRefusedError):
        show(center, center.log_in().session, code)  # the code that set it up is used up
    assert center.audit.told()[-3][:2] == ("ada", "factor_added")


def test_a_recovery_code_counts_once_however_it_is_typed(center: Center) -> None:
    center.prepare()
    session = center.log_in().session
    typed, _ = center.accounts.factors.begin_app(session)
    codes = center.accounts.factors.confirm_app(session, center.code(base64.b32decode(typed)))
    show(center, center.log_in().session, codes[0].lower().replace("-", " "))
    with pytest.raises(LoginRefusedError):
        show(center, center.log_in().session, codes[0])
    assert center.accounts.factors.held("ada").recovery_codes == 9
    assert center.audit.records[-3].detail["factor"] == "recovery code"


def test_recovery_codes_of_somebody_else_are_worth_nothing(center: Center) -> None:
    session = center.full("ada").session
    codes = center.accounts.factors.new_recovery_codes(session)
    other = center.full("grace").session
    with pytest.raises(LoginRefusedError):
        show(center, other, codes[0])


def test_nothing_is_changed_without_the_factor_that_there_is(center: Center) -> None:
    center.prepare(has_app=True)
    session = center.log_in().session
    for change in (
        lambda: center.accounts.factors.begin_app(session),
        lambda: center.accounts.factors.remove_app(session),
        lambda: center.accounts.factors.ask_new_key(session, ORIGIN),
        lambda: center.accounts.factors.new_recovery_codes(session),
    ):
        with pytest.raises(NotPermittedError, match="show your second factor first"):
            change()
    center.accounts.login.show_code(session, center.code(), address="")
    center.accounts.factors.remove_app(session)
    assert not center.accounts.factors.has_any("ada")


def test_the_first_factor_is_set_up_soon_after_the_login_only(center: Center) -> None:
    center.prepare()
    session = center.log_in().session
    center.clock.go(601)
    with pytest.raises(NotPermittedError, match="too long ago"):
        center.accounts.factors.begin_app(session)


def test_where_a_factor_is_always_asked_a_password_alone_opens_nothing(tmp_path: Path) -> None:
    center = Center(tmp_path, LoginSection(second_factor="always"))
    with closing(center.accounts):
        center.prepare(has_app=True)
        entry = center.log_in()
        assert entry.session.stage == "second_factor"
        assert center.accounts.login.identity(entry.session, "") is None
        for change in (
            lambda: center.accounts.factors.begin_app(entry.session),
            lambda: center.accounts.login.change_password(entry.session, PASSWORD, OTHER_PASSWORD, address=""),
        ):
            with pytest.raises(NotPermittedError, match="log in completely"):
                change()
        entry = center.accounts.login.show_code(entry.session, center.code(), address="")
        assert entry.session.stage == "full"
        assert center.identity(entry).has_second_factor


def test_where_a_factor_is_always_asked_who_has_none_sets_one_up_first(tmp_path: Path) -> None:
    center = Center(tmp_path, LoginSection(second_factor="always"))
    with closing(center.accounts):
        center.prepare()
        entry = center.log_in()
        assert entry.session.stage == "enroll"
        typed, _ = center.accounts.factors.begin_app(entry.session)
        center.accounts.factors.confirm_app(entry.session, center.code(base64.b32decode(typed)))
        assert center.accounts.login.set_up(entry.session).session.stage == "full"


def test_a_login_that_is_not_completed_ends_after_ten_minutes(tmp_path: Path) -> None:
    center = Center(tmp_path, LoginSection(second_factor="always"))
    with closing(center.accounts):
        center.prepare(has_app=True)
        entry = center.log_in()
        center.clock.go(600)
        with pytest.raises(LoginRefusedError, match="has ended"):
            show(center, entry.session, center.code())


def test_a_new_password_needs_the_old_one_and_is_none_of_those_before(center: Center) -> None:
    center.prepare()
    entry, other = center.log_in(), center.log_in()
    change = center.accounts.login.change_password
    with pytest.raises(LoginRefusedError, match="so far is wrong"):
        change(entry.session, OTHER_PASSWORD, OTHER_PASSWORD, address="")
    with pytest.raises(WeakPasswordError, match="used before"):
        change(entry.session, PASSWORD, PASSWORD, address="")
    changed = change(entry.session, PASSWORD, OTHER_PASSWORD, address="")
    assert changed.value != entry.value
    assert center.accounts.login.find(other.value) is None
    assert center.accounts.login.find(changed.value) is not None
    with pytest.raises(WeakPasswordError, match="used before"):
        change(changed.session, OTHER_PASSWORD, PASSWORD, address="")
    with pytest.raises(LoginRefusedError):
        center.log_in()
    assert center.log_in("ada", OTHER_PASSWORD).session.person == "ada"


def test_so_many_passwords_as_the_folder_says_are_not_used_again(tmp_path: Path) -> None:
    center = Center(tmp_path, LoginSection(password_history=2))
    with closing(center.accounts):
        center.prepare()
        session = center.log_in().session
        change = center.accounts.login.change_password
        passwords = [PASSWORD, *(f"{OTHER_PASSWORD} {number}" for number in range(2))]
        for old, new in pairwise(passwords):
            session = change(session, old, new, address="").session
        with pytest.raises(WeakPasswordError):
            change(session, passwords[2], passwords[1], address="")
        change(session, passwords[2], passwords[0], address="")


def register(center: Center, key: Authenticator, origin: str = ORIGIN, name: str = "ada") -> Session:
    center.prepare(name)
    session = center.log_in(name).session
    options = center.accounts.factors.ask_new_key(session, origin)
    center.accounts.factors.add_key(session, key.register(options, origin), "blue key")
    return center.accounts.login.set_up(session).session


def test_a_security_key_is_a_second_factor(center: Center) -> None:
    key = Authenticator()
    register(center, key)
    session = center.log_in().session
    options = center.accounts.factors.ask_key(session, ORIGIN)
    entry = center.accounts.login.show_key(session, key.prove(options, ORIGIN), address="10.0.0.1")
    assert center.identity(entry).has_second_factor
    assert center.accounts.factors.held("ada").keys[0].sign_count == 1


def test_an_answer_of_a_key_counts_once(center: Center) -> None:
    key = Authenticator()
    register(center, key)
    session = center.log_in().session
    answer = key.prove(center.accounts.factors.ask_key(session, ORIGIN), ORIGIN)
    center.accounts.login.show_key(session, answer, address="")
    with pytest.raises(LoginRefusedError, match="took too long"):
        center.accounts.login.show_key(session, answer, address="")
    center.accounts.factors.ask_key(session, ORIGIN)
    with pytest.raises(LoginRefusedError, match="wrong"):
        center.accounts.login.show_key(session, answer, address="")


def test_an_answer_that_a_false_center_asked_for_is_refused(center: Center) -> None:
    key = Authenticator()
    register(center, key)
    session = center.log_in().session
    options = center.accounts.factors.ask_key(session, ORIGIN)
    with pytest.raises(LoginRefusedError):
        center.accounts.login.show_key(session, key.prove(options, "https://scada.ridgevvay.example"), address="")


def test_a_key_answers_for_its_owner_and_its_session_only(center: Center) -> None:
    mine, foreign = Authenticator(), Authenticator()
    register(center, mine)
    register(center, foreign, name="grace")
    session = center.log_in().session
    with pytest.raises(LoginRefusedError):
        center.accounts.login.show_key(
            session, foreign.prove(center.accounts.factors.ask_key(session, ORIGIN), ORIGIN), address=""
        )
    other = center.log_in().session
    answer = mine.prove(center.accounts.factors.ask_key(other, ORIGIN), ORIGIN)
    with pytest.raises(LoginRefusedError, match="took too long"):
        center.accounts.login.show_key(session, answer, address="")


def test_a_copied_key_is_noticed_by_its_counter(center: Center) -> None:
    key = Authenticator()
    register(center, key)
    for count, is_taken in ((5, True), (5, False), (4, False), (6, True)):
        key.count = count - 1
        session = center.log_in().session
        answer = key.prove(center.accounts.factors.ask_key(session, ORIGIN), ORIGIN)
        if is_taken:
            center.accounts.login.show_key(session, answer, address="")
        else:
            with pytest.raises(LoginRefusedError):
                center.accounts.login.show_key(session, answer, address="")


def test_a_question_to_a_key_is_good_for_five_minutes(center: Center) -> None:
    key = Authenticator()
    register(center, key)
    session = center.log_in().session
    options = center.accounts.factors.ask_key(session, ORIGIN)
    center.clock.go(301)
    with pytest.raises(LoginRefusedError, match="took too long"):
        center.accounts.login.show_key(session, key.prove(options, ORIGIN), address="")


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:8400", "https://10.0.0.1", "http://scada.example", "https://[::1]", "null", ""]
)
def test_where_browsers_let_pages_have_no_keys_an_app_is_offered(center: Center, origin: str) -> None:
    center.prepare()
    with pytest.raises(NotPermittedError, match="use an app"):
        center.accounts.factors.ask_new_key(center.log_in().session, origin)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"id": "x"},
        {"id": None, "rawId": 3, "response": []},
        {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {"clientDataJSON": "!", "attestationObject": "!"}},
        {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {"clientDataJSON": "e30", "attestationObject": "oA"}},
        {"id": "é", "rawId": "AAAA", "type": "public-key", "response": {}},
    ],
)
def test_answers_that_are_none_are_refused_not_a_crash(center: Center, answer: dict[str, object]) -> None:
    key = Authenticator()
    session = register(center, key)
    center.accounts.factors.ask_new_key(session, ORIGIN)
    with pytest.raises(LoginRefusedError):
        center.accounts.factors.add_key(session, answer, "x")
    center.accounts.factors.ask_key(session, ORIGIN)
    with pytest.raises(LoginRefusedError):
        center.accounts.login.show_key(session, {**answer, "id": key.id}, address="")
