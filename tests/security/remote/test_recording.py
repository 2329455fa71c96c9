"""Recordings: read as written, found out where they were altered, and opened by other tools."""

from __future__ import annotations

import hashlib
import io
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.security.remote.world import NOON_US
from tieline.model import RemoteError
from tieline.security.remote.recording import DEVICE, Packets, Reader, Way
from tieline.security.remote.records import Session

SESSION = Session(
    id="r-1",
    grant="g-1",
    person="ines",
    reason="new firmware",
    site="north",
    device="relay-1",
    service="web",
    port=443,
    address="192.0.2.9",
    opened_us=NOON_US,
    end_us=NOON_US + 60_000_000,
)


def recording(parts: list[tuple[Way, bytes]], *, host: str = "10.1.0.7", has_end: bool = True) -> bytes:
    packets = Packets(SESSION, host)
    content = packets.begin(NOON_US)
    for number, (way, part) in enumerate(parts, start=1):
        content += packets.data(way, part, NOON_US + number)
    if has_end:
        content += packets.finish("up", NOON_US + 100) + packets.end("both sides have closed", NOON_US + 101)
    return content


@given(st.lists(st.tuples(st.sampled_from(["up", "down"]), st.binary(min_size=1, max_size=50)), max_size=20))
def test_a_recording_holds_exactly_the_bytes_with_their_ways_and_times(parts: list[tuple[Way, bytes]]) -> None:
    raw = recording(parts)
    reader = Reader(io.BytesIO(raw))
    packets = list(reader)
    assert [(each.way, each.content) for each in packets if each.content] == parts
    assert [each.time_us for each in packets if each.content] == [NOON_US + number for number in range(1, len(parts) + 1)]
    assert (packets[-1].words, packets[-2].is_end_of_way, packets[-2].way) == ("both sides have closed", True, "up")
    assert reader.is_whole
    assert reader.sha256 == hashlib.sha256(raw).hexdigest()
    assert (reader.about["person"], reader.about["target"], reader.about["reason"]) == (
        "ines",
        "north/relay-1/web",
        "new firmware",
    )


def test_a_recording_that_is_cut_off_anywhere_is_not_whole() -> None:
    raw = recording([("up", b"hello"), ("down", b"world")])
    head = Reader(io.BytesIO(raw)).whole_bytes
    for length in range(head, len(raw)):
        reader = Reader(io.BytesIO(raw[:length]))
        list(reader)
        assert not reader.is_whole
        assert reader.whole_bytes <= length
        again = Reader(io.BytesIO(raw[: reader.whole_bytes]))
        list(again)
        assert again.whole_bytes == reader.whole_bytes


def test_what_follows_the_end_is_not_believed() -> None:
    raw = recording([("up", b"hello")])
    reader = Reader(io.BytesIO(raw + b"\0\0"))
    list(reader)
    assert not reader.is_whole


@given(st.binary(max_size=300))
def test_whatever_is_read_is_a_recording_or_an_error(raw: bytes) -> None:
    for content in (raw, recording([("up", b"x")])[:160] + raw):
        try:
            list(Reader(io.BytesIO(content)))
        except RemoteError:
            continue


def test_a_device_without_an_address_of_four_bytes_gets_one() -> None:
    for host in ("relay-1.example", "2001:db8::7"):
        raw = recording([("down", b"x")], host=host)
        packets = [each for each in Reader(io.BytesIO(raw)) if each.content]
        assert [(each.way, each.content) for each in packets] == [("down", b"x")]
        assert bytes(map(int, DEVICE.split("."))) in raw


def checksum_is_right(content: bytes) -> bool:
    content += b"\0" * (len(content) % 2)
    total = sum(struct.unpack(f">{len(content) // 2}H", content))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


def test_the_packets_have_the_checksums_and_numbers_of_a_tcp_connection() -> None:
    raw = recording([("up", b"odd"), ("down", b"even"), ("up", b"more")])
    place, following = 0, {}
    seen = 0
    while place < len(raw):
        kind, length = struct.unpack_from("<II", raw, place)
        if kind == 6:
            size = struct.unpack_from("<I", raw, place + 20)[0]
            packet = raw[place + 28 : place + 28 + size]
            assert checksum_is_right(packet[:20])
            assert checksum_is_right(packet[12:20] + struct.pack(">BBH", 0, 6, size - 20) + packet[20:])
            source, number, flags = packet[20:22], struct.unpack_from(">I", packet, 24)[0], packet[33]
            assert following.get(source, number) == number
            following[source] = (number + size - 40 + bool(flags & 3)) & 0xFFFFFFFF
            seen += 1
        place += length
    assert seen == 8


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_wireshark_follows_the_stream(tmp_path: Path) -> None:
    file = tmp_path / "r-1.pcapng"
    file.write_bytes(recording([("up", b"GET / HTTP/1.0\r\n\r\n"), ("down", b"HTTP/1.0 204 No Content\r\n\r\n")]))
    answer = subprocess.run(["tshark", "-r", file, "-q", "-z", "follow,tcp,raw,0"], capture_output=True, text=True, check=True)
    assert b"GET / HTTP/1.0\r\n\r\n".hex() in answer.stdout
    assert b"HTTP/1.0 204 No Content\r\n\r\n".hex() in answer.stdout
