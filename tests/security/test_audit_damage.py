"""Whatever is done to an audit is found, with its place, and verification and opening survive all of it."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.security.audit_world import Files, files_of, fill, judge, open_log, opened, seen_in, witness_of
from tieline.model.audit import Draft
from tieline.security.audit import AuditLog, Witnessed, verify
from tieline.security.audit.merkle import complete_root, frontier_of, leaf_hash
from tieline.security.audit.notes import Checkpoint, PublicKey, SigningKey, sign
from tieline.security.audit.tiles import Frame, Head, Tile, pack, read_tail, tiles_of, unpack
from tieline.security.audit.vouching import Key

ALTERATIONS = 10_000


@dataclass(frozen=True)
class Original:
    """A log, older copies of it, and what a witness has seen of it at last."""

    files: Files
    older: list[Files]
    witness: Witnessed
    key: PublicKey


def make_original(folder: Path, *, is_shut: bool) -> Original:
    log = open_log(folder, fold_records=10_000)
    older = []
    for count in (5, 120, 131, 30):
        log.append_many(
            [Draft(actor="ada", action="command", target=f"northgate/q{n % 7}/pos", detail={"value": n}) for n in range(count)]
        )
        log.checkpoint()
        older.append(files_of(folder))
    log.mark_sent(256)
    log.forget(keep_bytes=100)
    older.append(files_of(folder))
    for _ in range(5):
        fill(log, 1)
        older.append(files_of(folder))
    log.append_many([Draft(actor="grace", action="login", outcome="done")] * 4)
    if is_shut:
        witness = witness_of(log)
        log.close()
    else:
        witness = Witnessed(
            name="the DMZ", key=log.key.public, checkpoint=Checkpoint(log.key.public.name, log.size, log._tree.root())
        )
        log._release()
    return Original(files_of(folder), older, witness, log.key.public)


@pytest.fixture(scope="module", params=["shut", "killed"])
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Original:
    return make_original(tmp_path_factory.mktemp("audit"), is_shut=request.param == "shut")


def entries_of(files: Files) -> tuple[int, list[bytes]]:
    """The entries that are there, with the index of the first."""
    tiles = sorted(
        (
            (tile.index, tile.width, raw)
            for name, raw in files.items()
            if (tile := Tile.parse(name)) is not None and tile.level < 0
        ),
    )
    bundles = [(index * 256, unpack(raw)) for index, _, raw in tiles]
    tail = [entry for frame in read_tail(files.get("tail", b"")).frames for entry in frame.entries]
    return bundles[0][0], [entry for _, bundle in bundles for entry in bundle] + tail


def recomputed(files: Files, first: int, entries: list[bytes], key: SigningKey | None = None) -> Files:
    """What somebody makes who knows the format: every tile, the head, and the checkpoint with a signature of a key of his own."""
    before = unpacked_hashes(files)[:first]
    leaves = before + [leaf_hash(entry) for entry in entries]
    kept = {name: raw for name, raw in files.items() if Tile.parse(name) is None}
    levels, hashes = [leaves], leaves
    while len(hashes) >= 256:
        hashes = [complete_root(b"".join(hashes[at : at + 256])) for at in range(0, len(hashes) - 255, 256)]
        levels.append(hashes)
    for level, found in enumerate(levels):
        for tile in tiles_of(len(leaves), level):
            kept[tile.path] = b"".join(found[tile.index * 256 :][: tile.width])
    for tile in tiles_of(len(leaves), -1, first):
        kept[tile.path] = pack(entries[tile.index * 256 - first :][: tile.width])
    root = frontier_of(leaves).root()
    kept["head"] = bytes(Head(len(leaves), root, is_shut=True))
    kept["tail"] = b""
    if key is not None:
        kept["checkpoint"] = bytes(sign(Checkpoint("tieline/audit/northgate", len(leaves), root).text, key))
    return kept


def unpacked_hashes(files: Files) -> list[bytes]:
    tiles = sorted((tile.index, raw) for name, raw in files.items() if (tile := Tile.parse(name)) is not None and tile.level == 0)
    return [raw[at : at + 32] for _, raw in tiles for at in range(0, len(raw), 32)]


def flip(rng: random.Random, original: Original) -> Files:
    name = rng.choice([name for name, raw in original.files.items() if raw])
    raw = bytearray(original.files[name])
    raw[rng.randrange(len(raw))] ^= rng.randrange(1, 256)
    return original.files | {name: bytes(raw)}


def splice(rng: random.Random, original: Original) -> Files:
    """Bytes out of a file, others into their place."""
    name = rng.choice(list(original.files))
    raw = original.files[name]
    begin = rng.randrange(len(raw) + 1)
    end = min(len(raw), begin + rng.choice([0, 0, 1, 8, 100]))
    return original.files | {name: raw[:begin] + rng.randbytes(rng.choice([0, 1, 8, 32, 100])) + raw[end:]}


def cut(rng: random.Random, original: Original) -> Files:
    name = rng.choice([name for name, raw in original.files.items() if raw])
    return original.files | {name: original.files[name][: rng.randrange(len(original.files[name]))]}


def remove_file(rng: random.Random, original: Original) -> Files:
    gone = set(rng.sample(list(original.files), rng.choice([1, 1, 1, 2, 3])))
    return {name: raw for name, raw in original.files.items() if name not in gone}


def add_file(rng: random.Random, original: Original) -> Files:
    raw = rng.choice(list(original.files.values()))
    names = ["notes.txt", "tile/0/001", "tile/entries/002", "tile/3/000.p/1", "tile/entries/001.p/200", "tile/x", "tail.old"]
    return original.files | {rng.choice([name for name in names if name not in original.files]): raw}


def swap_files(rng: random.Random, original: Original) -> Files:
    one, other = rng.sample(list(original.files), 2)
    return original.files | {one: original.files[other], other: original.files[one]}


def put_back_file(rng: random.Random, original: Original) -> Files:
    """One file as it was before; a head that a crash left behind by a record is none."""
    older = rng.choice(original.older)
    names = [
        name for name, raw in older.items() if original.files.get(name) != raw and (name != "head" or not is_followed(original))
    ]
    return original.files | {name: older[name] for name in names[:1] or rng.sample(sorted(older), 1)}


def is_followed(original: Original) -> bool:
    return bool(original.files["tail"])


def put_back_all(rng: random.Random, original: Original) -> Files:
    return rng.choice(original.older)


def change_records(rng: random.Random, original: Original) -> tuple[int, list[bytes]]:
    first, entries = entries_of(original.files)
    at, other = rng.randrange(len(entries)), rng.randrange(len(entries))
    match rng.randrange(5):
        case 0:
            entries[at] = entries[at].replace(b'"command"', b'"nothing"').replace(b'"login"', b'"dinner"')
        case 1:
            del entries[at : at + rng.choice([1, 1, 2, 20])]
        case 2:
            entries.insert(at, entries[other])
        case 3:
            entries[at], entries[other] = entries[other], entries[at]
        case _:
            entries = entries[:at]
    return first, entries


def alter_bundle(rng: random.Random, original: Original) -> Files:
    """Records of one file of entries, and nothing else."""
    names = [name for name in original.files if name.startswith("tile/entries/")]
    name = rng.choice(names)
    entries = unpack(original.files[name])
    at, other = rng.randrange(len(entries)), rng.randrange(len(entries))
    match rng.randrange(4):
        case 0:
            entries[at] = entries[at].replace(b'"ada"', b'"eve"').replace(b'"grace"', b'"eve"').replace(b"avr", b"evr")
        case 1:
            del entries[at]
        case 2:
            entries.insert(at, entries[other])
        case _:
            entries[at], entries[other] = entries[other], entries[at]
    return original.files | {name: pack(entries)}


def recompute(rng: random.Random, original: Original) -> Files:
    return recomputed(original.files, *change_records(rng, original))


def resign(rng: random.Random, original: Original) -> Files:
    """With another key, with or without the file that says which key it is."""
    key = SigningKey("tieline/audit/northgate", Ed25519PrivateKey.from_private_bytes(rng.randbytes(32)))
    files = recomputed(original.files, *change_records(rng, original), key)
    return files | ({"key": bytes(Key(key.public).signed_by(key))} if rng.random() < 0.8 else {})


def forge_frame(rng: random.Random, original: Original) -> Files:
    """A record at the end of the tail, with everything but the signature; also one that stands there already."""
    raw = original.files["tail"]
    frames = list(read_tail(raw).frames)
    size = original.witness.checkpoint.size
    if frames and rng.random() < 0.5:
        forged = rng.choice(frames)
        forged = Frame(size + len(forged.entries), forged.entries, forged.signature)
    else:
        forged = Frame(size + 1, [b'{"action":"command","actor":"eve","sequence":%d,"site":"n"}' % (size + 1)], rng.randbytes(64))
    return original.files | {"tail": raw + bytes(forged)}


def alter_frames(rng: random.Random, original: Original) -> Files:
    """Frames of the tail removed, swapped, doubled or joined; with the head of what is left, or without."""
    frames = list(read_tail(original.files["tail"]).frames)
    if not frames:
        return forge_frame(rng, original)
    at, other = rng.randrange(len(frames)), rng.randrange(len(frames))
    match rng.randrange(4):
        case 0:
            del frames[at:]
        case 1:
            del frames[at]
        case 2:
            frames[at], frames[other] = frames[other], frames[at]
        case _:
            entries = [entry for frame in frames[at:] for entry in frame.entries]
            frames[at:] = [Frame(frames[-1].size, entries[1:], frames[-1].signature)]
    size = frames[-1].size if frames else Checkpoint.parse(original.files["checkpoint"].decode().split("\n\n")[0] + "\n").size
    files = original.files | {"tail": b"".join(map(bytes, frames))}
    if rng.random() < 0.5:
        files["head"] = bytes(Head(size, frontier_of(unpacked_hashes(files)).root(), is_shut=False))
    return files


KINDS: list[Callable[[random.Random, Original], Files]] = [
    flip,
    flip,
    flip,
    splice,
    cut,
    remove_file,
    add_file,
    swap_files,
    put_back_file,
    put_back_all,
    alter_bundle,
    alter_bundle,
    recompute,
    resign,
    forge_frame,
    alter_frames,
]


def test_what_nobody_touched_is_intact(original: Original) -> None:
    verdict = judge(original.files, key=original.key, witnesses=[original.witness])
    assert (verdict.damages, verdict.records, verdict.size, verdict.forgotten) == ((), 39, 295, 256)
    for older in original.older:
        assert judge(older).damages == (), "nor was any older copy, for somebody who has no witness"


@pytest.mark.timeout(240)
def test_ten_thousand_random_alterations_are_all_found(original: Original) -> None:
    """Half of them here, half with the other log. A copy as a whole is shown by the witness, everything else without it too, or by the
    key."""
    rng = random.Random(6_962)
    tried = 0
    while tried < ALTERATIONS // 2:
        kind = KINDS[tried % len(KINDS)]
        seed = rng.getrandbits(64)
        files = kind(random.Random(seed), original)
        if files == original.files:
            files = flip(rng, original)
        tried += 1
        verdict = judge(files, key=original.key, witnesses=[original.witness])
        assert not verdict.is_intact or verdict.unfinished_bytes, (kind.__name__, seed)
        assert all(damage.file and damage.problem for damage in verdict.damages)


def test_whoever_has_the_key_and_rewrites_all_of_it_is_shown_by_a_witness(tmp_path: Path) -> None:
    with opened(tmp_path / "audit") as log:
        fill(log, 300)
        seen = witness_of(log)
        first, entries = entries_of(files_of(tmp_path / "audit"))
        entries[17] = entries[17].replace(b"automation/avr", b"automation/xyz")
        forged = recomputed(files_of(tmp_path / "audit"), first, entries, log.key)
    assert judge(forged, key=log.key.public).is_intact, "the log itself says so"
    problems = [damage.problem for damage in judge(forged, witnesses=[seen]).damages]
    assert problems == ["the first 300 entries are not those that the DMZ has seen: the log was rewritten"]


def test_a_copy_that_is_put_back_is_shown_by_a_witness(original: Original) -> None:
    older = original.older[2]
    problems = [damage.problem for damage in judge(older, witnesses=[original.witness]).damages]
    assert problems == ["the log was rolled back: it has 256 entries, and the DMZ has seen 295"]
    assert judge(original.files, witnesses=[seen_in(older, original.key)]).is_intact, "what it has seen before is there"


def place_of(files: Files) -> str:
    return str(judge(files).damages[0])


def test_the_place_is_said_in_words(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        fill(log, 300)
    files, name = files_of(tmp_path), "tile/entries/000"
    entries = unpack(files[name])
    changed = [*entries[:9], entries[9].replace(b"avr", b"xyz"), *entries[10:]]
    assert place_of(files | {name: pack(changed)}) == f"{name}, record 10: record 10 is not what was written"
    assert place_of(files | {name: pack(entries[:9] + entries[10:])}) == f"{name}, record 10: record 10 was removed"
    swapped = [*entries[:9], entries[20], *entries[10:20], entries[9], *entries[21:]]
    assert place_of(files | {name: pack(swapped)}) == f"{name}, record 10: record 21 stands in the place of record 10"
    put_in = [*entries[:9], b"{}", *entries[9:-1]]
    assert place_of(files | {name: pack(put_in)}).startswith(f"{name}, record 10: record 10 is not what was written")
    gone = {each: raw for each, raw in files.items() if each != name}
    assert place_of(gone) == f"{name}, record 1: records 1 to 256 are missing"
    assert "checkpoint: is not signed by the log" in place_of(files | {"checkpoint": files["checkpoint"].replace(b"300", b"299")})


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_changed_byte_of_a_record_is_found_in_that_record(original: Original, data: st.DataObject) -> None:
    name = next(name for name in original.files if name.startswith("tile/entries/"))
    raw = bytearray(original.files[name])
    tile = Tile.parse(name)
    assert tile is not None
    position = data.draw(st.integers(2, len(raw) - 1))
    raw[position] ^= data.draw(st.integers(1, 255))
    number = next(
        number
        for number, entry in enumerate(unpack(original.files[name]))
        if position < len(pack(unpack(original.files[name])[: number + 1]))
    )
    damages = judge(original.files | {name: bytes(raw)}).damages
    assert (damages[0].file, damages[0].sequence) == (name, tile.first + number + 1)


def test_a_kill_or_a_cut_after_any_step_of_folding_loses_nothing_and_is_no_damage(tmp_path: Path) -> None:
    """The files that a fold writes are put in place one by one, in its order; after each the log verifies and goes on."""
    leave_tail(tmp_path / "before", 300)
    shutil.copytree(tmp_path / "before", tmp_path / "after")
    open_log(tmp_path / "after").close()
    before, after = files_of(tmp_path / "before"), files_of(tmp_path / "after")
    new = sorted((name for name in after if Tile.parse(name) and name not in before), key=order_of_fold)
    steps = [dict(before)]
    for name in [*new, "checkpoint"]:
        steps.append(steps[-1] | {name: after[name]})
    steps.append(steps[-1] | {"tail": b""})
    for name in [name for name in before if name not in after]:
        steps.append({each: raw for each, raw in steps[-1].items() if each != name})
    assert len(steps) > 8
    for number, files in enumerate(steps):
        assert judge(files).damages == (), number
        folder = tmp_path / f"step-{number}"
        put(folder, files)
        shutil.copytree(tmp_path / "before" / "private", folder / "private")
        with opened(folder) as log:
            assert (log.last, [record.sequence for record in log.since(295)]) == (300, [296, 297, 298, 299, 300])
            log.append(actor="ada", action="command")
        verdict = verify(folder)
        assert (verdict.damages, verdict.records) == ((), 301)


def order_of_fold(name: str) -> int:
    tile = Tile.parse(name)
    assert tile is not None
    return tile.level


def leave_tail(folder: Path, count: int) -> None:
    log = open_log(folder, fold_records=10_000)
    fill(log, 40)
    log.checkpoint()
    fill(log, count - 40)
    log._release()


def put(folder: Path, files: Files) -> None:
    for name, raw in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)


def test_a_tail_that_is_cut_at_any_byte_beyond_what_was_acknowledged_is_no_damage(tmp_path: Path) -> None:
    leave_tail(tmp_path, 42)
    files = files_of(tmp_path)
    log = open_log(tmp_path)
    fill(log, 1)
    longer = (tmp_path / "tail").read_bytes()
    log._release()
    for end in range(len(files["tail"]), len(longer) + 1):
        verdict = judge(files | {"tail": longer[:end]})
        assert (verdict.damages, verdict.records) == ((), 43 if end == len(longer) else 42)


@given(
    files=st.dictionaries(
        st.sampled_from(
            ["checkpoint", "head", "tail", "key", "forgotten", "tile/0/000", "tile/entries/000", "tile/entries/000.p/3"]
        ),
        st.binary(max_size=200),
        min_size=1,
    )
)
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_survived_by_verification_and_by_opening(tmp_path_factory: pytest.TempPathFactory, files: Files) -> None:
    assert judge(files).is_intact == (set(files) <= {"head", "tail"} and not any(files.values()))
    folder = tmp_path_factory.mktemp("any")
    put(folder, files)
    log: AuditLog = open_log(folder)
    record = log.append(actor="ada", action="command")
    assert log.since(record.sequence - 1) == [record]
    log.close()
    again = open_log(folder)
    assert again.last == record.sequence
    again.close()
    shutil.rmtree(folder)


def test_a_log_that_was_being_made_when_the_process_died_is_no_damage_and_a_witness_knows_better(tmp_path: Path) -> None:
    with opened(tmp_path / "made") as log:
        first = files_of(tmp_path / "made")
        fill(log, 3)
        seen = witness_of(log)
    made = {name: first[name] for name in ("tail", "head", "key")}
    states = [{}, {"tail": b""}, {"tail": b"", "head": b""}, {"tail": b"", "head": first["head"]}, made]
    for number, files in enumerate(states):
        folder = tmp_path / str(number)
        folder.mkdir()
        put(folder, files)
        if "key" in files:
            shutil.copytree(tmp_path / "made" / "private", folder / "private")
        else:
            assert judge(files).is_intact
            assert [damage.problem for damage in judge(files, witnesses=[seen]).damages] == [
                "the log was rolled back: it has 0 entries, and the DMZ has seen 3"
            ]
        with opened(folder) as log:
            assert log.last == 0, "nothing is recorded as damage"
            fill(log, 1)
        assert verify(folder).is_intact
