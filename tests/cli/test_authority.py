"""`tieline whoami`, `tieline who-can`, and what is recorded of rights that change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tieline.cli.app import app
from tieline.cli.example import example_folder
from tieline.cli.web import record_rights
from tieline.config import read_folder
from tieline.model import TielineError

from .center import Terminals, terminals

FOLDER = str(example_folder())


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Terminals]:
    async with terminals(tmp_path) as made:
        yield made


def asked(*words: str) -> str:
    done = CliRunner().invoke(app, ["who-can", FOLDER, *words], env={"COLUMNS": "200"}, catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


@pytest.mark.system
async def test_the_center_says_as_whom_it_knows_a_token(at: Terminals) -> None:
    said = await at.types("whoami", token=at.token_of("grace", ["engineer"]))
    assert said.exit_code == 0, said.output
    assert said.output.startswith("grace: engineer; by an API token")
    rights = {line.split()[0] for line in said.output.splitlines()[2:]}
    assert {"view", "take_out", "read_records"} <= rights
    assert "acknowledge" not in rights


@pytest.mark.system
async def test_a_token_that_is_none_is_refused(at: Terminals) -> None:
    at.token_of("grace", ["engineer"]).with_name("wrong.token").write_text("tieline_wrong")
    said = await at.types("whoami", token=at.folder / "wrong.token")
    assert isinstance(said.exception, TielineError)
    assert "the API token is not good" in str(said.exception)


def test_every_right_is_listed_with_who_has_it() -> None:
    lines = {line.split()[0]: line for line in asked().splitlines()}
    assert "ada, grace" in lines["operate"]
    assert lines["manage_accounts"].split()[1:] == ["IT", "rosalind"]


def test_one_point_says_what_is_asked_for_besides() -> None:
    assert asked("--point", "northgate/rtu-1/t1_hv_command").count("a second factor; a second person") == 2
    assert "second person" not in asked("--point", "northgate/rtu-1/f2_command")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fly",), "there is no right 'fly'; write one of view"),
        (("--site", "nowhere"), "there is no site 'nowhere'"),
        (("--point", "a/b/c"), "there is no point 'a/b/c'"),
        (("--point", "northgate/rtu-1/t1_hv_position"), "it is not operated"),
        (("shelve", "--point", "northgate/rtu-1/f2_command"), "--point is for operating"),
    ],
)
def test_what_cannot_be_answered_is_said(words: tuple[str, ...], message: str) -> None:
    done = CliRunner().invoke(app, ["who-can", FOLDER, *words])
    assert isinstance(done.exception, TielineError)
    assert message in str(done.exception)


def test_rights_that_change_between_two_starts_are_recorded_before_they_hold(tmp_path: Path) -> None:
    utility = read_folder(example_folder())
    records: list[tuple[str, object]] = []

    def record(
        *, actor: str, action: str, target: str = "", detail: Mapping[str, object] | None = None, outcome: str = ""
    ) -> None:
        assert (actor, action) == ("tieline", "rights_changed")
        records.append((target, dict(detail or {})))

    record_rights(utility, tmp_path, record)
    assert len(records) == len(utility.people)
    records.clear()
    record_rights(utility, tmp_path, record)
    assert records == []
    ada, grace, *others = utility.people
    changed = replace(utility, people=(grace.model_copy(update={"areas": ["northgate"]}), *others))
    record_rights(changed, tmp_path, record)
    assert records == [
        (ada.name, {"before": "operator in every site", "now": "nobody"}),
        (grace.name, {"before": "engineer, operator in every site", "now": "engineer, operator in northgate"}),
    ]
