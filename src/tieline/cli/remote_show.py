"""`tieline remote show`: what passed in a session, in text and hexadecimal, from its recording."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from tieline.cli.center_api import CenterApi
from tieline.cli.remote import say
from tieline.model import ConfigError, RemoteError, UnavailableError
from tieline.security.remote.recording import Reader, Recorded

LINE = 16
ARROWS = {"up": "-->", "down": "<--"}


def show_session(api: CenterApi, session: str, output: Path | None) -> None:
    """Prints, or writes, the recording of a session of the center. Raises `TielineError`."""
    found = next((each for each in api.get("remote")["sessions"] if each["id"] == session), None)
    content = api.read(f"remote/sessions/{session}/recording")
    if output is not None:
        try:
            output.write_bytes(content)
        except OSError as error:
            raise UnavailableError(f"{output} cannot be written: {(error.strerror or str(error)).lower()}") from error
        say(f"{len(content)} bytes written to {output}")
    sha256 = _print(io.BytesIO(content), is_quiet=output is not None)
    if found is not None and found["sha256"] != sha256:
        raise RemoteError(f"the recording is not what was recorded: its SHA-256 is {sha256}, the record says {found['sha256']}")
    say(f"SHA-256 {sha256}" + (" as recorded" if found is not None else ""))


def show_file(path: Path) -> None:
    """Prints a recording. Raises `TielineError` where it is none."""
    try:
        with path.open("rb") as file:
            sha256 = _print(file)
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    say(f"SHA-256 {sha256}; compare it with the record remote_close in the audit")


def _print(file: BinaryIO, *, is_quiet: bool = False) -> str:
    try:
        reader = Reader(file)
    except RemoteError as error:
        raise ConfigError(str(error)) from error
    about = reader.about
    if not is_quiet:
        say(
            f"{about['person']} to {about['target']} ({about['host']}:{about['port']}) from {about['address']}: {about['reason']}"
        )
    for packet in reader:
        if not is_quiet:
            for line in lines_of(packet):
                say(line)
    if not reader.is_whole:
        say("the recording has no end: the center stopped while the session ran")
    return reader.sha256


def lines_of(packet: Recorded) -> Iterator[str]:
    """A packet for people: its time, its way, its bytes."""
    at = datetime.fromtimestamp(packet.time_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    head = f"{at}.{packet.time_us % 1_000_000:06d}Z {ARROWS[packet.way]}"
    if packet.words:
        yield f"{head} ended: {packet.words}"
    elif packet.is_end_of_way:
        yield f"{head} sends no more"
    elif packet.content:
        yield f"{head} {len(packet.content)} bytes"
        for begin in range(0, len(packet.content), LINE):
            part = packet.content[begin : begin + LINE]
            text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
            yield f"    {begin:06x}  {part.hex(' '):<{LINE * 3}} {text}"
