"""One station's end of a link: the primary and the secondary station of IEEE 1815-2012 clause 9.2, in both directions at once.

The secondary station answers what the peer asks (`_SECONDARY`): user data are handed on, confirmed ones once only, because a repetition
carries the frame count bit that is no longer expected. The primary station (`_PRIMARY`) sends user data. Unconfirmed ones go out at once.
Confirmed ones go frame by frame, each repeated until it is acknowledged; before the first, RESET_LINK_STATES agrees on the frame
count bit:

    UNRESET_IDLE ──data──► RESET_WAIT ──ACK──► DATA_WAIT ──ACK, or NACK and busy──► RESET_IDLE ──data──► DATA_WAIT
         ▲                   │     ▲               │                                     │  ▲
         │                   │     └──NACK─────────┤                               data, │  │ LINK_STATUS
         └──no answer────────┴─────────────────────┘                        but busy ▼  │
                                                                            BUSY ──► RESET_STATUS_WAIT

A peer that was silent for `keep_alive_s` is asked for its link status (clause 9.2, and 13 for TCP, where nothing else finds a dead
connection). Without an answer the link is down until something is heard; asking goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple, assert_never

from tieline.model import LocalError, Now
from tieline.protocols.dnp3.frame import (
    BROADCAST_MAY_CONFIRM,
    BROADCAST_MUST_CONFIRM,
    BROADCAST_NO_CONFIRM,
    MAX_ADDRESS,
    MAX_FRAME_SIZE,
    MAX_USER_DATA,
    SELF_ADDRESS,
    Deframer,
    LinkFrame,
    PrimaryFunction,
    SecondaryFunction,
    encode_frame,
    encode_frames,
    is_broadcast,
    primary_control,
    secondary_control,
)

__all__ = [
    "BROADCAST_MAY_CONFIRM",
    "BROADCAST_MUST_CONFIRM",
    "BROADCAST_NO_CONFIRM",
    "MAX_ADDRESS",
    "MAX_FRAME_SIZE",
    "MAX_PENDING",
    "MAX_USER_DATA",
    "SELF_ADDRESS",
    "Deframer",
    "LinkFrame",
    "LinkStation",
    "PrimaryFunction",
    "PrimaryState",
    "SecondaryFunction",
    "SecondaryState",
    "encode_frame",
    "encode_frames",
    "is_broadcast",
]

MAX_PENDING = 65_536
"""A station from which so many octets are to be taken accepts no fragment."""

_MAX_ANSWERS = 16  # a peer has one transaction under way, so more answers than that between two takes answer a flood


class SecondaryState(Enum):
    """What the secondary station expects."""

    UNRESET = auto()
    """A reset before any confirmed data."""
    RESET = auto()
    """Data with the right frame count bit."""


class PrimaryState(Enum):
    """What the primary station waits for."""

    UNRESET_IDLE = auto()
    UNRESET_STATUS_WAIT = auto()
    RESET_WAIT = auto()
    RESET_IDLE = auto()
    RESET_STATUS_WAIT = auto()
    DATA_WAIT = auto()
    BUSY = auto()
    """For a while: the peer's buffers are full."""


class _Answered(NamedTuple):
    state: SecondaryState
    answer: SecondaryFunction | None = None
    delivers: bool = False
    toggles: bool = False


