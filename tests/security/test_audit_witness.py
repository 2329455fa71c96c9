"""Other zones see that an audit only grows, and the center sees that what it has of a site's audit is what the site wrote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.security.audit_world import fill, open_log, opened
from tieline.model import AuditRecord, RefusedError, UnavailableError
from tieline.security.audit import AuditLog, verify
from tieline.security.audit.arrivals import SiteAudit
from tieline.security.audit.keeping import digest_of, digests_of, record_configuration
from tieline.security.audit.notes import Checkpoint, Note
from tieline.security.audit.vouching import Key
from tieline.security.audit.witness import (
    Answer,
    RolledBackError,
    Submission,
    Witness,
    read_witness,
    submission_of,
    witness_file,
)

NOON = 1_750_000_000.0


def vouched(_: Key) -> None:
    """By whomever."""


def refused(_: Key) -> None:
    raise RefusedError("no role vouches for the key of the log")


def hand_in(
    witness: Witness, folder: Path, answer: Answer | None = None, vouch: Callable[[Key], None] = vouched, site: str = "northgate"
) -> Answer:
    """As a role does: what the witness says first is what it has."""
    for _ in range(2):
        submission = submission_of(folder, answer)
        assert submission is not None
        answer = witness.see(site, submission, vouch)
        if answer.cosigned:
            break
    assert answer is not None
    return answer


def test_a_log_that_grows_is_signed_and_whoever_has_the_file_can_verify_with_it(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "witness", "dmz", lambda: NOON)
    answer: Answer | None = None
    with opened(tmp_path / "audit", fold_records=100) as log:
        for count in (1, 255, 300, 0, 12):
            fill(log, count)
            log.checkpoint()
            answer = hand_in(witness, tmp_path / "audit", answer)
            assert answer.size == log.size
        again = Witness(tmp_path / "witness", "dmz", lambda: NOON)
        assert hand_in(again, tmp_path / "audit").size == log.size, "a role that begins anew is told from where to prove"
    file = witness_file(tmp_path / "witness", "northgate")
    seen = read_witness(file.read_bytes(), "the DMZ")
    assert verify(tmp_path / "audit", witnesses=[seen]).is_intact
    assert answer is not None
    assert len(Note.parse(answer.cosigned).signatures) == 2
    damaged = file.read_bytes().replace(b"568", b"567")
    with pytest.raises(ValueError, match="not what the log and the witness have signed"):
        read_witness(damaged, "the DMZ")


def test_a_log_that_was_put_back_or_rewritten_is_refused_for_ever_and_what_it_showed_is_kept(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "witness", "dmz", lambda: NOON)
    with opened(tmp_path / "audit") as log:
        fill(log, 30)
        log.checkpoint()
        early = submission_of(tmp_path / "audit", None)
        fill(log, 30)
        log.checkpoint()
        answer = hand_in(witness, tmp_path / "audit")
        key = log.key
    assert early is not None
    before = witness_file(tmp_path / "witness", "northgate").read_bytes()
    with pytest.raises(RolledBackError, match="was rolled back: it has 30 entries, and 60 were seen"):
        witness.see("northgate", early, vouched)
    (tmp_path / "other" / "private").mkdir(parents=True)
    (tmp_path / "other" / "private" / "key.pem").write_bytes((tmp_path / "audit" / "private" / "key.pem").read_bytes())
    for count in (60, 80):
        with opened(tmp_path / "other") as other:
            other.append(actor="eve", action="nothing")
            fill(other, count - other.size)
            assert str(other.key.public) == str(key.public)
        with pytest.raises(RolledBackError, match="was rewritten: its first 60 entries are not those that were seen"):
            hand_in(witness, tmp_path / "other", answer)
    assert witness_file(tmp_path / "witness", "northgate").read_bytes() == before
    kept = Note.parse((tmp_path / "witness" / "northgate.refused").read_bytes())
    assert (Checkpoint.parse(kept.text).size, kept.of(key.public) is not None) == (30, True)


def test_only_the_log_s_own_signature_counts_and_only_a_key_that_its_role_vouches_for(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "witness", "dmz", lambda: NOON)
    with opened(tmp_path / "audit") as log, opened(tmp_path / "eve") as eve:
        for each in (log, eve):
            fill(each, 3)
            each.checkpoint()
        with pytest.raises(RefusedError, match="no role vouches"):
            hand_in(witness, tmp_path / "audit", vouch=refused)
        hand_in(witness, tmp_path / "audit")
        hand_in(witness, tmp_path / "audit", vouch=refused), "it is known by now"
        own, other = submission_of(tmp_path / "audit", None), submission_of(tmp_path / "eve", None)
        assert own is not None
        assert other is not None
        with pytest.raises(RefusedError, match="not signed by the audit of northgate"):
            witness.see("northgate", Submission(own.key, other.checkpoint, 3, ()), vouched)
        with pytest.raises(RefusedError, match="not signed by the audit of millbrook"):
            witness.see("millbrook", own, vouched)
        with pytest.raises(RefusedError, match="no role vouches"):
            witness.see("northgate", other, refused)
        with pytest.raises(RefusedError, match="makes no sense"):
            witness.see("northgate", Submission(b"key", b"", 0, ()), vouched)


def test_what_was_seen_and_is_damaged_is_not_taken_for_nothing(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "witness", "dmz", lambda: NOON)
    with opened(tmp_path / "audit") as log:
        fill(log, 3)
        log.checkpoint()
        hand_in(witness, tmp_path / "audit")
        witness_file(tmp_path / "witness", "northgate").write_bytes(b"")
        with pytest.raises(UnavailableError, match="cannot be read"):
            hand_in(witness, tmp_path / "audit")


class Center:
    """What the center has of a site's audit, and what it is handed in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log: AuditLog = open_log(folder / "site")
        self.stored: list[AuditRecord] = []
        (folder / "center").mkdir()
        self.audit = SiteAudit.open("northgate", folder / "center")

    def write(self, count: int, *, arrives: bool = True) -> list[AuditRecord]:
        before = self.log.last
        fill(self.log, count)
        records = self.log.since(before)
        if arrives:
            self.stored += records
        return records

    def compare(self, *, with_leaves: bool = True) -> tuple[bool, list[str]]:
        self.log.checkpoint()
        submission = submission_of(self.folder / "site", Answer(0, self.audit.tree.size))
        assert submission is not None
        rows = sorted(
            (record for record in self.stored if record.sequence > self.audit.sequence), key=lambda r: (r.sequence, r.hash)
        )
        self.audit.begin_at(rows, submission.first, submission.roots)
        checkpoint = Checkpoint.parse(Note.parse(submission.checkpoint).text)
        return self.audit.compare(rows, checkpoint, submission.first, submission.leaves if with_leaves else ())


