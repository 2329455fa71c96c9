"""A folder of simulated IEDs, and clients for them: libiec61850 in a process of its own, and Tieline's association."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import ssl
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bench.topology import utility_toml
from tieline.config import Utility, read_folder
from tieline.config.field import NetworkPlace
from tieline.edge.iec61850.client import Association, associate
from tieline.simulator import Field, Iec61850Device

needs_peer = pytest.mark.skipif(
    importlib.util.find_spec("pyiec61850") is None, reason="pyiec61850-ng (libiec61850) is not installed"
)
LIMIT_S = 15.0
MILLBROOK = Path(__file__).parents[1] / "data" / "iec61850" / "millbrook.scd"
DEVICE = """\
[[devices]]
name = "{name}"
protocol = "iec61850"
ied = "{ied}"
client = "MBGW"
"""
TLS = '[devices.connection]\ntransport = "tls"\nserver_name = "bay.example"\n'
GRID = {
    "grid/nodes.csv": "name,voltage_kv,site\nfar,20,field\nnear,20,field\n",
    "grid/sources.csv": "name,node\nnetwork,far\n",
    "grid/switches.csv": "name,from_node,to_node,scl\nq1,far,near,MB/J1/Q01/QA1\n",
    "grid/loads.csv": "name,node,peak_mw\nvillage,near,4\n",
}
Q01 = "field/q01"
POSITIONS = "MBQ01CTRL/LLN0.BR.brcbPos01"


def write_folder(folder: Path, *devices: str, more: str = "", with_grid: bool = False, scl: str | None = None) -> Utility:
    """A utility `field` with the IED `q01`, or with what `devices` say; without a grid nothing moves but what a test moves."""
    files = {
        "utility.toml": utility_toml("IEDs", "field"),
        "sites/field/site.toml": "".join(devices or (DEVICE.format(name="q01", ied="MBQ01"),)) + more,
        "sites/field/scl/millbrook.scd": MILLBROOK.read_text() if scl is None else scl,
        **(GRID if with_grid else {}),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return read_folder(folder)


def ied_of(field: Field, path: str = Q01) -> Iec61850Device:
    device = field.device(path)
    assert isinstance(device, Iec61850Device)
    return device


def port_of(field: Field, path: str = Q01) -> int:
    place = field.book[path]
    assert isinstance(place, NetworkPlace)
    return place.port


class Ear:
    """What a server says unasked, and that it has gone."""

    def __init__(self) -> None:
        self.informed: list[Any] = []
        self.ends: list[str] = []
        self._news = asyncio.Event()

    def hear(self, informed: Any) -> None:
        self.informed.append(informed)
        self._news.set()

    def end(self, reason: str) -> None:
        self.ends.append(reason)
        self._news.set()

    async def wait(self, *, ends: int = 0, informed: int = 0) -> None:
        async with asyncio.timeout(LIMIT_S):
            while len(self.ends) < ends or len(self.informed) < informed:
                self._news.clear()
                await self._news.wait()


@contextlib.asynccontextmanager
async def associated(
    field: Field, path: str = Q01, *, timeout_s: float = 5.0, tls: ssl.SSLContext | None = None, server_name: str = ""
) -> AsyncIterator[tuple[Association, Ear]]:
    """Tieline's own client."""
    ear = Ear()
    client = await associate(
        "127.0.0.1",
        port_of(field, path),
        timeout_s=timeout_s,
        on_informed=ear.hear,
        on_closed=ear.end,
        tls=tls,
        server_name=server_name or None,
    )
    try:
        yield client, ear
    finally:
        client.close()
        await client.wait_closed()


class Peer:
    """libiec61850's client."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__).with_name("libiec_client.py")),
            *self._options,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert (await self._answer())["running"]

    async def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        return await self._answer()

    async def _answer(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return answer

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@contextlib.asynccontextmanager
async def peer_of(field: Field, *options: str, path: str = Q01) -> AsyncIterator[Peer]:
    """A client that is connected."""
    peer = Peer(*options)
    await peer.start()
    try:
        assert (await peer.ask("connect", port=port_of(field, path)))["connected"]
        yield peer
    finally:
        await peer.stop()


class Clock:
    """Wall time that stands still until a test moves it."""

    def __init__(self, us: int) -> None:
        self.us = us

    def now_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return time.monotonic()
