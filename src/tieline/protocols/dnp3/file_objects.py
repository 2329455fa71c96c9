"""File objects: group 70 as values and back (IEEE 1815-2012, annex A.30).

All are in free format (qualifier 5B). `of` of each reads the octets of one object and gives None where they are none.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from tieline.protocols.dnp3.application import ObjectBlock

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
    def of(cls, octet: int) -> FileStatus:
        """What a status octet says; a number that is none of these is `UNDEFINED`."""
        try:
            return cls(octet)
        except ValueError:
            return cls.UNDEFINED


class FileMode(IntEnum):
    """What a file is opened for."""

    NUL = 0
    READ = 1
    WRITE = 2
    APPEND = 3


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
        return ObjectBlock.free(70, 3, layout.pack(layout.size, len(name), low, high, *numbers) + name)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCommandStatus:
    """g70v4: what became of a file command; to close or abort, which handle."""

    handle: int
    size: int = 0
    max_block: int = 0
    request: int = 0
    status: FileStatus = FileStatus.SUCCESS
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
        return ObjectBlock.free(70, 4, self._LAYOUT.pack(self.handle, self.size, self.max_block, self.request, self.status))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTransport:
    """g70v5: a block of a file, or the wish for one."""

    handle: int
    number: int
    is_last: bool = False
    data: bytes = b""
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
        return ObjectBlock.free(70, 5, self._LAYOUT.pack(self.handle, self.number | self.is_last << 31) + self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTransportStatus:
    """g70v6: why there is no block."""

    handle: int
    number: int
    status: FileStatus
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
        return ObjectBlock.free(70, 6, self._LAYOUT.pack(self.handle, self.number, self.status))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDescriptor:
    """g70v7: what a file or directory is; the contents of a directory are these, one after the other."""

    name: str
    is_directory: bool = False
    size: int = 0
    created_ms: int = 0
    permissions: int = 0o444
    request: int = 0
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
        return ObjectBlock.free(70, 7, self.octets)


def _name(octets: bytes, offset: int, length: int) -> str | None:
    if offset + length > len(octets):
        return None
    return octets[offset : offset + length].decode(errors="replace")