@pytest.fixture
def center(tmp_path: Path) -> Center:
    return Center(tmp_path)


def test_records_as_they_were_written_verify_step_by_step_and_over_a_restart(center: Center) -> None:
    for count in (3, 0, 300, 1):
        center.write(count)
        assert center.compare() == (True, [])
        center.audit = SiteAudit.open("northgate", center.folder / "center")
        assert (center.audit.sequence, center.audit.tree.size) == (center.log.last, center.log.size)


def test_records_that_are_still_on_their_way_are_no_finding(center: Center) -> None:
    center.write(10)
    late = center.write(5, arrives=False)
    assert center.compare() == (False, [])
    center.stored += late
    assert center.compare() == (True, [])


def test_a_changed_record_is_named_and_told_once(center: Center) -> None:
    center.write(10)
    assert center.compare() == (True, [])
    center.write(10)
    center.stored[14] = replace(center.stored[14], actor="eve")
    assert center.compare() == (False, ["record 15 is not what the site wrote"])
    assert center.compare() == (False, [])
    center.audit = SiteAudit.open("northgate", center.folder / "center")
    assert center.compare() == (False, []), "nor after a restart"


def test_a_missing_record_is_named_when_a_later_one_is_there(center: Center) -> None:
    center.write(10)
    del center.stored[4]
    assert center.compare() == (False, ["record 5 is missing"])


