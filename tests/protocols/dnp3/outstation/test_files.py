"""Files of an outstation: opened, read block by block, closed and described, and nothing else."""

from __future__ import annotations

import dataclasses

import pytest

from tests.protocols.dnp3.dissect import assert_clean, frames_of, needs_tshark
from tests.protocols.dnp3.outstation.rig import T0_US, Bench, online, small_database
from tieline.model import LocalError
from tieline.protocols.dnp3.application import IIN, REQUEST_REFUSED, Function, ObjectBlock, parse_fragment
from tieline.protocols.dnp3.file_objects import (
    FileAuthentication,
    FileCommand,
    FileCommandStatus,
    FileDescriptor,
    FileMode,
    FileStatus,
    FileTransport,
    FileTransportStatus,
    file_object,
)
from tieline.protocols.dnp3.outstation import FileInfo, OutstationSettings

LOG = bytes(range(256)) * 20
OBJECTS = [
    FileCommand(
        name="a/b.log", mode=FileMode.READ, created_ms=1 << 40, permissions=0o644, key=7, size=9, max_block=512, request=3
    ),
    FileCommandStatus(handle=5, size=100, max_block=512, request=3, status=FileStatus.LOCKED),
    FileTransport(handle=5, number=7, is_last=True, data=b"xyz"),
    FileTransport(handle=5, number=7),
    FileTransportStatus(handle=5, number=7, status=FileStatus.BLOCK_SEQUENCE),
    FileDescriptor(name="größe", is_directory=True, size=4, created_ms=1 << 41, permissions=1, request=65_535),
]


class Memory:
    """Files in a dict."""

    def __init__(self, **files):
        self.files = files

    def list(self):
        return [FileInfo(name=name, size=len(octets), created_us=T0_US) for name, octets in self.files.items()]

    def read(self, name):
        return self.files.get(name)


def bench(**settings):
    settings = OutstationSettings(unsolicited_allowed=False, **settings)
    return Bench(online(small_database()), settings=settings, files=Memory(log=LOG, empty=b""))


def opened(one, name="log", *, mode=FileMode.READ, max_block=0):
    response = one.ask(Function.OPEN_FILE, FileCommand(name=name, mode=mode, max_block=max_block, request=42).block)
    status = FileCommandStatus.of(response.blocks[0].strings[0])
    assert status.request == 42
    return status


def closed(one, handle, function=Function.CLOSE_FILE):
    response = one.ask(function, FileCommandStatus(handle=handle, request=43).block)
    return FileCommandStatus.of(response.blocks[0].strings[0]).status


def block_of(one, handle, number):
    (block,) = one.ask(Function.READ, FileTransport(handle=handle, number=number).block).blocks
    return (FileTransport if block.variation == 5 else FileTransportStatus).of(block.strings[0])


def contents(one, handle):
    out, number = b"", 0
    while True:
        block = block_of(one, handle, number)
        out += block.data
        if block.is_last:
            return out
        number += 1


@pytest.mark.parametrize("thing", OBJECTS)
def test_file_objects_are_read_as_they_are_written_and_are_none_when_they_are_cut_off(thing):
    (octets,) = thing.block.strings
    assert type(thing).of(octets) == thing
    least = len(octets) - len(getattr(thing, "data", b""))
    assert all(type(thing).of(octets[:length]) is None for length in range(least))


def test_golden_octets_of_a_file_command():
    block = FileCommand(name="ab", mode=1, max_block=0x200, request=9, permissions=0x124, size=0).block
    assert block.strings[0].hex(" ") == "1a 00 02 00 00 00 00 00 00 00 24 01 00 00 00 00 00 00 00 00 01 00 00 02 09 00 61 62"


@pytest.mark.parametrize("number", [11, 21, 254])
def test_a_file_status_that_nobody_knows_stays_a_number(number):
    (octets,) = FileTransportStatus(handle=1, number=2, status=number).block.strings
    assert FileTransportStatus.of(octets).status == number
    assert FileStatus.words(number) == f"status {number}"
    assert FileStatus.words(FileStatus.LOCKED) == "locked"


def test_an_answer_about_a_user_needs_no_names():
    asked = FileAuthentication(user="jo", password="größe")
    assert FileAuthentication.of(asked.block.strings[0]) == asked
    named = FileAuthentication(user="jo", password="pass", key=7).block.strings[0]
    assert FileAuthentication.of(named[:12]) == FileAuthentication(key=7)
    assert FileAuthentication.of(named[:11]) is None


