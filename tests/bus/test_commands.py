"""Commands on a whole bus: the way down is open for the one role and the one site, and for nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from nats.aio.msg import Msg
from nats.errors import NoRespondersError

from bench.topology import Topology, running
from tieline.bus import connected
from tieline.bus.commands import (
    PURPOSE,
    VERSION,
    CommandAnswer,
    Order,
    SignedCommand,
    decode_answer,
    decode_order,
    decode_signed,
    encode_answer,
    encode_order,
    encode_signed,
)
from tieline.bus.replies import ask_site
from tieline.model import Outcome, RemoteError, Result, subjects
from tieline.security.identity import Authority, Credentials
from tieline.security.identity.signing import Signer, Verifier

from .test_conduits import eventually, open_client


@pytest.mark.system
async def test_a_command_crosses_the_dmz_and_its_outcome_comes_back(tmp_path: Path) -> None:
    async with running(tmp_path) as topology, connected(topology.center_server.port, scada(topology)) as client:
        got: list[bytes] = []

        async def answer(message: Msg) -> None:
            got.append(message.data)
            await message.respond(b"done")

        async def asked() -> bool:
            try:
                asked = ask_site(client, subjects.command("north"), b"order", role=subjects.SCADA_ROLE, site="north", timeout_s=2)
                return (await asked).data == b"done"
            except NoRespondersError:
                return False

        await topology.edge.subscribe(subjects.command("north"), cb=answer)
        await eventually(asked)
        assert got == [b"order"]


@pytest.mark.system
async def test_no_other_role_can_publish_a_command_and_that_role_nothing_else(tmp_path: Path) -> None:
    async with running(tmp_path) as topology:
        for role in ("web", "historian", "fetch", "center"):
            await is_refused(topology.center_server.port, topology, role, subjects.command("north"))
        for role in ("edge-north", "local-north"):
            await is_refused(topology.edge_server.port, topology, role, subjects.command("north"))
        for subject in (subjects.link("north"), subjects.batches("north"), subjects.health("north"), "anything"):
            await is_refused(topology.center_server.port, topology, "scada", subject)


@pytest.mark.system
async def test_a_site_hears_no_commands_for_another(tmp_path: Path) -> None:
    async with running(tmp_path) as topology:
        reasons: list[str] = []
        client = await open_client(topology.edge_server.port, topology.edge_credentials, reasons)
        for subject in (subjects.command("south"), "command.*"):
            await client.subscribe(subject)
        await complained(lambda: reasons, 2)
        await client.close()


def scada(topology: Topology) -> Credentials:
    return topology.authority.credentials(subjects.SCADA_ROLE)


async def is_refused(port: int, topology: Topology, role: str, subject: str) -> None:
    reasons: list[str] = []
    client = await open_client(port, topology.authority.credentials(role), reasons)
    await client.publish(subject, b"x")
    await complained(lambda: reasons, 1)
    await client.close()


async def complained(reasons: Callable[[], list[str]], count: int) -> None:
    async with asyncio.timeout(10):
        while len(reasons()) < count:
            await asyncio.sleep(0.02)
    assert all("permissions violation" in reason for reason in reasons())


ORDER = Order(
    version=VERSION,
    id="c-1",
    site="north",
    point=7,
    value=1.5,
    requester="ada",
    select="s-1",
    issued_us=1,
    expires_us=2,
    number=3,
    is_question=False,
    reason="",
)


def test_what_is_verified_are_the_bytes_that_travel(tmp_path: Path) -> None:
    credentials = Authority.open(tmp_path).credentials(subjects.SCADA_ROLE)
    signer = Signer(credentials)
    raw = encode_order(ORDER)
    payload = encode_signed(SignedCommand(raw, signer.sign(PURPOSE, raw), signer.certificate))
    signed = decode_signed(payload)
    Verifier(credentials.authority, subjects.SCADA_ROLE).verify(
        PURPOSE, signed.order, signed.signature, signed.certificate, datetime.now(UTC)
    )
    assert decode_order(signed) == ORDER


def test_an_answer_is_the_outcome_in_words() -> None:
    outcome = Outcome(command="c-1", time=5, result=Result.FAILED, reason="the breaker did not move")
    answer = decode_answer(encode_answer(outcome, has_arrived=True))
    assert answer == CommandAnswer(VERSION, "c-1", 5, "failed", "the breaker did not move", True)
    assert answer.outcome == outcome


@pytest.mark.parametrize(
    "payload", [b"", b"\xc0", b"\x93\x01", b"\x96\x09\xa1x\x01\xa4done\xa0\xc3", b"\x96\x01\xa1x\x01\xa5maybe\xa0\xc3"]
)
def test_anything_else_is_no_answer(payload: bytes) -> None:
    with pytest.raises(RemoteError):
        decode_answer(payload)


def test_an_order_of_another_version_is_refused_with_a_remedy() -> None:
    newer = msgspec.structs.replace(ORDER, version=VERSION + 1)
    with pytest.raises(RemoteError, match="update the older side"):
        decode_order(SignedCommand(encode_order(newer), b"", b""))


def test_a_message_too_large_is_not_even_read() -> None:
    with pytest.raises(RemoteError, match="no command"):
        decode_signed(bytes(20_000))