def test_a_record_that_is_there_twice_is_named_and_the_right_one_is_gone_on_with(center: Center) -> None:
    center.write(10)
    center.stored.append(replace(center.stored[4], actor="eve"))
    assert center.compare() == (True, ["record 5 is there twice, with different content"])
    assert center.audit.doubled([5, 7]) == ["record 7 is there twice, with different content"]


def test_a_record_that_nobody_wrote_and_one_in_the_place_of_another_are_named(center: Center) -> None:
    center.write(10)
    first, second = center.stored[2], center.stored[3]
    center.stored[2], center.stored[3] = replace(second, sequence=3), replace(first, sequence=4)
    verified, problems = center.compare()
    assert not verified
    assert problems == ["record 3 is not what the site wrote", "record 4 is not what the site wrote"]


def test_without_the_site_s_hashes_the_place_is_between_two_checkpoints(center: Center) -> None:
    center.write(10)
    center.compare()
    center.write(10)
    center.stored[14] = replace(center.stored[14], actor="eve")
    assert center.compare(with_leaves=False) == (
        False,
        ["the records after 10 up to 20 are not those of the site's checkpoint of 20"],
    )


def test_a_center_that_has_lost_what_was_before_goes_on_from_what_it_has(center: Center) -> None:
    center.write(700)
    center.compare()
    center.stored.clear()
    (center.folder / "center" / "northgate.verified").unlink()
    center.audit = SiteAudit.open("northgate", center.folder / "center")
    center.write(10)
    submission = submission_of(center.folder / "site", Answer(0, 700))
    assert submission is not None
    center.log.checkpoint()
    submission = submission_of(center.folder / "site", Answer(0, 700))
    assert submission is not None
    center.audit.begin_at(center.stored, submission.first, submission.roots)
    assert center.compare() == (True, [])
    forged = SiteAudit.open("northgate", center.folder / "nowhere")
    forged.begin_at(center.stored, submission.first, tuple(reversed(submission.roots)))
    checkpoint = Checkpoint.parse(Note.parse(submission.checkpoint).text)
    (center.folder / "nowhere").mkdir()
    assert not forged.compare(center.stored, checkpoint, 700, submission.leaves)[0], "the site is not believed"


def test_a_center_that_would_have_too_much_to_compare_goes_on_from_the_newest_checkpoint(center: Center) -> None:
    center.write(700)
    center.log.checkpoint()
    center.audit.begin_after(Checkpoint.parse(center.log.checkpoint().text))
    center.stored.clear()
    assert center.audit.first == 700
    records = center.write(10)
    center.log.checkpoint()
    submission = submission_of(center.folder / "site", Answer(0, center.audit.first))
    assert submission is not None
    center.audit.begin_at(records, submission.first, submission.roots)
    checkpoint = Checkpoint.parse(Note.parse(submission.checkpoint).text)
    assert center.audit.compare(records, checkpoint, submission.first, submission.leaves) == (True, [])
    assert (center.audit.tree.size, center.audit.sequence) == (710, 710)


def test_what_the_folder_is_and_what_was_changed_since_the_last_start_is_recorded(tmp_path: Path) -> None:
    folder = tmp_path / "ridgeway"
    (folder / "sites").mkdir(parents=True)
    (folder / ".git").mkdir()
    for name, text in {"utility.toml": "name", "sites/a.toml": "a", "sites/b.toml": "b", ".git/x": "x"}.items():
        (folder / name).write_text(text)
    with opened(tmp_path / "audit") as log:
        record_configuration(log, folder)
        record_configuration(log, folder)
        (folder / "sites" / "a.toml").write_text("changed")
        (folder / "sites" / "b.toml").unlink()
        (folder / "sites" / "c.toml").write_text("c")
        record_configuration(log, folder)
        first, same, changed = log.since(0)
    assert [record.outcome for record in (first, same, changed)] == ["first", "unchanged", "changed"]
    assert (first.action, first.target, first.detail["files"]) == ("configuration", "ridgeway", 3)
    assert first.detail["digest"] == same.detail["digest"] != changed.detail["digest"] == digest_of(digests_of(folder))
    assert str(changed.detail["changed"]).startswith("sites/a.toml (")
    assert str(changed.detail["added"]).startswith("sites/c.toml (")
    assert changed.detail["removed"] == "sites/b.toml"
