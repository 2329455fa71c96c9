"""Ten thousand alarms in a second, and the process is killed in the middle of them, again and again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tieline.scada.alarms import AlarmEngine, AlarmService, AlarmStore

from .killed import ALARMS, BATCHES, batch, now_of, plans

ROOT = Path(__file__).parents[3]


def run(file: Path, first: int, kill_after: int, rng: random.Random) -> int:
    """Takes batches from `first` on until it has acknowledged so many and a moment more; gives the last one it acknowledged."""
    command = [sys.executable, "-m", "tests.scada.alarms.killed", str(file), str(first)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        last = first - 1
        for line in process.stdout:
            last = int(line)
            if last >= first - 1 + kill_after:
                time.sleep(rng.uniform(0, 0.05))  # anywhere in the work on the batches that follow
                os.kill(process.pid, signal.SIGKILL)
                break
        for line in process.stdout:  # what it said before the end
            last = int(line)
        process.wait()
    return last


def test_the_list_is_right_after_kills_in_the_middle_of_ten_thousand_alarms(tmp_path: Path) -> None:
    rng = random.Random()
    file = tmp_path / "alarms.sqlite"
    acknowledged = 0
    kills = 0
    while acknowledged < BATCHES:
        # what was not acknowledged comes again, and with it some that was: an acknowledgement may be lost
        first = max(1, acknowledged + 1 - rng.randrange(3))
        acknowledged = max(acknowledged, run(file, first, rng.randint(3, 7), rng))
        kills += 1
    assert kills > 2

    store, reference = AlarmStore(file), AlarmStore(tmp_path / "reference.sqlite")
    now = now_of(BATCHES + 1)
    survived = AlarmService(AlarmEngine(plans()), store, now)
    whole = AlarmService(AlarmEngine(plans()), reference, now_of(0))
    for sequence in range(1, BATCHES + 1):
        whole.take([batch(sequence)], now_of(sequence))

    forgotten = {"revision", "is_chattering"}
    fields = [name for name in survived.snapshot(now).alarms[0].__dataclass_fields__ if name not in forgotten]
    found, expected = (
        [[getattr(alarm, name) for name in fields] for alarm in each.snapshot(now, everything=True).alarms]
        for each in (survived, whole)
    )
    assert found == expected
    assert len(found) == ALARMS
    found, expected = (
        [
            (line.alarm, line.trigger, line.before, line.after, line.time, line.received)
            for line in each.journal(limit=100 * ALARMS, by_time=True)
        ]
        for each in (survived, whole)
    )
    assert found == expected
    assert len(found) == 3 * ALARMS + ALARMS + ALARMS // 2  # came, went, came; went, and every second one came
    store.close()
    reference.close()
