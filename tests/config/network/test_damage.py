"""However the files of a network are damaged, mistakes are findings and never exceptions."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.config.network.folders import watched_folder
from tieline.config import inspect_folder

WORDS = [
    "",
    "sw-1",
    "sw-1/9",
    "11",
    "4095",
    "-1",
    "1e9",
    "nan",
    "fiber",
    "radio",
    "prp",
    "10.1.0.1",
    "10.1.0.0/33",
    "::1",
    "1-99999",
    '"',
    "é",
]
FILES = ("network.toml", "nodes.csv", "ports.csv", "links.csv", "acls.csv", "supplies.csv")


def damage(text: str, chance: random.Random) -> str:
    """A cell or a value replaced, a line lost, doubled or cut."""
    lines = text.splitlines()
    for _ in range(chance.randint(1, 3)):
        number = chance.randrange(len(lines))
        mark = "," if "," in lines[number] else " "
        cells = lines[number].split(mark)
        match chance.randrange(5):
            case 0:
                lines.insert(number, lines[number])
            case 1 if len(lines) > 1:
                del lines[number]
            case 2:
                lines[number] = lines[number][: chance.randrange(len(lines[number]) + 1)]
            case _:
                cells[chance.randrange(len(cells))] = chance.choice(WORDS)
                lines[number] = mark.join(cells)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", range(8))
def test_damage_is_reported_and_raises_nothing(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    whole = watched_folder(tmp_path / "whole")
    found = 0
    for _ in range(25):
        folder = tmp_path / "damaged"
        shutil.copytree(whole, folder)
        for name in chance.sample(FILES, chance.randint(1, 3)):
            path = folder / "network" / name
            path.write_text(damage(path.read_text(), chance))
        utility, findings = inspect_folder(folder)
        assert (utility is None) == bool(findings)
        found += bool(findings)
        shutil.rmtree(folder)
    assert found > 10
