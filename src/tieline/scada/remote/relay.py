"""One session's bytes at the center: in from one end, onto the disk, then out to the other.

    person -- DMZ --> | take: is it in order, is it within the window | --> waiting --> recorded, synced --> passed on | --> site -- device

Nothing is passed on that is not recorded first, so a recording is never short of what has passed; what is still waiting when the session
is cut goes nowhere. What the far end has taken goes straight back: it is what keeps the window of the sender open, so that all that
can ever wait here is two windows a session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tieline.io import Clock
from tieline.model import Now, RemoteError, TielineError
from tieline.scada.remote.files import RecordingFile
from tieline.security.remote.flow import Receiving
from tieline.security.remote.frames import Close, Data, End, Frame, Permit, Taken
from tieline.security.remote.recording import Packets, Way
from tieline.security.remote.tenure import Tenure

ENDS_LOST_S = 6.0
"""An end that the center has not heard for so long is gone."""

_ENDS: dict[Way, str] = {"up": "the DMZ", "down": "the site"}
"""Where the bytes of a way come from."""

Pass = Callable[[Way, Frame], None]
"""Sends a frame to the end that this way leads to."""


class Relay:
    """One session. `run` it from when the order goes out, and `finish` it afterwards."""

    def __init__(self, packets: Packets, file: RecordingFile, send: Pass, clock: Clock, *, end_us: int, idle_s: float) -> None:
        now = _now(clock)
        self._packets = packets
        self._file = file
        self._send = send
        self._clock = clock
        self._ways: dict[Way, Receiving] = {"up": Receiving(), "down": Receiving()}
        self._passed: dict[Way, int] = {"up": 0, "down": 0}
        self._tenures: dict[Way, Tenure] = {
            way: Tenure(now, end_us=end_us, idle_s=float("inf"), lost_s=ENDS_LOST_S) for way in self._ways
        }
        """Of the end that a way comes from."""
        self._tenure = Tenure(now, end_us=end_us, idle_s=idle_s, lost_s=float("inf"))
        self._waiting: list[tuple[Way, Data | End | Close, int]] = []
        self._some = asyncio.Event()
        self._is_closing = False
        self._is_over = False
        self._why = ""

    @property
    def up_bytes(self) -> int:
        """Recorded and passed on towards the device."""
        return self._passed["up"]

    @property
    def down_bytes(self) -> int:
        """Recorded and passed on towards the person."""
        return self._passed["down"]

    @property
    def why(self) -> str:
        """Why the session is over; empty while it is not."""
        return self._why

    def take(self, way: Way, frame: Frame) -> None:
        """A frame that goes this way has come."""
        if self._is_over:
            return
        now = _now(self._clock)
        self._tenures[way].permit(now)
        try:
            match frame:
                case Data(begin=begin, content=content):
                    self._ways[way].receive(begin, len(content))
                    self._tenure.move(now)
                    self._put(way, frame, now)
                case End():
                    self._ways[way].receive_end(frame.total)
                    self._put(way, frame, now)
                case Close():
                    if not self._is_closing:
                        self._is_closing = True
                        self._put(way, frame, now)
                case Taken(total=total):
                    back: Way = "down" if way == "up" else "up"
                    self._ways[back].tell_taken(total, most=self._passed[back])
                    self._send(way, frame)
                case Permit():
                    pass
        except RemoteError as error:
            self.end(str(error))

    def end(self, why: str) -> None:
        """The session is over: nothing more is passed on."""
        if not self._is_over:
            self._is_over, self._why = True, why
            self._some.set()

    def tick(self, now: Now) -> None:
        """Time has passed: both ends are told that the session may go on, or it ends."""
        why = self._tenure.why_over(now)
        if not why:
            gone = [_ENDS[way] for way, tenure in self._tenures.items() if tenure.is_lost(now)]
            why = f"{' and '.join(gone)} cannot be heard any more" if gone else ""
        if why:
            self.end(why)
        elif not self._is_over:
            for way in self._ways:
                self._send(way, Permit())

    async def run(self) -> None:
        """Records and passes on until the session is over."""
        try:
            await asyncio.to_thread(self._file.append, self._packets.begin(self._clock.now_us()))
            while not self._is_over:
                await self._some.wait()
                self._some.clear()
                await self._pass_on()
        except TielineError as error:
            self.end(str(error))

    def finish(self) -> None:
        """The end of the recording; blocks for the disk. Raises `UnavailableError`."""
        try:
            self._file.append(self._packets.end(self._why, self._clock.now_us()), is_last=True)
        finally:
            self._file.close()

    def _put(self, way: Way, frame: Data | End | Close, now: Now) -> None:
        self._waiting.append((way, frame, now.utc_us))
        self._some.set()

    async def _pass_on(self) -> None:
        waiting, self._waiting = self._waiting, []
        if self._is_over or not waiting:
            return
        blocks = b"".join(self._block(way, frame, us) for way, frame, us in waiting)
        if blocks:
            await asyncio.to_thread(self._file.append, blocks)
        for way, frame, _ in waiting:
            if self._why:  # cut while the disk wrote
                return
            match frame:
                case Data(content=content):
                    self._passed[way] += len(content)
                    self._send(way, frame)
                case End():
                    self._send(way, frame)
                    if all(each.is_ended for each in self._ways.values()) and not self._waiting:
                        self.end("both sides have closed the connection")
                case Close():
                    self.end(frame.words)

    def _block(self, way: Way, frame: Data | End | Close, us: int) -> bytes:
        match frame:
            case Data(content=content):
                return self._packets.data(way, content, us)
            case End():
                return self._packets.finish(way, us)
            case Close():
                return b""


def _now(clock: Clock) -> Now:
    return Now(clock.monotonic(), clock.now_us())
