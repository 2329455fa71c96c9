from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tieline.config import Utility, read_folder
from tieline.config.field import SerialPlace
from tieline.simulator import QUIET, Behavior, Field
from tieline.simulator.devices.serving import crc16

RIDGEWAY = Path(__file__).parents[2] / "src" / "tieline" / "examples" / "ridgeway"
READ_FREQUENCY = bytes.fromhex("0300140002")


class Master:
    """The near end of a serial line."""

    def __init__(self, serial_port: str) -> None:
        self._handle = os.open(serial_port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._received: asyncio.Queue[bytes] = asyncio.Queue()
        asyncio.get_running_loop().add_reader(self._handle, lambda: self._received.put_nowait(os.read(self._handle, 512)))

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)

    def send(self, data: bytes) -> None:
        os.write(self._handle, data)

    async def receive(self, length: int) -> bytes:
        """A frame without its checksum, which is right."""
        data = b""
        async with asyncio.timeout(5):
            while len(data) < length + 2:
                data += await self._received.get()
        assert crc16(data) == 0
        return data[:-2]


def frame(unit: int, request: bytes) -> bytes:
    body = bytes((unit,)) + request
    return body + crc16(body).to_bytes(2, "little")


@pytest.fixture(scope="module")
def utility() -> Utility:
    return read_folder(RIDGEWAY)


@pytest.fixture
async def field(utility: Utility, tmp_path: Path) -> AsyncIterator[Field]:
    async with Field(utility, data=tmp_path, scenario=QUIET, start_s=1_781_690_400.0) as field:
        yield field


@pytest.fixture
async def master(field: Field) -> AsyncIterator[Master]:
    place = field.book["millbrook/meter-1"]
    assert isinstance(place, SerialPlace)
    master = Master(place.serial_port)
    yield master
    master.close()


def test_the_checksum_is_that_of_the_specification() -> None:
    assert crc16(bytes.fromhex("0207")) == 0x1241  # Modbus over Serial Line V1.02, appendix B


async def test_a_request_that_comes_byte_by_byte_is_answered(master: Master) -> None:
    for byte in frame(11, READ_FREQUENCY):
        master.send(bytes((byte,)))
    assert (await master.receive(7))[:3].hex() == "0b0304"


async def test_a_broken_frame_is_not_answered_and_the_next_one_is(field: Field, master: Master) -> None:
    before = field.device("millbrook/meter-1").requests
    master.send(frame(11, READ_FREQUENCY)[:-1] + b"\x00")
    for _ in range(20):
        master.send(frame(12, READ_FREQUENCY))  # a master asks again
        try:
            answer = await asyncio.wait_for(master.receive(7), 0.5)
        except TimeoutError:
            continue
        break
    assert answer[:3].hex() == "0c0304"
    assert field.device("millbrook/meter-1").requests == before


async def test_another_unit_and_a_silent_device_say_nothing(field: Field, master: Master) -> None:
    await field.behave("millbrook/meter-1", Behavior(manner="silent"))
    master.send(frame(99, READ_FREQUENCY) + frame(11, READ_FREQUENCY) + frame(12, READ_FREQUENCY))
    assert (await master.receive(7))[0] == 12


async def test_a_broadcast_reaches_everybody_and_nobody_answers(field: Field, master: Master) -> None:
    before = [field.device(f"millbrook/meter-{number}").requests for number in (1, 2)]
    master.send(frame(0, bytes.fromhex("060000ffff")) + frame(11, READ_FREQUENCY))
    assert (await master.receive(7))[0] == 11
    assert [field.device(f"millbrook/meter-{number}").requests for number in (1, 2)] == [before[0] + 2, before[1] + 1]


async def test_several_registers_can_be_asked_to_be_written(master: Master) -> None:
    master.send(frame(11, bytes.fromhex("100000000204") + bytes(4)))
    assert (await master.receive(3)).hex() == "0b9002"  # a meter takes none
