from __future__ import annotations

import asyncio
import calendar
import math
import struct
from pathlib import Path

import numpy as np
import pytest
from pymodbus.client import AsyncModbusTcpClient

from tieline import config
from tieline.config import ModbusRow, TcpConnection
from tieline.model import ConfigError, Reporting
from tieline.simulator import ModbusDevice, Recording, Replay, read_recording
from tieline.simulator.devices import TcpEndpoint

ETT = Path(__file__).parents[3] / "shared" / "data" / "ett" / "ETTh1.csv"
COLUMNS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")


def build(columns: tuple[str, ...] = COLUMNS, name: str = "meter") -> ModbusDevice:
    rows = [
        ModbusRow(name="row", kind="counter", table="holding_register", address=0, type="uint32", poll="fast"),
        ModbusRow(name="time", kind="counter", table="holding_register", address=2, type="uint32", poll="fast"),
    ]
    rows += [
        ModbusRow(
            name=column.lower(),
            kind="analog",
            table="holding_register",
            address=4 + 2 * number,
            type="int32",
            scale=1e-4,
            poll="fast",
        )
        for number, column in enumerate(columns)
    ]
    return ModbusDevice(
        config.ModbusDevice(
            site="plant",
            name=name,
            protocol="modbus",
            description="",
            connection=TcpConnection(host="127.0.0.1"),
            polls={"fast": 0.01},
            rows=tuple(rows),
            points=tuple(row.to_point("plant", name, Reporting()) for row in rows),
        )
    )


def recording(rows: int, columns: tuple[str, ...] = COLUMNS) -> Recording:
    values = np.arange(rows * len(columns), dtype=np.float64).reshape(rows, len(columns)) / 8
    return Recording(columns, 1_000_000.0 + 60 * np.arange(rows), values)


async def read_rows(port: int, last: int, columns: int = len(COLUMNS)) -> list[tuple[int, ...]]:
    """What a master sees that reads all registers of the meter as fast as it can, until it has seen the last row."""
    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=5)
    assert await client.connect()
    seen = []
    try:
        while not seen or seen[-1][0] < last:
            registers = (await client.read_holding_registers(0, count=4 + 2 * columns, device_id=1)).registers
            seen.append(struct.unpack(f">II{columns}i", struct.pack(f">{len(registers)}H", *registers)))
    finally:
        client.close()
    return seen


async def play(
    source: Recording, *, masters: int = 1, until_read: bool = True, rows_per_s: float | None = None
) -> list[list[tuple[int, ...]]]:
    device = build(source.columns)
    endpoint = TcpEndpoint({1: device}, host="127.0.0.1", port=0)
    await endpoint.start()
    try:
        async with asyncio.timeout(40), asyncio.TaskGroup() as group:
            readers = [group.create_task(read_rows(endpoint.port, len(source), len(source.columns))) for _ in range(masters)]
            group.create_task(Replay(source, {device.path: device}).run(until_read=until_read, rows_per_s=rows_per_s))
        return [reader.result() for reader in readers]
    finally:
        await endpoint.stop()


async def test_every_row_waits_until_it_has_been_read() -> None:
    source = recording(300)
    (seen,) = await play(source)
    by_row = {row: rest for row, *rest in seen}
    assert sorted(by_row.keys() - {0}) == list(range(1, 301))
    for index in range(300):
        time_s, *values = by_row[index + 1]
        assert time_s == source.time_s[index]
        assert np.array(values) * 1e-4 == pytest.approx(source.values[index], abs=5e-5)


async def test_every_row_waits_for_every_polling_master() -> None:
    for seen in await play(recording(100), masters=3):
        rows = [row for row, *_ in seen]
        missed = set(range(rows[0] + 1 if rows[0] else 1, 101)) - set(rows)
        assert missed == set()


async def test_no_request_sees_parts_of_two_rows() -> None:
    source = Recording(COLUMNS, np.arange(200.0), np.repeat(np.arange(200.0)[:, None] + 1, len(COLUMNS), axis=1))
    (seen,) = await play(source)
    for row, _, *values in seen:
        assert all(value == row * 10_000 for value in values)


@pytest.mark.skipif(not ETT.is_file(), reason=f"{ETT} is not there")
async def test_the_transformer_recording_arrives_within_the_registers_resolution() -> None:
    whole = read_recording(ETT)
    assert len(whole) == 17_420
    source = Recording(whole.columns, whole.time_s[:2000], whole.values[:2000])
    (seen,) = await play(source)
    read = {row: values for row, _, *values in seen}
    assert np.array([read[row] for row in range(1, 2001)]) * 1e-4 == pytest.approx(source.values, abs=5.0001e-5)


async def test_a_fixed_rate_gives_every_row_its_time() -> None:
    device = build()
    source = recording(50)
    shown: list[float] = []
    loop = asyncio.get_running_loop()
    await Replay(source, {device.path: device}).run(rows_per_s=500, on_row=lambda _: shown.append(loop.time()))
    assert len(shown) == 50
    assert np.diff(shown).min() >= 0.99 / 500
    assert device.values[device.number("row")] == 50


async def test_an_empty_cell_leaves_the_point_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("time,HUFL\n2026-01-01,1.5\n2026-01-02 03:00:00+01:00,\n")
    source = read_recording(path)
    assert source.time_s.tolist() == [calendar.timegm((2026, 1, 1, 0, 0, 0)), calendar.timegm((2026, 1, 2, 2, 0, 0))]
    assert math.isnan(source.values[1, 0])
    device = build()
    replay = Replay(source, {device.path: device})
    replay.show(0)
    replay.show(1)
    assert device.values[device.number("hufl")] == 1.5
    assert device.values[device.number("row")] == 2


def test_columns_go_to_points_by_path_name_or_mapping() -> None:
    meters = {f"plant/{name}": build(name=name) for name in ("a", "b")}
    Replay(recording(1, ("plant/a/ot", "plant/b/ot")), meters).show(0)
    assert [meter.values[meter.number("ot")] for meter in meters.values()] == [0.0, 0.125]
    Replay(recording(1, ("x", "y")), meters, columns={"y": "plant/a/hufl"}).show(0)
    assert meters["plant/a"].values[meters["plant/a"].number("hufl")] == 0.125


@pytest.mark.parametrize(
    ("columns", "given", "message"),
    [
        (("OT",), None, "it could be plant/a/ot, plant/b/ot"),
        (("nothing",), None, "no point has that name"),
        (("OT",), {"OT": "plant/c/ot"}, "no such point"),
        (("OT",), {"AT": "plant/a/ot"}, "has no column AT"),
        (("OT",), {}, "no column"),
    ],
)
def test_a_column_that_goes_nowhere_is_refused(columns: tuple[str, ...], given: dict[str, str] | None, message: str) -> None:
    meters = {f"plant/{name}": build(name=name) for name in ("a", "b")}
    with pytest.raises(ConfigError, match=message):
        Replay(recording(1, columns), meters, columns=given)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a time column"),
        ("time,a\n", "no rows"),
        ("time,a\n2026-01-01,1,2\n", "2: the row has 3 cells"),
        ("time,a\nyesterday,1\n", "2: "),
        ("time,a\n2026-01-01,one\n", "2: "),
    ],
)
def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "broken.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_recording(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_recording(tmp_path / "missing.csv")
