"""The simulated field: all devices of a utility folder on real connections, moved by the plant.

The plant steps twice a second of wall-clock time; a step lasts `speed` times that in the plant. After each step every device gets all
its values at once. What masters write acts on the plant before the response leaves. Watched nodes of the communications network show that
network instead, and what it no longer joins with the gateway of its site does not answer there.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import structlog

from tieline import config
from tieline.config import Utility
from tieline.config.field import FIELD_FILE, AddressBook, write_book
from tieline.config.quantities import quantity_of
from tieline.config.snmp import SnmpDevice as SnmpSection
from tieline.io import Clock, SystemClock
from tieline.io.packet import open_packet
from tieline.model import ConfigError, LocalError
from tieline.network.performance.known import known_of
from tieline.network.performance.traffic import streams_of
from tieline.security.network_keys import make_keys, read_keys
from tieline.simulator.communications import Communications, find_gateways
from tieline.simulator.devices import (
    NORMAL,
    Behavior,
    Dnp3Device,
    Iec61850Device,
    ModbusDevice,
    OpenInterface,
    SimulatedDevice,
    SnmpDevice,
)
from tieline.simulator.journal import Journal
from tieline.simulator.places import Places
from tieline.simulator.plant import Plant, PowerSystem
from tieline.simulator.playing import check_network_event, happen, happen_in_network, part_of, reversal_of
from tieline.simulator.replay import Recording, Replay
from tieline.simulator.scenario import DeviceEvent, Event, NetworkEvent, PlantEvent, Scenario
from tieline.simulator.wander import Wander

log = structlog.get_logger(__name__)

STEP_S = 0.5
_LONGEST_PAUSE_S = 5.0
_WANDER_S = 10.0
_UNREACHED = Behavior(manner="silent")


@dataclass(frozen=True, slots=True, eq=False)
class _Feed:
    """Which values of the plant a device shows: `values[points] = plant.flat[places] * factors`."""

    device: SimulatedDevice
    points: npt.NDArray[np.intp]
    places: npt.NDArray[np.intp]
    factors: npt.NDArray[np.float64]
    wander: Wander
    others: npt.NDArray[np.intp]


class Field:
    """Use as `async with Field(utility, ...) as field`: then all devices listen, and `field.book` says where."""

    def __init__(
        self,
        utility: Utility,
        *,
        data: Path,
        seed: int = 1,
        scenario: Scenario | None = None,
        start_s: float | None = None,
        clock: Clock | None = None,
        goose_interface: str | None = None,
        open_interface: OpenInterface = open_packet,
    ) -> None:
        """`data` holds the authority (`authority/`, shared with the rest of Tieline) and the address book (`field.json`).

        Devices that stamp their values do so by the clock, however fast the plant's time runs. GOOSE is published on `goose_interface`,
        if at all: frames like those of real IEDs, that belong on `lo`, a veth pair or a laboratory's network.
        """
        self._utility = utility
        self._data = data
        self._scenario = scenario or Scenario()
        self._clock = clock = clock or SystemClock()
        self.communications = self._build_communications(seed)
        self._make_keys()
        self.devices = {section.path: self._make(section) for site in utility.sites for section in site.devices}
        self.plant = self._build_plant(seed, time.time() if start_s is None else start_s)
        self._feeds = self._connect(np.random.default_rng(seed))
        self._held: set[str] = set()
        self._behaviors: dict[str, Behavior] = {}
        """What devices were told to do."""
        self._reached_from = self._find_ways()
        self._wandered_s = clock.monotonic()
        self._places = Places(
            utility,
            self.devices,
            data=data,
            clock=clock,
            random=np.random.default_rng(seed).random,
            goose_interface=goose_interface,
            open_interface=open_interface,
        )
        self._stack = AsyncExitStack()
        self.book: AddressBook = {}
        self._events = self._check_events()
        self._elapsed_s = 0.0
        if self.communications is not None:
            self.communications.on_change = self._follow_network
        self.show()

    async def __aenter__(self) -> Self:
        path = self._data / FIELD_FILE
        path.unlink(missing_ok=True)  # of one that was killed
        async with AsyncExitStack() as stack:
            await self._places.open(stack)
            self.book = self._places.book
            write_book(path, self.book)
            stack.callback(path.unlink, missing_ok=True)
            self._stack = stack.pop_all()
        log.info("field ready", devices=len(self.devices), points=len(list(self._utility.plant_points)))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stack.aclose()

    def device(self, path: str) -> SimulatedDevice:
        """The device `site/device`. Raises `LocalError` where there is none."""
        if path not in self.devices:
            raise LocalError(f"the field has no device {path}; it has {', '.join(self.devices)}")
        return self.devices[path]

    def hold(self, path: str) -> SimulatedDevice:
        """The device, which from now on only shows what it is told (`publish`, `change`), whatever the plant does."""
        device = self.device(path)
        self._held.add(path)
        return device

    async def behave(self, path: str, behavior: Behavior) -> None:
        """Has a device behave like that from now on."""
        self.device(path)
        self._behaviors[path] = behavior
        self._settle_behavior(path)
        await self._places.endpoints[path].follow()
        log.info("device behaves", device=path, manner=behavior.manner)

    def step(self, seconds: float) -> None:
        """Moves the plant on by some seconds and shows it."""
        if self.plant is not None:
            self.plant.step(seconds)
        for feed in self._feeds:
            feed.wander.step(seconds)
        now_s = self._clock.monotonic()
        if self.communications is not None and now_s >= self._wandered_s + _WANDER_S:
            self._wandered_s = now_s
            self.communications.wander(now_s)
        self.show()

    def show(self) -> None:
        """Every device that is not held shows the plant as it is now."""
        flat = self.plant.values.reshape(-1) if self.plant is not None else np.zeros(0)
        for feed in self._feeds:
            if feed.device.path not in self._held:
                values = feed.device.values.copy()
                values[feed.points] = flat[feed.places] * feed.factors
                values[feed.others] = feed.wander.values
                feed.device.publish(values)

    async def run(self, *, speed: float = 1.0) -> None:
        """Steps and plays the scenario until cancelled. Time that the machine slept through is skipped."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += STEP_S
            late = loop.time() - due
            if late > _LONGEST_PAUSE_S:
                due += late
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self.play(STEP_S * speed)

    async def play(self, seconds: float) -> None:
        """One step with the events of the scenario that fall due in it."""
        self._elapsed_s += seconds
        while self._events and self._events[0][0] <= self._elapsed_s:
            await self._happen(self._events.pop(0)[1])
        self.step(seconds)

    async def _happen(self, event: Event) -> None:
        if isinstance(event, DeviceEvent):
            await self.behave(event.device, event.manners)
        elif isinstance(event, NetworkEvent):
            if self.communications is not None:
                happen_in_network(self.communications, event, self._clock.monotonic())
        elif self.plant is not None:
            happen(self.plant, event)

    def _follow_network(self) -> None:
        for path, device in self.devices.items():
            self._settle_behavior(path)
            if isinstance(device, SnmpDevice):
                device.follow_network()

    def _settle_behavior(self, path: str) -> None:
        """A device that the network does not join with its gateway is silent, unless it is not even there."""
        told = self._behaviors.get(path, NORMAL)
        if told.manner != "gone" and not self._is_reached(path):
            told = _UNREACHED
        self.devices[path].behavior = told

    def _is_reached(self, path: str) -> bool:
        node, gateways = self._reached_from.get(path, ("", ()))
        return not gateways or any(self.communications.joins(gateway, node) for gateway in gateways if self.communications)

    def _find_ways(self) -> dict[str, tuple[str, Collection[str]]]:
        """Devices that are nodes of the network and can be reached through it, with their node and the gateways that ask them."""
        found: dict[str, tuple[str, Collection[str]]] = {}
        network = self._utility.network
        if network is None or self.communications is None:
            return found
        for path, device in self.devices.items():
            site = path.partition("/")[0]
            node = device.device.name if isinstance(device, SnmpDevice) else None
            if node is None and path in network.node_of_device:
                node = network.node_of_device[path].name
            gateways = [name for name in find_gateways(network, site) if node and self.communications.joins(name, node)]
            if node and gateways:
                found[path] = (node, gateways)
        return found

    def _check_events(self) -> list[tuple[float, Event]]:
        events: list[tuple[float, Event]] = []
        for event in self._scenario.events:
            events.append((event.at_s, event))
            if isinstance(event, DeviceEvent):
                if event.device not in self.devices:
                    raise ConfigError(f"the scenario names a device {event.device}; the folder has {', '.join(self.devices)}")
            elif isinstance(event, NetworkEvent):
                if self._utility.network is None:
                    raise ConfigError(
                        "the scenario has something happen to the communications network; the folder has no network/"
                    )
                check_network_event(event, self._utility.network)
            else:
                self._check_part(event)
            end = reversal_of(event)
            if end is not None:
                events.append((end.at_s, end))
        return sorted(events, key=lambda pair: pair[0])

    def _check_part(self, event: PlantEvent) -> None:
        part = part_of(event)
        grid = self._utility.grid
        if part is None:
            return
        kind, name = part
        known = [piece.name for piece in grid if piece.kind is kind] if grid else []
        if name not in known:
            raise ConfigError(f"the scenario names a {kind} {name}; grid/ has {', '.join(known) or 'none'}")

    def _build_plant(self, seed: int, start_s: float) -> Plant | None:
        if self._utility.grid is None:
            return None
        places = {
            site.name: (site.latitude, site.longitude)
            for site in self._utility.sites
            if site.latitude is not None and site.longitude is not None
        }
        between = self._scenario.seconds_between_trips
        system = PowerSystem(**self._scenario.system.model_dump())
        return Plant(self._utility.grid, start_s=start_s, seed=seed, places=places, seconds_between_trips=between, system=system)

    def _build_communications(self, seed: int) -> Communications | None:
        network = self._utility.network
        if network is None:
            return None
        streams = streams_of(network, known_of(self._utility, network))
        return Communications(network, streams, now_s=self._clock.monotonic(), rng=np.random.default_rng(seed))

    def _make_keys(self) -> None:
        """What agents and gateways share; it stays when the field ends, as keys do."""
        nodes = [device.name for site in self._utility.sites for device in site.devices if isinstance(device, SnmpSection)]
        made = len(list(make_keys(self._data, nodes)))
        if made:
            log.info("keys of agents made", keys=made)

    def _make(self, section: config.Device) -> SimulatedDevice:
        match section:
            case config.ModbusDevice():
                return ModbusDevice(section)
            case config.Dnp3Device():
                return Dnp3Device(section, self._clock)
            case config.Iec61850Device():
                return Iec61850Device(section, self._clock)
            case SnmpSection() if self.communications is not None:
                keys = read_keys(self._data, section.name)
                return SnmpDevice(section, self.communications, self._clock, keys)
            case _:
                raise ConfigError(f"{section.path} cannot be simulated: there are no simulated devices for {section.protocol}")

    def _connect(self, rng: np.random.Generator) -> list[_Feed]:
        feeds = []
        for device in self.devices.values():
            device.on_write = functools.partial(self._operate, device)
            if isinstance(device, SnmpDevice):
                continue
            points, places, factors, others = [], [], [], []
            for number, point in enumerate(device.points):
                quantity = quantity_of(point.quantity, point.kind)
                if self.plant is not None and point.equipment and quantity is not None:
                    points.append(number)
                    places.append(self.plant.locate(point.equipment, point.quantity, point.phase, point.kind))
                    factors.append(1 / quantity.units[point.unit])
                elif not point.kind.is_writable and number not in device.feedback:
                    others.append(number)
            feeds.append(
                _Feed(
                    device=device,
                    points=np.array(points, np.intp),
                    places=np.array(places, np.intp),
                    factors=np.array(factors, np.float64),
                    wander=Wander([device.points[number] for number in others], rng),
                    others=np.array(others, np.intp),
                )
            )
        return feeds

    def _operate(self, device: SimulatedDevice, number: int, value: float) -> None:
        point = device.points[number]
        quantity = quantity_of(point.quantity, point.kind)
        if self.plant is not None and point.equipment and quantity is not None:
            self.plant.operate(point.equipment, point.quantity, value * quantity.units[point.unit])
        log.info("point written", point=point.path, value=value)


