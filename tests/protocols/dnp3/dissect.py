"""Wireshark's opinion of what we send: frames as datagrams in a capture file, dissected by tshark.

    frames = frames_of(fragment, is_from_master=False)
    assert_clean(frames)

`needs_tshark` marks tests that are skipped where tshark is not installed.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from tieline.protocols.dnp3.frame import PrimaryFunction, encode_frame, primary_control
from tieline.protocols.dnp3.transport import segment

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

MASTER, OUTSTATION = 1, 10
PORT = 20_000
WARNING = 0x600000
_RAW_IPV4 = 228


def frames_of(fragment: bytes, *, is_from_master: bool, sequence: int = 0) -> list[bytes]:
    """The link frames of a fragment, sent without confirmation."""
    control = primary_control(PrimaryFunction.UNCONFIRMED_USER_DATA, is_from_master=is_from_master)
    destination, source = (OUTSTATION, MASTER) if is_from_master else (MASTER, OUTSTATION)
    segments, _ = segment(fragment, sequence)
    return [encode_frame(control, destination, source, payload) for payload in segments]


def write_capture(file: Path, frames: Iterable[bytes]) -> None:
    """Writes a capture with each frame as a datagram; what has the DIR bit goes to the port of DNP3, the rest comes from there."""
    octets = bytearray(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, _RAW_IPV4))
    for number, frame in enumerate(frames):
        is_from_master = bool(frame[3] & 0x80)
        hosts, ports = (
            (b"\x0a\0\0\1\x0a\0\0\2", (PORT + 1, PORT)) if is_from_master else (b"\x0a\0\0\2\x0a\0\0\1", (PORT, PORT + 1))
        )
        datagram = struct.pack(">HHHH", *ports, 8 + len(frame), 0) + frame
        packet = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(datagram), number & 0xFFFF, 0, 64, 17, 0) + hosts + datagram
        octets += struct.pack("<IIII", number, 0, len(packet), len(packet)) + packet
    file.write_bytes(octets)


def dissect(frames: Sequence[bytes], *fields: str) -> list[list[str]]:
    """The named fields of each frame, as tshark prints them: what a frame has several times is joined by commas."""
    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder) / "frames.pcap"
        write_capture(capture, frames)
        command = ["tshark", "-n", "-r", str(capture), "-T", "fields"]
        for field in fields:
            command += ["-e", field]
        done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def assert_clean(frames: Sequence[bytes], *, allowed: Iterable[str] = ("IIN Abnormality",)) -> None:
    """Fails unless tshark takes every frame for DNP3, none for malformed, and has no warning or error to say but what is allowed.

    Internal indications such as a restart are a warning to it; they are what an outstation has to say.
    """
    rows = dissect(frames, "dnp3.ctl", "_ws.malformed", "_ws.expert.severity", "_ws.expert.message")
    assert len(rows) == len(frames)
    for number, ((control, malformed, severities, messages), frame) in enumerate(zip(rows, frames, strict=True)):
        assert control, f"frame {number} is no DNP3 to tshark: {frame.hex()}"
        assert not malformed, f"frame {number} is malformed: {frame.hex()}"
        said = zip(severities.split(","), messages.split(","), strict=False) if severities else ()
        for severity, message in said:
            is_grave = int(severity, 0) >= WARNING and message not in allowed
            assert not is_grave, f"frame {number}: {messages}: {frame.hex()}"
