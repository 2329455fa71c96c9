"""Operating objects, with a server that does what a test tells it: what is sent, and what is raised."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from tests.edge.iec61850.station import controlled, make_point
from tieline.edge.driver import UnconfirmedError
from tieline.edge.iec61850.client import MmsClient
from tieline.edge.iec61850.controlling import Controls
from tieline.edge.iec61850.directory import Directory
from tieline.edge.iec61850.settings import ControlledPoint
from tieline.io import SystemClock
from tieline.model import RefusedError, RemoteError, TielineError, UnavailableError
from tieline.protocols.iec61850.mms.control import Command, ControlInformed, ControlModel, LastApplError
from tieline.protocols.iec61850.mms.errors import RejectError, ServiceError
from tieline.protocols.iec61850.mms.names import Name, name_of
from tieline.protocols.iec61850.mms.types import Component, MmsType, Simple, Structure
from tieline.protocols.iec61850.mms.values import AccessError, Value

BOOL = Simple("boolean")
ORIGIN = Structure((Component("orCat", Simple("integer", 8)), Component("orIdent", Simple("octet-string", -64))))
CANCEL = Structure(
    (
        Component("ctlVal", BOOL),
        Component("origin", ORIGIN),
        Component("ctlNum", Simple("unsigned", 8)),
        Component("T", Simple("utc-time")),
        Component("Test", BOOL),
    )
)
OPER = Structure((*CANCEL.components, Component("Check", Simple("bit-string", -2))))
POS = Name("LD", "CSWI1$CO$Pos")
SETTING = Name("LD", "LLN0$SP$StrVal$setMag$f")
MODEL = Structure((Component("ctlModel", Simple("integer", 8)),))


def of(**parts: MmsType) -> Structure:
    return Structure(tuple(Component(name, mms_type) for name, mms_type in parts.items()))


def node(*, has_model: bool = True, has_sbow: bool = True, has_cancel: bool = True) -> Structure:
    parts: dict[str, MmsType] = {"SBO": Simple("visible-string", -129), "Oper": OPER}
    parts |= {"SBOw": OPER} if has_sbow else {}
    parts |= {"Cancel": CANCEL} if has_cancel else {}
    constraints: dict[str, MmsType] = {"CO": of(Pos=of(**parts))}
    if has_model:
        constraints["CF"] = of(Pos=MODEL)
    return of(**constraints)


@dataclass
class Server:
    """An `MmsClient`; `answers` says what becomes of what is written or read, by the last part of its name."""

    controls: Controls | None = None
    model: Value = int(ControlModel.DIRECT_NORMAL)
    types: Structure = field(default_factory=node)
    answers: dict[str, Value | TielineError | Callable[[Server], Value]] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    is_open: bool = True
    silent_since: float = 0.0

    async def names(self, object_class: int, domain: str = "") -> list[str]:
        raise NotImplementedError

    async def type_of(self, name: Name) -> MmsType:
        if name.item == "LLN0":
            return of(SP=of(StrVal=of(setMag=of(f=Simple("float", 32)))))
        return self.types

    def _answer(self, name: Name) -> Value:
        last = name.item.rpartition("$")[2]
        self.sent.append(last)
        answer = self.answers.get(last)
        if isinstance(answer, TielineError):
            raise answer
        return answer(self) if callable(answer) else answer

    async def read(self, names: Sequence[Name]) -> list[Value]:
        if names[0].item.endswith("ctlModel"):
            if isinstance(self.model, TielineError):
                raise self.model
            return [self.model]
        return [self._answer(names[0])]

    async def read_encoded(self, names: Sequence[Name]) -> bytes:
        raise NotImplementedError

    async def write(self, name: Name, value: Value, mms_type: MmsType) -> AccessError | None:
        self.values[name.item.rpartition("$")[2]] = value
        answer = self._answer(name)
        assert answer is None or isinstance(answer, AccessError)
        return answer

    async def data_set(self, name: Name) -> list[Name]:
        raise NotImplementedError

    async def create_data_set(self, name: Name, members: Sequence[Name]) -> None:
        raise NotImplementedError

    async def delete_data_set(self, name: Name) -> bool:
        raise NotImplementedError

    async def ask_alive(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.is_open = False

    def inform(self, cause: int | None, *, is_termination: bool, number: int | None = None, target: Name = POS) -> None:
        error = None if cause is None else LastApplError(f"{target}$Oper", 0, cause, number)
        assert self.controls is not None
        self.controls.informed(ControlInformed(target, is_termination, number, error))


async def operate(server: Server, point: ControlledPoint | None = None, value: float = 1.0) -> None:
    client: MmsClient = server
    directory = await Directory.load(client, [POS, SETTING])
    server.controls = Controls(connected=lambda: (server, directory), clock=SystemClock(), termination_timeout_s=0.2)
    await server.controls.operate(point or controlled("pos", "LD/CSWI1.Pos"), Command(value=value))


def terminates(cause: int | None) -> Callable[[Server], Value]:
    """An operate that is taken, and whose termination comes before the answer, as it may."""

    def answer(server: Server) -> Value:
        server.inform(cause, is_termination=True)
        return None

    return answer


def refuses(cause: int) -> Callable[[Server], Value]:
    def answer(server: Server) -> Value:
        server.inform(cause, is_termination=False)
        return AccessError(3)

    return answer


async def test_a_selection_whose_operate_is_refused_is_cancelled() -> None:
    for model, first in ((ControlModel.SBO_NORMAL, "SBO"), (ControlModel.SBO_ENHANCED, "SBOw")):
        server = Server(model=int(model), answers={"SBO": "LD/CSWI1$CO$Pos", "Oper": refuses(10)})
        with pytest.raises(RemoteError, match="blocked by interlocking"):
            await operate(server)
        assert server.sent == [first, "Oper", "Cancel"]


async def test_a_selection_whose_operate_is_answered_with_an_error_is_cancelled() -> None:
    for refusal in (ServiceError(7, 3), RejectError("what?")):
        server = Server(model=int(ControlModel.SBO_ENHANCED), answers={"Oper": refusal})
        with pytest.raises(RemoteError, match="the command was refused"):
            await operate(server)
        assert server.sent == ["SBOw", "Oper", "Cancel"]


async def test_a_cancel_has_the_parts_that_its_type_wants() -> None:
    oper = Structure(tuple(each for each in OPER.components if each.name != "Check"))
    parts = of(Pos=of(SBO=Simple("visible-string", -129), Oper=oper, Cancel=CANCEL))
    server = Server(types=of(CO=parts, CF=of(Pos=MODEL)), model=2, answers={"SBO": "LD/CSWI1$CO$Pos", "Oper": refuses(10)})
    with pytest.raises(RemoteError, match="blocked by interlocking"):
        await operate(server)
    assert server.values["Cancel"] == server.values["Oper"]


@pytest.mark.parametrize("answer", [AccessError(3), UnconfirmedError("late"), ServiceError(7, 3)])
async def test_that_a_cancel_does_not_work_is_no_news(answer: Value | TielineError) -> None:
    answers = {"SBO": "LD/CSWI1$CO$Pos", "Oper": refuses(10), "Cancel": answer}
    with pytest.raises(RemoteError, match="blocked by interlocking"):
        await operate(Server(model=int(ControlModel.SBO_NORMAL), answers=answers))


async def test_without_a_cancel_nothing_is_cancelled() -> None:
    server = Server(model=2, types=node(has_cancel=False), answers={"SBO": "LD/CSWI1$CO$Pos", "Oper": refuses(10)})
    with pytest.raises(RemoteError):
        await operate(server)
    assert server.sent == ["SBO", "Oper"]


async def test_an_operate_that_was_not_answered_is_not_cancelled_nor_repeated() -> None:
    server = Server(model=4, answers={"Oper": UnconfirmedError("no answer")})
    with pytest.raises(UnconfirmedError):
        await operate(server)
    assert server.sent == ["SBOw", "Oper"]


async def test_a_refusal_without_a_cause_says_what_mms_says() -> None:
    with pytest.raises(RemoteError, match="access denied"):
        await operate(Server(answers={"Oper": AccessError(3)}))


@pytest.mark.parametrize("model", [3, 4])
async def test_a_termination_may_come_before_the_answer(model: int) -> None:
    await operate(Server(model=model, answers={"Oper": terminates(None)}))
    with pytest.raises(RemoteError, match="time for the command ran out"):
        await operate(Server(model=model, answers={"Oper": terminates(16)}))


async def test_terminations_of_other_objects_and_of_other_commands_are_not_taken() -> None:
    def answer(server: Server) -> Value:
        server.inform(None, is_termination=True, target=Name("LD", "CSWI2$CO$Pos"))
        server.inform(None, is_termination=True, number=200)
        return None

    with pytest.raises(UnconfirmedError, match="did not say"):
        await operate(Server(model=3, answers={"Oper": answer}))


async def test_only_the_first_word_on_a_command_counts() -> None:
    def answer(server: Server) -> Value:
        for cause in (16, None):
            server.inform(cause, is_termination=True)
        return None

    with pytest.raises(RemoteError, match="time for the command ran out"):
        await operate(Server(model=3, answers={"Oper": answer}))


async def test_an_association_that_ends_leaves_the_command_unconfirmed() -> None:
    def answer(server: Server) -> Value:
        assert server.controls is not None
        server.controls.disconnected("cut")
        server.controls.disconnected("cut again")
        return None

    with pytest.raises(UnconfirmedError, match="cut"):
        await operate(Server(model=3, answers={"Oper": answer}))


@pytest.mark.parametrize("error", [UnconfirmedError("late"), UnavailableError("gone")])
async def test_a_selection_that_was_not_answered_operated_nothing(error: UnavailableError) -> None:
    for model, first in ((2, "SBO"), (4, "SBOw")):
        server = Server(model=model, answers={first: error})
        with pytest.raises(UnavailableError) as caught:
            await operate(server)
        assert not isinstance(caught.value, UnconfirmedError)
        assert server.sent == [first]


async def test_nonsense_instead_of_an_answer_to_operate_is_unconfirmed_and_an_error_is_a_refusal() -> None:
    with pytest.raises(UnconfirmedError):
        await operate(Server(answers={"Oper": RemoteError("nonsense")}))
    with pytest.raises(RemoteError, match="refused"):
        await operate(Server(answers={"Oper": ServiceError(7, 3)}))


@pytest.mark.parametrize("model", ["direct", True, 9, AccessError(10)])
async def test_a_model_that_makes_no_sense_operates_nothing(model: Value) -> None:
    server = Server(model=model)
    with pytest.raises(RemoteError, match="how it is controlled"):
        await operate(server)
    assert server.sent == []


async def test_what_the_list_says_of_the_model_counts_where_the_device_does_not_say() -> None:
    server = Server(types=node(has_model=False), answers={"SBO": "LD/CSWI1$CO$Pos"})
    await operate(server, controlled("pos", "LD/CSWI1.Pos", model=ControlModel.SBO_NORMAL))
    assert server.sent == ["SBO", "Oper"]
    with pytest.raises(RefusedError, match="does not say how"):
        await operate(server)


async def test_an_object_that_is_not_as_its_model_says_is_refused() -> None:
    server = Server(model=4, types=node(has_sbow=False))
    with pytest.raises(RefusedError, match="SBOw"):
        await operate(server)
    assert server.sent == []


async def test_a_setting_is_written_and_confirmed() -> None:
    point = ControlledPoint(point=make_point("setting"), target=SETTING)
    server = Server()
    await operate(server, point, 2.5)
    assert server.sent == ["f"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (AccessError(3), RemoteError),
        (ServiceError(7, 3), RemoteError),
        (RemoteError("nonsense"), UnconfirmedError),
        (UnconfirmedError("late"), UnconfirmedError),
        (UnavailableError("gone"), UnavailableError),
    ],
)
async def test_a_setting_that_is_not_taken_says_so(answer: Value | TielineError, expected: type[TielineError]) -> None:
    point = ControlledPoint(point=make_point("setting"), target=SETTING)
    with pytest.raises(expected):
        await operate(Server(answers={"f": answer}), point, 2.5)


async def test_a_setting_that_is_not_there_or_a_value_that_does_not_fit_is_refused() -> None:
    other = ControlledPoint(point=make_point("other"), target=name_of("LD/LLN0.Nope.setMag.f", "SP"))
    setting = ControlledPoint(point=make_point("setting"), target=SETTING)
    for point, value in ((other, 1.0), (setting, float("nan"))):
        with pytest.raises(RefusedError):
            await operate(Server(), point, value)


async def test_a_command_that_is_cancelled_by_its_caller_leaves_no_trace() -> None:
    server = Server(model=3)
    task = asyncio.create_task(operate(server))
    while "Oper" not in server.sent:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    server.inform(None, is_termination=True)
    await operate(Server(answers={}))