async def simulate(
    utility: Utility,
    *,
    data: Path,
    speed: float = 1.0,
    seed: int = 1,
    scenario: Scenario | None = None,
    replay: Recording | None = None,
    columns: Mapping[str, str] | None = None,
    rows_per_s: float | None = None,
    until_read: bool = False,
    goose_interface: str | None = None,
    journal: Path | None = None,
    on_ready: Callable[[AddressBook], None] | None = None,
) -> None:
    """Serves and moves every device of the utility until cancelled; nothing is left behind but the authority.

    A recording is replayed through the devices that its columns name, as `Replay.run` says; its last row then stays. `on_ready` is
    called with the address book once all devices listen; `<data>/field.json` holds the same. What the devices do is appended to the
    `journal`. Raises `UnavailableError` where an address or file cannot be had, `ConfigError` where scenario or recording do not fit
    the folder.
    """
    field = Field(utility, data=data, seed=seed, scenario=scenario, goose_interface=goose_interface)
    player = None if replay is None else Replay(replay, field.devices, columns=columns)
    for path in player.devices if player else ():
        field.hold(path)
    async with AsyncExitStack() as stack:
        if journal is not None:
            book = stack.enter_context(Journal(journal, SystemClock()))
            for device in field.devices.values():
                book.follow(device)
        await stack.enter_async_context(field)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        if on_ready is not None:
            on_ready(field.book)
        group.create_task(field.run(speed=speed), name="plant")
        if player is not None:
            group.create_task(player.run(rows_per_s=rows_per_s, until_read=until_read), name="replay")
