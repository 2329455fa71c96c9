"""Names and passwords: who gets in, who does not, and what is told of it."""

from __future__ import annotations

import stat
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tieline.config import LoginSection
from tieline.model import UnavailableError
from tieline.security.identity.accounts import Accounts, Hasher, LoginRefusedError, TooManyFailuresError, WeakPasswordError

from .world import OTHER_PASSWORD, PASSWORD, PEOPLE, Center


def test_who_knows_the_password_is_the_person_with_the_roles_of_the_folder(center: Center) -> None:
    center.prepare()
    identity = center.identity(center.log_in())
    assert (identity.person, identity.roles, identity.areas) == ("ada", {"operator", "viewer"}, {"northgate"})
    assert identity.has_role("operator", "northgate")
    assert not identity.has_role("operator", "sunfield")
    assert not identity.has_role("engineer")
    assert not identity.has_second_factor
    assert center.audit.told()[-1] == ("ada", "login", "done")


def test_somebody_without_areas_has_the_roles_everywhere(center: Center) -> None:
    center.prepare("grace")
    identity = center.identity(center.log_in("grace"))
    assert identity.areas is None
    assert identity.has_role("engineer", "sunfield")


def test_a_wrong_password_and_an_unknown_name_are_refused_in_the_same_words(center: Center) -> None:
    center.prepare()
    words = set()
    for name in ("ada", "lise", "mallory", "", "x" * 10_000):
        with pytest.raises(LoginRefusedError) as refused:
            center.log_in(name, OTHER_PASSWORD)
        words.add(str(refused.value))
    assert words == {"the name or the password is wrong"}


def test_a_name_that_is_none_is_not_recorded_for_it_may_be_a_password(center: Center) -> None:
    with pytest.raises(LoginRefusedError):
        center.log_in(PASSWORD, "x")
    assert [(one.actor, one.target, one.outcome) for one in center.audit.records] == [("nobody", "nobody", "refused")]
    assert PASSWORD not in repr(center.audit.records)


@pytest.mark.parametrize(
    "name",
    [
        "\N{CYRILLIC SMALL LETTER A}da",
        "\uff41\uff44\uff41",
        "ada\u200b",
        "ada\x00",
        "' OR 1=1 --",
        'ada"; DROP TABLE accounts; --',
        "%",
        "\ud800",
        "ada\nlise",
        "../ada",
        "ädä",
    ],
)
def test_names_that_only_look_like_one_are_unknown(center: Center, name: str) -> None:
    center.prepare()
    with pytest.raises(LoginRefusedError, match=r"^the name or the password is wrong$"):
        center.log_in(name)
    assert center.log_in("ada").session.person == "ada"


def test_a_name_may_be_typed_in_capitals_and_with_spaces_around(center: Center) -> None:
    center.prepare()
    assert center.log_in(" Ada ").session.person == "ada"


@pytest.mark.parametrize("password", ["", PASSWORD + " ", PASSWORD.upper(), PASSWORD[:-1], "\x00", "\ud800", "x" * 1_000_000])
def test_only_the_whole_password_counts(center: Center, password: str) -> None:
    center.prepare()
    with pytest.raises(LoginRefusedError):
        center.log_in("ada", password)


def test_a_password_is_the_same_however_its_letters_are_composed(center: Center) -> None:
    center.accounts.administration.prepare("ada", "Größe eines Häuschens")
    assert center.log_in("ada", "Größe eines Häuschens").session.person == "ada"


def test_an_unknown_name_takes_as_long_as_a_wrong_password(tmp_path: Path) -> None:
    center = Center(tmp_path, LoginSection(lock_after=100))
    center.accounts.close()
    center.accounts = Accounts.open(
        center.path,
        title="Ridgeway",
        people=PEOPLE,
        settings=center.settings,
        clock=center.clock,
        record=center.audit.append,
        hasher=Hasher(time_cost=1, memory_kib=8_192),
    )
    center.prepare()

    def took_s(name: str) -> float:
        begun = time.perf_counter()
        with pytest.raises(LoginRefusedError):
            center.log_in(name, OTHER_PASSWORD)
        return time.perf_counter() - begun

    pairs = [(took_s("ada"), took_s("mallory")) for _ in range(15)]
    known, unknown = (statistics.median(column) for column in zip(*pairs, strict=True))
    assert 0.5 < unknown / known < 2
    center.accounts.close()


