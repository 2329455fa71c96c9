"""A manager with an agent in the same process: every answer that an agent may give, and the clock in the test's hand."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from tests.snmp_agents import KEYS
from tieline.protocols.snmp import ResponseError, SnmpAccessError, SnmpStatusError
from tieline.protocols.snmp.manager import (
    DECRYPTION_ERRORS,
    NOT_IN_TIME_WINDOWS,
    UNKNOWN_ENGINES,
    UNKNOWN_USERS,
    UNSUPPORTED_LEVELS,
    WRONG_DIGESTS,
    Manager,
    Step,
)
from tieline.protocols.snmp.messages import Flag, Message, Security, decode_message, encode_message
from tieline.protocols.snmp.pdu import Kind, Pdu, encode_scoped
from tieline.protocols.snmp.security import SECURE, Credentials

CREDENTIALS = Credentials.of(KEYS)
ENGINE = b"\x80\x00\x00\x00\x05engine"
NAME = (1, 3, 6, 1, 2, 1, 1, 5, 0)


class Agent:
    """What an agent makes of a datagram; `boots` and `time_s` are its clock."""

    def __init__(self, engine_id: bytes = ENGINE, boots: int = 3, time_s: int = 1000) -> None:
        self.boots, self.time_s = boots, time_s
        self.change(engine_id)

    def change(self, engine_id: bytes) -> None:
        self.engine_id, self.keys = engine_id, CREDENTIALS.at(engine_id)

    def unsigned(self, datagram: bytes, counter: tuple[int, ...], *, kind: Kind = Kind.REPORT) -> bytes:
        data = encode_scoped(Pdu(kind, 0, ((counter, 1),)), self.engine_id)
        return encode_message(replace(self._message(datagram, 0), data=data))[0]

    def signed(self, datagram: bytes, pdu: Pdu, flags: int = SECURE) -> bytes:
        return self.keys.seal(self._message(datagram, flags), pdu, self.engine_id)

    def report(self, datagram: bytes, counter: tuple[int, ...]) -> bytes:
        return self.signed(datagram, Pdu(Kind.REPORT, 0, ((counter, 1),)), Flag.AUTH)

    def answer(self, datagram: bytes, flags: int = SECURE, **changes: object) -> bytes:
        question = self.keys.open(decode_message(datagram))
        pdu = Pdu(Kind.RESPONSE, question.request_id, ((NAME, b"sw"),))
        return self.signed(datagram, replace(pdu, **changes), flags)  # type: ignore[arg-type]

    def _message(self, datagram: bytes, flags: int) -> Message:
        number = decode_message(datagram).message_id
        security = Security(engine_id=self.engine_id, boots=self.boots, time_s=self.time_s)
        return Message(message_id=number, flags=flags, security=security, data=b"")


def manager() -> Manager:
    numbers = itertools.count(1)
    made = Manager(CREDENTIALS, lambda _: next(numbers))
    made.ask(Kind.GET, ((NAME, None),))
    return made


def introduced(agent: Agent) -> Manager:
    """One that knows who the agent is, and its time."""
    made = manager()
    assert made.receive(agent.unsigned(made.datagram(0.0), UNKNOWN_ENGINES), 0.0) is Step.NEXT
    assert made.receive(agent.report(made.datagram(0.0), NOT_IN_TIME_WINDOWS), 0.0) is Step.NEXT
    return made


def test_an_agent_is_found_then_its_time_then_the_answer() -> None:
    agent, one = Agent(), manager()
    first = decode_message(one.datagram(0.0))
    assert (first.flags, first.security) == (Flag.REPORTABLE, Security())
    one = introduced(agent)
    assert (one.engine_id, one.boots, one.is_privacy_doubtful) == (ENGINE, 3, True)
    question = one.datagram(40.0)
    assert (decode_message(question).flags, decode_message(question).security.time_s) == (7, 1040)
    answer = one.receive(agent.answer(question), 40.0)
    assert isinstance(answer, Pdu)
    assert answer.bindings == ((NAME, b"sw"),)
    assert not one.is_privacy_doubtful


def test_an_engine_that_never_was_started_before_takes_zeros_for_its_time() -> None:
    agent, one = Agent(boots=0, time_s=0), manager()
    one.receive(agent.unsigned(one.datagram(0.0), UNKNOWN_ENGINES), 0.0)
    assert one.receive(agent.answer(one.datagram(0.0)), 0.0) is Step.NEXT
    assert one.boots == 0
    assert isinstance(one.receive(agent.answer(one.datagram(0.0)), 0.0), Pdu)


def test_an_agent_that_started_again_gives_its_new_time() -> None:
    agent = Agent()
    one = introduced(agent)
    agent.boots, agent.time_s = 4, 2
    assert one.receive(agent.report(one.datagram(0.0), NOT_IN_TIME_WINDOWS), 0.0) is Step.NEXT
    assert isinstance(one.receive(agent.answer(one.datagram(0.0)), 0.0), Pdu)
    assert one.boots == 4


def test_an_agent_that_was_replaced_is_found_anew() -> None:
    agent = Agent()
    one = introduced(agent)
    agent.change(b"\x80\x00\x00\x00\x05other")
    assert one.receive(agent.unsigned(one.datagram(0.0), UNKNOWN_ENGINES), 0.0) is Step.NEXT
    assert (one.engine_id, one.boots) == (agent.engine_id, None)


def test_a_report_of_the_engine_that_is_known_changes_nothing() -> None:
    agent = Agent()
    one = introduced(agent)
    assert one.receive(agent.unsigned(one.datagram(0.0), UNKNOWN_ENGINES), 0.0) is Step.IGNORED
    assert one.boots == 3


def test_an_agent_that_changes_with_every_answer_is_given_up() -> None:
    agent, one = Agent(), manager()

    def other_engines() -> None:
        for number in range(20):
            agent.change(f"engine{number}".encode())
            one.receive(agent.unsigned(one.datagram(0.0), UNKNOWN_ENGINES), 0.0)

    def other_times() -> None:
        again = introduced(Agent())
        for _ in range(20):
            again.receive(Agent().report(again.datagram(0.0), NOT_IN_TIME_WINDOWS), 0.0)

    for changing in (other_engines, other_times):
        with pytest.raises(ResponseError, match="every answer"):
            changing()


@pytest.mark.parametrize("engine_id", [b"", b"1234", bytes(33)])
def test_an_engine_without_a_name_is_none(engine_id: bytes) -> None:
    agent, one = Agent(engine_id), manager()
    with pytest.raises(ResponseError):
        one.receive(agent.unsigned(one.datagram(0.0), UNKNOWN_ENGINES), 0.0)
    assert one.engine_id is None


@pytest.mark.parametrize(
    ("counter", "part"),
    [(UNKNOWN_USERS, "user"), (WRONG_DIGESTS, "auth"), (DECRYPTION_ERRORS, "priv"), (UNSUPPORTED_LEVELS, "access")],
)
@pytest.mark.parametrize("is_signed", [True, False])
def test_a_refusal_says_what_differs(counter: tuple[int, ...], part: str, *, is_signed: bool) -> None:
    agent = Agent()
    one = introduced(agent)
    question = one.datagram(0.0)
    with pytest.raises(SnmpAccessError) as refused:
        one.receive(agent.report(question, counter) if is_signed else agent.unsigned(question, counter), 0.0)
    assert refused.value.part == part


def test_a_report_of_nothing_that_is_known_is_nonsense() -> None:
    agent = Agent()
    one = introduced(agent)
    with pytest.raises(ResponseError, match="nobody knows"):
        one.receive(agent.report(one.datagram(0.0), (1, 3, 6)), 0.0)


@pytest.mark.parametrize("status", [6, 16])
def test_a_user_without_the_right_is_told(status: int) -> None:
    agent = Agent()
    one = introduced(agent)
    with pytest.raises(SnmpAccessError, match="no right"):
        one.receive(agent.answer(one.datagram(0.0), first=status, second=1), 0.0)


@pytest.mark.parametrize(
    ("status", "index", "word", "about"), [(17, 1, "notWritable", NAME), (5, 0, "genErr", None), (99, 7, "status 99", None)]
)
def test_a_refused_value_is_told_with_its_name(status: int, index: int, word: str, about: tuple[int, ...] | None) -> None:
    agent = Agent()
    one = introduced(agent)
    with pytest.raises(SnmpStatusError) as refused:
        one.receive(agent.answer(one.datagram(0.0), first=status, second=index), 0.0)
    assert (refused.value.status, refused.value.oid) == (word, about)


def test_what_is_not_protected_as_the_question_was_is_not_believed() -> None:
    agent = Agent()
    one = introduced(agent)
    question = one.datagram(0.0)
    with pytest.raises(ResponseError, match="less protected"):
        one.receive(agent.answer(question, flags=Flag.AUTH), 0.0)
    with pytest.raises(ResponseError, match="not signed"):
        one.receive(agent.unsigned(question, NAME, kind=Kind.RESPONSE), 0.0)


def test_an_answer_that_is_older_than_the_window_is_not_believed() -> None:
    agent = Agent()
    one = introduced(agent)
    question = one.datagram(200.0)
    with pytest.raises(ResponseError, match="older"):
        one.receive(agent.answer(question), 200.0)
    agent.time_s += 60
    assert isinstance(one.receive(agent.answer(question), 200.0), Pdu)


def test_answers_to_former_questions_and_of_former_steps_are_ignored() -> None:
    agent = Agent()
    one = introduced(agent)
    former = one.datagram(0.0)
    one.ask(Kind.GET, ((NAME, None),))
    assert one.receive(agent.answer(former), 0.0) is Step.IGNORED
    assert one.receive(agent.answer(one.datagram(0.0), request_id=7777), 0.0) is Step.IGNORED
    assert one.receive(agent.answer(one.datagram(0.0), kind=Kind.TRAP), 0.0) is Step.IGNORED
    doubted = one.datagram(0.0)
    one.doubt()
    assert one.receive(agent.answer(doubted), 0.0) is Step.IGNORED


def test_a_question_is_answered_whichever_of_its_repetitions_arrived() -> None:
    agent = Agent()
    one = introduced(agent)
    first, _ = one.datagram(0.0), one.datagram(2.0)
    assert isinstance(one.receive(agent.answer(first), 2.5), Pdu)


def test_what_was_forgotten_is_found_anew() -> None:
    one = introduced(Agent())
    one.forget()
    assert (one.engine_id, one.boots, one.is_privacy_doubtful) == (None, None, False)
    assert decode_message(one.datagram(0.0)).security == Security()
