"""Lets faults happen to the rig, one after another, and says what became of every change of the devices.

    python -m tests.resilience.run --minutes 10 --seed 1 --report resilience.md

Ends with 1 where anything was lost, doubled or wrong.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.resilience.faults import FAULTS, Fault, faketime_library, small_disk
from tests.resilience.rig import Rig
from tests.resilience.truth import Found, Rows, judge, read_historian, strangers

READY_S = 60.0
CLUSTER = "[center]\nbus_servers = 3\nstream_mb = 64\n"
CERTIFICATE_LIFE_S = 60.0
"""All certificates are renewed every forty seconds, whatever else happens."""

RECOVERY_S = 120.0
LEAD_S = 1.5
"""What the devices do so shortly before a fault belongs to it: it is on its way then."""

DISK_MB = 128
_POLL_S = 0.25


Turn = Sequence[tuple[Fault, float]]
"""Faults that strike one after another, with how long they last."""


@dataclass(slots=True)
class Line:
    """One line of the table: everything between the beginning of a fault and of the next."""

    name: str
    count: int = 0
    result: Found = field(default_factory=Found)
    longest_recovery_s: float = 0.0
    note: str = ""


@dataclass(slots=True)
class Report:
    """What happened."""

    lines: dict[str, Line]
    strangers: list[str]
    skipped: list[str]
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, doubled or wrong."""
        results = [line.result for line in self.lines.values()]
        return not self.strangers and not any(each.missing or each.doubled or each.wrong for each in results)

    def __str__(self) -> str:
        head = ("fault", "count", "expected", "found", "doubled", "wrong", "died in device", "longest recovery, s")
        rows = [
            (
                line.name,
                *map(str, (line.count, line.result.expected, line.result.found, line.result.doubled, line.result.wrong)),
                str(line.result.died),
                line.note or f"{line.longest_recovery_s:.1f}",
            )
            for line in self.lines.values()
        ]
        total = Found()
        for line in self.lines.values():
            total.add(line.result)
        count = sum(line.count for line in self.lines.values())
        sums = map(str, (count, total.expected, total.found, total.doubled, total.wrong, total.died))
        longest = max((line.longest_recovery_s for line in self.lines.values()), default=0.0)
        rows.append(("all", *sums, f"{longest:.1f}"))
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
        lines.insert(1, "-|-".join("-" * width for width in widths))
        lines = [f"| {line} |" if number != 1 else f"|-{line}-|" for number, line in enumerate(lines)]
        lines += ["", *(f"skipped: {text}" for text in self.skipped), *total.examples, *self.strangers]
        return "\n".join(lines).rstrip() + "\n"


@dataclass(frozen=True, slots=True)
class _Window:
    """Lines of the journal that belong to a fault."""

    name: str
    first: int


def run(place: Path, script: Iterable[Turn], *, seconds: float, say: bool = False) -> Report:
    """Lets the script happen to a utility in this folder; `seconds` is more than it takes."""
    report = Report({}, [], [])
    windows: list[_Window] = []
    began = time.monotonic()
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(place / "data" / "site-north", DISK_MB))
        rig = Rig(
            place,
            seconds=seconds,
            center=CLUSTER,
            small_disk=disk,
            faketime=faketime_library(),
            certificate_life_s=CERTIFICATE_LIFE_S,
        )
        stack.enter_context(rig)
        assert _await(rig, 0, 10, timeout_s=READY_S), "the utility does not come up"
        windows.append(_Window("no fault", rig.journal.read().lines))
        for turn in script:
            _happen(rig, turn, report, windows, began=began, say=say)
        last = rig.journal.read().lines
        _await(rig, windows[0].first, last, timeout_s=RECOVERY_S)
        held = _held(rig)
        rig.journal.read()
        report.lines = {"no fault": Line("no fault"), **report.lines}
        for window, end in zip(windows, [*(each.first for each in windows[1:]), last], strict=True):
            result = judge(rig.journal, held, first=window.first, last=end, excused=rig.excused)
            report.lines[window.name].result.add(result)
        report.strangers = strangers(rig.journal, held)
    report.seconds = time.monotonic() - began
    return report


