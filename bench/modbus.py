"""Part (a): Modbus response bytes to samples, for each second of CPU time of one core.

The codec is given the bytes that devices answered (headers, framing and checks included) and ends with `Samples`. The driver is
the whole way over loopback, sockets and event loop included, against a server in another process. Beside both stands pymodbus,
which decodes to Python lists: its framer and `convert_from_registers` for the codec, its asyncio client over loopback, reading
the same blocks.
"""

from __future__ import annotations

import asyncio
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from bench.result import Result
from tieline.config import ModbusDevice
from tieline.config.modbus import ModbusRow, TcpConnection
from tieline.edge.drivers.modbus import modbus_drivers
from tieline.io import SystemClock
from tieline.model import PointId, Reporting, Samples
from tieline.protocols.modbus import Image, TcpSession, plan_reads

SECONDS = 1.5
LIMITS = {"max_registers": 125, "max_bits": 2000, "max_gap": 16}


def make_rows(**groups: tuple[int, int, dict[str, Any]]) -> tuple[ModbusRow, ...]:
    """Rows by group: how many, how far apart, and their columns."""
    rows = []
    for name, (count, step, columns) in groups.items():
        first = columns.pop("first", 0)
        for number in range(count):
            default = {"name": f"{name}-{number}", "kind": "analog", "table": "input_register", "poll": "fast"}
            rows.append(ModbusRow.model_validate(default | columns | {"address": first + number * step}))
    return tuple(rows)


def shapes() -> dict[str, tuple[ModbusRow, ...]]:
    """The devices that are measured."""
    binary = {"kind": "binary", "type": "bits"}
    return {
        "mixed device, 700 points": make_rows(
            float=(160, 2, {"type": "float32", "word_order": "CDAB"}),
            scaled=(200, 1, {"type": "int16", "scale": 0.1, "first": 1000}),
            counter=(80, 2, {"type": "uint32", "kind": "counter", "table": "holding_register"}),
            energy=(4, 4, {"type": "float64", "table": "holding_register", "first": 500}),
            coil=(96, 1, {"table": "coil", "kind": "binary"}),
            double=(32, 2, {"table": "discrete_input", "kind": "double", "bits": 2}),
            **{f"alarm-{bit}": (8, 1, binary | {"bit": bit, "first": 2000}) for bit in range(16)},
        ),
        "620 x float32": make_rows(float=(620, 2, {"type": "float32"})),
        "125 x uint16": make_rows(word=(125, 1, {"type": "uint16"})),
    }


def measure(work: Callable[[], int], seconds: float = SECONDS) -> float:
    """Samples for each second of CPU time."""
    work()
    count, start, end = 0, time.process_time(), time.perf_counter() + seconds
    while time.perf_counter() < end:
        count += work()
    return count / (time.process_time() - start)


def payload_of(size: int, count: int, *, is_bits: bool) -> bytes:
    """What the server answers: bits, or floats that are good whatever the word order."""
    return b"\x5a" * size if is_bits else struct.pack(">H", 0x4148) * count


def codec(rows: tuple[ModbusRow, ...]) -> float:
    """Our session, image and samples."""
    image = Image(rows, [PointId(number) for number in range(len(rows))], plan_reads(rows, **LIMITS))
    session = TcpSession()
    answers = []
    for block in image.blocks:
        request = block.request
        body = payload_of(request.size, request.count, is_bits=request.pdu[0] <= 2)
        answers.append(struct.pack(">HHBBB", 0, len(body) + 3, 1, request.pdu[0], len(body)) + body)

    def cycle() -> int:
        for number, block in enumerate(image.blocks):
            sent = session.request(1, block.request.pdu)
            pdu = session.receive(sent[:2] + answers[number])
            assert pdu is not None
            image.store(number, block.request.payload(pdu), 1)
        samples = image.samples()
        assert not samples.quality[0] & 3
        return len(samples)

    return measure(cycle)


def pymodbus_values(rows: tuple[ModbusRow, ...], block: Any, pdu: Any) -> list[Any]:
    """Values of a block as an application of pymodbus gets them."""
    from pymodbus.client.mixin import ModbusClientMixin

    convert, kinds = ModbusClientMixin.convert_from_registers, ModbusClientMixin.DATATYPE
    values: list[Any] = []
    for index in block.rows:
        row = rows[index]
        start = row.address - block.request.address
        if row.is_bit_table:
            values.append(sum(bit << place for place, bit in enumerate(pdu.bits[start : start + row.bits])))
        elif row.type == "bits":
            values.append(pdu.registers[start] >> row.bit & (1 << row.bits) - 1)
        else:
            order = "little" if row.word_order == "CDAB" else "big"
            raw = convert(pdu.registers[start : start + row.length], kinds[row.type.upper()], word_order=order)
            values.append(raw * row.scale + row.offset)
    return values


