"""Reading a file from an outstation (IEEE 1815-2012, clause 5.3 and annex A.27).

    [AUTHENTICATE_FILE g70v2 -> key] -> OPEN_FILE g70v3 -> READ g70v5, block by block -> CLOSE_FILE g70v4

The outstation says how large a block may be and which is the last. A file that is longer than the caller takes is given up, and so is
one whose blocks come out of order; a handle that was given is closed whatever happens, as long as the outstation answers.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tieline.model import LocalError
from tieline.protocols.dnp3.application import Function, ObjectBlock
from tieline.protocols.dnp3.tasks import Blocks, Outcome, Reply, Request, Result, Steps

_READ_MODE = 1
_LAST_BLOCK = 1 << 31
_SMALL_BLOCK = 64
"""Octets of a block; there are no more blocks than would be needed if they were as small."""
_BLOCK_OVERHEAD = 4 + 4 + 2 + 8
"""Octets of a fragment besides the data of a block: its header, the object's header, the length, the handle and the block's number."""

_AUTHENTICATION = struct.Struct("<HHHHI")
_OPEN = struct.Struct("<HHHIHIIHHH")
_STATUS = struct.Struct("<IIHHB")
_TRANSPORT = struct.Struct("<II")
_TRANSPORT_STATUS = struct.Struct("<IIB")

FILE_STATUS = {
    0: "success",
    1: "permission denied",
    2: "invalid mode",
    3: "file not found",
    4: "file locked",
    5: "too many files open",
    6: "invalid handle",
    7: "invalid block size",
    8: "communication lost",
    9: "cannot abort",
    16: "not opened",
    17: "handle expired",
    18: "buffer overrun",
    19: "fatal error",
    20: "block out of sequence",
    255: "undefined",
}
"""What a status octet of group 70 says (clause A.27.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAccess:
    """Who opens a file."""

    user: str
    password: str


def read_file(name: str, *, most_octets: int, max_fragment: int, request_id: int, access: FileAccess | None = None) -> Steps:
    """The steps of reading a file. Raises `LocalError` for a name or a limit that cannot be."""
    if not 1 <= len(_octets(name)) <= 255:
        raise LocalError("a file's name has 1 to 255 octets")
    if most_octets < 1:
        raise LocalError("a file has at least one octet to be read")
    if access is not None and max(len(_octets(access.user)), len(_octets(access.password))) > 255:
        raise LocalError("user and password have 255 octets at the most")
    return _read_file(_octets(name), most_octets, max_fragment - _BLOCK_OVERHEAD, request_id & 0xFFFF, access)


def _read_file(name: bytes, most_octets: int, block_octets: int, request_id: int, access: FileAccess | None) -> Steps:
    key = 0
    if access is not None:
        reply = yield Request(Function.AUTHENTICATE_FILE, _authentication(access))
        answer = _object(reply, 2, _AUTHENTICATION.size)
        if isinstance(answer, Result):
            return answer
        key = _AUTHENTICATION.unpack_from(answer)[4]
        if not key:
            return _refused("the outstation does not accept user and password", reply)
    reply = yield Request(Function.OPEN_FILE, _open(name, key, block_octets, request_id))
    answer = _object(reply, 4, _STATUS.size)
    if isinstance(answer, Result):
        return answer
    handle, size, _, _, status = _STATUS.unpack_from(answer)
    if status:
        return _refused(f"{name.decode()} is not opened: {_words(status)}", reply)
    if size != 0xFFFFFFFF and size > most_octets:
        result = _refused(f"the file has {size} octets, more than {most_octets}", reply)
    else:
        result = yield from _read_blocks(handle, most_octets)
    if result.outcome is Outcome.NOT_SENT or result.outcome is Outcome.UNCONFIRMED:
        return result  # nobody answers a CLOSE_FILE either
    reply = yield Request(Function.CLOSE_FILE, _close(handle, request_id))
    return result  # what was read was read, even if the outstation forgets to close


def _read_blocks(handle: int, most_octets: int) -> Steps:
    parts: list[bytes] = []
    octets = 0
    most_blocks = _SMALL_BLOCK + most_octets // _SMALL_BLOCK
    for number in range(most_blocks):
        asked = ObjectBlock.free(70, 5, _TRANSPORT.pack(handle, number))
        reply = yield Request(Function.READ, (asked,), is_repeatable=True)
        answer = _object(reply, 5, _TRANSPORT.size)
        if isinstance(answer, Result):
            return answer
        found_handle, found = _TRANSPORT.unpack_from(answer)
        is_last = bool(found & _LAST_BLOCK)
        data = answer[_TRANSPORT.size :]
        if found_handle != handle or found & ~_LAST_BLOCK != number or not (data or is_last):
            return _refused(f"block {number} was asked for, something else came", reply)
        octets += len(data)
        if octets > most_octets:
            return _refused(f"the file has more than {most_octets} octets", reply)
        parts.append(data)
        if is_last:
            return Result(outcome=Outcome.DONE, iin=reply.iin, content=b"".join(parts))
    return _refused(f"the file has more than {most_blocks} blocks", reply)


def _object(reply: Reply, variation: int, least: int) -> bytes | Result:
    """The object of group 70 that was asked for, or what comes of the task."""
    if reply.failure is not None:
        return reply.failure
    for block in reply.blocks:
        if block.group == 70 and block.strings:
            found = block.strings[0]
            if block.variation == variation and len(found) >= least:
                return found
            if block.variation == 6 and len(found) >= _TRANSPORT_STATUS.size:
                return _refused(_words(_TRANSPORT_STATUS.unpack_from(found)[2]), reply)
            if block.variation == 4 and len(found) >= _STATUS.size:
                return _refused(_words(_STATUS.unpack_from(found)[4]), reply)
    return _refused(f"the answer holds no g70v{variation}", reply)


def _refused(why: str, reply: Reply) -> Result:
    return Result(outcome=Outcome.REFUSED, why=why, iin=reply.iin)


def _octets(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise LocalError("a name holds what is no character") from error


def _words(status: int) -> str:
    return FILE_STATUS.get(status, f"status {status}")


def _authentication(access: FileAccess) -> Blocks:
    user, password = _octets(access.user), _octets(access.password)
    start = _AUTHENTICATION.size
    head = _AUTHENTICATION.pack(start, len(user), start + len(user), len(password), 0)
    return (ObjectBlock.free(70, 2, head + user + password),)


def _open(name: bytes, key: int, block_octets: int, request_id: int) -> Blocks:
    head = _OPEN.pack(_OPEN.size, len(name), 0, 0, 0, key, 0, _READ_MODE, block_octets, request_id)
    return (ObjectBlock.free(70, 3, head + name),)


def _close(handle: int, request_id: int) -> Blocks:
    return (ObjectBlock.free(70, 4, _STATUS.pack(handle, 0, 0, request_id, 0)),)