@pytest.mark.parametrize("thing", OBJECTS)
def test_a_block_is_read_as_the_object_that_it_holds(thing):
    assert file_object(thing.block) == thing
    assert file_object(dataclasses.replace(thing.block, group=71)) is None
    assert file_object(dataclasses.replace(thing.block, strings=())) is None
    assert file_object(dataclasses.replace(thing.block, variation=8)) is None


@pytest.mark.parametrize("max_block", [0, 1_000, 5_120, 65_535])
@pytest.mark.parametrize("max_fragment", [270, 2_048])
def test_a_file_is_read_block_by_block(max_block, max_fragment):
    one = bench(max_fragment=max_fragment)
    status = opened(one, max_block=max_block)
    assert (status.status, status.size) == (FileStatus.SUCCESS, len(LOG))
    assert status.max_block == min(max_block or 65_535, max_fragment - 18)
    assert contents(one, status.handle) == LOG
    assert closed(one, status.handle) is FileStatus.SUCCESS
    assert block_of(one, status.handle, 0).status is FileStatus.NOT_OPENED


def test_an_empty_file_is_one_empty_block():
    one = bench()
    assert block_of(one, opened(one, "empty").handle, 0) == FileTransport(handle=1, number=0, is_last=True)


def test_a_file_stays_as_it_was_when_it_was_opened():
    files = Memory(log=LOG)
    one = Bench(online(small_database()), settings=OutstationSettings(unsolicited_allowed=False), files=files)
    handle = opened(one).handle
    files.files["log"] = b"new"
    assert contents(one, handle) == LOG


def test_a_block_can_be_read_once_more_and_no_block_be_skipped():
    one = bench()
    handle = opened(one, max_block=100).handle
    assert block_of(one, handle, 1).status is FileStatus.BLOCK_SEQUENCE
    first = block_of(one, handle, 0)
    assert block_of(one, handle, 0) == first
    assert block_of(one, handle, 1).data == LOG[100:200]
    assert block_of(one, handle, 3).status is FileStatus.BLOCK_SEQUENCE
    block_of(one, handle, 2)
    assert block_of(one, handle, 0).status is FileStatus.BLOCK_SEQUENCE


@pytest.mark.parametrize(
    ("name", "mode", "status"),
    [
        ("nothing", FileMode.READ, FileStatus.NOT_FOUND),
        ("log", FileMode.WRITE, FileStatus.PERMISSION_DENIED),
        ("log", FileMode.APPEND, FileStatus.PERMISSION_DENIED),
        ("log", FileMode.NUL, FileStatus.INVALID_MODE),
        ("log", 77, FileStatus.INVALID_MODE),
    ],
)
def test_a_file_that_cannot_be_opened_says_why(name, mode, status):
    found = opened(bench(), name, mode=mode)
    assert (found.status, found.handle) == (status, 0)


def test_no_more_files_are_open_than_may_be_and_one_that_nobody_reads_is_closed():
    one = bench(max_open_files=2, file_timeout_s=60.0)
    handles = [opened(one).handle, opened(one).handle]
    assert len(set(handles)) == 2
    assert opened(one).status is FileStatus.TOO_MANY_OPEN
    one.after(59.0)
    block_of(one, handles[0], 0)
    one.after(1.0)
    assert opened(one).status is FileStatus.SUCCESS
    assert block_of(one, handles[1], 0).status is FileStatus.NOT_OPENED
    assert block_of(one, handles[0], 1).data


def test_files_are_closed_by_a_restart():
    one = bench()
    handle = opened(one).handle
    one.outstation.restart(one.now)
    one.confirm(b"\xf0\x82")
    assert block_of(one, handle, 0).status is FileStatus.NOT_OPENED


@pytest.mark.parametrize("function", [Function.CLOSE_FILE, Function.ABORT_FILE])
def test_a_file_is_closed_once(function):
    one = bench()
    handle = opened(one).handle
    assert closed(one, handle, function) is FileStatus.SUCCESS
    assert closed(one, handle, function) is FileStatus.INVALID_HANDLE


def test_nothing_is_deleted():
    one = bench()
    response = one.ask(Function.DELETE_FILE, FileCommand(name="log", request=5).block)
    assert FileCommandStatus.of(response.blocks[0].strings[0]).status is FileStatus.PERMISSION_DENIED
    assert opened(one).status is FileStatus.SUCCESS


