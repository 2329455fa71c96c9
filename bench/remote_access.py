"""Part (v): 50 MB through remote access, and what telemetry of the same site notices of it.

The product's own processes run, as in part (c): 500 registers that change ten times a second. A server that sends as much as it is
asked for stands for a device's service; a client dials the DMZ, shows a ticket and reads. Every byte is recorded at the center and
synced before it is passed on.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import uvloop

from bench.latency import WARM_UP_S, _change, _Watched, write_folder
from bench.result import Result, show
from tieline.bus import connected
from tieline.bus.remote import ApproveGrant, AskGrant, AskTicket, RemoteClient
from tieline.cli.run import every_role, free_port, open_authority
from tieline.cli.supervisor import Supervisor
from tieline.cli.web import WebOptions
from tieline.config import read_folder
from tieline.model import TielineError
from tieline.scada.feed import Feed
from tieline.security.identity.accounts.identity import Identity
from tieline.security.remote.frames import HEAD_BYTES, HELLO, Kind, pack, unpack_head
from tieline.simulator import Field

MEGABYTES = 50
KBPS = 20_000
QUIET_S = 15.0


def run() -> list[Result]:
    """All figures."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        return uvloop.run(_run(Path(name)))


async def _run(folder: Path) -> list[Result]:
    files = await asyncio.start_server(_send, "127.0.0.1", 0)
    service, door, port = files.sockets[0].getsockname()[1], free_port(), free_port()
    write_folder(folder / "utility")
    site = folder / "utility/sites/field/site.toml"
    maintenance = f'[[devices.maintenance]]\nname = "files"\nhost = "127.0.0.1"\nport = {service}\n'
    site.write_text(f"[remote]\nkbps = {KBPS}\n" + site.read_text() + maintenance)
    with (folder / "utility/utility.toml").open("a") as file:
        file.write(f"[dmz]\nremote_port = {door}\n")
    utility, data = read_folder(folder / "utility"), folder / "data"
    web = WebOptions(port=port, has_login=False)
    async with AsyncExitStack() as stack:
        field = await stack.enter_async_context(Field(utility, data=data))
        for device in field.devices:
            field.hold(device)
        supervisor = await stack.enter_async_context(Supervisor(every_role(utility, data, web, {}, ["--simulated"])))
        await supervisor.until(web.answers, timeout_s=60)
        ports = next((data / "center" / "bus" / "ports").glob("*.ports"))
        bus_port = int(json.loads(ports.read_text())["nats"][0].rsplit(":", 1)[1])
        authority = open_authority(data)
        client = await stack.enter_async_context(connected(bus_port, authority.credentials("web")))
        live = _Watched(utility.points, sites=["field"])
        live.ages_s = []
        tasks = [
            asyncio.create_task(_change(field), name="change"),
            asyncio.create_task(Feed(client, live, lambda: time.time_ns() // 1000).run(), name="live"),
        ]
        try:
            await asyncio.sleep(WARM_UP_S)
            ticket = await _ticket(RemoteClient(client))
            context = ssl.create_default_context(cafile=str(authority.held("dmz").authority))
            live.ages_s.clear()
            await asyncio.sleep(QUIET_S)
            quiet = list(live.ages_s)
            live.ages_s.clear()
            began = time.perf_counter()
            await _read(door, context, ticket, MEGABYTES * 1_000_000)
            took_s = time.perf_counter() - began
            busy = list(live.ages_s)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            files.close()
    rate = Result(
        part="v",
        name="50 MB through remote access",
        value=MEGABYTES * 8 / took_s,
        unit="Mbit/s",
        detail=f"{KBPS / 1e3:g} permitted",
    )
    return [rate, *_figures("quiet", quiet), *_figures("while 50 MB pass", busy)]


async def _send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    left, part = int(await reader.readline()), bytes(range(256)) * 256
    while left > 0:
        writer.write(part[:left])
        left -= len(part)
        await writer.drain()


async def _ticket(remote: RemoteClient) -> bytes:
    """Asked for by one, approved by another, as soon as remote access runs."""
    ines, ada = (
        Identity(person=name, roles=frozenset({role}), areas=None, has_second_factor=True, session="bench", address="")
        for name, role in (("ines", "installer"), ("ada", "operator"))
    )
    ask = AskGrant(who=ines, site="field", device="d9", service="files", reason="bench", minutes=30)
    while True:
        try:
            grant = await remote.ask(ask)
            await remote.ask(ApproveGrant(who=ada, grant=grant.id))
            return bytes.fromhex((await remote.ask(AskTicket(who=ines, grant=grant.id))).ticket)
        except TielineError:
            await asyncio.sleep(0.5)


async def _read(door: int, context: ssl.SSLContext, ticket: bytes, count: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door, ssl=context, server_hostname="127.0.0.1")
    writer.write(HELLO + pack(Kind.TICKET, ticket))
    while count > 0:
        kind, length = unpack_head(await reader.readexactly(HEAD_BYTES))
        content = await reader.readexactly(length)
        if kind is Kind.OPENED:
            writer.write(pack(Kind.DATA, f"{count}\n".encode()))
        elif kind is Kind.DATA:
            count -= length
        elif kind is Kind.CLOSE:
            raise RuntimeError(content.decode())
    writer.close()


def _figures(when: str, parts: list[np.ndarray[tuple[int], np.dtype[np.float64]]]) -> list[Result]:
    ages_s = np.concatenate(parts)
    return [
        Result(part="v", name=f"register to live state, {when}, p{at}", value=float(np.percentile(ages_s, at)) * 1e3, unit="ms")
        for at in (50, 99)
    ]


if __name__ == "__main__":
    show(run())
