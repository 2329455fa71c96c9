"""The page about automation names every key, and what it shows can be read."""

from __future__ import annotations

import re
import textwrap
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from tieline.config import automation, automation_rules, function_base, gate
from tieline.config.automation import OF_EACH_FUNCTION, OF_THE_SCAN
from tieline.config.automation_rules import RuleSection
from tieline.rules import Program, Type

PAGE = (Path(__file__).parents[2] / "docs/reference/automation.md").read_text()


def keys() -> list[str]:
    models = [
        model
        for module in (automation, automation_rules, function_base, gate)
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__ == module.__name__
    ]
    return sorted({name for model in models for name in model.model_fields})


@pytest.mark.parametrize("key", keys())
def test_every_key_is_documented(key: str) -> None:
    assert f"`{key}`" in PAGE


def test_every_point_of_automation_is_documented() -> None:
    assert all(f"`{shown.name}`" in PAGE for shown in OF_THE_SCAN)
    assert all(f"`<function>_{shown.name}`" in PAGE for shown in OF_EACH_FUNCTION)


def test_the_rule_that_it_shows_is_right() -> None:
    (example,) = re.findall(r"\n\n((?:    .*\n)+)", PAGE[PAGE.index("## Rules") :])
    section = RuleSection.model_validate(tomllib.loads(textwrap.dedent(example))["automation"]["functions"][0])
    assert section.program is not None
    outputs = {"trip": Type.BOOL, "low": Type.BOOL}
    assert Program.parse(section.program, {"u": Type.REAL, "closed": Type.BOOL}, outputs).outputs
