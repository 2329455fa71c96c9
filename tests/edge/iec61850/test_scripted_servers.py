"""A server that associates as libiec61850 does, and then answers as a script says: nonsense in the right envelope."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from open61850 import ber
from open61850.mms import pdu

from tests.edge.iec61850.station import LD, driving, settings
from tests.edge.iec61850.test_hostile_servers import Handler, pretending
from tests.protocols.iec61850.mms.test_mms_session import ACCEPTED, CONFIRM, packet
from tieline.edge.iec61850.client import Association, associate
from tieline.model import RemoteError, UnavailableError
from tieline.protocols.iec61850.mms.names import Name
from tieline.protocols.iec61850.mms.session import Informed
from tieline.protocols.iec61850.mms.types import Simple

Script = Callable[[int, int], bytes]
"""From the number of a request and its service to the answer's service and content."""

NAME = Name(LD, "LLN0$ST$Mod")


async def _packet(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(4)
    return await reader.readexactly(int.from_bytes(head[2:], "big") - 4)


def scripted(script: Script, after: bytes = b"") -> Handler:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _packet(reader)
        writer.write(CONFIRM)
        await _packet(reader)
        writer.write(packet(ACCEPTED) + after)
        while True:
            request = ber.decode_tlv(pdu.unwrap((await _packet(reader))[3:]))
            number, service = list(ber.iter_tlvs(request.value))[:2]
            invoke = ber.decode_unsigned(number.value)
            content = ber.encode_tlv(0x02, ber.encode_unsigned(invoke)) + script(invoke, service.tag & 0x1F)
            writer.write(packet(pdu.wrap(ber.encode_tlv(0xA1, content))))

    return serve


@contextlib.asynccontextmanager
async def client_of(
    script: Script, on_informed: Callable[[Informed], None] = lambda _: None, after: bytes = b""
) -> AsyncIterator[tuple[Association, list[str]]]:
    ends: list[str] = []
    async with pretending(scripted(script, after)) as port:
        client = await associate("127.0.0.1", port, timeout_s=2.0, on_informed=on_informed, on_closed=ends.append)
        try:
            yield client, ends
        finally:
            client.close()
            await client.wait_closed()


async def test_an_answer_of_another_service_is_an_error() -> None:
    async with client_of(lambda *_: b"\xa5\x02\x81\x00") as (client, _):
        with pytest.raises(RemoteError, match="answered service 4 with 5"):
            await client.read([NAME])


async def test_more_values_than_were_asked_for_are_an_error() -> None:
    async with client_of(lambda *_: b"\xa4\x08\xa1\x06\x83\x01\x00\x83\x01\x00") as (client, _):
        with pytest.raises(RemoteError, match="2 values came"):
            await client.read([NAME])


async def test_more_outcomes_than_were_asked_for_are_an_error() -> None:
    async with client_of(lambda *_: b"\xa5\x04\x81\x00\x81\x00") as (client, _):
        with pytest.raises(RemoteError, match="makes no sense"):
            await client.write(NAME, value=True, mms_type=Simple("boolean"))


async def test_names_without_an_end_are_an_error_and_a_page_that_repeats_is_the_last() -> None:
    def endless(number: int, _: int) -> bytes:
        names = b"".join(ber.encode_tlv(0x1A, f"N{number}x{each}".encode()) for each in range(2000))
        return ber.encode_tlv(0xA1, ber.encode_tlv(0xA0, names) + b"\x81\x01\xff")

    async with client_of(endless) as (client, _):
        with pytest.raises(RemoteError, match="more names"):
            await client.names(0, LD)
    async with client_of(lambda *_: b"\xa1\x0a\xa0\x05\x1a\x03ABC\x81\x01\xff") as (client, _):
        assert await client.names(0, LD) == ["ABC", "ABC"]


async def test_an_error_of_ours_ends_the_association_and_nothing_else() -> None:
    report = packet(pdu.wrap(ber.encode_tlv(0xA3, ber.encode_tlv(0xA0, b"\xa1\x05\x80\x03RPT\xa0\x03\x83\x01\x00"))))

    def fails(_: Informed) -> None:
        raise KeyError("a mistake")

    ends: list[str] = []
    async with pretending(scripted(lambda *_: b"\x82\x00", report)) as port:
        with contextlib.suppress(UnavailableError):
            client = await associate("127.0.0.1", port, timeout_s=2.0, on_informed=fails, on_closed=ends.append)
            with pytest.raises(UnavailableError):
                await client.ask_alive()
            await client.wait_closed()
    assert any("error of ours" in end for end in ends)


async def test_octets_that_never_become_a_message_are_no_sign_of_life() -> None:
    async with client_of(lambda *_: b"\x82\x00") as (client, ends):
        since = client.silent_since
        for _ in range(3):
            client.received(b"\x03\x00\x00\x07\x02\xf0\x00")
        client.received(b"\x03")
        assert client.silent_since == since
        client.received(b"\x00\x00\x07\x02\xf0\x00")
        await client.ask_alive()
        assert client.silent_since > since
        assert ends == []


async def test_an_association_that_is_refused_by_ending_it_is_unavailable() -> None:
    async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _packet(reader)
        writer.write(CONFIRM)
        await _packet(reader)

    async with pretending(hangs_up) as port:
        with pytest.raises(UnavailableError, match="broke"):
            await associate("127.0.0.1", port, timeout_s=2.0, on_informed=lambda _: None, on_closed=lambda _: None)


async def test_a_driver_goes_on_with_a_server_whose_every_answer_is_nonsense() -> None:
    handler = scripted(lambda number, service: bytes([0xA0 | service, 3, 0x80, 1, number & 0xFF]))
    async with pretending(handler) as port, driving(settings(port, timeout_s=0.3)) as seen:
        await seen.up()
        await seen.until(lambda: len(seen.texts("points_missing")) > 5)
        assert all("error of ours" not in event.text for event in seen.events)