_UNRESET, _RESET = SecondaryState
_SECONDARY: dict[tuple[SecondaryState, PrimaryFunction, bool], _Answered] = {
    # state, function, whether the frame count bit is the expected one (where it counts)
    (_UNRESET, PrimaryFunction.RESET_LINK_STATES, True): _Answered(_RESET, SecondaryFunction.ACK),
    (_UNRESET, PrimaryFunction.TEST_LINK_STATES, True): _Answered(_UNRESET, SecondaryFunction.NACK),
    (_UNRESET, PrimaryFunction.TEST_LINK_STATES, False): _Answered(_UNRESET, SecondaryFunction.NACK),
    (_UNRESET, PrimaryFunction.CONFIRMED_USER_DATA, True): _Answered(_UNRESET, SecondaryFunction.NACK),
    (_UNRESET, PrimaryFunction.CONFIRMED_USER_DATA, False): _Answered(_UNRESET, SecondaryFunction.NACK),
    (_UNRESET, PrimaryFunction.UNCONFIRMED_USER_DATA, True): _Answered(_UNRESET, delivers=True),
    (_UNRESET, PrimaryFunction.REQUEST_LINK_STATUS, True): _Answered(_UNRESET, SecondaryFunction.LINK_STATUS),
    (_RESET, PrimaryFunction.RESET_LINK_STATES, True): _Answered(_RESET, SecondaryFunction.ACK),
    (_RESET, PrimaryFunction.TEST_LINK_STATES, True): _Answered(_RESET, SecondaryFunction.ACK, toggles=True),
    (_RESET, PrimaryFunction.TEST_LINK_STATES, False): _Answered(_RESET, SecondaryFunction.ACK),
    (_RESET, PrimaryFunction.CONFIRMED_USER_DATA, True): _Answered(_RESET, SecondaryFunction.ACK, delivers=True, toggles=True),
    (_RESET, PrimaryFunction.CONFIRMED_USER_DATA, False): _Answered(_RESET, SecondaryFunction.ACK),
    (_RESET, PrimaryFunction.UNCONFIRMED_USER_DATA, True): _Answered(_RESET, delivers=True),
    (_RESET, PrimaryFunction.REQUEST_LINK_STATUS, True): _Answered(_RESET, SecondaryFunction.LINK_STATUS),
}
_COUNTING = (PrimaryFunction.TEST_LINK_STATES, PrimaryFunction.CONFIRMED_USER_DATA)
_USER_DATA = (PrimaryFunction.CONFIRMED_USER_DATA, PrimaryFunction.UNCONFIRMED_USER_DATA)


class _Event(Enum):
    SEND = auto()  # user data wait
    HOLD = auto()  # user data wait, but the peer said that its buffers are full
    ASK = auto()  # the peer was silent for long
    ACK = auto()
    NACK = auto()
    NACK_BUSY = auto()
    STATUS = auto()
    NOT_SUPPORTED = auto()
    TIMEOUT = auto()
    EXHAUSTED = auto()  # as often as it may be tried, it was


class _Action(Enum):
    RESET_LINK = auto()
    SEND_DATA = auto()
    ASK_STATUS = auto()
    REPEAT = auto()
    PAUSE = auto()
    DONE = auto()  # the frame was acknowledged
    FAIL = auto()  # the rest of the fragment is given up
    REST = auto()  # the transaction is over
    SILENT = auto()  # the peer did not say its status


