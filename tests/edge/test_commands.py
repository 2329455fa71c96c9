"""What a site does with orders of the center, and with what only looks like one; all in fake time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.bus import commands as wire
from tieline.bus.commands import CommandAnswer, Order, SignedCommand
from tieline.config.gate import Gate as Plan
from tieline.edge.command_book import CommandBook, Taken
from tieline.edge.commands import MOST_TOLD, Commands
from tieline.model import Outcome, Result
from tieline.security.audit import verify
from tieline.security.identity import Authority
from tieline.security.identity.signing import Signer, Verifier

from .gate.site import ALL, CONTROL, LOCAL, POWER, SETPOINT, FakeClock, TestSite, running, settle


@dataclass
class Center:
    """Signs orders as the center does, with the role's key or another."""

    signer: Signer
    clock: FakeClock
    number: int = 0

    def order(self, point: Any = SETPOINT, value: float = 4.5, **other: Any) -> Order:
        self.number += 1
        default = {
            "version": wire.VERSION,
            "id": f"c-{self.number}",
            "site": "northgate",
            "requester": "ada",
            "select": f"s-{self.number}",
            "issued_us": self.clock.us,
            "expires_us": self.clock.us + 10_000_000,
            "number": self.number,
            "is_question": False,
            "reason": "shown in the test",
        }
        return Order(point=point.id, value=value, **default | other)

    def signed(self, order: Order) -> bytes:
        raw = wire.encode_order(order)
        return wire.encode_signed(SignedCommand(raw, self.signer.sign(wire.PURPOSE, raw), self.signer.certificate))


@dataclass
class Scene:
    site: TestSite
    center: Center
    commands: Commands
    book: CommandBook
    authority: Authority
    offset_s: list[float | None] = field(default_factory=lambda: [0.0])

    async def give(self, payload: bytes) -> CommandAnswer:
        task = asyncio.create_task(self.commands.answer(payload))
        await settle()
        assert task.done()
        return wire.decode_answer(task.result())

    async def order(self, point: Any = SETPOINT, value: float = 4.5, **other: Any) -> CommandAnswer:
        return await self.give(self.center.signed(self.center.order(point, value, **other)))

    @property
    def last(self) -> tuple[str, str, str, str]:
        record = self.site.records[-1]
        return record.actor, record.action, record.outcome, str(record.detail.get("reason"))

    def assert_refused(self, answer: CommandAnswer, why: str) -> None:
        """Refused in these words, nothing sent, and the audit and the events say so."""
        assert (answer.result, answer.has_arrived) == ("refused", False)
        assert why in answer.reason
        assert self.site.driver.written == []
        assert self.last[1:3] == ("command", "refused")
        assert why in self.last[3]
        assert self.site.events[-1].kind == "command_refused"
        assert why in self.site.events[-1].text


@contextlib.asynccontextmanager
async def scene(
    folder: Path, plan: Plan | None = None, clock: FakeClock | None = None, number: int = 0, kept: int = 100
) -> AsyncIterator[Scene]:
    authority = Authority.open(folder / "authority")
    credentials = authority.credentials("scada")
    async with running(folder, plan, clock) as site:
        site.clock.us = max(site.clock.us, present_us())
        book = CommandBook.open(folder / "commands.db", site.clock.us, kept=kept)
        offset_s: list[float | None] = [0.0]
        commands = Commands(
            "northgate",
            ALL,
            site.gate,
            book,
            site.audit,
            Verifier(credentials.authority, "scada"),
            offset_s=lambda: offset_s[0],
            on_event=site.events.append,
            clock=site.clock,
        )
        await commands.recall()
        try:
            yield Scene(site, Center(Signer(credentials), site.clock, number), commands, book, authority, offset_s)
        finally:
            book.close()


def present_us() -> int:
    """Certificates are issued now, and verified at the time of the site's clock."""
    return time.time_ns() // 1_000


