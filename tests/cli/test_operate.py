"""The commands that ask a center: what they refuse before anything is sent, and what they print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tieline.cli.alarms import lines
from tieline.cli.app import app
from tieline.cli.center_api import CenterApi
from tieline.cli.run import free_port
from tieline.model import ConfigError, UnavailableError


def asked(*arguments: str) -> BaseException | None:
    return CliRunner().invoke(app, arguments).exception


def test_a_token_is_never_sent_unencrypted_to_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tmp_path / "token"
    token.write_text("tl_secret\n")
    with pytest.raises(ConfigError, match=r"encrypted only; write https://center\.example:8400"):
        CenterApi("http://center.example:8400", token_file=token)
    monkeypatch.setenv("TIELINE_TOKEN", "tl_secret")
    with pytest.raises(ConfigError, match="encrypted only"):
        CenterApi("http://center.example:8400")
    for url in ("http://127.0.0.1:8400", "http://[::1]:8400", "https://center.example"):
        with CenterApi(url):
            pass


@pytest.mark.parametrize(("content", "words"), [(None, "cannot be read"), ("", "is empty"), ("ü", "cannot be read")])
def test_a_token_file_without_a_token_is_refused(tmp_path: Path, content: str | None, words: str) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content)
    with pytest.raises(ConfigError, match=words):
        CenterApi("http://127.0.0.1:8400", token_file=token)


@pytest.mark.parametrize("url", ["127.0.0.1:8400", "ftp://center", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="is no address of a center"):
        CenterApi(url)


@pytest.mark.parametrize("command", [("watch",), ("alarms",), ("operate", "a/b/c", "open")])
def test_a_center_that_is_away_is_said(command: tuple[str, ...]) -> None:
    error = asked(*command, "--url", f"http://127.0.0.1:{free_port()}")
    assert isinstance(error, UnavailableError)
    assert "cannot be reached" in str(error)


def test_a_value_that_is_none_is_refused_before_anything_is_asked() -> None:
    error = asked("operate", "a/b/c", "ajar", "--url", f"http://127.0.0.1:{free_port()}")
    assert isinstance(error, ConfigError)
    assert "write a number, or open, close, off, on" in str(error)


def test_a_priority_is_a_shape_and_a_number_in_the_terminal_too() -> None:
    alarm: dict[str, Any] = {
        "priority": 1,
        "state": "unacknowledged",
        "raised": "2026-11-23T11:48:18.435479Z",
        "id": "north/a",
        "value": 21.25,
        "unit": "kV",
        "text": "voltage high",
        "reason": "",
    }
    shelved = alarm | {"priority": 4, "state": "shelved", "value": None, "reason": "test"}
    assert lines([alarm, shelved]) == [
        "■1  UNACKNOWLEDGED  2026-11-23 11:48:18.435479Z  north/a  21.25 kV  voltage high",
        "◆4  shelved         2026-11-23 11:48:18.435479Z  north/a            voltage high (test)",
    ]
    assert lines([]) == ["no alarms"]