def test_failures_in_a_row_make_the_account_wait_ever_longer_up_to_a_bound(center: Center) -> None:
    center.prepare()
    waits = []
    for number in range(20):
        with pytest.raises(LoginRefusedError):
            center.log_in("ada", OTHER_PASSWORD, address=f"10.0.{number}.1")
        waits.append(center.audit.records[-1].detail["waits_s"])
        center.clock.go(float(str(waits[-1])))
    assert waits == [0, 0, 0, 0, *(min(2**power, 15 * 60) for power in range(16))]


def test_while_it_waits_even_the_right_password_is_not_looked_at_and_the_wait_does_not_grow(center: Center) -> None:
    center.prepare()
    for _ in range(5):
        with pytest.raises(LoginRefusedError):
            center.log_in("ada", OTHER_PASSWORD)
    for _ in range(50):
        with pytest.raises(TooManyFailuresError) as refused:
            center.log_in()
        assert refused.value.wait_s == 1.0
    center.clock.go(1)
    assert center.log_in().session.person == "ada"
    with pytest.raises(LoginRefusedError, match="wrong"):  # the failures before are forgotten
        center.log_in("ada", OTHER_PASSWORD)


def test_how_many_attempts_were_not_looked_at_is_recorded_with_the_next_failure(center: Center) -> None:
    center.prepare()
    for _ in range(5):
        with pytest.raises(LoginRefusedError):
            center.log_in("ada", OTHER_PASSWORD)
    assert center.audit.records[-1].detail["waits_s"] == 1.0
    count = len(center.audit.records)
    for _ in range(7):
        with pytest.raises(TooManyFailuresError):
            center.log_in("ada", OTHER_PASSWORD)
    assert len(center.audit.records) == count  # a flood of attempts does not fill the disk
    center.clock.go(1)
    with pytest.raises(LoginRefusedError):
        center.log_in("ada", OTHER_PASSWORD)
    assert center.audit.records[-1].detail["refused_before"] == 7


def test_names_that_there_are_not_wait_as_those_that_there_are(center: Center) -> None:
    for _ in range(5):
        with pytest.raises(LoginRefusedError):
            center.log_in("mallory", OTHER_PASSWORD)
    with pytest.raises(TooManyFailuresError):
        center.log_in("mallory", OTHER_PASSWORD)


def test_who_tries_many_names_from_one_address_waits_too(center: Center) -> None:
    for index in range(20):
        with pytest.raises(LoginRefusedError):
            center.log_in(f"name-{index}", OTHER_PASSWORD, address="2001:db8::1")
    center.prepare()
    with pytest.raises(TooManyFailuresError):
        center.log_in(address="2001:db8::2")  # the same subscriber
    assert center.log_in(address="2001:db8:1::2").session.person == "ada"


def test_own_success_does_not_give_an_address_new_patience(center: Center) -> None:
    center.prepare("lise")
    for index in range(20):
        center.log_in("lise")
        with pytest.raises(LoginRefusedError, match="wrong"):
            center.log_in(f"name-{index}", OTHER_PASSWORD)
    with pytest.raises(TooManyFailuresError):
        center.log_in("lise")


def test_nobody_is_locked_out_where_he_logged_in_before(center: Center) -> None:
    center.prepare()
    device = center.log_in().device
    assert device is not None
    for _ in range(40):
        with pytest.raises(LoginRefusedError):
            center.log_in("ada", OTHER_PASSWORD)
        center.clock.go(0.5)
    with pytest.raises(TooManyFailuresError):
        center.log_in()
    entry = center.log_in(device=device)
    assert entry.session.person == "ada"
    assert entry.device is None