_P = PrimaryState
_PRIMARY: dict[tuple[PrimaryState, _Event], tuple[_Action, PrimaryState]] = {
    # What is missing was not asked for, or comes late, and is ignored.
    (_P.UNRESET_IDLE, _Event.SEND): (_Action.RESET_LINK, _P.RESET_WAIT),
    (_P.UNRESET_IDLE, _Event.ASK): (_Action.ASK_STATUS, _P.UNRESET_STATUS_WAIT),
    (_P.UNRESET_STATUS_WAIT, _Event.STATUS): (_Action.REST, _P.UNRESET_IDLE),
    (_P.UNRESET_STATUS_WAIT, _Event.NOT_SUPPORTED): (_Action.REST, _P.UNRESET_IDLE),
    (_P.UNRESET_STATUS_WAIT, _Event.TIMEOUT): (_Action.REPEAT, _P.UNRESET_STATUS_WAIT),
    (_P.UNRESET_STATUS_WAIT, _Event.EXHAUSTED): (_Action.SILENT, _P.UNRESET_IDLE),
    (_P.RESET_WAIT, _Event.ACK): (_Action.SEND_DATA, _P.DATA_WAIT),
    (_P.RESET_WAIT, _Event.NACK): (_Action.FAIL, _P.UNRESET_IDLE),
    (_P.RESET_WAIT, _Event.NACK_BUSY): (_Action.FAIL, _P.UNRESET_IDLE),
    (_P.RESET_WAIT, _Event.NOT_SUPPORTED): (_Action.FAIL, _P.UNRESET_IDLE),
    (_P.RESET_WAIT, _Event.TIMEOUT): (_Action.REPEAT, _P.RESET_WAIT),
    (_P.RESET_WAIT, _Event.EXHAUSTED): (_Action.FAIL, _P.UNRESET_IDLE),
    (_P.RESET_IDLE, _Event.SEND): (_Action.SEND_DATA, _P.DATA_WAIT),
    (_P.RESET_IDLE, _Event.HOLD): (_Action.PAUSE, _P.BUSY),
    (_P.RESET_IDLE, _Event.EXHAUSTED): (_Action.FAIL, _P.UNRESET_IDLE),
    (_P.RESET_IDLE, _Event.ASK): (_Action.ASK_STATUS, _P.RESET_STATUS_WAIT),
    (_P.RESET_STATUS_WAIT, _Event.STATUS): (_Action.REST, _P.RESET_IDLE),
    (_P.RESET_STATUS_WAIT, _Event.NOT_SUPPORTED): (_Action.REST, _P.RESET_IDLE),
    (_P.RESET_STATUS_WAIT, _Event.TIMEOUT): (_Action.REPEAT, _P.RESET_STATUS_WAIT),
    (_P.RESET_STATUS_WAIT, _Event.EXHAUSTED): (_Action.SILENT, _P.UNRESET_IDLE),
    (_P.DATA_WAIT, _Event.ACK): (_Action.DONE, _P.RESET_IDLE),
    (_P.DATA_WAIT, _Event.NACK): (_Action.RESET_LINK, _P.RESET_WAIT),
    (_P.DATA_WAIT, _Event.NACK_BUSY): (_Action.REST, _P.RESET_IDLE),
    (_P.DATA_WAIT, _Event.NOT_SUPPORTED): (_Action.FAIL, _P.UNRESET_IDLE),
    (_P.DATA_WAIT, _Event.TIMEOUT): (_Action.REPEAT, _P.DATA_WAIT),
    (_P.DATA_WAIT, _Event.EXHAUSTED): (_Action.FAIL, _P.UNRESET_IDLE),
    (_P.BUSY, _Event.TIMEOUT): (_Action.ASK_STATUS, _P.RESET_STATUS_WAIT),
}
_IDLE = (_P.UNRESET_IDLE, _P.RESET_IDLE)