async def test_a_signed_command_reaches_the_device_and_is_answered_with_its_outcome(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        answer = await at.order(SETPOINT, 4.5)
        assert (answer.id, answer.result, answer.has_arrived) == ("c-1", "done", True)
        assert at.site.driver.written == [(SETPOINT.id, 4.5)]
        released = at.site.records[0]
        assert (released.actor, released.outcome, released.detail["origin"]) == ("ada", "released", "center/ada")
        assert released.detail["wanted"] == "shown in the test"
    assert verify(tmp_path / "audit").is_intact


async def test_what_the_gate_refuses_is_answered_in_its_words(tmp_path: Path) -> None:
    async with scene(tmp_path, Plan(local_switch=LOCAL)) as at:
        at.site.show(LOCAL, 1)
        answer = await at.order(CONTROL, 1)
        assert (answer.result, answer.reason, answer.has_arrived) == ("refused", "the site is in local", True)
        assert (await at.order(POWER, 1)).reason.endswith("takes no commands")


class TestForged:
    async def test_an_order_signed_by_another_role_is_refused(self, tmp_path: Path) -> None:
        async with scene(tmp_path) as at:
            at.center.signer = Signer(at.authority.credentials("web"))
            at.assert_refused(await at.order(), "it is signed by web, and only scada may")
            assert at.last[0] == "unverified"

    async def test_an_order_signed_under_another_authority_is_refused(self, tmp_path: Path) -> None:
        async with scene(tmp_path) as at:
            at.center.signer = Signer(Authority.open(tmp_path / "other").credentials("scada"))
            at.assert_refused(await at.order(), "not one of the utility's authority")

    async def test_an_order_with_the_right_certificate_and_another_key_is_refused(self, tmp_path: Path) -> None:
        async with scene(tmp_path) as at:
            raw = wire.encode_order(at.center.order())
            other = Signer(at.authority.credentials("web")).sign(wire.PURPOSE, raw)
            forged = wire.encode_signed(SignedCommand(raw, other, at.center.signer.certificate))
            at.assert_refused(await at.give(forged), "the signature is not that of scada")

    async def test_what_the_role_signed_for_another_purpose_is_refused(self, tmp_path: Path) -> None:
        async with scene(tmp_path) as at:
            raw = wire.encode_order(at.center.order())
            other = at.center.signer.sign("login 1", raw)
            forged = wire.encode_signed(SignedCommand(raw, other, at.center.signer.certificate))
            at.assert_refused(await at.give(forged), "the signature is not that of scada")

    async def test_an_order_without_a_signature_is_refused(self, tmp_path: Path) -> None:
        async with scene(tmp_path) as at:
            raw = wire.encode_order(at.center.order())
            at.assert_refused(await at.give(wire.encode_signed(SignedCommand(raw, b"", b""))), "authority")

    async def test_an_expired_certificate_signs_nothing(self, tmp_path: Path) -> None:
        async with scene(tmp_path) as at:
            at.site.clock.advance(400 * 86_400)
            at.assert_refused(await at.order(), "the certificate of scada is valid from")

    @settings(max_examples=300, deadline=None)
    @given(payload=st.binary(max_size=300))
    def test_any_bytes_are_no_signed_command_or_one(self, payload: bytes) -> None:
        with contextlib.suppress(wire.RemoteError):
            with contextlib.suppress(wire.RemoteError):
                wire.decode_order(SignedCommand(payload, b"", b""))
            wire.decode_signed(payload)

    async def test_a_flood_is_counted_and_does_not_fill_the_disk(self, tmp_path: Path) -> None:
        async with scene(tmp_path) as at:
            for _ in range(MOST_TOLD + 20):
                assert (await at.give(b"nonsense")).result == "refused"
            assert len(at.site.records) == MOST_TOLD
            at.site.clock.advance(61)
            await at.give(b"nonsense")
            assert at.site.records[-1].detail["left_out"] == 20


ALTERED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "value": lambda order: order | {"value": 9.0},
    "point": lambda order: order | {"point": CONTROL.id},
    "requester": lambda order: order | {"requester": "grace"},
    "expiry": lambda order: order | {"expires_us": order["expires_us"] + 60_000_000},
    "number": lambda order: order | {"number": order["number"] + 1},
    "site": lambda order: order | {"site": "millbrook"},
}


@pytest.mark.parametrize("change", ALTERED.values(), ids=ALTERED)
async def test_an_order_that_was_altered_on_its_way_is_refused(tmp_path: Path, change: Any) -> None:
    async with scene(tmp_path) as at:
        signed = wire.decode_signed(at.center.signed(at.center.order()))
        order = msgspec.structs.asdict(wire.decode_order(signed))
        altered = SignedCommand(wire.encode_order(Order(**change(order))), signed.signature, signed.certificate)
        at.assert_refused(await at.give(wire.encode_signed(altered)), "the signature is not that of scada")


