"""No secret lies in a utility folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tieline.cli.example import example_folder
from tieline.config import inspect_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(example_folder(), tmp_path / "ridgeway"))


def test_the_example_holds_none(folder: Path) -> None:
    assert inspect_folder(folder)[1] == []


def test_a_private_key_is_found_whatever_its_file_is_called(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "sites" / "northgate" / "notes.txt").write_bytes(b"do not touch\n" + key)
    (finding,) = inspect_folder(folder)[1]
    assert (finding.file, finding.line, finding.problem) == (
        "sites/northgate/notes.txt",
        2,
        "a private key lies in the folder",
    )
    assert key.decode().splitlines()[1] not in str(finding)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("token: tieline_" + "x" * 43, "an API token lies in the folder"),
        ('historian = "postgresql://tieline:hunter2@10.0.0.5/lake"', "an address holds a password"),
    ],
)
def test_a_token_or_a_password_is_found(folder: Path, text: str, problem: str) -> None:
    (folder / "README.md").write_text(f"# Ridgeway\n\n{text}\n")
    (finding,) = inspect_folder(folder)[1]
    assert (finding.file, finding.line, finding.problem) == ("README.md", 3, problem)
    assert "hunter2" not in str(finding)


def test_addresses_without_a_password_are_none(folder: Path) -> None:
    (folder / "README.md").write_text("https://10.0.0.5:8443/a@b and mailto:ada@ridgeway.example, see tieline_data\n")
    assert inspect_folder(folder)[1] == []
