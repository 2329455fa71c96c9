"""The check of licenses: what is not on the list is named and fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECK = Path(__file__).parents[2] / ".ci" / "check-licenses"


def check(folder: Path, *components: dict[str, object]) -> subprocess.CompletedProcess[str]:
    file = folder / "sbom.json"
    file.write_text(json.dumps({"components": [{"name": "part", "version": "1", **component} for component in components]}))
    return subprocess.run([sys.executable, CHECK, file], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("licenses", "is_allowed"),
    [
        ([{"license": {"id": "MIT"}}], True),
        ([{"expression": "GPL-3.0-only OR Apache-2.0"}], True),
        ([{"expression": "BSD-3-Clause AND MIT"}], True),
        ([{"license": {"name": "License :: OSI Approved :: BSD License"}}], True),
        ([{"license": {"id": "GPL-3.0-only"}}], False),
        ([{"expression": "GPL-3.0-only AND Apache-2.0"}], False),
        ([{"license": {"id": "MIT"}}, {"license": {"id": "AGPL-3.0-only"}}], False),
        ([{"license": {"name": "License :: Other/Proprietary License"}}], False),
        ([], False),
    ],
)
def test_a_license_is_allowed_or_the_package_is_named(
    tmp_path: Path, licenses: list[dict[str, object]], is_allowed: bool
) -> None:
    done = check(tmp_path, {"licenses": licenses})
    assert done.returncode == (0 if is_allowed else 1), done
    assert ("part 1:" in done.stdout) is not is_allowed


def test_an_empty_bill_of_materials_is_no_good_one(tmp_path: Path) -> None:
    assert check(tmp_path).returncode == 1
