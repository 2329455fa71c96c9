from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.historian.conftest import DAY, NOW, batch, count, rows_of
from tieline.historian import FILE_NAME, Historian
from tieline.model import Batch, ConfigError, LocalError, Quality, Samples, UnavailableError

Open = Callable[..., Historian]


def test_a_commit_says_what_it_stored(historian: Historian) -> None:
    result = historian.commit([batch(1, events=2), batch(2)])
    assert (result.batches, result.samples, result.events, result.repeats) == (2, 20, 2, 0)
    assert count(historian) == 20
    assert rows_of(historian, "SELECT site, kind, severity, text FROM events ORDER BY text") == [
        ("site-0", "tested", "info", "1/0"),
        ("site-0", "tested", "info", "1/1"),
    ]


def test_an_empty_commit_stores_nothing(historian: Historian) -> None:
    assert historian.commit([]).batches == 0


def test_a_batch_that_comes_again_is_skipped(historian: Historian) -> None:
    historian.commit([batch(1, events=1)])
    result = historian.commit([batch(1, events=1), batch(2)])
    assert (result.batches, result.samples, result.events, result.repeats) == (1, 10, 0, 1)
    assert count(historian) == 20


def test_a_batch_that_comes_twice_in_one_commit_is_stored_once(historian: Historian) -> None:
    assert historian.commit([batch(1), batch(1)]).repeats == 1
    assert count(historian) == 10


def test_a_batch_that_arrives_out_of_order_is_no_repeat(historian: Historian) -> None:
    historian.commit([batch(5)])
    assert historian.commit([batch(4)]).batches == 1
    assert historian.commit([batch(5), batch(4)]).repeats == 2


def test_sites_and_incarnations_number_for_themselves(historian: Historian) -> None:
    result = historian.commit([batch(1), batch(1, site="site-1"), batch(1, incarnation=2**63 - 1)])
    assert result.batches == 3


def test_repeats_are_recognized_after_a_restart(opened: Open) -> None:
    opened().commit([batch(1), batch(3)])
    result = opened().commit([batch(number) for number in (1, 2, 3)])
    assert (result.batches, result.repeats) == (1, 2)


def test_the_ledger_stays_small(opened: Open) -> None:
    historian = opened()
    for first in range(1, 6001, 10):
        historian.commit([batch(number, rows=0, site=f"s{number % 10}") for number in range(first, first + 10)])
    ((rows,),) = rows_of(historian, "SELECT count(*) FROM store.ledger")
    assert isinstance(rows, int)
    assert rows < 15_000
    assert opened().commit([batch(5000, site="s0")]).repeats == 1


def test_an_empty_batch_is_noted(historian: Historian) -> None:
    assert historian.commit([batch(1, rows=0)]).batches == 1
    assert historian.commit([batch(1, rows=0)]).repeats == 1


def test_a_sequence_below_one_is_our_own_mistake(historian: Historian) -> None:
    with pytest.raises(LocalError, match="begin at 1"):
        historian.commit([batch(0)])


def test_samples_of_unknown_points_are_stored_without_a_name(historian: Historian) -> None:
    historian.commit([Batch(site="x", incarnation=1, sequence=1, samples=Samples.of([1, 999], NOW, [1.0, 2.0]))])
    assert rows_of(historian, "SELECT point, value FROM samples ORDER BY value") == [("point-1", 1.0), (None, 2.0)]


def test_a_point_described_later_gives_its_samples_a_name(opened: Open) -> None:
    opened(points=[]).commit([batch(1, rows=1)])
    assert rows_of(opened(), "SELECT site, device, point, unit FROM samples") == [("site-1", "device-1", "point-1", "kW")]


def test_an_impossible_time_is_marked_and_kept(historian: Historian) -> None:
    times = np.array([-5, NOW, 2**63 - 1])
    historian.commit([Batch(site="x", incarnation=1, sequence=1, samples=Samples.of(1, times, [0.0, 1.0, 2.0]))])
    assert rows_of(historian, "SELECT year(time), quality FROM samples ORDER BY value") == [
        (1970, Quality.CLOCK_FAILURE),
        (2024, 0),
        (2200, Quality.CLOCK_FAILURE),
    ]
    historian.maintain(fully=True)
    assert count(historian) == 3


def test_not_a_number_is_stored(historian: Historian) -> None:
    historian.commit([Batch(site="x", incarnation=1, sequence=1, samples=Samples.of(1, NOW, np.nan, Quality.INVALID))])
    assert rows_of(historian, "SELECT isnan(value), quality FROM samples") == [(True, int(Quality.INVALID))]


