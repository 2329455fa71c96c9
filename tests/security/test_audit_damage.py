"""Whatever is done to the bytes of an audit is found, and verification survives all of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.model import AuditRecord
from tieline.security.audit import AuditLog, Verdict, verify
from tieline.security.audit.files import from_line, to_line


class StillClock:
    def now_us(self) -> int:
        return 1_700_000_000_000_000


@pytest.fixture(scope="module")
def original() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        log = AuditLog.open(Path(folder), "northgate", StillClock(), file_bytes=1_500)
        for number in range(12):
            log.append(actor="ada", action="command", target=f"northgate/rtu-1/p{number}", detail={"value": number / 2})
        log.close()
        return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.suffix == ".jsonl" or path.name == "head"}


def judge(files: dict[str, bytes]) -> Verdict:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        return verify(Path(folder))


def lines_of(files: dict[str, bytes]) -> list[tuple[str, int]]:
    """File and index of each line; a record's sequence is its place here plus one."""
    return [(name, index) for name in sorted(files) if name != "head" for index in range(files[name].count(b"\n"))]


def with_lines(files: dict[str, bytes], name: str, lines: list[bytes]) -> dict[str, bytes]:
    return files | {name: b"".join(lines)}


def test_what_nobody_touched_is_intact(original: dict[str, bytes]) -> None:
    verdict = judge(original)
    assert (verdict.damages, verdict.records) == ((), 12)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_changed_byte_is_found_in_its_line(original: dict[str, bytes], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(original)))
    content = bytearray(original[name])
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    verdict = judge(original | {name: bytes(content)})
    assert not verdict.is_intact
    place = min(verdict.damages, key=lambda damage: (damage.file != name, damage.line))
    assert place.file == name
    line = original[name].count(b"\n", 0, position) + 1
    assert name == "head" or place.line in {line, line + 1}


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_removed_record_is_found_where_it_stood(original: dict[str, bytes], data: st.DataObject) -> None:
    places = lines_of(original)
    index = data.draw(st.integers(0, len(places) - 1))
    name, line = places[index]
    lines = original[name].splitlines(keepends=True)
    del lines[line]
    verdict = judge(with_lines(original, name, lines))
    assert len(verdict.damages) == 1
    problem = verdict.damages[0].problem
    assert str(index + 1) in problem
    assert "missing" in problem


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_record_that_is_there_twice_is_found(original: dict[str, bytes], data: st.DataObject) -> None:
    places = lines_of(original)
    source, source_line = places[data.draw(st.integers(0, len(places) - 1))]
    name, line = data.draw(st.sampled_from(places))
    copied = original[source].splitlines(keepends=True)[source_line]
    lines = original[name].splitlines(keepends=True)
    lines.insert(line, copied)
    verdict = judge(with_lines(original, name, lines))
    assert not verdict.is_intact
    assert verdict.damages[0].file >= min(name, source)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_two_records_that_changed_places_are_found(original: dict[str, bytes], data: st.DataObject) -> None:
    places = lines_of(original)
    one, other = sorted(data.draw(st.lists(st.integers(0, len(places) - 1), min_size=2, max_size=2, unique=True)))
    lines = [original[name].splitlines(keepends=True)[line] for name, line in places]
    lines[one], lines[other] = lines[other], lines[one]
    changed = dict(original)
    for name in {name for name, _ in places}:
        changed[name] = b"".join(lines[index] for index, place in enumerate(places) if place[0] == name)
    verdict = judge(changed)
    assert (verdict.damages[0].file, verdict.damages[0].line) == (places[one][0], places[one][1] + 1)


@given(data=st.data(), actor=st.text(max_size=20))
@settings(max_examples=60, deadline=None)
def test_a_forged_record_with_a_right_hash_of_its_own_is_found(
    original: dict[str, bytes], data: st.DataObject, actor: str
) -> None:
    from tieline.model.audit import canonical, chain_hash

    places = lines_of(original)
    index = data.draw(st.integers(0, len(places) - 1))
    name, line = places[index]
    lines = original[name].splitlines(keepends=True)
    before = from_line(lines[line])
    content = {key: getattr(before, key) for key in ("sequence", "time_us", "site", "action", "target", "detail", "outcome")}
    hash_ = chain_hash(before.previous, canonical(actor=actor, **content))
    lines[line] = to_line(AuditRecord(**content, actor=actor, previous=before.previous, hash=hash_))
    verdict = judge(with_lines(original, name, lines))
    assert verdict.is_intact == (actor == before.actor)


@given(lines=st.lists(st.binary(max_size=80), max_size=6), head=st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_survived_by_verification_and_by_opening(lines: list[bytes], head: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / f"{1:016d}.jsonl").write_bytes(b"\n".join(lines))
        (folder / "head").write_bytes(head)
        assert not verify(folder).is_intact
        log = AuditLog.open(folder, "northgate", StillClock())
        record = log.append(actor="ada", action="command")
        assert log.since(record.sequence - 1) == [record]
        log.close()
        again = AuditLog.open(folder, "northgate", StillClock())
        assert again.last == record.sequence
        again.close()
