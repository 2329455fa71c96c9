"""What the screens ask of supervision (alarms and control), what it answers, and how it says that something has changed.

A request is one message on `subjects.SCADA_ASK`, answered once. It says in whose name it is made: the bus lets only the web role ask, which
has logged the person in. What has changed is told on subjects of its own, at least once a second and without content: whoever hears
of a new revision asks for what is new.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Literal, TypeVar

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from tieline.bus.asking import Request, answer_all, ask
from tieline.model import Outcome, PointId, RemoteError, UnavailableError, subjects
from tieline.model.alarms import Alarm
from tieline.model.control import Operation, ProgramRun, Selection, Tag, TagKind

log = structlog.get_logger()

EXECUTE_S = 120.0
"""A command is answered when its outcome is known, or is known to be lost."""
MOST_LIFE_S = 5.0
"""A sign of life that is older says nothing."""

A = TypeVar("A")
AlarmAction = Literal["acknowledge", "reset", "shelve", "unshelve", "take_out", "put_back"]
RunAction = Literal["stop", "resume", "confirm", "abandon"]


class AlarmChanges(msgspec.Struct, frozen=True):
    """Alarms that changed after a revision, or all that stand. Ask again with `revision` and `after`, at once where it is not complete."""

    incarnation: int
    revision: int
    is_whole: bool
    """Whether what was known before is to be forgotten."""
    is_complete: bool
    after: str
    """Where it is not complete, the last alarm of that revision that was told."""
    alarms: tuple[Alarm, ...]


class AlarmsDone(msgspec.Struct, frozen=True):
    """The alarms with which it was done, and why it was not with others."""

    ids: tuple[str, ...]
    refused: dict[str, str]


class Table(msgspec.Struct, frozen=True):
    """Rows for people and programs to read, each with the same names."""

    rows: list[dict[str, Any]]


class Figures(msgspec.Struct, frozen=True):
    """Figures by their names."""

    values: dict[str, Any]


class ProgramTitle(msgspec.Struct, frozen=True):
    """A switching program, and what its steps do."""

    name: str
    title: str
    description: str
    steps: tuple[str, ...]


class ControlState(msgspec.Struct, frozen=True):
    """All that is going on in control."""

    incarnation: int
    revision: int
    selections: tuple[Selection, ...]
    operations: tuple[Operation, ...]
    tags: tuple[Tag, ...]
    programs: tuple[ProgramTitle, ...]
    runs: tuple[ProgramRun, ...]


class Found(msgspec.Struct, frozen=True):
    """What became of a command; None where there is no such command."""

    outcome: Outcome | None


class ListAlarms(Request[AlarmChanges], frozen=True):
    """The alarms that changed after `since`, of `incarnation`; all of them where that is another one."""

    answer: ClassVar[Any] = AlarmChanges

    since: int = -1
    incarnation: int = 0
    after: str = ""
    """Also those of that very revision whose ids come after this one."""
    everything: bool = False
    """Also those that are normal."""


class ActOnAlarms(Request[AlarmsDone], frozen=True):
    """Does something with some alarms."""

    answer: ClassVar[Any] = AlarmsDone

    action: AlarmAction
    ids: tuple[str, ...]
    reason: str = ""
    minutes: float = 0.0


class ReadJournal(Request[Table], frozen=True):
    """What happened to alarms in [begin, end), oldest first, after a line's sequence; microseconds since 1970-01-01 UTC."""

    answer: ClassVar[Any] = Table

    begin: int
    end: int
    alarm: str = ""
    after: int = 0
    most: int = 1_000


class ReadMetrics(Request[Figures], frozen=True):
    """The figures of ISA-18.2 clause 16 over a time."""

    answer: ClassVar[Any] = Figures

    begin: int
    end: int
    operators: int = 1


class Select(Request[Selection], frozen=True):
    """Holds a point for one command."""

    answer: ClassVar[Any] = Selection

    point: PointId
    value: float
    reason: str = ""


class Approve(Request[Selection], frozen=True):
    """A second person agrees."""

    answer: ClassVar[Any] = Selection

    selection: str


class Cancel(Request[Selection], frozen=True):
    """Gives a selection up."""

    answer: ClassVar[Any] = Selection

    selection: str


class Execute(Request[Outcome], frozen=True):
    """Releases what is selected; `id` makes it idempotent, and is the selection's where it is left out."""

    answer: ClassVar[Any] = Outcome
    timeout_s: ClassVar[float] = EXECUTE_S

    selection: str
    id: str = ""
    reason: str = ""


class AskOutcome(Request[Found], frozen=True):
    """What became of a command."""

    answer: ClassVar[Any] = Found
    timeout_s: ClassVar[float] = EXECUTE_S

    id: str


class StopRamp(Request[Outcome], frozen=True):
    """Stops a setpoint that is on its way."""

    answer: ClassVar[Any] = Outcome
    timeout_s: ClassVar[float] = EXECUTE_S

    id: str


