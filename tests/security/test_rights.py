"""Who may do what, asked of the example and of people made up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tieline.cli.example import example_folder
from tieline.config import Utility, read_folder
from tieline.config.fields import Role
from tieline.security.authority import EVERY_ROLE, RIGHTS, Right, may, rights_of, roles_of, who_can


@dataclass(frozen=True)
class Somebody:
    roles: frozenset[Role]
    areas: frozenset[str] | None = None


@pytest.fixture(scope="module")
def utility() -> Utility:
    return read_folder(example_folder())


def names(found: list[object]) -> list[str]:
    return [each.person for each in found]  # type: ignore[attr-defined]


def test_every_right_is_described_and_carried_by_roles_that_there_are() -> None:
    assert set(RIGHTS) == set(Right)
    for entry in RIGHTS.values():
        assert entry.roles <= EVERY_ROLE
        assert entry.roles
        assert entry.permissions


def test_a_right_holds_where_the_role_holds() -> None:
    operator = Somebody(frozenset({"operator"}), frozenset({"northgate"}))
    assert may(operator, Right.ACKNOWLEDGE)
    assert may(operator, Right.ACKNOWLEDGE, "northgate")
    assert not may(operator, Right.ACKNOWLEDGE, "sunfield")
    assert not may(operator, Right.TAKE_OUT, "northgate")
    assert rights_of(operator)[Right.SHELVE] == ["northgate"]


def test_what_is_of_the_whole_system_needs_the_role_everywhere() -> None:
    assert may(Somebody(frozenset({"engineer"})), Right.READ_RECORDS)
    assert not may(Somebody(frozenset({"engineer"}), frozenset({"northgate"})), Right.READ_RECORDS)


def test_nobody_who_looks_after_rights_operates_by_that() -> None:
    for role in ("security_administrator", "security_auditor", "rbac_administrator"):
        assert role not in roles_of(Right.OPERATE) | roles_of(Right.ACKNOWLEDGE) | roles_of(Right.TAKE_OUT)


def test_who_can_operate_is_what_the_rules_say(utility: Utility) -> None:
    breaker = next(point for point in utility.points if point.path == "northgate/rtu-1/t1_hv_command")
    feeder = next(point for point in utility.points if point.path == "northgate/rtu-1/f2_command")
    can = who_can(utility, Right.OPERATE, point=breaker)
    assert names(can) == ["ada", "grace"]
    assert all("a second person" in " ".join(each.conditions) for each in can)
    assert all(each.conditions == ("a second factor",) for each in who_can(utility, Right.OPERATE, point=feeder))
    assert names(who_can(utility, Right.TAKE_OUT, site="sunfield")) == ["grace"]
    assert names(who_can(utility, Right.MANAGE_ACCOUNTS)) == ["rosalind"]


def test_a_role_elsewhere_gives_nothing_here(utility: Utility) -> None:
    ada, *others = utility.people
    from dataclasses import replace

    moved = replace(utility, people=(ada.model_copy(update={"areas": ["sunfield"]}), *others))
    breaker = next(point for point in utility.points if point.path == "northgate/rtu-1/t1_hv_command")
    assert names(who_can(moved, Right.OPERATE, point=breaker)) == ["grace"]
    assert "ada" in names(who_can(moved, Right.OPERATE, site="sunfield"))


def test_a_folder_says_why_duties_are_in_one_hand(tmp_path: Path) -> None:
    import shutil

    from tieline.config import inspect_folder

    folder = tmp_path / "ridgeway"
    shutil.copytree(example_folder(), folder)
    file = folder / "utility.toml"
    whole = file.read_text()
    file.write_text(whole.replace('roles = ["security_administrator"]', 'roles = ["security_administrator", "security_auditor"]'))
    _, findings = inspect_folder(folder)
    assert ["audit the own work" in finding.problem for finding in findings] == [True]
    assert "combines_duties" in findings[0].remedy
    file.write_text(
        whole.replace(
            'roles = ["security_administrator"]',
            'roles = ["security_administrator", "security_auditor"]\ncombines_duties = "a utility of four people"',
        )
    )
    assert inspect_folder(folder)[1] == []
