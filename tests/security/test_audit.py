"""The audit keeps what was written, through crashes and full disks, and shows what somebody changed."""

from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tieline.model import LocalError, UnavailableError
from tieline.model.audit import FIRST_PREVIOUS
from tieline.security.audit import AuditLog, verify


class StillClock:
    def __init__(self) -> None:
        self.us = 1_700_000_000_000_000

    def now_us(self) -> int:
        self.us += 1_000
        return self.us


def open_log(folder: Path, **options: int) -> AuditLog:
    return AuditLog.open(folder, "northgate", StillClock(), **options)


def fill(log: AuditLog, count: int) -> None:
    for number in range(count):
        log.append(actor="automation/avr", action="command", target="northgate/rtu-1/tap", detail={"value": float(number)})


def data_file(folder: Path) -> Path:
    return max(folder.glob("*.jsonl"))


def test_a_record_is_on_the_disk_when_append_returns_and_hangs_on_the_one_before(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    first = log.append(actor="ada", action="command", target="northgate/rtu-1/tap", detail={"value": 4.0, "note": "ü"})
    second = log.append(actor="ada", action="command_outcome", outcome="done")
    assert (first.sequence, first.previous, first.time_us) == (1, FIRST_PREVIOUS, 1_700_000_000_001_000)
    assert (second.sequence, second.previous) == (2, first.hash)
    assert first.is_intact
    assert second.is_intact
    assert len(data_file(tmp_path).read_bytes().splitlines()) == 2
    verdict = verify(tmp_path)
    assert (verdict.is_intact, verdict.records, verdict.last, verdict.last_hash) == (True, 2, 2, second.hash)
    log.close()


def test_numbers_that_json_does_not_have_are_kept_as_words(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    record = log.append(actor="ada", action="command", detail={"value": float("nan"), "high": float("inf"), "is_local": True})
    assert record.detail == {"value": "nan", "high": "inf", "is_local": True}
    assert verify(tmp_path).is_intact
    log.close()


def test_a_reopened_audit_goes_on_with_the_chain(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    fill(log, 3)
    last = log.since(2)[0]
    log.close()
    again = open_log(tmp_path)
    assert again.append(actor="ada", action="command").previous == last.hash
    assert again.last == 4
    assert verify(tmp_path).is_intact
    again.close()


def test_a_file_that_is_large_enough_is_followed_by_the_next_one_in_the_same_chain(tmp_path: Path) -> None:
    log = open_log(tmp_path, file_bytes=2_000)
    fill(log, 40)
    assert len(list(tmp_path.glob("*.jsonl"))) > 5
    assert all(path.stat().st_size <= 2_000 for path in tmp_path.glob("*.jsonl"))
    assert [record.sequence for record in log.since(0)] == list(range(1, 41))
    log.close()
    again = open_log(tmp_path, file_bytes=2_000)
    assert [record.sequence for record in again.since(7, 20)] == list(range(8, 28))
    assert [record.sequence for record in again.since(27, 20)] == list(range(28, 41))
    assert verify(tmp_path).records == 40
    assert verify(tmp_path).is_intact
    again.close()


def test_a_torn_line_is_cut_off_and_a_record_says_so(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    fill(log, 3)
    log.close()
    path = data_file(tmp_path)
    whole = path.read_bytes()
    line = whole.splitlines(keepends=True)[1]
    for length in (1, 17, len(line) - 1):
        path.write_bytes(whole + line[:length])
        again = open_log(tmp_path)
        noted = again.since(again.last - 1)[0]
        assert (noted.action, noted.detail["bytes"]) == ("audit_repaired", length)
        assert verify(tmp_path).is_intact
        again.close()
        whole = path.read_bytes()


def test_a_torn_line_that_is_all_of_a_new_file_takes_the_file_with_it(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    fill(log, 3)
    log.close()
    (tmp_path / f"{4:016d}.jsonl").write_bytes(b'{"action":"comm')
    again = open_log(tmp_path)
    assert [record.action for record in again.since(3)] == ["audit_repaired"]
    assert verify(tmp_path).is_intact
    again.close()


def test_a_line_that_the_head_did_not_learn_of_counts(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    fill(log, 3)
    head = (tmp_path / "head").read_bytes()
    fill(log, 1)
    log.close()
    (tmp_path / "head").write_bytes(head)
    assert verify(tmp_path).is_intact
    again = open_log(tmp_path)
    assert again.last == 4
    assert again.append(actor="ada", action="command").sequence == 5
    assert verify(tmp_path).is_intact
    again.close()


def test_an_end_that_was_cut_off_is_damage_and_not_a_crash(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    fill(log, 5)
    log.close()
    path = data_file(tmp_path)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    assert [damage.problem for damage in verify(tmp_path).damages] == ["records 4 to 5 are missing at the end"]
    again = open_log(tmp_path)
    noted = again.since(5)[0]
    assert (noted.sequence, noted.action) == (6, "audit_damaged")
    assert "4 to 5 are missing" in str(noted.detail["problem"])
    again.close()
    later = open_log(tmp_path)
    assert later.last == 6, "damage is recorded once, not at each start"
    assert any("missing" in damage.problem for damage in verify(tmp_path).damages), "it stays visible for ever"
    later.close()


def test_a_missing_head_is_recorded_and_replaced(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    fill(log, 3)
    log.close()
    (tmp_path / "head").unlink()
    assert not verify(tmp_path).is_intact
    again = open_log(tmp_path)
    assert [record.action for record in again.since(3)] == ["audit_damaged"]
    assert verify(tmp_path).is_intact
    again.close()


def test_files_that_are_gone_altogether_are_recorded(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    fill(log, 3)
    log.close()
    data_file(tmp_path).unlink()
    assert "1 to 3 are missing" in str(verify(tmp_path).damages[0])
    again = open_log(tmp_path)
    assert [(record.sequence, record.action) for record in again.since(0)] == [(4, "audit_damaged")]
    again.close()


def test_a_record_with_a_new_hash_is_found_by_the_one_after_it_and_by_whoever_knows_its_hash(tmp_path: Path) -> None:
    """Somebody who knows the format forges the last record, its hash, and the head."""
    log = open_log(tmp_path)
    fill(log, 3)
    genuine = log.since(2)[0]
    log.close()
    other = open_log(tmp_path.with_name("forged"))
    fill(other, 2)
    other.append(actor="nobody", action="command")
    other.close()
    for name in ("head", data_file(tmp_path).name):
        (tmp_path / name).write_bytes((tmp_path.with_name("forged") / name).read_bytes())
    assert verify(tmp_path).is_intact
    assert "known elsewhere" in str(verify(tmp_path, known=(genuine.sequence, genuine.hash)).damages[0])


def test_two_processes_do_not_write_one_audit(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    with pytest.raises(UnavailableError, match="open in another process"):
        open_log(tmp_path)
    log.close()
    with pytest.raises(LocalError):
        log.append(actor="ada", action="command")
    open_log(tmp_path).close()


def test_what_the_center_has_is_remembered_and_older_files_may_go(tmp_path: Path) -> None:
    log = open_log(tmp_path, file_bytes=2_000)
    fill(log, 40)
    assert log.forget(keep_bytes=3_000) == 0, "the center has nothing of it"
    log.mark_sent(25)
    log.close()
    again = open_log(tmp_path, file_bytes=2_000)
    assert again.sent == 25
    given_up = again.forget(keep_bytes=3_000)
    assert given_up >= 3
    first = again.since(0)[0]
    assert 1 < first.sequence <= 26
    assert verify(tmp_path).is_intact
    again.close()
    min(tmp_path.glob("*.jsonl")).unlink()
    assert not verify(tmp_path).is_intact, "files that nobody gave up are missing"


def _append_until_killed(folder: Path) -> None:
    log = open_log(folder, file_bytes=5_000)
    while True:
        fill(log, 1)


def test_a_process_that_is_killed_while_it_writes_leaves_every_record_that_it_acknowledged(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    acknowledged = 0
    for _ in range(3):
        process = context.Process(target=_append_until_killed, args=(tmp_path,))
        process.start()
        while acknowledged + 20 > (acknowledged_now := _last_of(tmp_path)):
            process.join(0.01)
        acknowledged = acknowledged_now
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        log = open_log(tmp_path, file_bytes=5_000)
        assert log.last >= acknowledged
        assert verify(tmp_path).is_intact
        acknowledged = log.last
        log.close()


def _last_of(folder: Path) -> int:
    try:
        return int((folder / "head").read_bytes()[82:98])
    except (OSError, ValueError):
        return 0


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tieline.model import UnavailableError
from tieline.security.audit import AuditLog, verify
class Clock:
    def now_us(self): return 1_700_000_000_000_000
folder = Path(sys.argv[1])
log = AuditLog.open(folder, "northgate", Clock())
log.append(actor="ada", action="command")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, resource.RLIM_INFINITY))
written = 1
try:
    while True:
        log.append(actor="ada", action="command")
        written += 1
except UnavailableError as error:
    assert "cannot be written" in str(error)
assert verify(folder).records == written, "a record that was refused left nothing"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert log.append(actor="ada", action="command").sequence == written + 1
assert verify(folder).is_intact
print(written)
"""


def test_a_disk_that_takes_no_more_refuses_the_record_and_keeps_the_chain(tmp_path: Path) -> None:
    """The process may not write beyond 3,000 bytes of a file: what the kernel says then comes from where a full disk would say it."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5
    assert not (tmp_path / "reserve").exists(), "the reserve was given up"


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("a file")
    with pytest.raises(UnavailableError, match=os.strerror(errno.EEXIST).lower()):
        open_log(tmp_path / "audit")


def test_a_mark_that_is_ahead_of_a_lost_audit_does_not_hold_back_the_records_of_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "sent").write_text("4711\n")
    log = open_log(tmp_path)
    fill(log, 1)
    assert [record.sequence for record in log.since(log.sent)] == [1]
    log.close()


def test_room_that_was_given_up_on_a_full_disk_is_kept_again(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    fill(log, 1)
    (tmp_path / "reserve").unlink()
    log.forget(keep_bytes=1_000_000)
    assert (tmp_path / "reserve").stat().st_size >= 1_000_000
    log.close()
    (tmp_path / "reserve").unlink()
    open_log(tmp_path).close()
    assert (tmp_path / "reserve").stat().st_size >= 1_000_000
