"""Modbus as the Modbus Application Protocol V1.1b3 has it, for whole blocks of values; no sockets, no clock.

blocks = plan_reads(rows, max_registers=125, max_bits=2000, max_gap=16)
image = Image(rows, ids, blocks)
session = TcpSession()
out = session.request(unit, blocks[0].request.pdu)     # bytes to send
answer = session.receive(data)                         # bytes that came; a PDU when it is complete
image.store(0, blocks[0].request.payload(answer), now)
samples = image.samples()
"""

from tieline.protocols.modbus.encode import ReadModifyWrite, Write, encode_write
from tieline.protocols.modbus.errors import DeviceExceptionError, ResponseError, StreamError, ValueRefusedError
from tieline.protocols.modbus.image import Image
from tieline.protocols.modbus.plan import Block, plan_reads, split_block
from tieline.protocols.modbus.session import RtuSession, Session, TcpSession
from tieline.protocols.modbus.wire import ExceptionCode, ReadRequest, WriteRequest, crc16

__all__ = [
    "Block",
    "DeviceExceptionError",
    "ExceptionCode",
    "Image",
    "ReadModifyWrite",
    "ReadRequest",
    "ResponseError",
    "RtuSession",
    "Session",
    "StreamError",
    "TcpSession",
    "ValueRefusedError",
    "Write",
    "WriteRequest",
    "crc16",
    "encode_write",
    "plan_reads",
    "split_block",
]
