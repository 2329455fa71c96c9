"""Notes, keys, checkpoints and tiles are those of C2SP."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.security.audit_world import fill, opened
from tieline.security.audit.merkle import is_consistent, is_included, leaf_hash
from tieline.security.audit.notes import COSIGNATURE, Checkpoint, Note, PublicKey, SigningKey, cosign, sign
from tieline.security.audit.tiles import Frame, Head, Tile, pack, read_head, read_tail, tiles_of, unpack

NEUMANN_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
"""The example of the implementation in Go, golang.org/x/mod/sumdb/note."""


def key_of(number: int, name: str = "tieline/audit/northgate", kind: int = 1) -> SigningKey:
    return SigningKey(name, Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32), kind)


def test_a_note_signed_by_another_implementation_is_verified() -> None:
    note, key = Note.parse(NEUMANN), PublicKey.parse(NEUMANN_KEY)
    assert note.of(key) is not None
    assert bytes(note) == NEUMANN
    assert str(key) == NEUMANN_KEY
    assert Note.parse(NEUMANN.replace(b"problem,", b"problem.")).of(key) is None
    assert note.of(key_of(1, "PeterNeumann").public) is None


def test_a_checkpoint_is_three_lines_and_comes_back() -> None:
    checkpoint = Checkpoint("tieline/audit/northgate", 20_852_163, bytes(range(32)))
    assert checkpoint.text == "tieline/audit/northgate\n20852163\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    note = sign(checkpoint.text, key_of(1))
    again = Note.parse(bytes(note))
    assert Checkpoint.parse(again.text) == checkpoint
    assert again.of(key_of(1).public) is not None
    assert again.of(key_of(2).public) is None


def test_a_witness_signs_the_time_too_and_its_newest_word_replaces_the_one_before() -> None:
    witness = key_of(3, "tieline/witness/dmz", COSIGNATURE)
    note = sign(Checkpoint("tieline/audit/web", 7, bytes(32)).text, key_of(1, "tieline/audit/web"))
    once = cosign(note, witness, 1_700_000_000)
    twice = cosign(once, witness, 1_700_000_060)
    assert len(twice.signatures) == 2
    found = Note.parse(bytes(twice)).of(PublicKey.parse(str(witness.public)))
    assert found is not None
    assert int.from_bytes(found[:8], "big") == 1_700_000_060
    name, signature = twice.signatures[1]
    later = signature[:4] + (1_700_000_061).to_bytes(8, "big") + signature[12:]
    assert Note(twice.text, ((name, later),)).of(witness.public) is None, "its time is signed"


@pytest.mark.parametrize(
    "text", ["", "a+b+c", NEUMANN_KEY.replace("c74f20a3", "c74f20a4"), NEUMANN_KEY[:-4], NEUMANN_KEY.replace("+ARpc", "+AhpC")]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"key|base64"):
        PublicKey.parse(text)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_survived(raw: bytes) -> None:
    for parse in (Note.parse, unpack, lambda it: Checkpoint.parse(it.decode("utf-8"))):
        with contextlib.suppress(ValueError):
            parse(raw)
    assert read_head(raw) is None
    tail = read_tail(raw)
    assert (len(tail.frames), tail.rest) == (0, raw)


def test_tiles_have_the_paths_of_the_specification() -> None:
    assert Tile(0, 1_234_067).path == "tile/0/x001/x234/067"
    assert Tile(-1, 1_234_067, 8).path == "tile/entries/x001/x234/067.p/8"
    assert Tile(2, 0, 1).path == "tile/2/000.p/1"
    for tile in (Tile(0, 1_234_067), Tile(-1, 999, 255), Tile(1, 1_000)):
        assert Tile.parse(tile.path) == tile
    for path in ("tile/0/1", "tile/0/x000/001", "tile/0/000.p/256", "tile/0/000.p/0", "tile/8/000", "tile/entries/000/", "note"):
        assert Tile.parse(path) is None
    # The example of C2SP tlog-tiles: a tree of 70,000 entries.
    assert [tile.path for tile in tiles_of(70_000, 0)][-2:] == ["tile/0/272", "tile/0/273.p/112"]
    assert [tile.path for tile in tiles_of(70_000, 1)] == ["tile/1/000", "tile/1/001.p/17"]
    assert [tile.path for tile in tiles_of(70_000, 2)] == ["tile/2/000.p/1"]


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
@settings(max_examples=50, deadline=None)
def test_entries_come_back_from_a_bundle_and_from_a_frame_and_a_cut_frame_is_none(entries: list[bytes]) -> None:
    assert unpack(pack(entries)) == entries
    frame = Frame(len(entries) + 7, entries, bytes(range(64)))
    raw = bytes(frame)
    tail = read_tail(raw + raw[:-1])
    assert (tail.frames, tail.ends, tail.rest, tail.start) == ([frame], [len(raw)], raw[:-1], 7)


def test_a_head_has_one_spelling() -> None:
    head = Head(4_711, bytes(32), is_shut=False)
    raw = bytes(head)
    assert (read_head(raw), len(raw)) == (head, len(bytes(Head(10**18, bytes(32), is_shut=True))))
    for at in range(len(raw)):
        assert read_head(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]) is None


def test_a_log_proves_that_a_record_is_in_it_and_that_it_only_grew(tmp_path: Path) -> None:
    with opened(tmp_path, fold_records=100) as log:
        fill(log, 300)
        before = Checkpoint.parse(log.checkpoint().text)
        fill(log, 270)
        after = Checkpoint.parse(log.checkpoint().text)
        assert (before.size, after.size) == (300, 570)
        assert is_consistent(300, 570, before.root, after.root, log.consistency(300, 570))
        record = log.since(255)[0]
        proof = log.inclusion(255, 300)
        assert is_included(leaf_hash(record.entry), 255, 300, proof, before.root)
        assert log.leaves(255, 257) == [leaf_hash(each.entry) for each in log.since(255, 2)]
