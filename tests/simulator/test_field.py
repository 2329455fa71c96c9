from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from tieline import simulator
from tieline.config import ModbusDevice, RtuConnection, Utility, read_folder
from tieline.config.field import AddressBook, NetworkPlace, SerialPlace, read_book, relocate
from tieline.model import ConfigError, PointId, UnavailableError
from tieline.protocols.modbus import Image, plan_reads
from tieline.security.identity import Authority
from tieline.simulator import (
    NORMAL,
    QUIET,
    Behavior,
    DeviceEvent,
    Field,
    Recording,
    Scenario,
    SwitchEvent,
    read_scenario,
    simulate,
)

RIDGEWAY = Path(__file__).parents[2] / "src" / "tieline" / "examples" / "ridgeway"
MORNING = 1_781_690_400.0


@pytest.fixture(scope="module")
def utility() -> Utility:
    return read_folder(RIDGEWAY)


@pytest.fixture
async def field(utility: Utility, tmp_path: Path) -> AsyncIterator[Field]:
    async with Field(utility, data=tmp_path, scenario=QUIET, start_s=MORNING) as field:
        yield field


def device_of(utility: Utility, path: str) -> ModbusDevice:
    device = next(device for site in utility.sites for device in site.devices if device.path == path)
    assert isinstance(device, ModbusDevice)
    return device


def modbus(field: Field, path: str) -> simulator.ModbusDevice:
    device = field.device(path)
    assert isinstance(device, simulator.ModbusDevice)
    return device


@contextlib.asynccontextmanager
async def master(field: Field, path: str, *, timeout_s: float = 3.0) -> AsyncIterator[AsyncModbusTcpClient]:
    place = field.book[path]
    assert isinstance(place, NetworkPlace)
    client = AsyncModbusTcpClient(place.host, port=place.port, timeout=timeout_s, retries=0)
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, unit: int, pdu: bytes) -> bytes:
    writer.write(struct.pack(">HHHB", 7, 0, len(pdu) + 1, unit) + pdu)
    transaction, protocol, length, answered = struct.unpack(">HHHB", await reader.readexactly(7))
    assert (transaction, protocol, answered) == (7, 0, unit)
    return await reader.readexactly(length - 1)


async def test_every_modbus_device_on_a_network_answers_with_the_values_of_the_plant(
    field: Field, utility: Utility, tmp_path: Path
) -> None:
    context = Authority.open(tmp_path / "authority").credentials("edge").client_context()
    for device in (device for site in relocate(utility, field.book).sites for device in site.devices):
        if not isinstance(device, ModbusDevice):
            continue
        connection = device.connection
        if isinstance(connection, RtuConnection):
            continue
        is_tls = connection.transport == "tls"
        reader, writer = await asyncio.open_connection(
            connection.host,
            connection.port,
            ssl=context if is_tls else None,
            server_hostname=getattr(connection, "server_name", None) if is_tls else None,
        )
        blocks = plan_reads(device.rows, max_registers=125, max_bits=2000, max_gap=connection.max_gap)
        image = Image(device.rows, [PointId(number) for number in range(len(device.rows))], blocks)
        for number, block in enumerate(blocks):
            pdu = await exchange(reader, writer, connection.unit, block.request.pdu)
            image.store(number, block.request.payload(pdu), 1)
        samples = image.samples()
        values = field.device(device.path).values
        step = np.array([abs(row.scale) for row in device.rows])
        gap = np.abs(samples.value - values[samples.point])
        assert (gap <= step[samples.point] / 2 + 1e-6 * np.abs(values[samples.point])).all()
        writer.close()
        await writer.wait_closed()


async def test_two_meters_share_a_serial_line(field: Field, utility: Utility) -> None:
    place = field.book["millbrook/meter-1"]
    assert isinstance(place, SerialPlace)
    assert field.book["millbrook/meter-2"] == place
    client = AsyncModbusSerialClient(place.serial_port, baudrate=19200, parity="N", timeout=3, retries=0)
    assert await client.connect()
    try:
        for name, unit in (("meter-1", 11), ("meter-2", 12)):
            answer = await client.read_holding_registers(14, count=2, device_id=unit)
            power = struct.unpack(">f", struct.pack(">2H", *answer.registers))[0]
            shown = field.device(f"millbrook/{name}").values[field.device(f"millbrook/{name}").number("active_power")]
            assert power > 0 > shown  # the meter counts consumption positive
            assert -power == pytest.approx(shown, rel=1e-6)
    finally:
        client.close()