def test_files_are_described():
    one = bench()
    response = one.ask(Function.GET_FILE_INFO, FileDescriptor(name="log", request=8).block)
    expected = FileDescriptor(name="log", size=len(LOG), created_ms=T0_US // 1_000, request=8)
    assert FileDescriptor.of(response.blocks[0].strings[0]) == expected
    response = one.ask(Function.GET_FILE_INFO, FileDescriptor(name="/", request=8).block)
    found = FileDescriptor.of(response.blocks[0].strings[0])
    assert (found.is_directory, found.size) == (True, 2)
    response = one.ask(Function.GET_FILE_INFO, FileDescriptor(name="nothing", request=8).block)
    assert FileCommandStatus.of(response.blocks[0].strings[0]).status is FileStatus.NOT_FOUND


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"name": "x" * 256}, {"name": "\ud800"}, {"size": -1}, {"size": 1 << 32}, {"created_us": -1}]
)
def test_a_file_that_no_descriptor_holds_is_none(wrong):
    with pytest.raises(LocalError):
        FileInfo(**({"name": "a", "size": 1, "created_us": T0_US} | wrong))


def test_the_directory_is_a_file_of_descriptors():
    one = bench()
    octets = contents(one, opened(one, "/").handle)
    first = FileDescriptor.of(octets)
    second = FileDescriptor.of(octets[len(first.octets) :])
    assert [(each.name, each.size) for each in (first, second)] == [("log", len(LOG)), ("empty", 0)]
    assert first.octets + second.octets == octets


@pytest.mark.parametrize(
    ("function", "block", "iin"),
    [
        (Function.OPEN_FILE, ObjectBlock.free(70, 3, b"short"), IIN.PARAMETER_ERROR),
        (Function.OPEN_FILE, FileTransport(handle=1, number=0).block, IIN.PARAMETER_ERROR),
        (Function.DELETE_FILE, ObjectBlock.free(70, 3, b""), IIN.PARAMETER_ERROR),
        (Function.CLOSE_FILE, ObjectBlock.free(70, 4, b""), IIN.PARAMETER_ERROR),
        (Function.GET_FILE_INFO, ObjectBlock.free(70, 7, b"\xff\xff\xff\xff" + bytes(16)), IIN.PARAMETER_ERROR),
        (Function.OPEN_FILE, ObjectBlock.all(60, 1), IIN.OBJECT_UNKNOWN),
        (Function.READ, FileCommand(name="log").block, IIN.OBJECT_UNKNOWN),
        (Function.READ, ObjectBlock.free(70, 5, b"1234567"), IIN.OBJECT_UNKNOWN),
        (Function.READ, ObjectBlock.all(70, 5), IIN.OBJECT_UNKNOWN),
        (Function.AUTHENTICATE_FILE, ObjectBlock.free(70, 2, bytes(12)), IIN.NO_FUNCTION_CODE_SUPPORT),
    ],
)
def test_what_is_no_request_for_a_file_is_refused(function, block, iin):
    response = bench().ask(function, block)
    assert response.iin & REQUEST_REFUSED == iin
    assert response.blocks == ()


def test_an_open_that_is_repeated_opens_once():
    one = bench(max_open_files=1)
    request = one.request(Function.OPEN_FILE, FileCommand(name="log", mode=FileMode.READ).block)
    first = one.send(request)
    assert one.send(request) == first
    assert FileCommandStatus.of(parse_fragment(first[0]).blocks[0].strings[0]).status is FileStatus.SUCCESS


@needs_tshark
def test_wireshark_finds_nothing_wrong_with_files():
    one = bench()
    requests = [
        (Function.OPEN_FILE, FileCommand(name="log", mode=FileMode.READ, max_block=500).block),
        (Function.READ, FileTransport(handle=1, number=0).block),
        (Function.READ, FileTransport(handle=9, number=0).block),
        (Function.CLOSE_FILE, FileCommandStatus(handle=1).block),
    ]  # it does not know file descriptors (g70v7)
    frames = []
    for function, block in requests:
        request = one.request(function, block)
        frames += frames_of(request, is_from_master=True, sequence=len(frames))
        (octets,) = one.send(request)
        frames += frames_of(octets, is_from_master=False, sequence=len(frames))
    assert_clean(frames)
