"""File objects: group 70 as values and back, for both roles (IEEE 1815-2012, annex A.27).

All are in free format (qualifier 5B). `of` of each reads the octets of one object and gives None where they are none; `file_object`
reads whichever a block holds.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from tieline.protocols.dnp3.application import ObjectBlock

UNKNOWN_SIZE = 0xFFFFFFFF
"""The size of a file that the outstation cannot tell."""
_LAST_BLOCK = 1 << 31


class FileStatus(IntEnum):
    """What became of a request about a file."""

    SUCCESS = 0
    PERMISSION_DENIED = 1
    INVALID_MODE = 2
    NOT_FOUND = 3
    LOCKED = 4
    TOO_MANY_OPEN = 5
    INVALID_HANDLE = 6
    WRITE_BLOCK_SIZE = 7
    COMM_LOST = 8
    CANNOT_ABORT = 9
    NOT_OPENED = 16
    HANDLE_EXPIRED = 17
    BUFFER_OVERRUN = 18
    FATAL = 19
    BLOCK_SEQUENCE = 20
    UNDEFINED = 255

    @classmethod
    def of(cls, octet: int) -> int:
        """What a status octet says; a number that is none of these stays one."""
        try:
            return cls(octet)
        except ValueError:
            return octet

    @classmethod
    def words(cls, status: int) -> str:
        """For people."""
        found = cls.of(status)
        return found.name.lower().replace("_", " ") if isinstance(found, cls) else f"status {status}"


class FileMode(IntEnum):
    """What a file is opened for."""

    NUL = 0
    READ = 1
    WRITE = 2
    APPEND = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAuthentication:
    """g70v2: who wants to open or delete files, and the key that the outstation gives for it."""

    user: str = ""
    password: str = ""
    key: int = 0
    """0 in a request, and from an outstation that refuses."""
    VARIATION: ClassVar[int] = 2
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<HHHHI")

    @classmethod
    def of(cls, octets: bytes) -> FileAuthentication | None:
        """Without the names where they are not there: an answer is about its key."""
        if len(octets) < cls._LAYOUT.size:
            return None
        user_at, user_size, password_at, password_size, key = cls._LAYOUT.unpack_from(octets)
        user, password = _name(octets, user_at, user_size), _name(octets, password_at, password_size)
        return cls(user=user or "", password=password or "", key=key)

    @property
    def block(self) -> ObjectBlock:
        """As it is sent."""
        user, password, layout = self.user.encode(), self.password.encode(), self._LAYOUT
        head = layout.pack(layout.size, len(user), layout.size + len(user), len(password), self.key)
        return ObjectBlock.free(70, self.VARIATION, head + user + password)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCommand:
    """g70v3: open or delete a file."""

    name: str
    mode: int = FileMode.NUL
    created_ms: int = 0
    permissions: int = 0
    key: int = 0
    size: int = 0
    max_block: int = 0
    request: int = 0
    VARIATION: ClassVar[int] = 3
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<HHIHHIIHHH")

    @classmethod
    def of(cls, octets: bytes) -> FileCommand | None:
        layout = cls._LAYOUT
        if len(octets) < layout.size:
            return None
        offset, length, low, high, permissions, key, size, mode, max_block, request = layout.unpack_from(octets)
        name = _name(octets, offset, length)
        if name is None:
            return None
        return cls(
            name=name,
            mode=mode,
            created_ms=high << 32 | low,
            permissions=permissions,
            key=key,
            size=size,
            max_block=max_block,
            request=request,
        )

    @property
    def block(self) -> ObjectBlock:
        """As it is sent."""
        name, layout = self.name.encode(), self._LAYOUT
        low, high = self.created_ms & 0xFFFFFFFF, self.created_ms >> 32
        numbers = (self.permissions, self.key, self.size, self.mode, self.max_block, self.request)
        return ObjectBlock.free(70, self.VARIATION, layout.pack(layout.size, len(name), low, high, *numbers) + name)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCommandStatus:
    """g70v4: what became of a file command; to close or abort, which handle."""

    handle: int
    size: int = 0
    max_block: int = 0
    request: int = 0
    status: int = FileStatus.SUCCESS
    """A `FileStatus`, or a number that is none."""
    VARIATION: ClassVar[int] = 4
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<IIHHB")

    @classmethod
    def of(cls, octets: bytes) -> FileCommandStatus | None:
        if len(octets) < cls._LAYOUT.size:
            return None
        handle, size, max_block, request, status = cls._LAYOUT.unpack_from(octets)
        return cls(handle=handle, size=size, max_block=max_block, request=request, status=FileStatus.of(status))

    @property
    def block(self) -> ObjectBlock:
        """As it is sent."""
        return ObjectBlock.free(
            70, self.VARIATION, self._LAYOUT.pack(self.handle, self.size, self.max_block, self.request, self.status)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTransport:
    """g70v5: a block of a file, or the wish for one."""

    handle: int
    number: int
    is_last: bool = False
    data: bytes = b""
    VARIATION: ClassVar[int] = 5
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<II")

    @classmethod
    def of(cls, octets: bytes) -> FileTransport | None:
        if len(octets) < cls._LAYOUT.size:
            return None
        handle, number = cls._LAYOUT.unpack_from(octets)
        is_last = bool(number & _LAST_BLOCK)
        return cls(handle=handle, number=number & ~_LAST_BLOCK, is_last=is_last, data=octets[cls._LAYOUT.size :])

    @property
    def block(self) -> ObjectBlock:
        """As it is sent."""
        return ObjectBlock.free(70, self.VARIATION, self._LAYOUT.pack(self.handle, self.number | self.is_last << 31) + self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTransportStatus:
    """g70v6: why there is no block."""

    handle: int
    number: int
    status: int
    """A `FileStatus`, or a number that is none."""
    VARIATION: ClassVar[int] = 6
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<IIB")

    @classmethod
    def of(cls, octets: bytes) -> FileTransportStatus | None:
        if len(octets) < cls._LAYOUT.size:
            return None
        handle, number, status = cls._LAYOUT.unpack_from(octets)
        return cls(handle=handle, number=number & ~_LAST_BLOCK, status=FileStatus.of(status))

    @property
    def block(self) -> ObjectBlock:
        """As it is sent."""
        return ObjectBlock.free(70, self.VARIATION, self._LAYOUT.pack(self.handle, self.number, self.status))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDescriptor:
    """g70v7: what a file or directory is; the contents of a directory are these, one after the other."""

    name: str
    is_directory: bool = False
    size: int = 0
    created_ms: int = 0
    permissions: int = 0o444
    request: int = 0
    VARIATION: ClassVar[int] = 7
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<HHHIIHHH")

    @classmethod
    def of(cls, octets: bytes) -> FileDescriptor | None:
        if len(octets) < cls._LAYOUT.size:
            return None
        offset, length, kind, size, low, high, permissions, request = cls._LAYOUT.unpack_from(octets)
        name = _name(octets, offset, length)
        if name is None:
            return None
        return cls(
            name=name,
            is_directory=kind == 0,
            size=size,
            created_ms=high << 32 | low,
            permissions=permissions,
            request=request,
        )

    @property
    def octets(self) -> bytes:
        """The object."""
        name, layout = self.name.encode(), self._LAYOUT
        low, high = self.created_ms & 0xFFFFFFFF, self.created_ms >> 32
        numbers = (int(not self.is_directory), self.size, low, high, self.permissions, self.request)
        return layout.pack(layout.size, len(name), *numbers) + name

    @property
    def block(self) -> ObjectBlock:
        """As it is sent."""
        return ObjectBlock.free(70, self.VARIATION, self.octets)


FileObject = FileAuthentication | FileCommand | FileCommandStatus | FileTransport | FileTransportStatus | FileDescriptor
_KINDS: dict[int, type[FileObject]] = {
    kind.VARIATION: kind
    for kind in (FileAuthentication, FileCommand, FileCommandStatus, FileTransport, FileTransportStatus, FileDescriptor)
}


def file_object(block: ObjectBlock) -> FileObject | None:
    """The first object of a block; None where that is none of a file."""
    kind = _KINDS.get(block.variation) if block.group == 70 else None
    return None if kind is None or not block.strings else kind.of(block.strings[0])


def _name(octets: bytes, offset: int, length: int) -> str | None:
    if offset + length > len(octets):
        return None
    return octets[offset : offset + length].decode(errors="replace")
