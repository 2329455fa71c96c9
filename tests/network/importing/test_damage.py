"""However an export of NetBox is damaged, it is read as far as it can be, or refused in words."""

from __future__ import annotations

import copy
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.config.network.folders import network_folder
from tieline.config import read_folder
from tieline.model import ConfigError
from tieline.network.importing import import_netbox, read_export

DATA = Path(__file__).parents[2] / "data/netbox/api"
LISTS = ("devices", "interfaces", "cables", "vlans", "prefixes", "ip-addresses")
VALUES: list[Any] = [None, [], {}, "", 7, "x", [None], {"name": None}, -1, 1.5, True]


def damage(part: Any, chance: random.Random) -> None:
    """Replaces a value somewhere within."""
    keys = list(part) if isinstance(part, dict) else list(range(len(part)))
    key = chance.choice(keys)
    if isinstance(part[key], dict | list) and part[key] and chance.random() < 0.85:
        damage(part[key], chance)
    else:
        part[key] = chance.choice(VALUES)


@pytest.mark.parametrize("seed", range(4))
def test_damage_is_refused_in_words_or_read(tmp_path: Path, seed: int) -> None:
    folder = network_folder(tmp_path / "utility")
    shutil.rmtree(folder / "network")
    utility = read_folder(folder)
    whole = {name: json.loads((DATA / f"{name}.json").read_text())["results"] for name in LISTS}
    chance = random.Random(seed)
    file = tmp_path / "netbox.json"
    read = 0
    for _ in range(150):
        damaged = copy.deepcopy(whole)
        for _ in range(chance.randint(1, 4)):
            damage(damaged, chance)
        file.write_text(json.dumps(damaged))
        try:
            imported = import_netbox(read_export(file), utility)
        except ConfigError:
            continue
        assert imported.files("a test")
        read += 1
    assert read > 50