CHILD = """
import sys
from pathlib import Path
from tieline.historian import Historian
from tests.historian.conftest import NOW, POINTS, batch

folder, first = Path(sys.argv[1]), int(sys.argv[2])
historian = Historian.open(folder / "historian.duckdb", lake=folder / "lake", points=POINTS, clock=lambda: NOW + 3 * 86_400_000_000)
print("open", flush=True)
for number in range(first, 100_000, 3):
    historian.commit([batch(number + each, rows=2000, events=1) for each in range(3)])
    if number % 15 == 1:
        historian.maintain(fully=True)
    print(number + 2, flush=True)
"""


@pytest.mark.timeout(120)
def test_every_sample_is_stored_once_although_the_process_is_killed(tmp_path: Path, opened: Open) -> None:
    random = np.random.default_rng(5)
    acknowledged = 0
    for kill_after in random.integers(1, 12, 6).tolist():
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CHILD), str(tmp_path), str(acknowledged + 1)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert child.stdout is not None
        with child.stdout as lines:
            assert lines.readline() == b"open\n"
            said = [int(lines.readline()) for _ in range(kill_after)]
            child.send_signal(signal.SIGKILL)
            child.wait()
        acknowledged = said[-1] - 3 * int(random.integers(0, 3))  # some acknowledgements are lost, too
    historian = opened()
    historian.commit([batch(number, rows=2000, events=1) for number in range(1, acknowledged + 60)])
    found = rows_of(historian, "SELECT value // 1000 AS batch, count(*) FROM samples GROUP BY batch ORDER BY batch")
    plain = [number * 1000 + row for number in range(1, acknowledged + 60) for row in range(2000)]
    assert sum(int(rows) for _, rows in found) == len(plain)  # type: ignore[call-overload]
    assert rows_of(historian, "SELECT sum(value), count(DISTINCT value) FROM samples") == [(sum(plain), len(set(plain)))]
    assert rows_of(historian, "SELECT count(*), count(DISTINCT text) FROM events") == [(acknowledged + 59, acknowledged + 59)]


def test_a_commit_that_the_disk_refuses_leaves_nothing_and_may_be_repeated(tmp_path: Path) -> None:
    """With a limit on the size of files, the write fails in the middle, as on a full disk."""
    script = """
    import resource, sys
    from pathlib import Path
    from tests.historian.conftest import POINTS, batch
    from tieline.historian import Historian
    from tieline.model import UnavailableError

    folder = Path(sys.argv[1])
    historian = Historian.open(folder / "historian.duckdb", lake=folder / "lake", points=POINTS)
    historian.commit([batch(1)])
    many = [batch(number, rows=20_000, events=1) for number in range(2, 60)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    for attempt in range(2):
        try:
            historian.commit(many)
        except UnavailableError as error:
            print("refused", "Traceback" in str(error))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    result = historian.commit([batch(1), *many])
    with historian.reader() as reader:
        found = reader.query("SELECT count(*) AS n FROM samples").read_all().to_pylist()[0]["n"]
        events = reader.query("SELECT count(*) AS n FROM events").read_all().to_pylist()[0]["n"]
    print(result.batches, result.repeats, found, events)
    historian.close()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines() == ["refused False", "refused False", "58 1 1160010 58"], done.stderr


def test_a_file_of_another_version_is_named_as_such(opened: Open, tmp_path: Path) -> None:
    historian = opened()
    historian._writer.execute("UPDATE store.meta SET value = '99' WHERE key = 'version'")
    historian.close()
    with pytest.raises(ConfigError, match="layout version 99"):
        opened()


def test_a_damaged_file_is_named_as_such(opened: Open, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is no database" * 1000)
    with pytest.raises(ConfigError, match="damaged or not a historian"):
        opened()


def test_a_file_of_somebody_else_is_left_alone(opened: Open, tmp_path: Path) -> None:
    import duckdb

    with duckdb.connect(tmp_path / FILE_NAME) as other:
        other.execute("CREATE TABLE theirs (x INTEGER)")
    with pytest.raises(ConfigError, match="not a historian's"):
        opened()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no folder"):
        Historian.open(tmp_path / "nowhere" / FILE_NAME, lake=tmp_path / "lake")


def test_a_second_owner_is_refused(opened: Open, tmp_path: Path) -> None:
    opened()
    script = f"""
    from pathlib import Path
    from tieline.historian import Historian
    from tieline.model import UnavailableError
    try:
        Historian.open(Path({str(tmp_path / FILE_NAME)!r}), lake=Path({str(tmp_path / "lake")!r}))
    except UnavailableError as error:
        print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60, check=True)
    assert "another process" in done.stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UnavailableError, match="cannot be written"):
        Historian.open(tmp_path / FILE_NAME, lake=tmp_path / "lake")
    tmp_path.chmod(0o700)


def test_a_closed_historian_says_so(historian: Historian) -> None:
    historian.close()
    with pytest.raises(LocalError, match="closed"):
        historian.commit([batch(1)])
    assert NOW > DAY
