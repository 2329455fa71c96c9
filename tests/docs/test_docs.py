"""What is public is documented, and what the documents link to is there."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel
from typer.main import get_command

from tieline.cli.app import app
from tieline.config import (
    automation,
    automation_rules,
    detection,
    diagram,
    dnp3,
    dnp3_points,
    function_base,
    gate,
    local,
    maintenance,
    modbus,
    outstation,
    processing,
    processing_steps,
    processing_tables,
    remote,
    rows,
    site,
    spool,
    transports,
    utility,
)
from tieline.config.iec61850 import goose, section
from tieline.config.iec61850.rows import Iec61850Listed
from tieline.config.network import catalog as network_catalog
from tieline.config.network import rows as network_rows
from tieline.config.network import sections as network_sections

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


FOLDER = (
    dnp3,
    dnp3_points,
    goose,
    local,
    maintenance,
    modbus,
    outstation,
    remote,
    rows,
    section,
    site,
    spool,
    transports,
    utility,
)
OF_PAGES: dict[str, tuple[ModuleType, ...]] = {
    "automation": (automation, automation_rules, function_base, gate),
    "detection": (detection,),
    "network": (network_catalog, network_rows, network_sections),
    "single-line": (diagram,),
    "processing": (processing, processing_steps, processing_tables),
    "utility-folder": FOLDER,
}
"""The modules whose keys are on a page of the reference; `grid/`, calculations and the functions of automation have tests of their own."""


def keys() -> list[tuple[str, str]]:
    """Every key and column of a utility folder, with its page."""
    found = {("utility-folder", str(field.validation_alias or name)) for name, field in Iec61850Listed.model_fields.items()}
    for page, modules in OF_PAGES.items():
        for module in modules:
            for model in vars(module).values():
                if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__ == module.__name__:
                    found |= {
                        (page, str(field.validation_alias or field.alias or name)) for name, field in model.model_fields.items()
                    }
    return sorted(found)


@pytest.mark.parametrize(("page", "key"), keys())
def test_every_key_of_the_utility_folder_is_documented(page: str, key: str) -> None:
    text = (ROOT / f"docs/reference/{page}.md").read_text()
    assert f"`{key}`" in text or f"[{key}]" in text


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