class TestReplayed:
    async def test_the_same_message_again_does_nothing_and_is_refused(self, tmp_path: Path) -> None:
        async with scene(tmp_path) as at:
            payload = at.center.signed(at.center.order())
            assert (await at.give(payload)).result == "done"
            again = await at.give(payload)
            assert again.result == "refused"
            assert "number 1, and 1 was here already" in again.reason
            assert len(at.site.driver.written) == 1
            assert at.last[2] == "refused"

    async def test_it_is_still_refused_after_a_restart(self, tmp_path: Path) -> None:
        clock = FakeClock()
        clock.us = present_us()
        async with scene(tmp_path, clock=clock) as at:
            payload = at.center.signed(at.center.order())
            assert (await at.give(payload)).result == "done"
        async with scene(tmp_path, clock=clock) as at:
            at.assert_refused(await at.give(payload), "was here already")

    async def test_it_is_refused_where_the_record_of_commands_was_lost(self, tmp_path: Path) -> None:
        clock = FakeClock()
        clock.us = present_us()
        async with scene(tmp_path, clock=clock) as at:
            payload = at.center.signed(at.center.order())
            await at.give(payload)
        (tmp_path / "commands.db").write_bytes(b"no database at all, but long enough to be looked at " * 40)
        for ending in ("-wal", "-shm"):
            (tmp_path / f"commands.db{ending}").unlink(missing_ok=True)
        clock.advance(1)
        async with scene(tmp_path, clock=clock, number=1) as at:
            assert at.last[1] == "commands_forgotten"
            at.assert_refused(await at.give(payload), "older than this site's record of commands")
            assert (await at.order(SETPOINT, 2)).result == "done"

    async def test_an_order_for_another_site_is_refused(self, tmp_path: Path) -> None:
        async with scene(tmp_path) as at:
            at.assert_refused(await at.order(site="millbrook"), "the order is for millbrook")


