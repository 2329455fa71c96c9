"""`tieline network watch`: the network as it is against its design, by the drivers of the gateways, from wherever it is started."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from tieline.cli.network import one_of, read_network
from tieline.cli.run import run_until_signal
from tieline.config import Utility
from tieline.config.network import Network, devices_of_places
from tieline.config.snmp import SnmpDevice
from tieline.edge.drivers.snmp import SnmpDriver, snmp_drivers
from tieline.edge.snmp.keys import keys_of
from tieline.io import SystemClock
from tieline.model import ConfigError, Event, Samples

FORMATS = ("text", "json")
AT_ONCE = 64
"""Nodes that are looked at side by side at the beginning."""
WIDTH = 120


def run(folder: Path, data: Path, site: str | None, node: str | None, output: str, *, is_once: bool, is_simulated: bool) -> int:
    """Prints what differs, and without `is_once` what changes, until it is interrupted; 0 where everything is as designed at the end.

    Raises `ConfigError` for a folder with mistakes, and where nothing is watched.
    """
    one_of(output, FORMATS, "format")
    utility, network = read_network(folder)
    if network.watch is None:
        raise ConfigError("nothing is watched; write [watch] into network/network.toml")
    devices = _chosen(utility, network, data, site, node, is_simulated=is_simulated)
    watching = Watching(devices, data, output)
    run_until_signal(watching.once() if is_once else watching.on())
    return 0 if watching.is_as_designed else 1


def _chosen(
    utility: Utility, network: Network, data: Path, site: str | None, node: str | None, *, is_simulated: bool
) -> list[SnmpDevice]:
    if is_simulated:
        from tieline.config.field import FIELD_FILE, read_book, relocate

        utility = relocate(utility, read_book(data / FIELD_FILE))
    devices = [device for each in utility.sites for device in each.devices if isinstance(device, SnmpDevice)]
    devices += [] if is_simulated else devices_of_places(network)
    if site is not None:
        one_of(site, [place.name for place in network.places], "site")
        devices = [device for device in devices if device.site == site]
    if node is not None:
        one_of(node, [device.name for device in devices], "watched node")
        devices = [device for device in devices if device.name == node]
    if not devices:
        raise ConfigError("no node is watched there; [watch] watches nodes with an address whose model has_snmp")
    return devices


class Watching:
    """Some nodes, and what is printed of them."""

    def __init__(self, devices: Sequence[SnmpDevice], data: Path, output: str) -> None:
        self._output = output
        self._console = Console()
        self._console.width = max(self._console.width, WIDTH)
        self._is_shown = False
        self._drivers = snmp_drivers(
            devices, on_samples=_drop, on_event=self._on_event, clock=SystemClock(), keys=partial(keys_of, data)
        )

    @property
    def is_as_designed(self) -> bool:
        """Whether every node answers, and nothing differs."""
        return self._is_shown and all(driver.found is not None and not driver.compare() for driver in self._drivers)

    async def once(self) -> None:
        """Looks at every node, and prints what was found."""
        turn = asyncio.Semaphore(AT_ONCE)

        async def look(driver: SnmpDriver) -> None:
            async with turn:
                try:
                    await driver.look()
                finally:
                    driver.close()

        async with asyncio.TaskGroup() as tasks:
            for driver in self._drivers:
                tasks.create_task(look(driver), name=f"look at {driver.device.path}")
        self._show()

    async def on(self) -> None:
        """That, and then prints every change, until cancelled."""
        await self.once()
        async with asyncio.TaskGroup() as tasks:
            for driver in self._drivers:
                # What was shown is not told as new.
                driver.recall({"told": [[each.kind, each.port, each.text] for each in driver.compare()]})
                tasks.create_task(driver.run(), name=f"driver {driver.device.name}")

    def _show(self) -> None:
        self._is_shown = True
        if self._output == "json":
            document = {"time": _utc(SystemClock().now_us()), "nodes": [state_of(driver) for driver in self._drivers]}
            typer.echo(json.dumps(document))
            return
        self._console.print(table_of(self._drivers))
        for line in lines_of(self._drivers):
            typer.echo(line)

    def _on_event(self, event: Event) -> None:
        if not self._is_shown:
            return
        if self._output == "json":
            typer.echo(json.dumps(asdict(event) | {"time": _utc(event.time)}))
        else:
            typer.echo(f"{_utc(event.time)}  {event.kind}  {event.text}")


def state_of(driver: SnmpDriver) -> dict[str, Any]:
    """What was found at a node, for machines."""
    device, look = driver.device, driver.found
    shown: dict[str, Any] = {
        "site": device.site,
        "node": device.name,
        "host": device.connection.host,
        "answers": look is not None,
    }
    if look is None:
        return shown | {"problem": driver.problem}
    view = look.view
    linked = [port.name for port in device.ports if port.is_linked and not port.is_disabled]
    used_w = [group.used_w for group in view.poe_groups if group.used_w is not None]
    return shown | {
        "firmware": view.firmware or "",
        "links": len(linked),
        "links_up": sum((interface := look.interfaces.get(name)) is not None and interface.is_up for name in linked),
        "poe_w": sum(used_w) if used_w else None,
        "poe_budget_w": device.poe_budget_w,
        "supplies": [{"name": supply.name, "is_good": supply.is_good} for supply in view.supplies],
        "differences": [asdict(each) for each in driver.compare()],
    }


def table_of(drivers: Sequence[SnmpDriver]) -> Table:
    """A row for each node."""
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("node", "site", "answers", "firmware"):
        shown.add_column(name, no_wrap=True)
    for name in ("links up", "PoE W", "supplies", "differences"):
        shown.add_column(name, justify="right", no_wrap=True)
    for driver in drivers:
        state = state_of(driver)
        if not state["answers"]:
            shown.add_row(state["node"], state["site"], "no", "", "", "", "", "")
            continue
        supplies = state["supplies"]
        shown.add_row(
            state["node"],
            state["site"],
            "yes",
            state["firmware"] or "—",
            f"{state['links_up']} of {state['links']}",
            _watts(state["poe_w"], state["poe_budget_w"]),
            f"{sum(each['is_good'] for each in supplies)} of {len(supplies)}" if supplies else "—",
            str(len(state["differences"])),
        )
    return shown


def lines_of(drivers: Sequence[SnmpDriver]) -> Iterator[str]:
    """Each difference, with what to do about it; nodes that do not answer, with the reason."""
    for driver in drivers:
        name = driver.device.name
        if driver.found is None:
            yield f"\n{name} does not answer: {driver.problem}"
        for each in driver.compare():
            yield f"\n{name}: {each.text}"
            yield f"  {each.remedy}"
    if all(driver.found is not None and not driver.compare() for driver in drivers):
        yield "\nEverything that was looked at is as designed."


def _watts(used_w: float | None, budget_w: float | None) -> str:
    if used_w is None:
        return "—"
    return f"{used_w:.0f}" if budget_w is None else f"{used_w:.0f} of {budget_w:.0f}"


def _utc(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _drop(_: Samples) -> None:
    """Samples are for gateways."""