def _happen(rig: Rig, turn: Turn, report: Report, windows: list[_Window], *, began: float, say: bool) -> None:
    """Lets the faults of a turn happen, each before the utility has recovered from the one before, and waits until it has from all."""
    first = rig.journal.read().lines
    happened = []
    for fault, lasts_s in turn:
        if reason := fault.needs(rig):
            if (text := f"{fault.name}: {reason}") not in report.skipped:
                report.skipped.append(text)
            continue
        windows.append(_Window(fault.name, rig.journal.read().lines))
        time.sleep(LEAD_S)
        fault.happen(rig, lasts_s)
        happened.append((report.lines.setdefault(fault.name, Line(fault.name)), time.monotonic()))
    # What the devices do after the causes are over shows that everything goes on.
    has_recovered = not happened or _await(rig, first, rig.journal.read().lines + 5, timeout_s=RECOVERY_S)
    recovered = time.monotonic()
    for line, over in happened:
        line.count += 1
        line.longest_recovery_s = max(line.longest_recovery_s, recovered - over)
        if not has_recovered:
            line.note = f"not within {RECOVERY_S:.0f}"
        if say:
            problem = "" if has_recovered else "  NOT RECOVERED"
            print(f"{recovered - began:7.1f} s  {line.name}: {recovered - over:.1f} s{problem}", flush=True)


def _held(rig: Rig) -> dict[str, Rows]:
    deadline = time.monotonic() + RECOVERY_S
    while (held := read_historian(rig.historian)) is None:
        assert time.monotonic() < deadline, "the historian does not answer at the end"
        time.sleep(_POLL_S)
    return held


def _await(rig: Rig, first: int, last: int, *, timeout_s: float) -> bool:
    """Waits until the historian has what the devices did from the one line of the journal to before the other."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if rig.journal.read().lines >= last:
            held = read_historian(rig.historian)
            if held is not None:
                result = judge(rig.journal, held, first=first, last=last, excused=rig.excused)
                if result.expected and not result.missing:
                    return True
        time.sleep(_POLL_S)
    return False


def every_fault_once() -> list[Turn]:
    """The script of a short run: what strikes different places strikes at the same time."""
    named = {fault.name: fault for fault in FAULTS}
    turns: list[Turn] = [[(named.pop(name), lasts_s) for name, lasts_s in turn] for turn in _SHORT]
    return [*turns, *([(fault, fault.lasts_s)] for fault in named.values())]


_SHORT: Sequence[Sequence[tuple[str, float]]] = (
    (("WAN of the sites cut", 2.0), ("edge gateway killed", 0.0)),
    (("WAN of the sites a black hole", 3.0), ("edge gateway killed (IEC 61850)", 0.0)),
    (("edge's disk full", 2.0), ("WAN of the sites slow", 2.0), ("center killed (historian)", 0.0)),
    (("leader of the center's bus killed", 0.0), ("edge's bus server killed", 0.0)),
    (("devices frozen", 2.0), ("WAN of the center cut", 2.0)),
    (("edge's clock steps ahead", 2.0), ("DMZ killed", 0.0), ("edge's clock steps back", 2.0)),
)


def random_faults(seed: int, minutes: float) -> Iterable[Turn]:
    """Faults by chance until the time is over, each of them once in every round; one in three strikes before the last is over."""
    draw = random.Random(seed)
    ends = time.monotonic() + minutes * 60
    while True:
        rest = list(FAULTS)
        draw.shuffle(rest)
        while rest:
            if time.monotonic() >= ends:
                return
            turn = [rest.pop()]
            while rest and not any(fault.is_alone for fault in (*turn, rest[-1])) and draw.random() < 1 / 3:
                turn.append(rest.pop())
            yield [(fault, fault.lasts_s * draw.uniform(0.5, 4.0)) for fault in turn]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs for some minutes and prints the table."""
    parser = argparse.ArgumentParser(description="Lets faults happen to a whole utility and says what was lost.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--report", type=Path, default=None, help="also write the table to this file")
    parser.add_argument("--once", action="store_true", help="each fault once, in order, instead")
    parser.add_argument("--keep", type=Path, default=None, help="an empty folder for the processes' data and logs, which stays")
    chosen = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(10_000) if chosen.seed is None else chosen.seed
    print(f"seed {seed}", flush=True)
    script = every_fault_once() if chosen.once else random_faults(seed, chosen.minutes)
    with ExitStack() as stack:
        place = chosen.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tieline-soak-")))
        place.mkdir(parents=True, exist_ok=True)
        report = run(place, script, seconds=chosen.minutes * 60 + 1_800, say=True)
    text = str(report)
    print(text)
    if chosen.report is not None:
        chosen.report.write_text(text)
    return 0 if report.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
