"""A session with agents that are right (Debian's snmpd), and with such as are not."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.edge.snmp.odd_agent import OddAgent, cells, odd_agent
from tests.snmp_agents import KEYS, SnmpAgent, agent
from tieline.edge.snmp.session import SnmpSession
from tieline.model import ConfigError, UnavailableError
from tieline.protocols.snmp import ResponseError, SnmpAccessError, SnmpKeys, SnmpStatusError, oid
from tieline.protocols.snmp.pdu import Pdu

SYS_NAME = oid("1.3.6.1.2.1.1.5.0")
PLAYED = oid("1.3.6.1.4.1.99999.1")
ROWS, COLUMNS = 20, 10


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnmpAgent]:
    played = {
        f"1.3.6.1.4.1.99999.1.{column}.{row}": (
            "counter64" if column < 7 else "integer",
            2**33 * (column < 7) + 1000 * column + row,
        )
        for column in range(1, COLUMNS + 1)
        for row in range(1, ROWS + 1)
    }
    with agent(tmp_path_factory.mktemp("agent"), cells=played) as one:
        yield one


@asynccontextmanager
async def session(
    one: SnmpAgent | OddAgent, keys: SnmpKeys = KEYS, *, timeout_s: float = 2.0, retries: int = 1
) -> AsyncIterator[SnmpSession]:
    made = SnmpSession("127.0.0.1", one.port, keys, timeout_s=timeout_s, retries=retries)
    try:
        yield made
    finally:
        made.close()


async def test_values_are_read_and_those_that_the_agent_lacks_are_left_out(real: SnmpAgent) -> None:
    async with session(real) as one:
        assert await one.get([SYS_NAME, oid("1.3.6.1.2.1.1.99.0")]) == {SYS_NAME: b"switch"}
        assert one.engine_id is not None
        assert one.engine_id[:4] == bytes.fromhex("80001f88")  # net-snmp's enterprise
        assert await one.get([]) == {}


async def test_columns_are_walked_to_their_ends_and_no_further(real: SnmpAgent) -> None:
    columns = [(*PLAYED, column) for column in (1, 3, 7, 10)]
    missing = oid("1.3.6.1.2.1.105.9")
    async with session(real) as one:
        table = await one.walk([*columns, missing])
    assert table[missing] == {}
    for column in columns:
        assert table[column] == {(row,): 2**33 * (column[-1] < 7) + 1000 * column[-1] + row for row in range(1, ROWS + 1)}


async def test_two_hundred_cells_cost_less_than_fifty_milliseconds_of_cpu(real: SnmpAgent) -> None:
    columns = [(*PLAYED, column) for column in range(1, COLUMNS + 1)]
    async with session(real) as one:
        await one.walk(columns)
        costs = []
        for _ in range(3):
            begin = time.process_time()
            table = await one.walk(columns)
            costs.append(time.process_time() - begin)
    assert sum(map(len, table.values())) == 200
    assert min(costs) < 0.05


async def test_a_value_is_set_and_what_may_not_be_set_is_refused_with_its_name(real: SnmpAgent) -> None:
    name = (*PLAYED, 8, 1)
    async with session(real) as one:
        await one.set({name: 77})
        assert real.played("1.3.6.1.4.1.99999.1.8.1") == "77"
        # The script answers wrong-type; snmpd makes one or the other of it.
        with pytest.raises(SnmpStatusError, match=r"wrongType|notWritable") as refused:
            await one.set({name: b"text"})
        assert refused.value.oid == name
        with pytest.raises(SnmpStatusError, match="notWritable"):
            await one.set({(*PLAYED, 8, 99): 1})


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ({"user": "somebody"}, "user"),
        ({"auth_secret": "another-secret"}, "auth"),
        ({"auth": "sha512"}, "auth"),
        ({"priv_secret": "another-secret"}, "priv"),
        ({"priv": "aes256"}, "priv"),
    ],
)
async def test_wrong_keys_are_told_apart(real: SnmpAgent, wrong: dict[str, str], part: str) -> None:
    async with session(real, replace(KEYS, **wrong), timeout_s=0.2, retries=0) as one:  # type: ignore[arg-type]
        with pytest.raises(SnmpAccessError) as refused:
            await one.get([SYS_NAME])
    assert refused.value.part == part


@pytest.mark.parametrize(("auth", "priv"), [("sha", "aes128"), ("sha224", "aes192"), ("sha384", "aes256"), ("sha512", "aes256")])
async def test_other_algorithms_are_spoken_too(tmp_path: Path, auth: str, priv: str) -> None:
    keys = replace(KEYS, auth=auth, priv=priv)  # type: ignore[arg-type]
    with agent(tmp_path, keys) as other:
        async with session(other, keys) as one:
            assert await one.get([SYS_NAME]) == {SYS_NAME: b"switch"}


@pytest.mark.parametrize("wrong", [{"auth": "md5"}, {"priv": "des"}, {"auth": "sha", "priv": "aes256"}, {"auth_secret": "short"}])
def test_weak_keys_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        replace(KEYS, **wrong)  # type: ignore[arg-type]


async def test_an_agent_that_starts_again_or_is_replaced_is_found_again_at_once(tmp_path: Path) -> None:
    with agent(tmp_path) as other:
        async with session(other, timeout_s=1.0, retries=0) as one:
            await one.get([SYS_NAME])
            engine, boots = one.engine_id, one.engine_boots
            assert boots == 1
            other.restart()
            assert await one.get([SYS_NAME]) == {SYS_NAME: b"switch"}
            assert (one.engine_id, one.engine_boots) == (engine, 2)
            other.replace()
            assert await one.get([SYS_NAME]) == {SYS_NAME: b"switch"}
            assert one.engine_id != engine
            assert one.timeouts == 0


async def test_silence_ends_in_time_and_the_agent_is_found_when_it_speaks_again(real: SnmpAgent) -> None:
    async with session(real, timeout_s=0.1, retries=1) as one:
        await one.get([SYS_NAME])
        real.pause()
        try:
            with pytest.raises(UnavailableError, match="does not answer"):
                await one.get([SYS_NAME])
        finally:
            real.resume()
        assert one.timeouts == 2
        async with asyncio.timeout(5):
            while True:
                try:
                    assert await one.get([SYS_NAME]) == {SYS_NAME: b"switch"}
                    break
                except UnavailableError:
                    continue  # the machine is busy


async def test_nobody_at_the_port_is_silence() -> None:
    one = SnmpSession("127.0.0.1", 9, KEYS, timeout_s=0.05, retries=0)
    with pytest.raises(UnavailableError):
        await one.get([SYS_NAME])
    one.close()


async def test_questions_of_several_tasks_follow_each_other(real: SnmpAgent) -> None:
    async with session(real) as one:
        answers = await asyncio.gather(*(one.get([SYS_NAME]) for _ in range(5)), one.walk([(*PLAYED, 1)]))
    assert answers[:5] == [{SYS_NAME: b"switch"}] * 5
    assert len(answers[5][(*PLAYED, 1)]) == ROWS


async def test_a_question_that_was_given_up_does_not_disturb_the_next_one(real: SnmpAgent) -> None:
    async with session(real) as one:
        await one.get([SYS_NAME])
        given_up = asyncio.ensure_future(one.walk([PLAYED]))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        assert await one.get([SYS_NAME]) == {SYS_NAME: b"switch"}


# Agents that are not right

COLUMN = oid("1.3.6.1.2.1.2.2.1.7")


def same_again(question: Pdu) -> Pdu:
    return cells(question, *(((*COLUMN, 1), 1) for _ in range(2)))


def backwards(question: Pdu) -> Pdu:
    return cells(question, ((*COLUMN, 9), 1), ((*COLUMN, 8), 1))


def endless() -> Callable[[Pdu], Pdu]:
    numbers = itertools.count(1)
    return lambda question: cells(question, *(((*COLUMN, next(numbers)), 1) for _ in range(40)))


def nothing_in_it(question: Pdu) -> Pdu:
    return cells(question)


def another_number(question: Pdu) -> Pdu:
    return replace(cells(question, ((*COLUMN, 1), 1)), request_id=question.request_id ^ 1)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (same_again, "come to an end"),
        (backwards, "come to an end"),
        (endless(), "more than 2000 cells"),
        (nothing_in_it, "is empty"),
    ],
)
async def test_a_walk_that_would_not_end_is_ended(answer: Callable[[Pdu], Pdu], words: str) -> None:
    async with odd_agent(answer) as odd, session(odd) as one:
        with pytest.raises(ResponseError, match=words):
            await one.walk([COLUMN], limit=2000)


async def test_a_walk_that_takes_too_long_is_ended() -> None:
    async with odd_agent(endless()) as odd, session(odd) as one:
        with pytest.raises(UnavailableError, match="did not come to an end"):
            await one.walk([COLUMN], limit=10**9, within_s=0.3)


async def test_an_answer_as_long_as_a_datagram_is_read() -> None:
    def long(question: Pdu) -> Pdu:
        return cells(question, ((*COLUMN, 1), bytes(64_000)), ((*COLUMN, 2), None))

    async with odd_agent(long) as odd, session(odd) as one:
        assert await one.walk([COLUMN]) == {COLUMN: {(1,): bytes(64_000)}}


async def test_an_agent_without_room_for_the_answer_is_asked_for_less() -> None:
    def short(question: Pdu) -> Pdu:
        if len(question.bindings) * question.second > 4:
            return replace(cells(question), first=1)
        return cells(
            question,
            *(((*name[: len(COLUMN)], 1), 5) if len(name) == len(COLUMN) else (name, None) for name, _ in question.bindings),
        )

    columns = [(*COLUMN[:-1], column) for column in range(1, 9)]
    async with odd_agent(short) as odd, session(odd) as one:
        assert await one.walk(columns) == {column: {(1,): 5} for column in columns}


async def test_an_agent_that_never_has_room_is_given_up() -> None:
    async with odd_agent(lambda question: replace(cells(question), first=1)) as odd, session(odd) as one:
        with pytest.raises(SnmpStatusError, match="tooBig"):
            await one.walk([COLUMN, (1, 3, 6)])
        with pytest.raises(SnmpStatusError, match="tooBig"):
            await one.get([SYS_NAME, COLUMN])


def cut(octets: bytes) -> list[bytes]:
    return [octets[: len(octets) // 2]]


def rubbish(octets: bytes) -> list[bytes]:
    return [b"", b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x80" * 500, bytes(2000), b"\xff" * 2000]


def flipped(octets: bytes) -> list[bytes]:
    return [octets[:-1] + bytes((octets[-1] ^ 1,))]


@pytest.mark.parametrize("twist", [cut, rubbish], ids=["cut", "rubbish"])
async def test_an_agent_whose_answers_make_no_sense_is_said_to_do_so(twist: Callable[[bytes], list[bytes]]) -> None:
    async with odd_agent(same_again, twist=twist) as odd, session(odd, timeout_s=0.1, retries=0) as one:
        with pytest.raises(ResponseError):
            await one.get([SYS_NAME])


async def test_an_answer_that_was_changed_on_the_way_is_not_believed() -> None:
    def twist(octets: bytes) -> list[bytes]:
        return flipped(octets) if odd.questions else [octets]

    async with odd_agent(same_again, twist=twist) as odd, session(odd, timeout_s=0.1, retries=0) as one:
        with pytest.raises(ResponseError, match="not signed"):
            await one.get([SYS_NAME])


async def test_rubbish_beside_the_answer_does_no_harm() -> None:
    def twist(octets: bytes) -> list[bytes]:
        return [*rubbish(octets), *cut(octets), octets]

    async with odd_agent(lambda question: cells(question, (SYS_NAME, b"odd")), twist=twist) as odd, session(odd) as one:
        assert await one.get([SYS_NAME]) == {SYS_NAME: b"odd"}


async def test_endless_rubbish_is_silence_too() -> None:
    async with odd_agent(same_again) as odd, session(odd, timeout_s=0.1, retries=0) as one:
        is_over = False

        async def flood() -> None:
            while not is_over:
                one.received(b"rubbish")
                await asyncio.sleep(0)

        flooding = asyncio.ensure_future(flood())
        with pytest.raises(ResponseError):
            async with asyncio.timeout(10):
                await one.walk([COLUMN])
        is_over = True
        await flooding


async def test_an_answer_to_another_question_is_none() -> None:
    async with odd_agent(another_number) as odd, session(odd, timeout_s=0.1, retries=0) as one:
        with pytest.raises((UnavailableError, SnmpAccessError)):
            await one.get([COLUMN])


async def test_values_that_were_not_asked_for_are_dropped() -> None:
    async with odd_agent(lambda question: cells(question, (SYS_NAME, b"odd"), (COLUMN, 5))) as odd, session(odd) as one:
        assert await one.get([SYS_NAME]) == {SYS_NAME: b"odd"}
