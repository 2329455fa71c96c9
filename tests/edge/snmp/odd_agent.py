"""An agent that does what no agent should, on a socket of its own; its security is that of the product, its answers are the test's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast

from tests.snmp_agents import KEYS
from tieline.protocols.snmp.manager import NOT_IN_TIME_WINDOWS, UNKNOWN_ENGINES
from tieline.protocols.snmp.messages import Flag, Message, Security, decode_message, encode_message
from tieline.protocols.snmp.pdu import Kind, Pdu, encode_scoped
from tieline.protocols.snmp.security import SECURE, Credentials

ENGINE = b"\x80\x00\x00\x00\x05odd"
Answer = Callable[[Pdu], Pdu | bytes | None]
"""What is sent back for a question: a PDU is enciphered and signed, octets are sent as they are."""


class OddAgent(asyncio.DatagramProtocol):
    """Says who it is and what its time is as it should, and leaves answers to the test."""

    def __init__(self, answer: Answer, *, twist: Callable[[bytes], Iterable[bytes]] = lambda octets: [octets]) -> None:
        self.keys = Credentials.of(KEYS).at(ENGINE)
        self.questions: list[Pdu] = []
        self._answer, self._twist = answer, twist

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.port = int(transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for octets in self._twist(self._answered(data)):
            self._transport.sendto(octets, addr)

    def _answered(self, data: bytes) -> bytes:
        message = decode_message(data)
        answer = Message(message_id=message.message_id, flags=0, security=Security(engine_id=ENGINE, boots=1, time_s=5), data=b"")
        if not message.flags & Flag.AUTH:
            report = Pdu(Kind.REPORT, 0, ((UNKNOWN_ENGINES, 1),))
            return encode_message(replace(answer, data=encode_scoped(report, ENGINE)))[0]
        if message.security.boots == 0:
            return self.keys.seal(replace(answer, flags=Flag.AUTH), Pdu(Kind.REPORT, 0, ((NOT_IN_TIME_WINDOWS, 1),)), ENGINE)
        question = self.keys.open(message)
        self.questions.append(question)
        said = self._answer(question)
        if isinstance(said, Pdu):
            return self.keys.seal(replace(answer, flags=SECURE), said, ENGINE)
        return said or b""

    def close(self) -> None:
        self._transport.abort()


@asynccontextmanager
async def odd_agent(
    answer: Answer, *, twist: Callable[[bytes], Iterable[bytes]] = lambda octets: [octets]
) -> AsyncIterator[OddAgent]:
    """One that listens at a port of the loopback interface."""
    loop = asyncio.get_running_loop()
    _, one = await loop.create_datagram_endpoint(lambda: OddAgent(answer, twist=twist), local_addr=("127.0.0.1", 0))
    try:
        yield one
    finally:
        one.close()
        await asyncio.sleep(0)


def cells(question: Pdu, *bindings: tuple[tuple[int, ...], int | bytes | None]) -> Pdu:
    """The response with these."""
    return Pdu(Kind.RESPONSE, question.request_id, bindings)