class Revoke(Request[None], frozen=True):
    """A person has lost the right to operate: what that person leads by steps stops where it is."""

    answer: ClassVar[Any] = None

    person: str


class ReadControl(Request[ControlState], frozen=True):
    """All that is going on."""

    answer: ClassVar[Any] = ControlState

    most: int = 100


class PlaceTag(Request[Tag], frozen=True):
    """Hangs a tag on a point or on equipment."""

    answer: ClassVar[Any] = Tag

    kind: TagKind
    target: str
    reason: str


class RemoveTag(Request[Tag], frozen=True):
    """Takes a tag off."""

    answer: ClassVar[Any] = Tag

    id: str
    reason: str


class StartProgram(Request[ProgramRun], frozen=True):
    """Begins a switching program."""

    answer: ClassVar[Any] = ProgramRun

    name: str


class ActOnRun(Request[ProgramRun], frozen=True):
    """Does something with a run of a switching program."""

    answer: ClassVar[Any] = ProgramRun

    action: RunAction
    run: str
    unknown: str = ""
    """On resuming: what became of the step whose outcome is not known."""


AnyRequest = (
    ListAlarms
    | ActOnAlarms
    | ReadJournal
    | ReadMetrics
    | Select
    | Approve
    | Cancel
    | Execute
    | AskOutcome
    | StopRamp
    | Revoke
    | ReadControl
    | PlaceTag
    | RemoveTag
    | StartProgram
    | ActOnRun
)


class AlarmsChanged(msgspec.Struct, frozen=True):
    """Where the alarms are, at least once a second: a revision to compare, and what a header shows."""

    incarnation: int
    revision: int
    unacknowledged: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Alarms that nobody has acknowledged, for priorities 1 to 4."""
    standing: int = 0
    """Alarms that stand before people."""
    in_ten_minutes: int = 0
    """New alarms of the last ten minutes."""


class ControlChanged(msgspec.Struct, frozen=True):
    """Where control is, at least once a second."""

    incarnation: int
    revision: int


_encode = msgspec.msgpack.Encoder().encode
_requests: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(AnyRequest)
_alarms_changed = msgspec.msgpack.Decoder(AlarmsChanged)
_control_changed = msgspec.msgpack.Decoder(ControlChanged)


class ScadaClient:
    """Asks supervision, and knows where it is. `run` it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._heard = float("-inf")
        self.alarms = AlarmsChanged(0, 0)
        """Where the alarms were when that was told last."""
        self.control = ControlChanged(0, 0)

    @property
    def is_heard(self) -> bool:
        """Whether supervision runs, as far as can be heard."""
        return asyncio.get_running_loop().time() - self._heard < MOST_LIFE_S

    async def ask(self, request: Request[A]) -> A:
        """The answer. Raises `UnavailableError` where none comes, and what supervision raised: `RefusedError` above all."""
        return await ask(self._client, subjects.SCADA_ASK, request, whom="alarms and control")

    async def run(self) -> None:
        """Hears what is told until cancelled."""
        subscriptions = [
            await self._client.subscribe(subjects.ALARMS_CHANGED, cb=self._on_alarms),
            await self._client.subscribe(subjects.CONTROL_CHANGED, cb=self._on_control),
        ]
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            if self._client.is_connected:
                for subscription in subscriptions:
                    await subscription.unsubscribe()

    async def _on_alarms(self, message: Msg) -> None:
        self._heard = asyncio.get_running_loop().time()
        try:
            self.alarms = decode_alarms_changed(message.data)
        except RemoteError as error:
            log.error("message is not understood", reason=str(error))

    async def _on_control(self, message: Msg) -> None:
        self._heard = asyncio.get_running_loop().time()
        try:
            self.control = _control_changed.decode(message.data)
        except msgspec.MsgspecError as error:
            log.error("message does not say where control is", reason=str(error))


async def answer_requests(client: Client, answer: Callable[[AnyRequest], Awaitable[object]]) -> None:
    """Answers until cancelled, side by side; `answer` gives the result or raises `TielineError`."""
    await answer_all(client, subjects.SCADA_ASK, _requests, answer)


def decode_alarms_changed(payload: bytes) -> AlarmsChanged:
    """Where the alarms are. Raises `RemoteError` for anything else."""
    try:
        return _alarms_changed.decode(payload)
    except msgspec.MsgspecError as error:
        raise RemoteError(f"the message does not say where the alarms are: {error}") from error


async def tell(client: Client, change: AlarmsChanged | ControlChanged) -> None:
    """Says where the alarms or control are. Raises `UnavailableError` where the bus cannot be used."""
    subject = subjects.ALARMS_CHANGED if isinstance(change, AlarmsChanged) else subjects.CONTROL_CHANGED
    try:
        await client.publish(subject, _encode(change))
    except Error as error:
        raise UnavailableError(f"the bus cannot be used: {error}") from error
