from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from tieline.config.grid import Equipment
from tieline.config.quantities import MEASURED, OPERATED
from tieline.simulator import scenario

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "simulator.md"


def kinds_of(base: type[Equipment]) -> list[type[Equipment]]:
    return [kind for child in base.__subclasses__() for kind in ([child] if hasattr(child, "kind") else kinds_of(child))]


@pytest.fixture(scope="module")
def text() -> str:
    return REFERENCE.read_text()


def test_every_quantity_and_every_unit_is_in_the_reference(text: str) -> None:
    for quantity in (*MEASURED.values(), *OPERATED.values()):
        lines = [line for line in text.splitlines() if line.startswith(f"| `{quantity.name}` |") and quantity.meaning in line]
        assert lines, quantity.name
        assert all(unit in lines[0] for unit in quantity.units if unit not in {"", "1"})


def test_every_column_of_the_electrical_model_is_in_the_reference(text: str) -> None:
    assert len(kinds_of(Equipment)) == 9
    for kind in kinds_of(Equipment):
        for name, field in kind.model_fields.items():
            if name not in {"name", "description"}:
                assert f"| `{name}` |" in text, (kind, name)
                assert field.description, (kind, name)
                assert field.description in text


def test_every_key_of_a_scenario_is_in_the_reference(text: str) -> None:
    models = [
        model
        for model in vars(scenario).values()
        if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__ == scenario.__name__
    ]
    assert len(models) > 6
    for model in models:
        for name in model.model_fields:
            assert name in text, (model, name)
