"""A task under way, and one request outstanding: which response belongs to it (IEEE 1815-2012, clause 4.2.2.4).

A response begins with the fragment that has FIR and the request's sequence number; each further fragment has the next number and no
FIR; FIN ends it. Whatever else comes is no answer. Time is bounded twice: for each fragment, and for the response.
"""

from __future__ import annotations

from tieline.model import Now
from tieline.protocols.dnp3.application import IIN, Control, Fragment, ObjectBlock
from tieline.protocols.dnp3.errors import FragmentError
from tieline.protocols.dnp3.master.agenda import Entry
from tieline.protocols.dnp3.master.tasks import Fate, Rank, Reply, Request, Steps

_MOST_BLOCKS = 2_000


class Task:
    """Steps to be done for a duty or a request of the application."""

    __slots__ = ("attempts", "entry", "expires_s", "has_begun", "is_restart", "number", "rank", "request", "steps")

    def __init__(self, rank: Rank, steps: Steps, *, number: int | None = None, entry: Entry | None = None) -> None:
        self.rank = rank
        self.steps = steps
        self.request: Request = next(steps)
        """To be sent, or outstanding."""
        self.number = number
        """The application's; None: a duty."""
        self.entry = entry
        self.has_begun = False
        self.attempts = 0
        """How often the request has left."""
        self.expires_s = float("inf")
        self.is_restart = False

    def next(self, reply: Reply) -> None:
        """Takes the next step. Raises `StopIteration` with the result when there is none."""
        self.request = self.steps.send(reply)
        self.attempts = 0


class Exchange:
    """A request that waits for its response."""

    __slots__ = (
        "_blocks",
        "_fault",
        "_iin",
        "_is_first",
        "_limit_s",
        "_points",
        "_sequence",
        "_timeout_s",
        "deadline_s",
        "fragments",
        "mark",
        "sent",
        "task",
    )

    def __init__(self, task: Task, sequence: int, sent: Now, timeout_s: float, longest_s: float, mark: int) -> None:
        self.task = task
        self.sent = sent
        self.mark = mark
        """Which events had come before it."""
        self.fragments = 0
        self._timeout_s = timeout_s
        self._limit_s = sent.monotonic_s + longest_s
        self.deadline_s = min(sent.monotonic_s + timeout_s, self._limit_s)
        self._sequence = sequence
        self._is_first = True
        self._iin = IIN(0)
        self._fault: FragmentError | None = None
        self._blocks: list[ObjectBlock] = []
        self._points = 0

    def is_too_long(self, now: Now) -> bool:
        """Whether the response has taken more time than any may."""
        return now.monotonic_s >= self._limit_s

    def expects(self, control: Control) -> bool:
        """Whether a fragment is the next of the response."""
        return not control.unsolicited and control.sequence == self._sequence and control.first == self._is_first

    def accept(self, fragment: Fragment, now: Now) -> None:
        """Takes the next fragment of the response."""
        assert fragment.iin is not None
        self.fragments += 1
        self._is_first = False
        self._sequence = (self._sequence + 1) & 0x0F
        self._iin = fragment.iin
        self._fault = self._fault or fragment.fault
        self.deadline_s = min(now.monotonic_s + self._timeout_s, self._limit_s)

    def wait_on(self, now: Now) -> None:
        """The outstation goes on only now: what it sends next has its whole time."""
        self.deadline_s = min(now.monotonic_s + self._timeout_s, self._limit_s)

    def add(self, blocks: list[ObjectBlock], points: int = 0) -> None:
        """Takes what a fragment held; more than anybody sends is forgotten."""
        self._blocks += blocks[: _MOST_BLOCKS - len(self._blocks)]
        self._points += points

    def reply(self, fate: Fate, now: Now) -> Reply:
        """What the task is told."""
        return Reply(fate, self.sent, now, self._iin, tuple(self._blocks), self._fault, self._points)
