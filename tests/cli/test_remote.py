"""Remote access in the terminal: what a recording shows, and what is wrong said at once, without a center."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.security.remote.test_recording import recording
from tieline.cli.center_api import CenterApi
from tieline.cli.remote import ask
from tieline.cli.remote_connect import run
from tieline.cli.remote_show import show_file
from tieline.model import ConfigError


def test_a_recording_is_shown_in_text_and_hexadecimal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "r-1.pcapng"
    file.write_bytes(recording([("up", b"GET / HTTP/1.0\r\n"), ("down", bytes(range(20)))]))
    show_file(file)
    shown = capsys.readouterr().out
    assert shown.startswith("ines to north/relay-1/web (10.1.0.7:443) from 192.0.2.9: new firmware\n")
    assert "--> 16 bytes\n    000000  47 45 54 20 2f 20 48 54 54 50 2f 31 2e 30 0d 0a  GET / HTTP/1.0..\n" in shown
    assert "<-- 20 bytes\n" in shown
    assert "    000010  10 11 12 13" in shown
    assert "--> sends no more" in shown
    assert "<-- ended: both sides have closed\n" in shown
    assert re.search("SHA-256 [0-9a-f]{64}; compare it with the record remote_close in the audit\n$", shown)
    assert "has no end" not in shown


def test_a_recording_without_an_end_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "r-1.pcapng"
    file.write_bytes(recording([("up", b"x")], has_end=False)[:-3])
    show_file(file)
    assert "the recording has no end: the center stopped while the session ran" in capsys.readouterr().out


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("a shopping list")
    with pytest.raises(ConfigError, match="no recording of remote access"):
        show_file(file)


@pytest.mark.parametrize("target", ["", "north", "north/relay-1", "north/relay-1/web/more"])
def test_a_target_names_site_device_and_service(target: str) -> None:
    with CenterApi("http://127.0.0.1:9") as api, pytest.raises(ConfigError, match="write SITE/DEVICE/SERVICE"):
        ask(api, target, "why", 5, "")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"listen": "nowhere"}, "--listen 'nowhere' is no address"),
        ({"listen": "127.0.0.1:99999"}, "is no address"),
        ({"dmz": "dmz.example"}, "--dmz 'dmz.example' is no address"),
        ({"authority": Path("/nowhere")}, "the authority /nowhere cannot be used"),
    ],
)
def test_what_is_wrong_with_a_tunnel_is_said_before_anybody_is_asked(wrong: dict[str, object], words: str) -> None:
    right: dict[str, object] = {"dmz": "", "authority": None, "listen": "127.0.0.1:0", "code": "000000"}
    with CenterApi("http://127.0.0.1:9") as api, pytest.raises(ConfigError, match=words):
        run(api, "g-1", **right | wrong)  # type: ignore[arg-type]


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="is no address of a center"):
        CenterApi("https://[::1")
