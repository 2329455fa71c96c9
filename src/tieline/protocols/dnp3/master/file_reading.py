"""Reading a file from an outstation, as the master does it (IEEE 1815-2012, clause 5.3).

    [AUTHENTICATE_FILE g70v2 -> key] -> OPEN_FILE g70v3 -> READ g70v5, block by block -> CLOSE_FILE g70v4

The outstation says how large a block may be and which is the last. A file that is longer than the caller takes is given up, and so is
one whose blocks come out of order; a handle that was given is closed whatever happens, as long as the outstation answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from tieline.model import LocalError
from tieline.protocols.dnp3.application import Function
from tieline.protocols.dnp3.file_objects import (
    UNKNOWN_SIZE,
    FileAuthentication,
    FileCommand,
    FileCommandStatus,
    FileMode,
    FileStatus,
    FileTransport,
    FileTransportStatus,
    file_object,
)
from tieline.protocols.dnp3.master.tasks import Outcome, Reply, Request, Result, Steps

_SMALL_BLOCK = 64
"""Octets of a block; there are no more blocks than would be needed if they were as small."""
_BLOCK_OVERHEAD = 4 + 4 + 2 + 8
"""Octets of a fragment besides the data of a block: its header, the object's header, the length, the handle and the block's number."""

_Wanted = TypeVar("_Wanted", FileAuthentication, FileCommandStatus, FileTransport)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAccess:
    """Who opens a file."""

    user: str
    password: str


def read_file(name: str, *, most_octets: int, max_fragment: int, request_id: int, access: FileAccess | None = None) -> Steps:
    """The steps of reading a file. Raises `LocalError` for a name or a limit that cannot be."""
    if not 1 <= _octets(name) <= 255:
        raise LocalError("a file's name has 1 to 255 octets")
    if most_octets < 1:
        raise LocalError("a file has at least one octet to be read")
    if access is not None and max(_octets(access.user), _octets(access.password)) > 255:
        raise LocalError("user and password have 255 octets at the most")
    return _read_file(name, most_octets, max_fragment - _BLOCK_OVERHEAD, request_id & 0xFFFF, access)


def _read_file(name: str, most_octets: int, max_block: int, request_id: int, access: FileAccess | None) -> Steps:
    key = 0
    if access is not None:
        asked = FileAuthentication(user=access.user, password=access.password)
        reply = yield Request(Function.AUTHENTICATE_FILE, (asked.block,))
        authenticated = _answer(reply, FileAuthentication)
        if isinstance(authenticated, Result):
            return authenticated
        key = authenticated.key
        if not key:
            return _refused("the outstation does not accept user and password", reply)
    command = FileCommand(name=name, mode=FileMode.READ, key=key, max_block=max_block, request=request_id)
    reply = yield Request(Function.OPEN_FILE, (command.block,))
    opened = _answer(reply, FileCommandStatus)
    if isinstance(opened, Result):
        return opened
    if opened.status != FileStatus.SUCCESS:
        return _refused(f"{name} is not opened: {FileStatus.words(opened.status)}", reply)
    if opened.size != UNKNOWN_SIZE and opened.size > most_octets:
        result = _refused(f"the file has {opened.size} octets, more than {most_octets}", reply)
    else:
        result = yield from _read_blocks(opened.handle, most_octets)
    if result.outcome is Outcome.NOT_SENT or result.outcome is Outcome.UNCONFIRMED:
        return result  # nobody answers a CLOSE_FILE either
    yield Request(Function.CLOSE_FILE, (FileCommandStatus(handle=opened.handle, request=request_id).block,))
    return result  # what was read was read, even if the outstation forgets to close


def _read_blocks(handle: int, most_octets: int) -> Steps:
    parts: list[bytes] = []
    octets = 0
    most_blocks = _SMALL_BLOCK + most_octets // _SMALL_BLOCK
    for number in range(most_blocks):
        reply = yield Request(Function.READ, (FileTransport(handle=handle, number=number).block,), is_repeatable=True)
        found = _answer(reply, FileTransport)
        if isinstance(found, Result):
            return found
        if found.handle != handle or found.number != number or not (found.data or found.is_last):
            return _refused(f"block {number} was asked for, something else came", reply)
        octets += len(found.data)
        if octets > most_octets:
            return _refused(f"the file has more than {most_octets} octets", reply)
        parts.append(found.data)
        if found.is_last:
            return Result(outcome=Outcome.DONE, iin=reply.iin, content=b"".join(parts))
    return _refused(f"the file has more than {most_blocks} blocks", reply)


def _answer(reply: Reply, wanted: type[_Wanted]) -> _Wanted | Result:
    """The object that was asked for, or what comes of the task."""
    if reply.failure is not None:
        return reply.failure
    for block in reply.blocks:
        found = file_object(block)
        if isinstance(found, wanted):
            return found
        if isinstance(found, FileCommandStatus | FileTransportStatus):
            return _refused(FileStatus.words(found.status), reply)
    return _refused(f"the answer holds no g70v{wanted.VARIATION}", reply)


def _refused(why: str, reply: Reply) -> Result:
    return Result(outcome=Outcome.REFUSED, why=why, iin=reply.iin)


def _octets(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise LocalError("a name holds what is no character") from error