async def test_an_older_order_that_was_overtaken_is_refused(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        first, second = (at.center.signed(at.center.order(SETPOINT, value)) for value in (1, 2))
        assert (await at.give(second)).result == "done"
        late = await at.give(first)
        assert (late.result, late.has_arrived) == ("refused", False)
        assert "it is a repetition or comes too late" in late.reason
        assert at.site.driver.written == [(SETPOINT.id, 2.0)]


class TestAge:
    async def test_an_expired_order_is_refused(self, tmp_path: Path) -> None:
        async with scene(tmp_path) as at:
            payload = at.center.signed(at.center.order())
            at.site.clock.advance(12.5)
            at.assert_refused(await at.give(payload), "the command expired 2.5 s ago")

    async def test_clocks_that_differ_refuse_with_words(self, tmp_path: Path) -> None:
        async with scene(tmp_path) as at:
            at.offset_s[0] = -7.25
            at.assert_refused(await at.order(), "the center's is 7.2 s behind the site's, and 2 s are the most")
            at.offset_s[0] = 7.25
            at.assert_refused(await at.order(), "the center's is 7.2 s ahead of the site's")

    async def test_an_order_from_the_future_is_refused_also_where_the_offset_is_not_known(self, tmp_path: Path) -> None:
        async with scene(tmp_path) as at:
            at.offset_s[0] = None
            issued_us = at.site.clock.us + 5_000_000
            answer = await at.order(issued_us=issued_us, expires_us=issued_us + 10_000_000)
            at.assert_refused(answer, "the command was issued 5.0 s ahead of the site's clock")

    async def test_no_order_counts_for_longer_than_two_minutes(self, tmp_path: Path) -> None:
        async with scene(tmp_path) as at:
            at.assert_refused(await at.order(expires_us=at.site.clock.us + 121_000_000), "longer than 120 s")


class TestAskedAgain:
    async def test_the_same_command_under_a_new_number_acts_once_and_gets_the_same_outcome(self, tmp_path: Path) -> None:
        async with scene(tmp_path) as at:
            first = await at.order(id="x")
            at.site.clock.advance(100)
            assert await at.order(id="x") == first
            assert len(at.site.driver.written) == 1

    async def test_the_id_of_another_command_is_refused(self, tmp_path: Path) -> None:
        async with scene(tmp_path) as at:
            await at.order(SETPOINT, 1, id="x")
            assert (await at.order(SETPOINT, 2, id="x")).reason == "the id is that of another command"
            assert len(at.site.driver.written) == 1
            assert at.last[2] == "refused"

    async def test_a_question_is_answered_with_the_outcome_and_never_acts(self, tmp_path: Path) -> None:
        async with scene(tmp_path) as at:
            first = await at.order(id="x")
            assert await at.order(id="x", is_question=True) == first
            assert len(at.site.driver.written) == 1

    async def test_a_question_while_the_device_is_written_waits_for_the_one_outcome(self, tmp_path: Path) -> None:
        async with scene(tmp_path) as at:
            at.site.driver.holds = asyncio.Event()
            tasks = [
                asyncio.create_task(at.commands.answer(at.center.signed(at.center.order(id="x", is_question=asks))))
                for asks in (False, True)
            ]
            await settle()
            assert not any(task.done() for task in tasks)
            at.site.driver.holds.set()
            await settle()
            assert tasks[0].result() == tasks[1].result()
            assert len(at.site.driver.written) == 1

    async def test_a_question_about_a_command_that_never_came_keeps_it_from_coming_later(self, tmp_path: Path) -> None:
        async with scene(tmp_path) as at:
            lost = at.center.signed(at.center.order(id="x"))
            answer = await at.order(id="x", is_question=True)
            assert (answer.result, answer.has_arrived) == ("refused", False)
            assert "never reached the site" in answer.reason
            assert (await at.give(lost)).result == "refused"
            assert at.site.driver.written == []

    async def test_a_question_after_a_restart_gets_what_the_audit_knows(self, tmp_path: Path) -> None:
        clock = FakeClock()
        clock.us = present_us()
        async with scene(tmp_path, clock=clock) as at:
            at.site.driver.holds = asyncio.Event()
            task = asyncio.create_task(at.commands.answer(at.center.signed(at.center.order(id="x"))))
            await settle()
            assert len(at.site.driver.written) == 1
            task.cancel()
            await settle()
        async with scene(tmp_path, clock=clock, number=1) as at:
            answer = await at.order(id="x", is_question=True)
            assert (answer.result, answer.has_arrived) == ("unknown", True)
            assert "the gateway ended while the command was under way" in answer.reason
            assert at.site.driver.written == []

    async def test_a_command_that_was_taken_and_not_looked_at_when_the_gateway_ended_did_nothing(self, tmp_path: Path) -> None:
        clock = FakeClock()
        clock.us = present_us()
        async with scene(tmp_path, clock=clock) as at:
            begun = await at.commands.begin(at.center.signed(at.center.order(id="x")))
            begun.close()  # killed here
        async with scene(tmp_path, clock=clock, number=1) as at:
            answer = await at.order(id="x", is_question=True)
            assert (answer.result, answer.reason) == (
                "refused",
                "the gateway ended before it looked at the command; nothing was done",
            )
            assert at.site.records[-1].outcome == "refused"

    async def test_what_was_forgotten_is_not_called_never_arrived(self, tmp_path: Path) -> None:
        async with scene(tmp_path, kept=3) as at:
            for value in range(5):
                await at.order(SETPOINT, value)
            answer = await at.order(SETPOINT, 0, id="c-1", is_question=True)
            assert answer.result == "unknown"
            assert "forgotten" in answer.reason


async def test_a_disk_that_takes_nothing_refuses(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        at.book.close()
        at.assert_refused(await at.order(), "the record of commands cannot be")


def test_the_book_tells_what_it_was_told_after_it_is_opened_again(tmp_path: Path) -> None:
    book = CommandBook.open(tmp_path / "b.db", 5)
    book.take(3, Taken(id="x", point=SETPOINT.id, value=1.5, requester="ada"))
    book.close()
    book = CommandBook.open(tmp_path / "b.db", 9)
    assert (book.newest, book.begun_us, [taken.id for taken in book.open_ones()]) == (3, 5, ["x"])
    outcome = Outcome(command="x", time=7, result=Result.DONE, reason="why")
    book.end(outcome)
    found = book.find("x")
    assert found is not None
    assert (found.outcome, found.value, book.open_ones()) == (outcome, 1.5, [])
    book.close()
