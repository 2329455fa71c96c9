"""The audit keeps what was written, through crashes and full disks."""

from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.security.audit_world import files_of, fill, judge, open_log, opened
from tieline.model import AuditRecord, LocalError, UnavailableError
from tieline.model.audit import Draft
from tieline.security.audit import AuditReader, verify
from tieline.security.audit.merkle import frontier_of
from tieline.security.audit.tiles import read_head


def test_a_record_is_on_the_disk_when_append_returns(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        first = log.append(
            actor="ada", action="command", target="northgate/rtu-1/tap", detail={"value": 4.0, "note": "ü", "none": None}
        )
        second = log.append(actor="ada", action="command_outcome", outcome="done")
        assert (first.sequence, first.time_us, second.sequence) == (1, 1_700_000_000_001_000, 2)
        assert list(AuditReader(tmp_path).records()) == [first, second]
        verdict = verify(tmp_path)
        assert (verdict.damages, verdict.records, verdict.last) == ((), 2, 2)
        assert verdict.root == frontier_of(bytes.fromhex(each.hash) for each in (first, second)).root()


def test_numbers_that_json_does_not_have_are_kept_as_words(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        record = log.append(actor="ada", action="command", detail={"value": float("nan"), "high": float("inf"), "is_local": True})
        assert record.detail == {"value": "nan", "high": "inf", "is_local": True}
        assert verify(tmp_path).is_intact


@pytest.mark.parametrize("fold_records", [1, 2, 3, 100, 4_096])
def test_a_reopened_audit_goes_on_where_it_ended_however_much_is_in_tiles(tmp_path: Path, fold_records: int) -> None:
    hashes: list[bytes] = []
    for count in (3, 0, 254, 1, 300):
        with opened(tmp_path, fold_records=fold_records) as log:
            assert log.last == log.size == len(hashes)
            if count:
                records = log.append_many([Draft(actor="ada", action="command", detail={"n": n}) for n in range(count)])
                hashes += [bytes.fromhex(record.hash) for record in records]
    verdict = verify(tmp_path)
    assert (verdict.damages, verdict.records, verdict.root) == ((), 558, frontier_of(hashes).root())


def test_records_are_found_wherever_they_are(tmp_path: Path) -> None:
    with opened(tmp_path, fold_records=500) as log:
        fill(log, 1_300)
    with opened(tmp_path, fold_records=500) as log:
        fill(log, 30)
        for sequence, most in [(0, 10), (250, 10), (511, 700), (1_295, 20), (1_299, 5), (1_320, 100)]:
            expected = list(range(sequence + 1, min(sequence + most, 1_330) + 1))
            assert [record.sequence for record in AuditReader(tmp_path).since(sequence, most)] == expected
            assert [record.sequence for record in log.since(sequence, most)] == expected
        assert log.since(1_330) == []


def test_what_several_ask_for_at_once_is_written_at_once_and_nothing_gets_between_what_belongs_together(tmp_path: Path) -> None:
    found: list[list[AuditRecord]] = []

    def work(name: str) -> None:
        for number in range(20):
            found.append(log.append_many([Draft(actor=name, action="command", detail={"n": number})] * 3))

    with opened(tmp_path, fold_records=100) as log:
        threads = [threading.Thread(target=work, args=(f"writer-{number}",)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all([record.sequence - records[0].sequence for record in records] == [0, 1, 2] for records in found)
        sequences = sorted(record.sequence for records in found for record in records)
        assert sequences == list(range(1, 16 * 20 * 3 + 1))
        assert verify(tmp_path).is_intact


def test_a_record_that_is_too_long_is_refused_and_the_others_are_not(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        with pytest.raises(LocalError, match="at most 65535 bytes"):
            log.append(actor="ada", action="command", detail={"text": "x" * 65_535})
        assert log.append(actor="ada", action="command", detail={"text": "x" * 65_000}).sequence == 1
        assert log.append_many([]) == []
        assert verify(tmp_path).is_intact


def leave(folder: Path, count: int, **options: int) -> None:
    """A log as a process leaves it that is killed."""
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_fill_and_die, args=(folder, count, options))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def _fill_and_die(folder: Path, count: int, options: dict[str, int]) -> None:
    fill(open_log(folder, **options), count)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_torn_frame_is_no_damage_and_is_cut_off_and_a_record_says_so(tmp_path: Path) -> None:
    leave(tmp_path, 3)
    whole = (tmp_path / "tail").read_bytes()
    frame = whole[: len(whole) // 3]
    for length in (1, 17, len(frame) - 1):
        (tmp_path / "tail").write_bytes(whole + frame[:length])
        verdict = verify(tmp_path)
        assert (verdict.damages, verdict.unfinished_bytes, verdict.records) == ((), length, verdict.last)
        log = open_log(tmp_path)
        noted = log.since(log.last - 1)[0]
        assert (noted.action, noted.detail["bytes"]) == ("audit_repaired", length)
        assert verify(tmp_path).is_intact
        whole = (tmp_path / "tail").read_bytes()
        log._release()  # as when it is killed: nothing is folded, and the lock is free


def test_a_record_that_the_head_did_not_learn_of_counts(tmp_path: Path) -> None:
    leave(tmp_path, 3)
    head = (tmp_path / "head").read_bytes()
    log = open_log(tmp_path)
    fill(log, 1)
    log._release()
    (tmp_path / "head").write_bytes(head)
    assert verify(tmp_path).is_intact
    with opened(tmp_path) as again:
        assert again.last == 4
        assert again.append(actor="ada", action="command").sequence == 5
        assert verify(tmp_path).is_intact


def test_an_end_that_was_cut_off_is_damage_and_not_a_crash_and_stays_visible(tmp_path: Path) -> None:
    leave(tmp_path, 5)
    raw = (tmp_path / "tail").read_bytes()
    (tmp_path / "tail").write_bytes(raw[: len(raw) // 5 * 3])
    damages = verify(tmp_path).damages
    assert [(damage.file, damage.sequence, damage.problem) for damage in damages] == [
        ("tail", 4, "records 4 to 5 are missing at the end")
    ]
    with opened(tmp_path) as again:
        noted = again.since(5)[0]
        assert (noted.sequence, noted.action) == (6, "audit_damaged")
        assert "4 to 5 are missing" in str(noted.detail["problem"])
    with opened(tmp_path) as later:
        assert later.last == 6, "damage is recorded once, not at each start"
        assert [damage.problem for damage in verify(tmp_path).damages] == [
            "records 4 to 5 are missing: lost before record 6 was written"
        ]


@pytest.mark.parametrize("name", ["head", "checkpoint", "key", "private/key.pem"])
def test_a_small_file_that_is_gone_is_recorded_and_replaced(tmp_path: Path, name: str) -> None:
    with opened(tmp_path) as log:
        fill(log, 3)
    (tmp_path / name).unlink()
    assert verify(tmp_path).is_intact == (name == "private/key.pem")
    with opened(tmp_path) as again:
        assert [record.action for record in again.since(3)] == ["audit_damaged"]
        assert again.append(actor="ada", action="command").sequence == 5
        assert verify(tmp_path).damages == ()
    assert verify(tmp_path).damages == ()


def test_hash_tiles_that_are_gone_are_made_again_of_the_records(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        fill(log, 600)
        root = frontier_of(bytes.fromhex(record.hash) for record in log.since(0)).root()
    before = files_of(tmp_path)
    for name in before:
        if name.startswith(("tile/0/", "tile/1/")):
            (tmp_path / name).unlink()
    assert not verify(tmp_path).is_intact
    with opened(tmp_path) as again:
        assert [record.action for record in again.since(600)] == ["audit_damaged"]
    verdict = verify(tmp_path)
    assert (verdict.damages, verdict.size) == ((), 601)
    assert verdict.root != root
    assert {name: raw for name, raw in files_of(tmp_path).items() if "/entries/00" in name and ".p" not in name}.items() <= (
        before.items()
    )


def test_two_processes_do_not_write_one_audit(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    with pytest.raises(UnavailableError, match="open in another process"):
        open_log(tmp_path)
    log.close()
    with pytest.raises(LocalError):
        log.append(actor="ada", action="command")
    open_log(tmp_path).close()


def test_what_the_center_has_is_remembered_and_older_records_may_go_without_a_loss_to_verification(tmp_path: Path) -> None:
    with opened(tmp_path, fold_records=100) as log:
        fill(log, 1_000)
        assert log.forget(keep_bytes=3_000) == 0, "the center has nothing of it"
        log.mark_sent(600)
    with opened(tmp_path, fold_records=100) as again:
        assert again.sent == 600
        assert again.forget(keep_bytes=3_000) == 2
        assert again.since(0)[0].sequence == 513
        verdict = verify(tmp_path)
        assert (verdict.damages, verdict.forgotten, verdict.records, verdict.size) == ((), 512, 488, 1_000)
        again.mark_sent(1_000)
        assert again.forget(keep_bytes=1_000_000) == 0, "the others hold no more than what is to be kept"
        assert again.forget(keep_bytes=3_000) == 1
        fill(again, 300)
    assert verify(tmp_path).is_intact
    files = files_of(tmp_path)
    del files["tile/entries/003"]
    assert [damage.place for damage in judge(files).damages] == ["tile/entries/003, record 769"], "nobody gave that up"


def _append_until_killed(folder: Path, fold_records: int = 7) -> None:
    log = open_log(folder, fold_records=fold_records)
    while True:
        fill(log, 1)


def test_a_process_that_is_killed_while_it_writes_leaves_every_record_that_it_acknowledged(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    acknowledged = 0
    for _ in range(4):
        process = context.Process(target=_append_until_killed, args=(tmp_path,))
        process.start()
        while acknowledged + 20 > (acknowledged_now := _acknowledged(tmp_path)):
            process.join(0.01)
        acknowledged = acknowledged_now
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        assert verify(tmp_path).is_intact
        with opened(tmp_path, fold_records=7) as log:
            assert log.last >= acknowledged
            assert verify(tmp_path).is_intact
            acknowledged = log.last


def test_an_audit_that_is_being_written_verifies_at_every_moment(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_append_until_killed, args=(tmp_path, 50))
    process.start()
    try:
        while _acknowledged(tmp_path) < 1:
            process.join(0.01)
        for _ in range(60):
            verdict = verify(tmp_path)
            assert verdict.damages == ()
        assert _acknowledged(tmp_path) > 5, "it went on meanwhile"
    finally:
        process.kill()
        process.join()


def _acknowledged(folder: Path) -> int:
    try:
        head = read_head((folder / "head").read_bytes())
    except OSError:
        return 0
    return head.size if head is not None else 0


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
assert verify(folder).unfinished_bytes == 0
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert log.append(actor="ada", action="command").sequence == written + 1
assert verify(folder).is_intact
print(written)
"""


def test_a_disk_that_takes_no_more_refuses_the_record_and_keeps_the_log(tmp_path: Path) -> None:
    """The process may not write beyond 3,000 bytes of a file: what the kernel says then comes from where a full disk would say it."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5
    assert not (tmp_path / "private" / "reserve").exists(), "the reserve was given up"


def test_tiles_that_the_disk_does_not_take_are_written_later_and_records_are_taken_meanwhile(tmp_path: Path) -> None:
    with opened(tmp_path, fold_records=5) as log:
        (tmp_path / "tile").write_text("in the way")
        fill(log, 12)
        assert log.size == 12
        with pytest.raises(UnavailableError):
            log.checkpoint()
        (tmp_path / "tile").unlink()
        fill(log, 10)
        assert "\n20\n" in (tmp_path / "checkpoint").read_text()
    assert verify(tmp_path).is_intact


def test_records_that_cannot_be_read_are_unavailable_and_others_are_still_appended(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        fill(log, 1_500)
        log.checkpoint()
        (tmp_path / "tile/entries/000").unlink()
        (tmp_path / "tile/entries/000").mkdir()
        with pytest.raises(UnavailableError, match="cannot be read"):
            log.since(0)
        assert log.append(actor="ada", action="command").sequence == 1_501
        assert log.since(1_490)[-1].sequence == 1_501


def test_old_records_are_found_quickly_where_many_were_given_up(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        log.append_many([Draft(actor="ada", action="command")] * 15_000)
        log.checkpoint()
        log.mark_sent(15_000)
        assert log.forget(keep_bytes=10_000) == 58
    with opened(tmp_path) as again:
        assert again.since(0, 1)[0].sequence == 58 * 256 + 1
        assert len(list(AuditReader(tmp_path).records())) == 15_000 - 58 * 256
    assert verify(tmp_path).damages == ()


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("a file")
    with pytest.raises(UnavailableError, match=os.strerror(errno.EEXIST).lower()):
        open_log(tmp_path / "audit")


def test_a_mark_that_is_ahead_of_a_lost_audit_does_not_hold_back_the_records_of_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "sent").write_text("4711\n")
    with opened(tmp_path) as log:
        fill(log, 1)
        assert [record.sequence for record in log.since(log.sent)] == [1]


def test_room_that_was_given_up_on_a_full_disk_is_kept_again(tmp_path: Path) -> None:
    reserve = tmp_path / "private" / "reserve"
    with opened(tmp_path) as log:
        fill(log, 1)
        reserve.unlink()
        log.forget(keep_bytes=1_000_000)
        assert reserve.stat().st_size >= 1_000_000
    reserve.unlink()
    open_log(tmp_path).close()
    assert reserve.stat().st_size >= 1_000_000


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    open_log(tmp_path).close()
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "private" / "key.pem").stat().st_mode & 0o777 == 0o600
