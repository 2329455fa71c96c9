"""What is public is documented, and what the documents link to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.main import get_command

from tieline.cli.app import app
from tieline.config import dnp3, dnp3_points, modbus, outstation, rows, site, transports, utility
from tieline.config.iec61850 import goose, section
from tieline.config.iec61850 import rows as ied_rows

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def keys() -> list[str]:
    """Every key and column of a utility folder (those of `grid/` have their own page)."""
    models = [
        model
        for module in (dnp3, dnp3_points, goose, modbus, outstation, rows, section, site, transports, utility)
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__ == module.__name__
    ]
    models.append(ied_rows.Iec61850Listed)
    return sorted({str(field.validation_alias or name) for model in models for name, field in model.model_fields.items()})


@pytest.mark.parametrize("key", keys())
def test_every_key_of_the_utility_folder_is_documented(key: str) -> None:
    page = (ROOT / "docs/reference/utility-folder.md").read_text()
    assert f"`{key}`" in page or f"[{key}]" in page


def test_every_command_and_option_is_documented() -> None:
    page = (ROOT / "docs/reference/commands.md").read_text()
    commands = get_command(app).commands  # type: ignore[attr-defined]
    for name, command in commands.items():
        assert f"tieline {name}" in page
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--") and not getattr(parameter, "hidden", False) and option != "--help":
                    assert option in page, f"{option} of {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_package_is_named_in_the_architecture() -> None:
    page = (ROOT / "docs/explanation/architecture.md").read_text()
    packages = {path.parent.name for path in (ROOT / "src/tieline").glob("*/__init__.py")}
    missing = {name for name in packages if f"`{name}" not in page}
    assert not missing