def test_a_known_browser_has_a_count_of_its_own_and_is_known_for_its_owner_only(center: Center) -> None:
    center.prepare()
    center.prepare("lise")
    device = center.log_in().device
    assert device is not None
    for _ in range(5):
        with pytest.raises(LoginRefusedError):
            center.log_in("ada", OTHER_PASSWORD, device=device)
    with pytest.raises(TooManyFailuresError):
        center.log_in(device=device)
    assert center.log_in("lise", device=device).device is not None


def test_attempts_at_the_same_time_are_no_way_around(center: Center) -> None:
    center.prepare()
    looked_at: list[str] = []
    ready = threading.Barrier(32)

    def attempt(_: int) -> None:
        ready.wait()
        try:
            center.log_in("ada", OTHER_PASSWORD)
        except TooManyFailuresError:
            return
        except LoginRefusedError:
            looked_at.append("one")

    with ThreadPoolExecutor(32) as threads:
        list(threads.map(attempt, range(32)))
    assert len(looked_at) == 5


def test_setting_the_wall_clock_does_not_end_a_wait(center: Center) -> None:
    center.prepare()
    for _ in range(5):
        with pytest.raises(LoginRefusedError):
            center.log_in("ada", OTHER_PASSWORD)
    for step_s in (30 * 86_400, -60 * 86_400):
        center.clock.step(step_s)
        with pytest.raises(TooManyFailuresError):
            center.log_in()
    center.clock.go(1)
    assert center.log_in().session.person == "ada"


def test_without_a_record_nobody_gets_in(center: Center) -> None:
    center.prepare()
    center.audit.failure = UnavailableError("the disk is full")
    with pytest.raises(UnavailableError):
        center.log_in()
    center.audit.failure = None
    entry = center.log_in()
    assert len(center.accounts.own.sessions(entry.session)) == 1


def test_the_file_is_for_its_owner_only_and_holds_no_secret_in_words(center: Center) -> None:
    entry = center.full()
    device = center.log_in().device
    assert device is not None
    _, value = center.accounts.own.make_token(entry.session, "script", ["viewer"], 1)
    files = list(center.path.parent.iterdir())
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    content = b"".join(path.read_bytes() for path in files)
    assert b"$argon2id$" in content
    for secret in (PASSWORD, entry.value, value, device):
        assert secret.encode() not in content


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("short", "at least 12"),
        ("x" * 257, "at most 256"),
        ("abababababab", "same few characters"),
        ("my-ada-is-a-dog", "your name"),
        ("ADA was a countess", "your name"),
        ("i like tieline a lot", "Tieline"),
        ("passwordpassword", "common"),
        ("Administrator1234!", "common"),
        ("123456789012", "common"),
        ("a tab\tin the middle", "control characters"),
    ],
)
def test_weak_passwords_are_refused_with_the_rule(center: Center, password: str, problem: str) -> None:
    with pytest.raises(WeakPasswordError, match=problem):
        center.accounts.administration.prepare("ada", password)


@pytest.mark.parametrize("password", [PASSWORD, "Füchse jagen nachts", "雨が降ると川が増える。春の日", "xk2-9fQz-0aL!"])
def test_passwords_of_any_kind_of_letters_are_good(center: Center, password: str) -> None:
    center.accounts.administration.prepare("ada", password)
    assert center.log_in("ada", password).session.person == "ada"


def test_a_password_hashed_with_less_is_hashed_anew_at_the_next_login(center: Center) -> None:
    center.prepare()
    center.accounts.close()
    center.accounts = Accounts.open(
        center.path,
        title="Ridgeway",
        people=PEOPLE,
        settings=center.settings,
        clock=center.clock,
        record=center.audit.append,
        hasher=Hasher(time_cost=1, memory_kib=64),
    )
    center.log_in()
    center.accounts.close()
    assert b"m=64,t=1,p=4" in b"".join(path.read_bytes() for path in center.path.parent.iterdir())
    center.accounts = center.open()
    assert center.log_in().session.person == "ada"
