"""Our own outstations, served on real channels, for DNP3 drivers to talk to."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import TypeAdapter

from tieline.config.dnp3 import Dnp3Connection, Dnp3Device, Dnp3Polls
from tieline.config.dnp3_points import GROUPS, Dnp3Row
from tieline.edge.dnp3 import StationChannel, StationChannels, make_station
from tieline.edge.dnp3.listening import ListeningChannel
from tieline.edge.driver import Settle, at_once
from tieline.edge.drivers.dnp3 import dnp3_drivers
from tieline.io import SystemClock
from tieline.model import Now, Reporting
from tieline.protocols.dnp3.commands import Command, CommandStatus, OperateMode
from tieline.protocols.dnp3.master import Master, MasterEvent, MasterSettings, Result, StartedUp, TaskDone, TimeSynchronization
from tieline.protocols.dnp3.measurements import POINT_TYPES, Flag, PointType
from tieline.protocols.dnp3.outstation import Database, Outstation, OutstationEvent, OutstationSettings, Points

from .field import Field

CONNECTION: TypeAdapter[Dnp3Connection] = TypeAdapter(Dnp3Connection)

KINDS = {
    1: "binary",
    3: "double",
    10: "binary",
    12: "control",
    20: "counter",
    21: "counter",
    30: "analog",
    40: "analog",
    41: "setpoint",
}


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return cast("int", probe.getsockname()[1])


def connection(transport: str = "tcp", **keys: Any) -> Dnp3Connection:
    given = {"transport": transport, "timeout_s": 0.5, "retries": 1, "link_timeout_s": 0.2} | keys
    return CONNECTION.validate_python(given if transport == "serial" else {"host": "127.0.0.1"} | given)


def make_device(
    rows: Iterable[dict[str, Any]],
    place: Dnp3Connection,
    *,
    name: str = "rtu-1",
    outstation: int = 10,
    polls: dict[str, float] | None = None,
    reporting: Reporting | None = None,
    **keys: Any,
) -> Dnp3Device:
    """A device whose rows are analog inputs from index 0 on, unless they say otherwise."""
    read = []
    for number, row in enumerate(rows):
        group = row.get("group", 30)
        given = {"name": f"p{number}", "group": group, "index": number, "kind": KINDS[group]} | row
        read.append(Dnp3Row.model_validate(given))
    given_keys: dict[str, Any] = {
        "unsolicited": (1, 2, 3),
        "time_synchronization": "lan",
        "assign_classes": False,
        "write_deadbands": False,
        "freeze_counters_s": 0.0,
        "control": "select_before_operate",
    }
    return Dnp3Device(
        site="northgate",
        name=name,
        description="",
        outstation=outstation,
        master=1,
        connection=place,
        polls=Dnp3Polls(**(polls or {})),
        rows=tuple(read),
        points=tuple(row.to_point("northgate", name, reporting or Reporting()) for row in read),
        **(given_keys | keys),
    )


class Outputs:
    """Outputs that do as they are told, or answer with `status`."""

    def __init__(self) -> None:
        self.status = CommandStatus.SUCCESS
        self.operated: list[tuple[int, Command, OperateMode]] = []

    def select(self, index: int, command: Command) -> CommandStatus:
        return self.status

    def operate(self, index: int, command: Command, mode: OperateMode) -> CommandStatus:
        if self.status is CommandStatus.SUCCESS:
            self.operated.append((index, command, mode))
        return self.status

    def write_string(self, index: int, value: bytes) -> bool:
        return False


class Rtu:
    """An outstation that can be started, killed, and started again with what it had, or with nothing."""

    def __init__(
        self,
        place: Dnp3Connection,
        types: dict[PointType, int],
        *,
        address: int = 10,
        clock: SystemClock | None = None,
        channel: StationChannel | None = None,
        tls: Any = None,
        event_class: int = 1,
        **settings: Any,
    ) -> None:
        self.place = place
        self.address = address
        self.clock = clock or SystemClock()
        self.outputs = Outputs()
        self.said: list[OutstationEvent] = []
        self.channel = channel or StationChannels(clock=self.clock, random=lambda: 0.0, tls=tls).of(place)
        self.settings = OutstationSettings(**{"confirm_timeout_s": 1.0, "unsolicited_retry_s": 0.2} | settings)
        self._types = types
        self._event_class = event_class
        self._task: asyncio.Task[None] | None = None
        self.reset()

    def reset(self) -> None:
        """Everything is forgotten, as after a loss of power."""
        self.database = Database(
            {
                kind: Points(index=range(count), event_class=self._event_class if kind.event else 0)
                for kind, count in self._types.items()
            }
        )
        for kind, count in self._types.items():
            self.database.update(kind, range(count), 0.0, Flag.ONLINE, self.clock.now_us(), with_events=False)
        self.session = Outstation(self.settings, self.database, self.outputs, self._now())
        self.station = make_station(self.place, local=self.address, remote=1, is_master=False, session=self.session, owner=self)

    async def start(self) -> None:
        self._task = asyncio.create_task(self.channel.run(self.station))
        async with asyncio.timeout(5):
            while isinstance(self.channel, ListeningChannel) and not self.channel.is_listening:
                await asyncio.sleep(0)

    async def kill(self) -> None:
        if self._task is not None:
            self._task.cancel()
            (outcome,) = await asyncio.gather(self._task, return_exceptions=True)
            assert isinstance(outcome, asyncio.CancelledError), outcome
            self._task = None

    def update(self, kind: PointType, index: Any, value: Any, *, flags: int = Flag.ONLINE, time_us: int | None = None) -> None:
        at = self.clock.now_us() if time_us is None else time_us
        self.database.update(kind, index, value, flags, at)
        self.channel.wake(self.station)

    def on_activity(self, now: Now) -> None:
        self.said += self.session.events()

    def on_channel(self, reason: str | None) -> None:
        pass

    def _now(self) -> Now:
        return Now(self.clock.monotonic(), self.clock.now_us())


class Asking:
    """A master that a test asks directly."""

    def __init__(self, place: Dnp3Connection, *, address: int = 1) -> None:
        clock = SystemClock()
        self.session = Master(MasterSettings(timeout_s=2.0, time_synchronization=TimeSynchronization.OFF))
        self.station = make_station(place, local=address, remote=10, is_master=True, session=self.session, owner=self)
        self.channel = StationChannels(clock=clock, random=lambda: 0.0).of(place)
        self._clock = clock
        self._told: list[MasterEvent] = []
        self._changed = asyncio.Event()

    def on_activity(self, now: Now) -> None:
        self._told += self.session.events()
        self._changed.set()

    def on_channel(self, reason: str | None) -> None:
        pass

    async def until(self, kind: type[MasterEvent]) -> None:
        async with asyncio.timeout(10):
            while not any(isinstance(event, kind) for event in self._told):
                self._changed.clear()
                await self._changed.wait()

    async def ask(self, begin: Callable[[Now], int]) -> Result:
        """What came of a request."""
        number = begin(Now(self._clock.monotonic(), self._clock.now_us()))
        self.channel.wake(self.station)
        async with asyncio.timeout(10):
            while True:
                for event in self._told:
                    if isinstance(event, TaskDone) and event.request == number:
                        return event.result
                self._changed.clear()
                await self._changed.wait()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.channel.run(self.station))
        try:
            await self.until(StartedUp)
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def serving(*rtus: Rtu) -> AsyncIterator[None]:
    for rtu in rtus:
        await rtu.start()
    try:
        yield
    finally:
        for rtu in rtus:
            await rtu.kill()


@contextlib.asynccontextmanager
async def running(
    *devices: Dnp3Device, tls: Any = None, clock: SystemClock | None = None, settle: Settle = at_once
) -> AsyncIterator[Field]:
    """The drivers of those devices, running."""
    here = Field()
    drivers = dnp3_drivers(
        devices,
        on_samples=here.take_samples,
        on_event=here.take_event,
        settle=settle,
        clock=clock or SystemClock(),
        tls=tls,
        random=lambda: 0.0,
    )
    here.drivers = drivers  # type: ignore[assignment]
    tasks = [asyncio.create_task(driver.run()) for driver in drivers]
    try:
        yield here
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(outcome, asyncio.CancelledError), outcome


class SteppingClock(SystemClock):
    """The real time, and what its owner has set it wrong by."""

    step_s = 0.0

    def now_us(self) -> int:
        return super().now_us() + round(self.step_s * 1e6)


class Certificates:
    """A throw-away authority, and certificates of it that can be renewed or let expire."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.authority = folder / "authority.pem"
        self.authority.write_bytes(self._certify(self._name, self._key, 24.0))

    def issue(self, name: str, *, valid_h: float = 24.0) -> None:
        """A certificate in a file of that name; with negative hours it has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        (self._folder / f"{name}.pem").write_bytes(private + self._certify(subject, key, valid_h, name))

    def context(self, name: str) -> Callable[[Any], ssl.SSLContext]:
        """What makes a context for a connection, from what is in the file now."""

        def make(place: Any) -> ssl.SSLContext:
            is_server = place.transport == "tls_server"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(self.authority)
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_cert_chain(self._folder / f"{name}.pem")
            return context

        return make

    def _certify(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, valid_h: float, host: str | None = None) -> bytes:
        now = dt.datetime.now(dt.UTC)
        key_id = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = (
            x509.CertificateBuilder(self._name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=48))
            .not_valid_after(now + dt.timedelta(hours=valid_h))
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host or "authority")]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def listed(*groups: int) -> list[dict[str, Any]]:
    """A row for index 0 of each group."""
    assert all(group in GROUPS and (GROUPS[group].is_written or group in POINT_TYPES) for group in groups)
    return [{"group": group, "index": 0} for group in groups]
