"""Finds out whether an audit is what was written: nothing changed, removed, inserted, reordered, cut off or rolled back.

    entries -> leaf hashes -> compared with the tiles of level 0 -> tree -> root, compared with the checkpoint's
    tail    -> leaf hashes -> signed frames                      -> tree -> root, compared with the head's
    every file that is there is what the tree says it is, and every file that has to be there is

Without anything from elsewhere this shows whatever was done by somebody who has not the log's key. Somebody who has it, or who puts
an older copy of everything back, is shown by a witness: what another zone was shown of this log, and has kept.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tieline.security.audit.merkle import Frontier, complete_root, leaf_hash
from tieline.security.audit.notes import Checkpoint, Note, PublicKey, SigningKey, sign
from tieline.security.audit.tiles import (
    MOST_LEVEL,
    PRIVATE,
    SMALL_FILES,
    WIDTH,
    Read,
    Tail,
    Tile,
    is_unbegun,
    read_head,
    read_tail,
    reader,
    split_hashes,
    tiles_of,
    unpack,
)
from tieline.security.audit.vouching import Key, parse_key

MOST_DAMAGES = 1_000
_TRIES = 5
_FORGOTTEN = re.compile(r"^forgotten ((?:0|[1-9]\d{0,17}))$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Something that is not as it was written, and where."""

    file: str
    sequence: int = 0
    """The record; 0 where it is not one record."""
    problem: str

    @property
    def place(self) -> str:
        """The file and the record."""
        return f"{self.file}, record {self.sequence}" if self.sequence else self.file

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """What somebody else has seen of a log, and vouches for."""

    name: str
    """Who, for people."""
    key: PublicKey
    """The log's key, as they know it."""
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a verification came to."""

    records: int
    """Entries that are there and are what the log says; those that were given up are not among them."""
    size: int
    """Entries of the log, with those that were given up."""
    last: int
    """Sequence of the newest record; 0 for none."""
    root: bytes
    key: PublicKey | None
    """By which the log signs; None where that is not known."""
    forgotten: int
    """Entries that were given up to make room."""
    unfinished_bytes: int
    """What a crash has left of a record that nobody was told to be stored."""
    damages: tuple[Damage, ...]

    @property
    def is_intact(self) -> bool:
        """Nothing was found."""
        return not self.damages


def missing_words(first: int, count: int) -> str:
    """That so many records are not there."""
    return f"record {first} is missing" if count == 1 else f"records {first} to {first + count - 1} are missing"


def forgotten_note(key: SigningKey, first: int) -> Note:
    """The log's word that it gave up all entries before this one."""
    return sign(f"{key.public.name}\nforgotten {first}\n", key)


def first_kept(raw: bytes | None, key: PublicKey) -> int:
    """Index of the first entry that was not given up. Raises `ValueError` where that is not the log's word."""
    if raw is None:
        return 0
    note = Note.parse(raw)
    lines = note.text.split("\n")
    match = _FORGOTTEN.match(lines[1]) if len(lines) == 3 else None
    if match is None or lines[0] != key.name or bytes(note) != raw or note.of(key) is None or int(match[1]) % WIDTH:
        raise ValueError("is not what the log has signed")
    return int(match[1])


def verify(folder: Path, *, key: PublicKey | None = None, witnesses: Sequence[Witnessed] = ()) -> Verdict:
    """Verifies a folder, also while a role appends to it. Raises `OSError` where it cannot be read.

    `key` is the log's, known from elsewhere; without it, and without a witness, the log's own word is taken for it.
    """
    read = reader(folder)
    for _ in range(_TRIES):
        names = list(_names_in(folder))
        # What is read later is never older: a file names no record that those after it have not.
        small = {name: read(name) for name in ("forgotten", "key", "head", "tail", "checkpoint")}

        def read_once(name: str, held: dict[str, bytes | None] = small) -> bytes | None:
            return held[name] if name in held else read(name)

        verdict = verify_files(names, read_once, key=key, witnesses=witnesses)
        if verdict.is_intact or small == {name: read(name) for name in small}:
            break
    return verdict


