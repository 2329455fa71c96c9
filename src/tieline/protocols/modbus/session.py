"""Framing, and which answer belongs to which request: the client's side of Modbus/TCP and Modbus RTU without any I/O.

One request is outstanding at a time. `request` gives the bytes to send; `receive` takes whatever arrived, in any pieces, and gives
the answer's PDU once it is complete, else None. After a timeout the caller says `abandon`: an answer that comes later is recognized
and dropped. On TCP the transaction identifier tells it. On a serial line nothing does, so there the unit must be left alone for a
while after a timeout (the driver's back-off); bytes that arrive while nothing is outstanding are dropped.
"""

from __future__ import annotations

from typing import Protocol

from tieline.protocols.modbus.errors import ResponseError, StreamError
from tieline.protocols.modbus.wire import crc16

_MAX_PDU = 253
_MAX_STRAYS = 64


class Session(Protocol):
    """What both framings have in common."""

    late: int
    """Answers that came after their request was abandoned, or to none."""

    def request(self, unit: int, pdu: bytes) -> bytes:
        """The frame to send; an earlier request is abandoned."""
        ...

    def receive(self, data: bytes) -> bytes | None:
        """The PDU of the answer when these bytes complete it.

        Raises `ResponseError` for an answer that cannot be to this request, `StreamError` where only a new connection helps.
        """
        ...

    def abandon(self) -> None:
        """Nobody waits for the answer any more."""
        ...

    def reset(self) -> None:
        """A new connection: everything is forgotten but the counters."""
        ...


class TcpSession:
    """Modbus/TCP, also inside TLS: frames with an MBAP header (Messaging on TCP/IP Guide V1.0b, clause 3.1.3)."""

    def __init__(self) -> None:
        self.late = 0
        self._transaction = 0
        self._unit = -1
        self._buffer = b""
        self._strays = 0

    def request(self, unit: int, pdu: bytes) -> bytes:
        self._transaction = transaction = self._transaction % 0xFFFF + 1
        self._unit = unit
        self._strays = 0
        return b"%c%c\x00\x00\x00%c%c%b" % (transaction >> 8, transaction & 0xFF, len(pdu) + 1, unit, pdu)

    def abandon(self) -> None:
        self._unit = -1

    def reset(self) -> None:
        self.abandon()
        self._buffer = b""

    def receive(self, data: bytes) -> bytes | None:
        buffer = self._buffer + data if self._buffer else data
        start, end = 0, len(buffer)
        answer: bytes | None = None
        fault: ResponseError | None = None
        while end - start >= 6:
            length = buffer[start + 4] << 8 | buffer[start + 5]
            if buffer[start + 2] or buffer[start + 3] or not 2 <= length <= _MAX_PDU + 1:
                self._buffer = b""
                raise StreamError(f"expected a Modbus/TCP header, got {buffer[start : start + 8].hex(' ')}")
            stop = start + 6 + length
            if stop > end:
                break
            if self._unit >= 0 and buffer[start] << 8 | buffer[start + 1] == self._transaction:
                if buffer[start + 6] == self._unit:
                    answer = buffer[start + 7 : stop]
                else:
                    fault = ResponseError(f"asked unit {self._unit}, unit {buffer[start + 6]} answered")
                self._unit = -1
            else:
                self.late += 1
                self._strays += 1
                if self._strays > _MAX_STRAYS:
                    self._buffer = b""
                    raise StreamError(f"more than {_MAX_STRAYS} answers to requests that were never made")
            start = stop
        self._buffer = buffer[start:]
        if fault is not None:
            raise fault
        return answer


class RtuSession:
    """Modbus RTU: address, PDU, CRC. The length follows from the function; timing is not used, because no operating system keeps it."""

    def __init__(self) -> None:
        self.late = 0
        self._unit = -1
        self._pdu = b""
        self._buffer = b""

    def request(self, unit: int, pdu: bytes) -> bytes:
        self._unit, self._pdu, self._buffer = unit, pdu, b""
        frame = bytes((unit,)) + pdu
        return frame + crc16(frame)

    def abandon(self) -> None:
        self._unit, self._buffer = -1, b""

    def reset(self) -> None:
        self.abandon()

    def receive(self, data: bytes) -> bytes | None:
        if self._unit < 0:
            self.late += 1
            return None
        self._buffer = (self._buffer + data)[-2 * (_MAX_PDU + 3) :]
        # Noise may precede the frame (a driver being switched on), so it is looked for everywhere in the little there is.
        for start in range(len(self._buffer) - 4):
            size = self._frame_size(start)
            frame = self._buffer[start : start + size]
            if size and len(frame) == size and crc16(frame[:-2]) == frame[-2:]:
                self.abandon()
                return frame[1:-2]
        return None

    def _frame_size(self, start: int) -> int:
        """The size of the frame that might begin there; 0 where none of ours does."""
        unit, function, third = self._buffer[start : start + 3]
        if unit != self._unit:
            return 0
        if function == self._pdu[0] | 0x80:
            return 5
        if function != self._pdu[0]:
            return 0
        return 5 + third if function <= 4 else 8