def pymodbus_codec(rows: tuple[ModbusRow, ...]) -> float:
    """The framer of pymodbus, and its conversion of registers."""
    from pymodbus.framer import FramerSocket
    from pymodbus.pdu import DecodePDU

    framer = FramerSocket(DecodePDU(False))
    blocks = plan_reads(rows, **LIMITS)
    answers = []
    for block in blocks:
        request = block.request
        body = payload_of(request.size, request.count, is_bits=request.pdu[0] <= 2)
        answers.append(struct.pack(">HHHBBB", 1, 0, len(body) + 3, 1, request.pdu[0], len(body)) + body)

    def cycle() -> int:
        count = 0
        for block, answer in zip(blocks, answers, strict=True):
            _, pdu = framer.handleFrame(answer, 1, 1)
            count += len(pymodbus_values(rows, block, pdu))
        return count

    return measure(cycle)


class Server(asyncio.Protocol):
    """Answers any read at once, as cheaply as possible."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        (count,) = struct.unpack(">H", data[10:12])
        size = (count + 7) // 8 if data[7] <= 2 else 2 * count
        body = payload_of(size, count, is_bits=data[7] <= 2)
        self._transport.write(data[:4] + struct.pack(">HBBB", size + 3, data[6], data[7], size) + body)


async def serve() -> None:
    """Serves on a free port and prints it."""
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def driver(rows: tuple[ModbusRow, ...], port: int) -> float:
    """The driver polling one device as fast as it goes."""
    points = tuple(row.to_point("site", "device", Reporting()) for row in rows)
    connection = TcpConnection(host="127.0.0.1", port=port)
    device = ModbusDevice(
        site="site",
        name="device",
        protocol="modbus",
        description="",
        connection=connection,
        polls={"fast": 1e-5},
        rows=rows,
        points=points,
    )
    count = 0

    def take(samples: Samples) -> None:
        nonlocal count
        count += len(samples)

    (made,) = modbus_drivers([device], on_samples=take, on_event=print, clock=SystemClock())
    task = asyncio.create_task(made.run())
    await asyncio.sleep(0.3)
    start, before = time.process_time(), count
    await asyncio.sleep(SECONDS)
    rate = (count - before) / (time.process_time() - start)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return rate


async def pymodbus_client(rows: tuple[ModbusRow, ...], port: int) -> float:
    """The asyncio client of pymodbus reading the same blocks."""
    from pymodbus.client import AsyncModbusTcpClient

    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    read = {
        1: client.read_coils,
        2: client.read_discrete_inputs,
        3: client.read_holding_registers,
        4: client.read_input_registers,
    }
    blocks = plan_reads(rows, **LIMITS)
    count, start, end = 0, time.process_time(), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        for block in blocks:
            pdu = await read[block.request.pdu[0]](block.request.address, count=block.request.count)
            count += len(pymodbus_values(rows, block, pdu))
    client.close()
    return count / (time.process_time() - start)


def run() -> list[Result]:
    """All figures of part (a)."""
    results = []

    def report(name: str, value: float, detail: str) -> None:
        results.append(Result(part="a", name=name, value=value, unit="samples/s per core", detail=detail))

    devices = shapes()
    for shape, rows in devices.items():
        requests = len(plan_reads(rows, **LIMITS))
        report(f"response bytes to samples, {shape}", codec(rows), f"{requests} responses a cycle")
        report(f"pymodbus framer and lists, {shape}", pymodbus_codec(rows), "peer")
    with subprocess.Popen([sys.executable, "-m", "bench.modbus", "serve"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            for shape, rows in devices.items():
                report(f"driver over loopback, {shape}", asyncio.run(driver(rows, port)), "one device, sockets included")
                report(f"pymodbus client over loopback, {shape}", asyncio.run(pymodbus_client(rows, port)), "peer")
        finally:
            process.kill()
    return results


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
    else:
        for result in run():
            print(f"{result.value:14,.0f} {result.unit:20} {result.name} ({result.detail})")
