"""The association alone against a server of libiec61850."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.edge.iec61850.station import LD, MEASURED, Line, Peer, line_to, needs_peer, serving
from tieline.edge.driver import UnconfirmedError
from tieline.edge.iec61850.client import Association, associate
from tieline.edge.iec61850.directory import browse
from tieline.model import LocalError, RemoteError, UnavailableError
from tieline.protocols.iec61850.mms.names import Name, name_of
from tieline.protocols.iec61850.mms.types import Array, Simple, find
from tieline.protocols.iec61850.mms.values import AccessError, Bits, Moment

pytestmark = needs_peer
TOTAL = name_of(f"{LD}/MMXU1.TotW", "MX")


@contextlib.asynccontextmanager
async def associated() -> AsyncIterator[tuple[Association, Line, Peer, list[str]]]:
    ends: list[str] = []
    async with serving() as peer, line_to(peer.port) as line:
        client = await associate("127.0.0.1", line.port, timeout_s=1.0, on_informed=lambda _: None, on_closed=ends.append)
        try:
            yield client, line, peer, ends
        finally:
            client.close()
            await client.wait_closed()


async def test_a_server_is_browsed() -> None:
    async with associated() as (client, _, _, _):
        (device,) = await browse(client)
        assert device.domain == LD
        assert {"LLN0$Measured", "LLN0$States", "LLN0$Wide"} == set(device.data_sets)
        assert {"LLN0$BR$brStates01", "LLN0$RP$urMeasured02"} <= set(device.report_blocks)
        assert "MMXU1$MX$TotW$mag$f" in device.variables


async def test_types_values_and_data_sets_are_read_and_made() -> None:
    async with associated() as (client, _, peer, _):
        assert find(await client.type_of(Name(LD, "MMXU1")), "MX$TotW$mag$f") == Simple("float", 32)
        await peer.ask("update", object=f"{LD}/MMXU1.TotW", value=1.5, quality=2, time_ms=1_000)
        value, missing = await client.read([TOTAL, name_of(f"{LD}/MMXU1.Nope", "MX")])
        assert value == ((1.5,), Bits(1 << 11, 13), Moment(1_000_000, 0x8A))
        assert isinstance(missing, AccessError)
        assert len(await client.data_set(MEASURED)) == 4
        made = Name(LD, "LLN0$Made")
        await client.create_data_set(made, [TOTAL])
        assert await client.data_set(made) == [TOTAL]
        with pytest.raises(RemoteError):
            await client.create_data_set(made, [TOTAL])
        assert await client.delete_data_set(made)
        with pytest.raises(RemoteError, match="no such object"):
            await client.data_set(made)


async def test_more_variables_than_fit_into_one_request_are_read() -> None:
    async with associated() as (client, _, _, _):
        assert await client.read([TOTAL] * 100) == (await client.read([TOTAL])) * 100


async def test_a_write_is_confirmed_or_says_why_not() -> None:
    async with associated() as (client, _, _, _):
        name = name_of(f"{LD}/LLN0.urMeasured01.IntgPd", "RP")
        assert await client.write(name, 1000, Simple("unsigned", 32)) is None
        assert await client.read([name]) == [1000]
        denied = await client.write(name_of(f"{LD}/MMXU1.TotW.mag.f", "MX"), 1.0, Simple("float", 32))
        assert denied is not None
        with pytest.raises(LocalError):
            await client.write(name, 1, Array(1, Simple("unsigned", 32)))


async def test_many_requests_at_once_wait_for_each_other_and_are_all_answered() -> None:
    async with associated() as (client, _, _, _):
        values = await asyncio.gather(*(client.read([TOTAL]) for _ in range(50)))
        assert len(values) == 50


async def test_requests_that_nobody_answers_end_with_their_deadline() -> None:
    async with associated() as (client, line, _, _):
        line.hold()
        outcomes = await asyncio.gather(*(client.read([TOTAL]) for _ in range(12)), return_exceptions=True)
        sent = [each for each in outcomes if isinstance(each, UnconfirmedError)]
        unsent = [each for each in outcomes if isinstance(each, UnavailableError) and not isinstance(each, UnconfirmedError)]
        assert sent
        assert unsent
        assert len(sent) + len(unsent) == 12
        assert client.is_open


async def test_an_association_that_breaks_says_so_and_lets_go_of_who_waits() -> None:
    async with associated() as (client, line, _, ends):
        line.hold()
        waiting = asyncio.create_task(client.read([TOTAL]))
        await asyncio.sleep(0)
        line.cut()
        with pytest.raises(UnconfirmedError, match="broke"):
            await waiting
        assert len(ends) == 1
        assert not client.is_open
        with pytest.raises(UnavailableError, match="no association"):
            await client.read([TOTAL])


async def test_closing_lets_go_of_who_waits_and_says_nothing() -> None:
    async with associated() as (client, line, _, ends):
        line.hold()
        waiting = asyncio.create_task(client.read([TOTAL]))
        await asyncio.sleep(0)
        client.close()
        client.close()
        with pytest.raises(UnconfirmedError, match="closed"):
            await waiting
        assert ends == []


async def test_whoever_says_no_is_alive() -> None:
    async with associated() as (client, line, _, _):
        await client.ask_alive()
        line.hold()
        with pytest.raises(UnconfirmedError):
            await client.ask_alive()