async def test_a_client_without_a_certificate_is_refused(field: Field) -> None:
    place = field.book["northgate/tm-2"]
    assert isinstance(place, NetworkPlace)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with pytest.raises((ssl.SSLError, OSError, asyncio.IncompleteReadError)):  # noqa: PT012
        reader, writer = await asyncio.open_connection(place.host, place.port, ssl=context)
        try:
            await exchange(reader, writer, 5, bytes.fromhex("0400000001"))
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def test_a_breaker_is_opened_over_the_wire_and_its_feedback_follows(field: Field) -> None:
    device = modbus(field, "sunfield/ppc-1")
    row = device.row(device.number("poc_command"))
    position, current = device.number("poc_position"), device.number("poc_current_a")
    async with master(field, "sunfield/ppc-1") as client:
        answer = await client.write_coil(row.address, value=False, device_id=1)
        assert not answer.isError()
        for _ in range(2):
            await field.play(0.5)
        assert device.values[position] == 1
        assert device.values[current] == 0
        await client.write_coil(row.address, value=True, device_id=1)
        for _ in range(2):
            await field.play(0.5)
        assert device.values[position] == 2
        assert device.values[current] > 10


async def test_a_battery_setpoint_written_over_the_wire_is_reached(field: Field) -> None:
    device = modbus(field, "sunfield/bess-1")
    async with master(field, "sunfield/bess-1") as client:
        raw = struct.unpack(">2H", struct.pack(">i", 15_000))  # 1500 kW in steps of 0.1
        answer = await client.write_registers(0, list(reversed(raw)), device_id=1)
        assert not answer.isError()
    for _ in range(30):
        await field.play(1.0)
    assert device.values[device.number("active_power")] == pytest.approx(1500)
    assert device.values[device.number("power_wanted")] == pytest.approx(1500)


async def test_a_setpoint_beyond_its_limits_is_refused(field: Field) -> None:
    async with master(field, "sunfield/inv-1") as client:
        answer = await client.write_register(100, 26_001, device_id=126)
        assert answer.isError()
        assert answer.exception_code == 3
        assert not (await client.write_register(100, 10_000, device_id=126)).isError()


async def test_a_unit_that_is_not_there_is_answered_by_the_gateway(field: Field) -> None:
    async with master(field, "northgate/tm-1") as client:
        answer = await client.read_input_registers(0, count=1, device_id=99)
        assert answer.exception_code == 0x0B


async def test_a_silent_device_takes_requests_and_says_nothing(field: Field) -> None:
    await field.behave("northgate/tm-1", Behavior(manner="silent"))
    async with master(field, "northgate/tm-1", timeout_s=0.05) as client:
        with pytest.raises(ModbusIOException):
            await client.read_input_registers(0, count=1, device_id=5)
        await field.behave("northgate/tm-1", NORMAL)
    async with master(field, "northgate/tm-1") as client:
        assert not (await client.read_input_registers(0, count=1, device_id=5)).isError()


async def test_a_slow_device_answers_later(field: Field) -> None:
    await field.behave("northgate/tm-1", Behavior(manner="slow", delay_s=0.1))
    async with master(field, "northgate/tm-1") as client:
        begun = asyncio.get_running_loop().time()
        assert not (await client.read_input_registers(0, count=1, device_id=5)).isError()
        assert asyncio.get_running_loop().time() - begun >= 0.1


async def test_a_device_that_is_gone_breaks_connections_and_comes_back_at_its_address(field: Field) -> None:
    place = field.book["northgate/tm-1"]
    assert isinstance(place, NetworkPlace)
    reader, writer = await asyncio.open_connection(place.host, place.port)
    await exchange(reader, writer, 5, bytes.fromhex("0400000001"))
    await field.behave("northgate/tm-1", Behavior(manner="gone"))
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(place.host, place.port)
    await field.behave("northgate/tm-1", NORMAL)
    async with master(field, "northgate/tm-1") as client:
        assert not (await client.read_input_registers(0, count=1, device_id=5)).isError()


