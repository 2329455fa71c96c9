"""Keys of agents in the network are made at random, kept for their owner alone, and shown only to who asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.config.network.folders import watched_folder
from tieline.cli.app import app
from tieline.model import ConfigError, UnavailableError
from tieline.security.network_keys import SnmpKeys, key_files, make_keys, read_keys


def test_missing_keys_are_made_for_their_owner_alone_and_others_are_left(tmp_path: Path) -> None:
    made = list(make_keys(tmp_path, ["ng-acc", "ng-fw"]))
    assert made == [*key_files(tmp_path, "ng-acc"), *key_files(tmp_path, "ng-fw")]
    for file in made:
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o777 == 0o700
        assert len(file.read_text().strip()) >= 24
        assert file.read_text().strip().isalnum()
    assert len({file.read_text() for file in made}) == 4
    before = read_keys(tmp_path, "ng-acc")
    made[1].unlink()
    assert list(make_keys(tmp_path, ["ng-acc", "ng-fw"])) == [made[1]]
    after = read_keys(tmp_path, "ng-acc")
    assert (after.auth, after.priv == before.priv) == (before.auth, False)


def test_keys_do_not_stand_in_what_is_logged_of_them() -> None:
    assert "secret" not in repr(SnmpKeys("secret-1", "secret-2"))


@pytest.mark.parametrize(
    ("content", "mode", "problem"),
    [
        (None, 0o600, "is missing"),
        ("short\n", 0o600, "less than 8 characters"),
        ("long-enough\n", 0o640, "can be used by others than its owner"),
    ],
)
def test_a_key_that_cannot_be_used_is_named_with_what_to_do(tmp_path: Path, content: str | None, mode: int, problem: str) -> None:
    list(make_keys(tmp_path, ["ng-acc"]))
    file = key_files(tmp_path, "ng-acc")[1]
    file.unlink()
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
    with pytest.raises(ConfigError, match=problem) as raised:
        read_keys(tmp_path, "ng-acc")
    assert str(file) in str(raised.value)
    assert content is None or content.strip() not in str(raised.value)
    assert content is not None or f"tieline network keys FOLDER --data {tmp_path} --node ng-acc" in str(raised.value)


def test_a_disk_that_takes_no_keys_is_an_error_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("in the way")
    with pytest.raises(UnavailableError, match="cannot write keys to"):
        list(make_keys(tmp_path, ["ng-acc"]))


def test_the_command_makes_missing_keys_and_shows_them_only_where_asked(tmp_path: Path) -> None:
    folder, data = watched_folder(tmp_path / "utility"), tmp_path / "data"
    first = CliRunner().invoke(app, ["network", "keys", str(folder), "--data", str(data), "--node", "sw-1"])
    assert first.exit_code == 0, first.output
    keys = read_keys(data, "sw-1")
    assert str(data / "secrets/network/sw-1/snmp-auth") in first.output.replace("\n", "")
    assert "2 keys made, 0 were there" in first.output
    again = CliRunner().invoke(app, ["network", "keys", str(folder), "--data", str(data)])
    assert "4 keys made, 2 were there" in again.output
    assert not any(key in first.output + again.output for key in (keys.auth, keys.priv))
    shown = CliRunner().invoke(app, ["network", "keys", str(folder), "--data", str(data), "--node", "sw-1", "--show"])
    assert f"sw-1 snmp-auth {keys.auth}\nsw-1 snmp-priv {keys.priv}\n" in shown.output
    assert "0 keys made, 2 were there" in shown.output


def test_the_command_says_what_is_not_watched(tmp_path: Path) -> None:
    folder = watched_folder(tmp_path / "utility")
    unknown = CliRunner().invoke(app, ["network", "keys", str(folder), "--data", str(tmp_path), "--node", "cam-1"])
    assert isinstance(unknown.exception, ConfigError)
    top = folder / "network" / "network.toml"
    top.write_text(top.read_text().partition("\n[watch]")[0])
    nothing = CliRunner().invoke(app, ["network", "keys", str(folder), "--data", str(tmp_path)])
    assert "write [watch] into network/network.toml" in str(nothing.exception)