def _names_in(folder: Path) -> Iterator[str]:
    """Of all files, relative to the folder; of directories that are removed meanwhile as well, as far as they were read."""

    def unread(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    for parent, _, files in os.walk(folder, onerror=unread):
        yield from ((Path(parent) / name).relative_to(folder).as_posix() for name in files)


def verify_files(
    names: Iterable[str], read: Read, *, key: PublicKey | None = None, witnesses: Sequence[Witnessed] = ()
) -> Verdict:
    """Verifies an audit of these files; `read` gives each by its name, and None for others."""
    return _Verification(read, key, witnesses).run(names)


@dataclass
class _Verification:
    read: Read
    key: PublicKey | None
    witnesses: Sequence[Witnessed]
    damages: list[Damage] = field(default_factory=list)
    tree: Frontier = field(default_factory=Frontier)
    roots: dict[int, bytes] = field(default_factory=dict)
    """At the sizes that are asked for."""
    levels: list[list[bytes]] = field(default_factory=lambda: [[] for _ in range(MOST_LEVEL + 1)])
    """Hashes of each level of tiles: of level 0 only those that are in no full tile yet."""
    parts: dict[int, list[bytes]] = field(default_factory=dict)
    """Leaf hashes by the index of their tile, of tiles of which parts are there."""
    records: int = 0
    sequence: int = 0

    def run(self, names: Iterable[str]) -> Verdict:
        names = list(names)
        if is_unbegun(self.read, has_tiles=any(name.startswith("tile/") for name in names)) and self.read("key") is None:
            self.key = self.key or next((witness.key for witness in self.witnesses), None)
            for witness in self.witnesses:
                self._compare_witness(witness, is_whole=True)
            return self._verdict(0, 0)
        key = self._known_key()
        if key is None:
            return self._verdict(0, 0)
        checkpoint = self._checkpoint(key)
        raw = self.read("tail")
        if raw is None:
            self._damage("tail", "is missing")
        tail = read_tail(raw or b"")
        forgotten = self._forgotten(key)
        tiles = self._sorted(names)
        size = 0 if checkpoint is None else checkpoint.size
        wanted = {size, *(witness.checkpoint.size for witness in self.witnesses)}
        self._follow_tiles(size, forgotten, tiles, wanted)
        is_whole = self.tree.size == size
        if is_whole and checkpoint is not None and self.tree.root() != checkpoint.root:
            self._damage("checkpoint", "the records are not those that were signed: their tree has another root")
            is_whole = False
        if is_whole:
            self._follow_tail(tail, key, wanted)
        unfinished = self._compare_head(tail, size, is_whole=is_whole)
        if is_whole:
            self._compare_tiles(tiles, size)
        for witness in self.witnesses:
            self._compare_witness(witness, is_whole=is_whole)
        return self._verdict(forgotten, unfinished)

    def _verdict(self, forgotten: int, unfinished: int) -> Verdict:
        return Verdict(
            records=self.records,
            size=self.tree.size,
            last=self.sequence,
            root=self.tree.root(),
            key=self.key,
            forgotten=forgotten,
            unfinished_bytes=unfinished,
            damages=tuple(self.damages),
        )

    def _damage(self, file: str, problem: str, sequence: int = 0) -> None:
        if len(self.damages) < MOST_DAMAGES:
            self.damages.append(Damage(file=file, sequence=sequence, problem=problem))

    def _known_key(self) -> PublicKey | None:
        """By which the log has to be signed: what is known elsewhere, or its own word."""
        own: Key | None = None
        raw = self.read("key")
        try:
            own = None if raw is None else parse_key(raw)
        except ValueError as error:
            self._damage("key", f"is damaged: {error}")
        else:
            if own is None:
                self._damage("key", "is missing")
        for whose, known in [
            ("the key that was given", self.key),
            *((f"the key that {witness.name} knows", witness.key) for witness in self.witnesses),
        ]:
            if known is not None and own is not None and str(known) != str(own.public):
                self._damage("key", f"the log's key {own.public} is not {whose}, {known}")
        known_keys = [self.key, *(witness.key for witness in self.witnesses), None if own is None else own.public]
        self.key = next((known for known in known_keys if known is not None), None)
        return self.key

    def _checkpoint(self, key: PublicKey) -> Checkpoint | None:
        raw = self.read("checkpoint")
        if raw is None:
            self._damage("checkpoint", "is missing")
            return None
        try:
            note = Note.parse(raw)
            checkpoint = Checkpoint.parse(note.text)
        except ValueError as error:
            self._damage("checkpoint", f"is damaged: {error}")
            return None
        if checkpoint.text != note.text or checkpoint.origin != key.name or bytes(note) != raw or note.of(key) is None:
            self._damage("checkpoint", "is not signed by the log")
            return None
        return checkpoint

    def _forgotten(self, key: PublicKey) -> int:
        try:
            return first_kept(self.read("forgotten"), key)
        except ValueError as error:
            self._damage("forgotten", str(error))
            return 0

    def _sorted(self, names: Iterable[str]) -> dict[Tile, str]:
        """The tiles among the files; what is no file of an audit does not belong there."""
        tiles = {}
        for name in sorted(names):
            if name in SMALL_FILES or name.startswith(f"{PRIVATE}/"):
                continue
            tile = Tile.parse(name)
            if tile is None:
                self._damage(name, "is no file of an audit")
            else:
                tiles[tile] = name
        return tiles

    def _follow_tiles(self, size: int, forgotten: int, tiles: Mapping[Tile, str], wanted: set[int]) -> None:
        """The records of the checkpoint, one tile after the other."""
        for tile in tiles_of(size, -1):
            raw = self.read(tile.path)
            if raw is None and tile.width < WIDTH:
                raw = self._part_of_full(tile)
            leaves = self._leaves_of(Tile(0, tile.index, tile.width))
            if raw is None and tile.end > forgotten:
                self._damage(tile.path, missing_words(self.sequence + 1, tile.width), self.sequence + 1)
                self.sequence += tile.width
            elif raw is None:
                self.sequence = tile.end
            else:
                leaves = self._follow_entries(tile, raw, leaves)
            if leaves is None:
                return
            self._append(leaves, tile.index, wanted, tiles)

    def _part_of_full(self, tile: Tile) -> bytes | None:
        """What a fold that was cut short has left: the tile is full already, and the checkpoint is not told yet."""
        raw = self.read(Tile(tile.level, tile.index).path)
        if raw is None:
            return None
        try:
            return b"".join(len(entry).to_bytes(2, "big") + entry for entry in unpack(raw)[: tile.width])
        except ValueError:
            return raw

    def _leaves_of(self, tile: Tile) -> list[bytes] | None:
        raw = self.read(tile.path)
        if raw is None and tile.width < WIDTH and (whole := self.read(Tile(0, tile.index).path)) is not None:
            raw = whole[: 32 * tile.width]
        if raw is None:
            self._damage(tile.path, "is missing")
            return None
        if len(raw) != 32 * tile.width:
            self._damage(tile.path, f"has {len(raw)} bytes, and {32 * tile.width} are right")
            return None
        return split_hashes(raw)

    def _follow_entries(self, tile: Tile, raw: bytes, known: list[bytes] | None) -> list[bytes] | None:
        """The hashes of a tile's entries; those that are known where the entries are not what was written."""
        try:
            entries = unpack(raw)
        except ValueError as error:
            self._damage(tile.path, f"is damaged: {error}", self._first_different(raw, known))
            self.sequence += tile.width
            return known
        found = [leaf_hash(entry) for entry in entries]
        if known is not None and found != known:
            self._compare_entries(tile, found, known)
            self.sequence += tile.width
            return known
        if len(found) != tile.width:
            self._damage(tile.path, f"has {len(found)} entries, and {tile.width} are right", self.sequence + 1)
            return known
        for entry in entries:
            self._follow_sequence(tile.path, entry)
        self.records += len(entries)
        return found

    def _first_different(self, raw: bytes, known: list[bytes] | None) -> int:
        """The sequence of the first entry that is not what was written, as far as entries can be told apart."""
        at = number = 0
        while known is not None and number < len(known) and at + 2 <= len(raw):
            end = at + 2 + (raw[at] << 8 | raw[at + 1])
            if end > len(raw) or leaf_hash(raw[at + 2 : end]) != known[number]:
                break
            at, number = end, number + 1
        return self.sequence + number + 1

    def _compare_entries(self, tile: Tile, found: list[bytes], known: list[bytes]) -> None:
        """Says which entries are not those that the hashes say."""
        places = {leaf: number for number, leaf in enumerate(known)}
        first = self.sequence + 1
        if len(found) < len(known):
            gone = [number for number, leaf in enumerate(known) if leaf not in set(found)]
            for number in gone:
                self._damage(tile.path, f"record {first + number} was removed", first + number)
            if gone:
                return
        for number, leaf in enumerate(found):
            if number < len(known) and leaf == known[number]:
                continue
            if leaf in places:
                problem = f"record {first + places[leaf]} stands in the place of record {first + number}"
            elif len(found) > len(known):
                problem = f"something that is no record of the log was put in before record {first + number}"
            else:
                problem = f"record {first + number} is not what was written"
            self._damage(tile.path, problem, first + number)
            if len(found) != len(known):
                return

    def _follow_sequence(self, file: str, entry: bytes) -> None:
        """Sequences grow by one; what is left out was lost, and the log said so then."""
        at = entry.rfind(b',"sequence":') + 12
        digits = entry[at : entry.find(b",", at)]
        sequence = int(digits) if at >= 12 and digits.isdigit() else -1
        if sequence <= self.sequence:
            self._damage(file, f"entry after record {self.sequence} is no record that follows it", self.sequence)
            return
        if sequence > self.sequence + 1:
            words = missing_words(self.sequence + 1, sequence - self.sequence - 1)
            self._damage(file, f"{words}: lost before record {sequence} was written", sequence)
        self.sequence = sequence

    def _append(self, leaves: list[bytes], index: int, wanted: set[int], tiles: Mapping[Tile, str]) -> None:
        size = self.tree.size
        if len(leaves) == WIDTH:
            root = complete_root(b"".join(leaves))
            self._note_full(root, leaves, index, tiles)
        if len(leaves) == WIDTH and not any(size < each < size + WIDTH for each in wanted):
            self.tree.append_complete(root, WIDTH)
        else:
            for leaf in leaves:
                self.tree.append(leaf)
                if self.tree.size in wanted:
                    self.roots[self.tree.size] = self.tree.root()
        if self.tree.size in wanted:
            self.roots[self.tree.size] = self.tree.root()
        if len(leaves) < WIDTH:
            self.parts[index] = leaves

    def _note_full(self, root: bytes, leaves: list[bytes], index: int, tiles: Mapping[Tile, str]) -> None:
        """A full tile of level 0, and whatever is full above it; hashes of the lower levels are kept where parts of tiles lie."""
        self.levels[1].append(root)
        if any(Tile(level, index, width) in tiles for level in (-1, 0) for width in self._widths(tiles)):
            self.parts[index] = leaves
        for level in range(1, MOST_LEVEL):
            count = len(self.levels[level])
            if count % WIDTH or not count:
                break
            self.levels[level + 1].append(complete_root(b"".join(self.levels[level][-WIDTH:])))

    def _widths(self, tiles: Mapping[Tile, str]) -> set[int]:
        if not hasattr(self, "_part_widths"):
            self._part_widths = {tile.width for tile in tiles if tile.width < WIDTH}
        return self._part_widths

    def _follow_tail(self, tail: Tail, key: PublicKey, wanted: set[int]) -> None:
        """The records after the checkpoint; where the last frame is signed, those before it are what they were."""
        folded = self.tree.size
        new = [frame for frame in tail.frames if frame.size > folded]
        for frame in tail.frames:
            if frame.size <= folded and not self._is_in_tiles(frame.size - len(frame.entries), frame.entries):
                self._damage("tail", f"the entries before {frame.size} are not those that are in the tiles")
        if not new:
            return
        if new[0].size - len(new[0].entries) != folded:
            first = new[0].size - len(new[0].entries)
            self._damage("tail", f"begins with entry {first}, and {folded} is next", self.sequence + 1)
            return
        tree = self.tree.copy()
        for frame in new:
            for entry in frame.entries:
                tree.append(leaf_hash(entry))
        is_signed = key.has_signed(new[-1].signature, Checkpoint(key.name, tree.size, tree.root()).text.encode())
        for frame in new:
            candidate = self.tree.copy()
            leaves = [leaf_hash(entry) for entry in frame.entries]
            for leaf in leaves:
                candidate.append(leaf)
                if candidate.size in wanted:
                    self.roots[candidate.size] = candidate.root()
            if not key.has_signed(frame.signature, Checkpoint(key.name, candidate.size, candidate.root()).text.encode()):
                words = "are not what the log has signed" if not is_signed else "have another signature than the log gave them"
                self._damage("tail", f"the {len(leaves)} records from {self.sequence + 1} on {words}", self.sequence + 1)
                return
            at = self.tree.size
            self.tree = candidate
            for number, (entry, leaf) in enumerate(zip(frame.entries, leaves, strict=True), at):
                self._follow_sequence("tail", entry)
                self._note_new(number, leaf)
            self.records += len(leaves)

    def _note_new(self, number: int, leaf: bytes) -> None:
        held = self.parts.setdefault(number // WIDTH, [])
        held.append(leaf)
        if len(held) == WIDTH:
            self.levels[1].append(complete_root(b"".join(held)))
            for level in range(1, MOST_LEVEL):
                count = len(self.levels[level])
                if count % WIDTH or not count:
                    break
                self.levels[level + 1].append(complete_root(b"".join(self.levels[level][-WIDTH:])))

    def _is_in_tiles(self, begin: int, entries: Sequence[bytes]) -> bool:
        for number, entry in enumerate(entries, begin):
            raw = self.read(Tile(0, number // WIDTH).path)
            leaves = self.parts.get(number // WIDTH) or (None if raw is None else split_hashes(raw))
            if leaves is None or number % WIDTH >= len(leaves) or leaves[number % WIDTH] != leaf_hash(entry):
                return False
        return True

    def _compare_head(self, tail: Tail, folded: int, *, is_whole: bool) -> int:
        """Gives how many bytes a crash has left of what was never acknowledged."""
        head = read_head(self.read("head"))
        if head is None:
            self._damage("head", "is missing or damaged")
            return len(tail.rest)
        if not is_whole:
            return len(tail.rest)
        size = self.tree.size
        if size < head.size:
            words = missing_words(self.sequence + 1, head.size - size)
            self._damage("tail", f"{words} at the end", self.sequence + 1)
        elif size == head.size and self.tree.root() != head.root:
            self._damage("head", "is not that of the newest record")
        elif head.size < folded or (head.is_shut and size > head.size):
            self._damage("head", f"is older than the records: it knows {head.size} of them")
        elif head.is_shut and (tail.rest or tail.frames):
            self._damage("tail", "something was put in after the log was closed", self.sequence)
        return len(tail.rest)

    def _compare_tiles(self, tiles: Mapping[Tile, str], folded: int) -> None:
        """Every file is what the tree says, also those that a fold that was cut short has left; none that has to be there is missing."""
        size = self.tree.size
        for tile, name in tiles.items():
            if tile.end > size:
                self._damage(name, f"is beyond the {size} records of the log")
            elif tile.level < 1 and tile.width == WIDTH and tile.index not in self.parts:
                continue  # it was followed
            else:
                self._compare_tile(tile, name)
        for level in range(1, MOST_LEVEL + 1):
            for tile in tiles_of(folded, level):
                if tile not in tiles and Tile(level, tile.index) not in tiles:
                    self._damage(tile.path, "is missing")

    def _compare_tile(self, tile: Tile, name: str) -> None:
        hashes = self.parts.get(tile.index, []) if tile.level < 1 else self.levels[tile.level][tile.index * WIDTH :]
        raw = self.read(name)
        if raw is None:
            return
        if tile.level < 0:
            try:
                found = [leaf_hash(entry) for entry in unpack(raw)]
            except ValueError:
                found = []
        else:
            found = split_hashes(raw)
        if found != hashes[: tile.width] and not any(damage.file == name for damage in self.damages):
            self._damage(name, "is not what the records of the log make it")

    def _compare_witness(self, witness: Witnessed, *, is_whole: bool) -> None:
        seen = witness.checkpoint
        if self.key is not None and seen.origin != self.key.name:
            self._damage("checkpoint", f"{witness.name} has seen {seen.origin}, and this is {self.key.name}")
        elif self.tree.size < seen.size:
            if is_whole:
                problem = f"the log was rolled back: it has {self.tree.size} entries, and {witness.name} has seen {seen.size}"
                self._damage("checkpoint", problem, self.sequence)
        elif seen.size and self.roots.get(seen.size) != seen.root:
            problem = f"the first {seen.size} entries are not those that {witness.name} has seen: the log was rewritten"
            self._damage("checkpoint", problem)
