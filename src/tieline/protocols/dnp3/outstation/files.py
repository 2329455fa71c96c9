"""Files that a master may read from an outstation: open, read block by block, close, ask for details (clause 5.3).

A file's contents are taken when it is opened, so that what is read is of one piece. A handle is closed when nobody has used it for a
while. The directory is "/", and reading it gives a descriptor for each file. Nothing can be written or deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from tieline.model import LocalError
from tieline.protocols.dnp3.application import IIN, Fragment, Function, ObjectBlock
from tieline.protocols.dnp3.file_objects import (
    UNKNOWN_SIZE,
    FileCommand,
    FileCommandStatus,
    FileDescriptor,
    FileMode,
    FileStatus,
    FileTransport,
    FileTransportStatus,
    file_object,
)

ROOT = "/"
_AROUND_BLOCK = 4 + 6 + 8
"""Octets of a response, an object header with its length, and a file transport object without data."""
FILE_FUNCTIONS = {
    Function.OPEN_FILE,
    Function.CLOSE_FILE,
    Function.DELETE_FILE,
    Function.GET_FILE_INFO,
    Function.ABORT_FILE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInfo:
    """One file. Raises `LocalError` for what its descriptor cannot hold."""

    name: str
    """1 to 255 octets."""
    size: int
    created_us: int

    def __post_init__(self) -> None:
        try:
            octets = len(self.name.encode())
        except UnicodeEncodeError as error:
            raise LocalError("a name holds what is no character") from error
        if not 1 <= octets <= 255:
            raise LocalError(f"a file's name has 1 to 255 octets, not {octets}")
        if not (0 <= self.size < UNKNOWN_SIZE and 0 <= self.created_us < (1 << 48) * 1_000):
            raise LocalError(f"no file has {self.size} octets and was made at {self.created_us} us")


class Files(Protocol):
    """The files an application lets masters read."""

    def list(self) -> Sequence[FileInfo]:
        """What there is."""
        ...

    def read(self, name: str) -> bytes | None:
        """The contents; None where there is no such file."""
        ...


@dataclass(slots=True)
class _Open:
    contents: bytes
    max_block: int
    used_s: float
    next_number: int = 0


class FileServer:
    """The open files of one association."""

    def __init__(self, files: Files, max_open: int, timeout_s: float, max_fragment: int) -> None:
        self._files = files
        self._max_open = max_open
        self._timeout_s = timeout_s
        self._max_block = max_fragment - _AROUND_BLOCK
        self._open: dict[int, _Open] = {}
        self._last_handle = 0

    def close_all(self) -> None:
        """No file is open any more."""
        self._open.clear()

    def answer(self, request: Fragment, monotonic_s: float) -> tuple[list[ObjectBlock], IIN]:
        """Carries out a file function other than READ."""
        out: list[ObjectBlock] = []
        iin = IIN(0)
        for block in request.blocks:
            if block.group != 70 or block.strings is None:
                iin |= IIN.OBJECT_UNKNOWN
                continue
            for octets in block.strings[: self._max_open + 1]:  # a peer's many would be more than a response holds
                answer = self._one(request.function, block.variation, octets, monotonic_s)
                if answer is None:
                    iin |= IIN.PARAMETER_ERROR
                else:
                    out.append(answer)
            if out:
                break
        return out, iin

    def read(self, block: ObjectBlock, monotonic_s: float) -> ObjectBlock | None:
        """The block that a READ asks for, or why there is none; None where it asks for no block."""
        wanted = file_object(block)
        if not isinstance(wanted, FileTransport):
            return None
        self._expire(monotonic_s)
        handle, number = wanted.handle, wanted.number
        found = self._open.get(handle)
        if found is None:
            return FileTransportStatus(handle=handle, number=number, status=FileStatus.NOT_OPENED).block
        found.used_s = monotonic_s
        if number not in {found.next_number, found.next_number - 1}:  # the one before: its response was lost
            return FileTransportStatus(handle=handle, number=number, status=FileStatus.BLOCK_SEQUENCE).block
        start = number * found.max_block
        end = start + found.max_block
        is_last = end >= len(found.contents)
        if not is_last:
            found.next_number = number + 1
        return FileTransport(handle=handle, number=number, is_last=is_last, data=found.contents[start:end]).block

    def _one(self, function: int, variation: int, octets: bytes, monotonic_s: float) -> ObjectBlock | None:
        match function, variation:
            case Function.OPEN_FILE, 3:
                command = FileCommand.of(octets)
                return None if command is None else self._open_file(command, monotonic_s).block
            case Function.DELETE_FILE, 3:
                command = FileCommand.of(octets)
                if command is None:
                    return None
                return FileCommandStatus(handle=0, request=command.request, status=FileStatus.PERMISSION_DENIED).block
            case ((Function.CLOSE_FILE | Function.ABORT_FILE), 4):
                wanted = FileCommandStatus.of(octets)
                return None if wanted is None else self._close_file(wanted, monotonic_s).block
            case Function.GET_FILE_INFO, 7:
                asked = FileDescriptor.of(octets)
                return None if asked is None else self._describe(asked)
            case _:
                return None

    def _open_file(self, command: FileCommand, monotonic_s: float) -> FileCommandStatus:
        self._expire(monotonic_s)
        refusal = FileCommandStatus(handle=0, request=command.request)
        if command.mode in {FileMode.WRITE, FileMode.APPEND}:
            return replace(refusal, status=FileStatus.PERMISSION_DENIED)
        if command.mode != FileMode.READ:
            return replace(refusal, status=FileStatus.INVALID_MODE)
        if len(self._open) >= self._max_open:
            return replace(refusal, status=FileStatus.TOO_MANY_OPEN)
        contents = self._directory() if command.name == ROOT else self._files.read(command.name)
        if contents is None:
            return replace(refusal, status=FileStatus.NOT_FOUND)
        max_block = min(command.max_block or self._max_block, self._max_block)
        self._last_handle = self._last_handle % 0xFFFFFFFF + 1
        self._open[self._last_handle] = _Open(contents, max_block, monotonic_s)
        return replace(refusal, handle=self._last_handle, size=len(contents), max_block=max_block)

    def _close_file(self, wanted: FileCommandStatus, monotonic_s: float) -> FileCommandStatus:
        self._expire(monotonic_s)
        found = self._open.pop(wanted.handle, None)
        status = FileStatus.INVALID_HANDLE if found is None else FileStatus.SUCCESS
        return FileCommandStatus(handle=wanted.handle, request=wanted.request, status=status)

    def _describe(self, asked: FileDescriptor) -> ObjectBlock:
        if asked.name == ROOT:
            return replace(asked, is_directory=True, size=len(self._files.list()), permissions=0o555).block
        for info in self._files.list():
            if info.name == asked.name:
                return replace(_descriptor(info), request=asked.request).block
        return FileCommandStatus(handle=0, request=asked.request, status=FileStatus.NOT_FOUND).block

    def _directory(self) -> bytes:
        return b"".join(_descriptor(info).octets for info in self._files.list())

    def _expire(self, monotonic_s: float) -> None:
        for handle in [handle for handle, found in self._open.items() if monotonic_s - found.used_s >= self._timeout_s]:
            del self._open[handle]


def _descriptor(info: FileInfo) -> FileDescriptor:
    return FileDescriptor(name=info.name, size=info.size, created_ms=info.created_us // 1_000)