class LinkStation:
    """The link layer of one station for one peer; knows nothing of the medium, and is closed when it is made.

    `confirmed` asks the peer to acknowledge each frame of ours; what the peer wants confirmed is acknowledged in any case. `timeout_s`
    and `retries` are for whatever the peer has to answer. `keep_alive_s` None never asks a silent peer.
    """

    def __init__(
        self,
        local: int,
        remote: int,
        *,
        is_master: bool,
        confirmed: bool = False,
        timeout_s: float = 1.0,
        retries: int = 2,
        keep_alive_s: float | None = None,
        accept_self_address: bool = False,
    ) -> None:
        if not (0 <= local <= MAX_ADDRESS and 0 <= remote <= MAX_ADDRESS):
            raise LocalError(f"a station has an address from 0 to {MAX_ADDRESS}, not {local} or {remote}")
        if not timeout_s > 0 or retries < 0 or (keep_alive_s is not None and not keep_alive_s > 0):
            raise LocalError(f"no link works with timeout {timeout_s} s, {retries} retries, keep-alive {keep_alive_s} s")
        if accept_self_address and is_master:
            raise LocalError("only an outstation answers to the self-address")
        self.local = local
        self.remote = remote
        self.is_master = is_master
        self.confirmed = confirmed
        self.timeout_s = timeout_s
        self.retries = retries
        self.keep_alive_s = keep_alive_s
        self.accept_self_address = accept_self_address
        self.is_open = False
        """Whether there is a medium."""
        self.is_up = False
        """Whether there is a medium and the peer did not fail to answer when it was asked for its status."""
        self.ignored = 0
        """Frames that were not for us, from somebody else, or not as the standard wants them."""
        self.repetitions = 0
        """Confirmed data that had been received before."""
        self.failures = 0
        """Fragments that were given up."""
        self.unanswered = 0
        """Requests that got no answer because there were too many of them at once."""
        self._restart()

    def _restart(self) -> None:
        self.secondary_state = SecondaryState.UNRESET
        self.primary_state = PrimaryState.UNRESET_IDLE
        self._expected_fcb = True
        self._fcb = True
        self._segments: deque[bytes] = deque()
        self._out: list[bytes] = []
        self._answers = self._size = 0
        self._asked = b""
        self._deadline = 0.0
        self._tries = 0
        self._rounds = 0
        self._is_peer_busy = False
        self._heard = False
        self._ask_at = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether it takes a fragment: none waits for its confirmation, and not too much waits to be taken."""
        return self.is_open and not self._segments and not self.is_full

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be taken that it takes no fragment."""
        return self._size >= MAX_PENDING

    @property
    def is_waiting(self) -> bool:
        """Whether a transaction with the peer is under way."""
        return self.primary_state not in _IDLE

    def accepts(self, frame: LinkFrame) -> bool:
        """Whether a frame is from the peer and for us, be it by broadcast or by the self-address."""
        return (
            frame.source == self.remote
            and frame.is_from_master != self.is_master
            and (
                frame.destination == self.local
                or (not self.is_master and is_broadcast(frame.destination))
                or (self.accept_self_address and frame.destination == SELF_ADDRESS)
            )
        )

    def opened(self, now: Now) -> None:
        """There is a medium; all states begin anew."""
        self._restart()
        self.is_open = self.is_up = True
        self._hear(now)

    def closed(self, now: Now) -> None:  # noqa: ARG002 - whoever drives stations tells all of them the time
        """The medium is gone; what was not sent is dropped."""
        self._restart()
        self.is_open = self.is_up = False

    def send(self, segments: Sequence[bytes], now: Now, destination: int | None = None) -> None:
        """Sends the segments of a fragment, to the peer or to a broadcast address (never confirmed).

        Raises `LocalError` while it is not ready, for segments that fit into no frame, and for a broadcast that does not come from a
        master.
        """
        to = self.remote if destination is None else destination
        if not self.is_ready:
            raise LocalError(
                f"station {self.local} cannot send to {to}: {'what was sent before waits' if self.is_open else 'no medium'}"
            )
        if not segments or not all(1 <= len(segment) <= MAX_USER_DATA for segment in segments):
            raise LocalError(f"segments have 1 to {MAX_USER_DATA} octets")
        if to != self.remote and not (self.is_master and is_broadcast(to)):
            raise LocalError(f"station {self.local} sends to its peer {self.remote}, not to {to}")
        if self.confirmed and to == self.remote:
            self._segments.extend(segments)
            self._pump(now)
        else:
            control = primary_control(PrimaryFunction.UNCONFIRMED_USER_DATA, is_from_master=self.is_master)
            self._put(encode_frames(control, to, self.local, segments))

    def receive(self, frame: LinkFrame, now: Now) -> list[bytes]:
        """Takes a frame from the medium and gives the transport segment that it brought, if any."""
        if not self.is_open or not self.accepts(frame):
            self.ignored += 1
            return []
        self._hear(now)
        if frame.is_primary:
            return self._answer(frame)
        if event := self._event_of(frame):
            self._is_peer_busy = frame.fcv_or_dfc
            self._fire(event, now)
            self._pump(now)
        else:
            self.ignored += 1
        return []

    def tick(self, now: Now, *, may_begin: bool = True) -> None:
        """Repeats and gives up what was not answered; asks a silent peer for its status if it may begin something new."""
        if not self.is_open:
            return
        if self.is_waiting:
            if now.monotonic_s >= self._deadline:
                self._fire(_Event.TIMEOUT if self._tries <= self.retries else _Event.EXHAUSTED, now)
                self._pump(now)
        elif may_begin and self.keep_alive_s is not None and now.monotonic_s >= self._ask_at:
            self._fire(_Event.ASK, now)

    def next_deadline(self, *, may_begin: bool = True) -> float | None:
        """When `tick` has something to do, in monotonic seconds."""
        if not self.is_open:
            return None
        if self.is_waiting:
            return self._deadline
        return self._ask_at if may_begin and self.keep_alive_s is not None else None

    def take(self) -> bytes:
        """What is to be sent now."""
        return b"".join(self.take_datagrams())

    def take_datagrams(self) -> list[bytes]:
        """What is to be sent now, in whole frames: those of an unconfirmed fragment stay together (clause 13)."""
        out, self._out = self._out, []
        self._answers = self._size = 0
        return out

    def _hear(self, now: Now) -> None:
        self._heard = self.is_up = True
        if self.keep_alive_s is not None:
            self._ask_at = now.monotonic_s + self.keep_alive_s

    def _put(self, frames: bytes) -> None:
        self._out.append(frames)
        self._size += len(frames)

    # The secondary station

    def _answer(self, frame: LinkFrame) -> list[bytes]:
        to_all = is_broadcast(frame.destination)
        try:
            function = PrimaryFunction(frame.function)
        except ValueError:
            if not to_all:
                self._say(SecondaryFunction.NOT_SUPPORTED)
            return []
        counts = function in _COUNTING
        if (
            frame.fcv_or_dfc != counts
            or bool(frame.payload) != (function in _USER_DATA)
            or (to_all and function is not PrimaryFunction.UNCONFIRMED_USER_DATA)
        ):
            self.ignored += 1
            return []
        row = _SECONDARY[self.secondary_state, function, not counts or frame.fcb == self._expected_fcb]
        if function is PrimaryFunction.RESET_LINK_STATES:
            self._expected_fcb = True
        elif row.toggles:
            self._expected_fcb = not self._expected_fcb
        self.secondary_state = row.state
        if row.answer is not None:
            self._say(row.answer)
        if row.delivers:
            return [frame.payload]
        if function is PrimaryFunction.CONFIRMED_USER_DATA and row.answer is SecondaryFunction.ACK:
            self.repetitions += 1
        return []

    def _say(self, function: SecondaryFunction) -> None:
        if self._answers == _MAX_ANSWERS:
            self.unanswered += 1
            return
        self._answers += 1
        self._put(encode_frame(secondary_control(function, is_from_master=self.is_master), self.remote, self.local))

    # The primary station

    def _event_of(self, frame: LinkFrame) -> _Event | None:
        if frame.payload:
            return None
        match frame.function:
            case SecondaryFunction.ACK:
                return _Event.ACK
            case SecondaryFunction.NACK if self._rounds > self.retries and self.primary_state is PrimaryState.DATA_WAIT:
                return _Event.EXHAUSTED
            case SecondaryFunction.NACK:
                return _Event.NACK_BUSY if frame.fcv_or_dfc else _Event.NACK
            case SecondaryFunction.LINK_STATUS:
                return _Event.STATUS
            case SecondaryFunction.NOT_SUPPORTED:
                return _Event.NOT_SUPPORTED
            case _:
                return None

    def _pump(self, now: Now) -> None:
        while self._segments and not self.is_waiting:
            if self.primary_state is PrimaryState.RESET_IDLE and self._is_peer_busy:
                self._fire(_Event.HOLD if self._rounds <= self.retries else _Event.EXHAUSTED, now)
            else:
                self._fire(_Event.SEND, now)

    def _fire(self, event: _Event, now: Now) -> None:
        row = _PRIMARY.get((self.primary_state, event))
        if row is None:
            return
        action, self.primary_state = row
        match action:
            case _Action.RESET_LINK:
                self._rounds += 1
                self._ask(PrimaryFunction.RESET_LINK_STATES, now)
                self._fcb = True
            case _Action.SEND_DATA:
                self._ask(PrimaryFunction.CONFIRMED_USER_DATA, now, self._segments[0])
            case _Action.ASK_STATUS:
                self._heard = False
                self._ask(PrimaryFunction.REQUEST_LINK_STATUS, now)
            case _Action.REPEAT:
                self._tries += 1
                self._deadline = now.monotonic_s + self.timeout_s
                self._put(self._asked)
            case _Action.PAUSE:
                self._rounds += 1
                self._tries = 0
                self._deadline = now.monotonic_s + self.timeout_s
            case _Action.DONE:
                self._fcb = not self._fcb
                self._rounds = 0
                self._segments.popleft()
            case _Action.FAIL:
                self._rounds = 0
                self._segments.clear()
                self.failures += 1
            case _Action.SILENT:
                # Without keep-alive nobody would ask again, and the peer may wait for us to speak.
                if not self._heard and self.keep_alive_s is not None:
                    self.is_up = False
                    self._ask_at = now.monotonic_s + self.keep_alive_s
            case _Action.REST:
                pass
            case _:
                assert_never(action)

    def _ask(self, function: PrimaryFunction, now: Now, payload: bytes = b"") -> None:
        control = primary_control(function, is_from_master=self.is_master, fcb=self._fcb)
        self._asked = encode_frame(control, self.remote, self.local, payload)
        self._tries = 1
        self._deadline = now.monotonic_s + self.timeout_s
        self._put(self._asked)
