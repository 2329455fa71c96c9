"""Part (c): from a register that changes in a device to the live state at the center, and to a browser's WebSocket.

The product's own processes run (`tieline run`, one for each role); ten simulated devices in this process change all of their 500
registers ten times a second, which is 5,000 changes a second. A register holds the moment of its change, so the age of every value
is known wherever it arrives: at a live state fed as the web server's is, and at a WebSocket client.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import uvloop
from websockets.asyncio.client import connect

from bench.result import Result, show
from bench.topology import utility_toml
from tieline.bus import connected
from tieline.cli.run import every_role, free_port, open_authority
from tieline.cli.supervisor import Supervisor
from tieline.cli.web import WebOptions
from tieline.config import read_folder
from tieline.model import Samples
from tieline.scada import LiveState
from tieline.scada.feed import Feed
from tieline.simulator import Field
from tieline.web.frames import decode_frame

DEVICES, POINTS = 10, 50
POLL_S = 0.1
WARM_UP_S, SECONDS = 5.0, 20.0


def write_folder(folder: Path) -> None:
    """Ten devices of fifty float64 points each, polled ten times a second."""
    points = "name,kind,table,address,type,poll\n" + "".join(
        f"p{at},analog,input_register,{4 * at},float64,fast\n" for at in range(POINTS)
    )
    site = "".join(
        f'[[devices]]\nname = "d{at}"\nprotocol = "modbus"\npolls = {{ fast = {POLL_S} }}\n'
        f'[devices.connection]\ntransport = "tcp"\nhost = "10.9.9.{at + 1}"\n'
        for at in range(DEVICES)
    )
    files = {"utility.toml": utility_toml("Latency", "field"), "sites/field/site.toml": site}
    files |= {f"sites/field/points/d{at}.csv": points for at in range(DEVICES)}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


class _Watched(LiveState):
    """A live state that notes how old each value is when it arrives."""

    ages_s: list[np.ndarray[tuple[int], np.dtype[np.float64]]]

    def apply(self, site: str, samples: Samples, now: int) -> int:
        """Applies, then notes."""
        changed = super().apply(site, samples, now)
        self.ages_s.append(time.time() - samples.value)
        return changed


def run() -> list[Result]:
    """Both figures."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        return uvloop.run(_run(Path(name)))


async def _run(folder: Path) -> list[Result]:
    write_folder(folder / "utility")
    utility, data, port = read_folder(folder / "utility"), folder / "data", free_port()
    web = WebOptions(port=port, has_login=False)
    async with AsyncExitStack() as stack:
        field = await stack.enter_async_context(Field(utility, data=data))
        for device in field.devices:
            field.hold(device)
        supervisor = await stack.enter_async_context(Supervisor(every_role(utility, data, web, {}, ["--simulated"])))
        await supervisor.until(web.answers, timeout_s=60)
        ports = next((data / "center" / "bus" / "ports").glob("*.ports"))
        bus_port = int(json.loads(ports.read_text())["nats"][0].rsplit(":", 1)[1])
        client = await stack.enter_async_context(connected(bus_port, open_authority(data).credentials("web")))
        live = _Watched(utility.points, sites=["field"])
        live.ages_s = []
        seen_s: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
        tasks = [
            asyncio.create_task(_change(field), name="change"),
            asyncio.create_task(Feed(client, live, lambda: time.time_ns() // 1000).run(), name="live"),
            asyncio.create_task(_view(port, [point.id for point in utility.points], seen_s), name="view"),
        ]
        try:
            await asyncio.wait(tasks, timeout=WARM_UP_S)
            live.ages_s.clear()
            seen_s.clear()
            ended, _ = await asyncio.wait(tasks, timeout=SECONDS)
            for task in ended:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return [*_figures("live state at the center", live.ages_s), *_figures("browser's WebSocket", seen_s)]


async def _change(field: Field) -> None:
    """Changes all registers of all devices, device after device, so that changes and polls do not march in step."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        for device in field.devices.values():
            device.publish(np.full(POINTS, time.time()))
            due += POLL_S / DEVICES * 1.003
            await asyncio.sleep(max(0.0, due - loop.time()))


async def _view(port: int, ids: list[int], seen_s: list[np.ndarray[tuple[int], np.dtype[np.float64]]]) -> None:
    async with connect(f"ws://127.0.0.1:{port}/live", max_size=None) as socket:
        await socket.send(json.dumps({"subscribe": ids}))
        async for message in socket:
            if isinstance(message, bytes):
                seen_s.append(time.time() - decode_frame(message)[3]["value"])


def _figures(where: str, parts: list[np.ndarray[tuple[int], np.dtype[np.float64]]]) -> list[Result]:
    ages_s = np.concatenate(parts)
    detail = f"{len(ages_s) / SECONDS:,.0f} values/s seen; poll period {POLL_S * 1e3:.0f} ms"
    return [
        Result(
            part="c", name=f"register to {where}, p{at}", value=float(np.percentile(ages_s, at)) * 1e3, unit="ms", detail=detail
        )
        for at in (50, 99)
    ]


if __name__ == "__main__":
    sys.exit(show(run()))