async def test_requests_in_one_segment_are_answered_in_order_and_split_ones_too(field: Field) -> None:
    place = field.book["northgate/tm-1"]
    assert isinstance(place, NetworkPlace)
    reader, writer = await asyncio.open_connection(place.host, place.port)
    frames = b"".join(struct.pack(">HHHB", number, 0, 6, 5) + bytes.fromhex("0400000002") for number in range(50))
    writer.write(frames[:300])
    await writer.drain()
    writer.write(frames[300:])
    answers = await reader.readexactly(50 * 13)
    assert [int.from_bytes(answers[13 * number : 13 * number + 2], "big") for number in range(50)] == list(range(50))
    writer.close()
    await writer.wait_closed()


async def test_bytes_that_are_no_modbus_end_the_connection_only(field: Field) -> None:
    place = field.book["northgate/tm-1"]
    assert isinstance(place, NetworkPlace)
    reader, writer = await asyncio.open_connection(place.host, place.port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    async with master(field, "northgate/tm-1") as client:
        assert not (await client.read_input_registers(0, count=1, device_id=5)).isError()


async def test_a_held_device_shows_what_it_is_told_only(field: Field) -> None:
    device = field.hold("northgate/tm-1")
    device.change({"oil_temperature": 99.5})
    await field.play(1.0)
    assert device.values[device.number("oil_temperature")] == 99.5


async def test_a_scenario_plays_at_its_times(utility: Utility, tmp_path: Path) -> None:
    script = tmp_path / "storm.toml"
    script.write_text(
        "seconds_between_trips = inf\n"
        '[[events]]\nat_s = 2\nswitch = "ng-qf2"\naction = "open"\n'
        '[[events]]\nat_s = 1\ndevice = "northgate/tm-1"\nbehavior = "refusing"\nexception = 6\nfor_s = 2\n'
    )
    async with Field(utility, data=tmp_path, scenario=read_scenario(script), start_s=MORNING) as field:
        manners, positions = [], []
        rtu = field.device("northgate/rtu-1")
        for _ in range(5):
            await field.play(1.0)
            manners.append(field.device("northgate/tm-1").behavior.manner)
            positions.append(rtu.values[rtu.number("f2_position")])
    assert manners == ["refusing", "refusing", "normal", "normal", "normal"]
    assert positions == [2, 1, 1, 1, 1]


@pytest.mark.parametrize(
    "event",
    [
        DeviceEvent(at_s=0, device="northgate/nothing", behavior="silent"),
        SwitchEvent(at_s=0, switch="nothing", action="trip"),
    ],
)
def test_a_scenario_that_does_not_fit_the_folder_is_refused(
    utility: Utility, tmp_path: Path, event: DeviceEvent | SwitchEvent
) -> None:
    with pytest.raises(ConfigError, match="nothing"):
        Field(utility, data=tmp_path, scenario=Scenario(events=[event]))


def test_a_broken_scenario_file_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    for text, message in (("events = 3", "events"), ("[[", "not valid TOML"), ('[[events]]\nat_s = 1\nwitch = "a"', "events")):
        path.write_text(text)
        with pytest.raises(ConfigError, match=message):
            read_scenario(path)


async def test_the_address_book_is_there_while_the_field_is(utility: Utility, tmp_path: Path) -> None:
    ready = asyncio.Event()
    task = asyncio.create_task(simulate(utility, data=tmp_path, on_ready=lambda _: ready.set()))
    async with asyncio.timeout(10):
        await ready.wait()
    book = read_book(tmp_path / "field.json")
    assert len(book) == sum(len(site.devices) + len(site.outstations) for site in utility.sites)
    place = book["northgate/tm-1"]
    assert isinstance(place, NetworkPlace)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(path.name for path in tmp_path.iterdir()) == ["authority", "secrets"]
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(place.host, place.port)


async def test_an_address_in_use_is_an_error_that_names_device_and_address(utility: Utility, tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    device = device_of(utility, "northgate/tm-1")
    moved = replace(device, connection=device.connection.model_copy(update={"host": "127.0.0.1", "port": port}))
    sites = tuple(
        replace(site, devices=tuple(moved if other is device else other for other in site.devices)) for site in utility.sites
    )
    try:
        with pytest.raises(UnavailableError, match=rf"northgate/tm-1 cannot be served at 127\.0\.0\.1 port {port}"):
            await simulate(replace(utility, sites=sites), data=tmp_path)
        assert not (tmp_path / "field.json").exists()
    finally:
        server.close()
        await server.wait_closed()


async def test_sites_may_use_the_same_private_address(utility: Utility, tmp_path: Path) -> None:
    address = {"host": "10.0.0.1", "unit": 1}
    devices = [device_of(utility, path) for path in ("northgate/tm-1", "sunfield/inv-1")]
    moved = {device.path: replace(device, connection=device.connection.model_copy(update=address)) for device in devices}
    sites = tuple(
        replace(site, devices=tuple(moved.get(device.path, device) for device in site.devices)) for site in utility.sites
    )
    async with Field(replace(utility, sites=sites), data=tmp_path, scenario=QUIET) as field:
        assert field.book["northgate/tm-1"] != field.book["sunfield/inv-1"]


async def test_two_devices_of_two_sites_at_one_loopback_address_are_refused(utility: Utility, tmp_path: Path) -> None:
    address = {"host": "127.0.0.1", "port": 50_502, "unit": 1}
    devices = [device_of(utility, path) for path in ("northgate/tm-1", "sunfield/inv-1")]
    moved = {device.path: replace(device, connection=device.connection.model_copy(update=address)) for device in devices}
    sites = tuple(
        replace(site, devices=tuple(moved.get(device.path, device) for device in site.devices)) for site in utility.sites
    )
    with pytest.raises(ConfigError, match=r"sunfield/inv-1 and northgate/tm-1 have the same address"):
        await simulate(replace(utility, sites=sites), data=tmp_path)


async def test_without_a_grid_values_wander_between_their_limits(utility: Utility, tmp_path: Path) -> None:
    field = Field(replace(utility, grid=None), data=tmp_path)
    device = field.device("northgate/rtu-1")
    before = device.values.copy()
    for _ in range(20):
        field.step(1.0)
        for value, point in zip(device.values, device.points, strict=True):
            if point.kind == "analog" and point.low is not None and point.high is not None:
                assert point.low <= value <= point.high
    assert (device.values != before).sum() > len(device) / 2


async def test_a_running_field_moves_by_itself(field: Field) -> None:
    device = modbus(field, "sunfield/bess-1")
    row = device.row(device.number("frequency"))
    running = asyncio.create_task(field.run(speed=10))
    async with asyncio.timeout(10), master(field, "sunfield/bess-1") as client:
        first = seen = (await client.read_input_registers(row.address, count=1, device_id=1)).registers
        while seen == first:
            seen = (await client.read_input_registers(row.address, count=1, device_id=1)).registers
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_recording_is_replayed_through_a_running_field(utility: Utility, tmp_path: Path) -> None:
    source = Recording(("sunfield/bess-1/state_of_charge",), np.arange(50.0), np.arange(50.0)[:, None] + 10)
    books: asyncio.Queue[AddressBook] = asyncio.Queue()
    running = asyncio.create_task(
        simulate(utility, data=tmp_path, scenario=QUIET, replay=source, until_read=True, on_ready=books.put_nowait)
    )
    seen = []
    async with asyncio.timeout(10):
        place = (await books.get())["sunfield/bess-1"]
        assert isinstance(place, NetworkPlace)
        reader, writer = await asyncio.open_connection(place.host, place.port)
        while not seen or seen[-1] < 5900:
            seen.append(int.from_bytes((await exchange(reader, writer, 1, bytes.fromhex("0400040001")))[2:], "big"))
        writer.close()
    assert sorted(set(seen)) == [100 * value for value in range(10, 60)]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
