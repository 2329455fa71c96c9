"""The page about control names every key, check and action, and the program that it shows can be read."""

from __future__ import annotations

import re
import textwrap
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from tieline.config import control, programs
from tieline.config.programs import ProgramFile

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/control.md").read_text()
CODE = "".join(path.read_text() for path in (ROOT / "src/tieline/scada/control").glob("*.py"))


def keys() -> list[str]:
    models = [
        model
        for module in (control, programs)
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__ == module.__name__
    ]
    return sorted({name for model in models for name in model.model_fields})


@pytest.mark.parametrize("key", keys())
def test_every_key_is_documented(key: str) -> None:
    assert f"`{key}`" in PAGE


@pytest.mark.parametrize("check", sorted(set(re.findall(r'(?:check=|_verdict\(|_judged\()"(\w+)"', CODE))))
def test_every_check_is_documented(check: str) -> None:
    assert f"| `{check}` |" in PAGE


@pytest.mark.parametrize("action", sorted(set(re.findall(r'(?:action=|_record\(person, |_acted\(person, )"(\w+)"', CODE))))
def test_every_action_of_the_audit_is_documented(action: str) -> None:
    assert f"`{action}`" in PAGE[PAGE.index("## The audit") :]


def test_the_program_that_it_shows_is_right() -> None:
    (example,) = re.findall(r"\n\n((?:    .*\n|\n)+)", PAGE[PAGE.index("## Switching programs") :])[:1]
    assert ProgramFile.model_validate(tomllib.loads(textwrap.dedent(example))).steps[0].value == 0
