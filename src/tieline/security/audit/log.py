"""The one writer of an audit.

    append -> queue -> [frame: entries + signature over the tree after them] -> tail, synced -> acknowledged -> head
                                                                                 ... later -> tiles, synced -> checkpoint

Whoever appends while another's records are being written waits, and the next write takes all who wait: one sync for many. A frame is
whole, or it was never acknowledged: where the process dies within it, it is cut off at the next opening, and a record says so.
From time to time what is in the tail is folded into tiles: each is written beside its place and renamed, a new checkpoint
is published when all are on the disk, and only then is the tail emptied.

What is found damaged at the opening is recorded, and the log goes on from what is there. Where acknowledged records are gone, their
numbers stay out for ever, and the tree is another one than witnesses have seen: they refuse it until a person has looked.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from tieline.model import AuditRecord, LocalError, TielineError, UnavailableError
from tieline.model.audit import MOST_ENTRY_BYTES, Detail, Draft, read_entry
from tieline.security.audit.merkle import (
    HASH_BYTES,
    Frontier,
    complete_root,
    consistency_proof,
    frontier_at,
    frontier_of,
    inclusion_proof,
    leaf_hash,
)
from tieline.security.audit.notes import Checkpoint, Note, SigningKey, sign, sync_folder, write_surely
from tieline.security.audit.reading import AuditReader
from tieline.security.audit.tiles import (
    ENTRIES,
    LEVELS,
    MOST_LEVEL,
    PRIVATE,
    WIDTH,
    Frame,
    Head,
    Read,
    Tile,
    TileNodes,
    is_unbegun,
    pack,
    read_head,
    read_tail,
    reader,
    split_hashes,
    tiles_of,
    unpack,
)
from tieline.security.audit.verifying import Damage, first_kept, forgotten_note, missing_words
from tieline.security.audit.vouching import origin_of, read_key, write_key

FOLD_RECORDS = 4_096
"""So many records are in the tail at most, and in the time that passes between two calls of `checkpoint`."""
RESERVE_BYTES = 1_000_000
"""Some 2,000 records that are still written when the disk is full."""
MOST_IN_MEMORY = 1_000


class _Clock(Protocol):
    def now_us(self) -> int: ...


class _Ticket:
    """Records that somebody waits for."""

    __slots__ = ("drafts", "error", "is_done", "records", "turn")

    def __init__(self, drafts: Sequence[Draft]) -> None:
        self.drafts = drafts
        self.records: list[AuditRecord] = []
        self.error: TielineError | None = UnavailableError("the audit did not write the record")
        """None when the records are on the disk."""
        self.is_done = False
        self.turn = threading.Event()
        """Set when it is done, or when it has to be written by who waits for it."""


class AuditLog:
    """Appends records and hands them out; safe to use from several threads. One at a time for a folder."""

    def __init__(self, folder: Path, site: str, clock: _Clock, lock: int, fold_records: int) -> None:
        self._folder = folder
        self._private = folder / PRIVATE
        self._site = site
        self._clock = clock
        self._lock = lock
        self._fold_records = self._fold_at = fold_records
        self._guard = threading.Lock()
        self._queue = threading.Lock()
        self._waiting: list[_Ticket] = []
        self._is_writing = False
        self._recent: deque[AuditRecord] = deque(maxlen=MOST_IN_MEMORY)
        self._reader = AuditReader(folder)
        self._tail_file = self._head_file = -1
        self._tail_bytes = 0
        self._tail_entries: list[bytes] = []
        self._tail_leaves: list[bytes] = []
        self._tree = Frontier()
        self._folded = 0
        """So many entries are in tiles."""
        self._edge_entries: list[bytes] = []
        self._edges: list[list[bytes]] = [[]]
        """The entries, and for each level of tiles the hashes, in the tile that is not full at `_folded`."""
        self._last = 0
        self._is_closed = False
        self._key, self._is_key_new = SigningKey.in_file(origin_of(site), self._private / "key.pem")
        self._former = self._key.public
        """By which what lies there is signed."""
        self.sent = _read_number(self._private / "sent")
        """Sequence of the newest record that the center has."""

    @classmethod
    def open(cls, folder: Path, site: str, clock: _Clock, *, fold_records: int = FOLD_RECORDS) -> AuditLog:
        """The audit in this folder, which is made where it is not there; mends and records what a crash left.

        Raises `UnavailableError` where another process has it open or the disk does not let it be read and written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / PRIVATE).mkdir(exist_ok=True, mode=0o700)
            lock = os.open(folder / PRIVATE / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                raise UnavailableError(f"the audit in {folder} is open in another process") from None
            try:
                log = cls(folder, site, clock, lock, fold_records)
            except OSError:
                os.close(lock)
                raise
            try:
                log._recover()
            except OSError:
                log._release()
                raise
        except OSError as error:
            raise UnavailableError(f"the audit in {folder} cannot be opened: {_reason(error)}") from error
        return log

    @property
    def last(self) -> int:
        """Sequence of the newest record; 0 for none."""
        return self._last

    @property
    def size(self) -> int:
        """Entries in the tree."""
        return self._tree.size

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._folder

    @property
    def key(self) -> SigningKey:
        """By which it signs."""
        return self._key

    def append(
        self, *, actor: str, action: str, target: str = "", detail: Mapping[str, object] | None = None, outcome: str = ""
    ) -> AuditRecord:
        """The record, stored. Raises `UnavailableError` where the disk does not take it: then nothing is appended.

        The detail holds texts, finite numbers, booleans and None; numbers that are not finite are stored as text.
        Raises `LocalError` where the record is longer than an entry can be.
        """
        draft = Draft(actor=actor, action=action, target=target, detail={} if detail is None else detail, outcome=outcome)
        return self.append_many([draft])[0]

    def append_many(self, drafts: Sequence[Draft]) -> list[AuditRecord]:
        """The records, stored: all of them, one after the other with nothing between, or none. Raises like `append`."""
        if not drafts:
            return []
        ticket = _Ticket(drafts)
        with self._queue:
            self._waiting.append(ticket)
            has_to_wait, self._is_writing = self._is_writing, True
        if has_to_wait:
            ticket.turn.wait()
        if not ticket.is_done:
            self._write_waiting()
        if ticket.error is not None:
            raise ticket.error
        return ticket.records

    def since(self, sequence: int, most: int = MOST_IN_MEMORY) -> list[AuditRecord]:
        """The records after this one, oldest first, at most so many; entries that are damaged are left out.

        Raises `UnavailableError` where the disk cannot be read.
        """
        with self._guard:
            if sequence >= self._last:
                return []
            if self._recent and self._recent[0].sequence <= sequence + 1:
                return [record for record in self._recent if record.sequence > sequence][:most]
            try:
                return self._reader.since(sequence, most)
            except OSError as error:
                raise UnavailableError(f"the audit in {self._folder} cannot be read: {_reason(error)}") from error

    def checkpoint(self) -> Note:
        """The newest checkpoint, published: every record so far is in it. Raises `UnavailableError` where the disk does not take it."""
        with self._guard:
            if self._is_closed:
                raise LocalError("the audit is closed")
            try:
                self._fold()
            except OSError as error:
                raise UnavailableError(f"the audit in {self._folder} cannot be written: {_reason(error)}") from error
            return self._signed(self._tree)

    def consistency(self, first: int, second: int) -> list[bytes]:
        """The proof that of two sizes of the tree, up to the newest checkpoint, the second begins with the first.

        Raises `UnavailableError` where it cannot be made.
        """
        return self._prove(lambda nodes: consistency_proof(first, second, nodes))

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The proof that the entry with this index is in the tree of that size. Raises `UnavailableError`."""
        return self._prove(lambda nodes: inclusion_proof(index, size, nodes))

    def leaves(self, begin: int, end: int) -> list[bytes]:
        """The hashes of entries of the newest checkpoint, by their indices. Raises `UnavailableError`."""
        return self._prove(lambda nodes: [nodes(0, index) for index in range(begin, end)])

    def mark_sent(self, sequence: int) -> None:
        """The center has every record up to this one. Raises `UnavailableError` where the disk does not take the mark."""
        with self._guard:
            if sequence <= self.sent:
                return
            self.sent = min(sequence, self._last)
            try:
                temporary = self._private / "sent.new"
                temporary.write_text(f"{self.sent}\n")
                temporary.replace(self._private / "sent")
            except OSError as error:
                raise UnavailableError(f"the audit in {self._folder} cannot be written: {_reason(error)}") from error

    def forget(self, *, keep_bytes: int) -> int:
        """Gives up the oldest entries that the center has, 256 at a time, as far as the others still hold so much; how many files.

        Their hashes stay, so that the log can be verified as before. Keeps room for records on a full disk again, where that was used
        up. Raises `UnavailableError` where the disk does not do it.
        """
        with self._guard:
            given_up = 0
            try:
                self._keep_reserve()
                first = first_kept(reader(self._folder)("forgotten"), self._key.public)
                paths = [self._folder / tile.path for tile in tiles_of(self._folded, -1, first)]
                sizes = [path.stat().st_size for path in paths]
                held = sum(sizes)
                for path, size in zip(paths[:-1], sizes, strict=False):
                    held -= size
                    if held < keep_bytes or read_entry(unpack(path.read_bytes())[-1]).sequence > self.sent:
                        break
                    first += WIDTH
                    note = forgotten_note(self._key, first)
                    write_surely(self._folder / "forgotten", bytes(note), temporary=self._private / "new")
                    path.unlink()
                    given_up += 1
            except (OSError, ValueError) as error:
                reason = _reason(error) if isinstance(error, OSError) else str(error)
                raise UnavailableError(f"the audit in {self._folder} cannot be shortened: {reason}") from error
            return given_up

    def close(self) -> None:
        """Publishes the last checkpoint and ends writing; `append` raises `LocalError` from now on."""
        with self._guard:
            if self._is_closed:
                return
            with suppress(OSError):  # what is in the tail is safe there
                self._fold()
                self._write_head(is_shut=True)
            self._is_closed = True
            self._release()

    def _write_waiting(self) -> None:
        """Writes what everybody waits for, and lets the first of those who came meanwhile write the next."""
        with self._guard:
            with self._queue:
                taken, self._waiting = self._waiting, []
            try:
                self._commit(taken)
            finally:
                for each in taken:
                    each.is_done = True
                    each.turn.set()
                with self._queue:
                    self._is_writing = bool(self._waiting)
                    if self._waiting:
                        self._waiting[0].turn.set()

    def _release(self) -> None:
        for descriptor in (self._tail_file, self._head_file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)

    def _commit(self, tickets: Iterable[_Ticket]) -> None:
        tree, last, entries, leaves, taken = self._tree.copy(), self._last, list[bytes](), list[bytes](), list[_Ticket]()
        for ticket in tickets:
            if self._is_closed:
                ticket.error = LocalError("the audit is closed")
                continue
            records = [self._record(number, draft) for number, draft in enumerate(ticket.drafts, last + 1)]
            if any(len(record.entry) > MOST_ENTRY_BYTES for record in records):
                ticket.error = LocalError(f"a record of the audit has at most {MOST_ENTRY_BYTES} bytes")
                continue
            last += len(records)
            for record in records:
                leaf = leaf_hash(record.entry)
                tree.append(leaf)
                leaves.append(leaf)
                entries.append(record.entry)
            ticket.records = records
            taken.append(ticket)
        if not entries:
            return
        frame = bytes(Frame(tree.size, entries, self._key.sign(self._checkpoint_of(tree).text.encode())))
        try:
            self._write(frame)
        except OSError as error:
            for ticket in taken:
                ticket.error = UnavailableError(f"the audit in {self._folder} cannot be written: {_reason(error)}")
            return
        self._tree, self._last = tree, last
        self._tail_bytes += len(frame)
        self._tail_entries += entries
        self._tail_leaves += leaves
        for ticket in taken:
            ticket.error = None
            self._recent.extend(ticket.records)
        with suppress(OSError):  # it only tells a cut-off end, and the next one does so again
            self._write_head()
        if len(self._tail_entries) >= self._fold_at:
            try:
                self._fold()
            except OSError:  # the records are safe where they are
                self._fold_at = len(self._tail_entries) + self._fold_records

    def _record(self, sequence: int, draft: Draft) -> AuditRecord:
        return AuditRecord(
            sequence=sequence,
            time_us=self._clock.now_us(),
            site=self._site,
            actor=draft.actor,
            action=draft.action,
            target=draft.target,
            detail=_plain(draft.detail),
            outcome=draft.outcome,
        )

    def _write(self, frame: bytes) -> None:
        """The frame at the end of the tail, on the disk; where that fails the tail is as it was."""
        try:
            self._put(frame)
        except OSError:
            os.ftruncate(self._tail_file, self._tail_bytes)
            if not self._release_reserve():
                raise
            try:
                self._put(frame)
            except OSError:
                os.ftruncate(self._tail_file, self._tail_bytes)
                raise

    def _put(self, frame: bytes) -> None:
        written = 0
        while written < len(frame):
            written += os.pwrite(self._tail_file, frame[written:], self._tail_bytes + written)
        os.fdatasync(self._tail_file)

    def _write_head(self, *, is_shut: bool = False) -> None:
        os.pwrite(self._head_file, bytes(Head(self._tree.size, self._tree.root(), is_shut)), 0)

    def _checkpoint_of(self, tree: Frontier) -> Checkpoint:
        return Checkpoint(self._key.public.name, tree.size, tree.root())

    def _signed(self, tree: Frontier) -> Note:
        return sign(self._checkpoint_of(tree).text, self._key)

    def _fold(self) -> None:
        """Puts what is in the tail into tiles, and publishes a checkpoint over it."""
        if not self._tail_entries:
            return
        edge_entries = self._write_level(-1, self._folded, self._edge_entries + self._tail_entries)[0]
        edges = self._write_hashes(self._folded, self._edges, self._tail_leaves)
        os.fdatasync(self._head_file)
        self._publish()
        begun, self._folded = self._folded, self._tree.size
        self._edge_entries, self._edges = edge_entries, edges
        self._tail_entries, self._tail_leaves, self._tail_bytes = [], [], 0
        self._fold_at = self._fold_records
        os.ftruncate(self._tail_file, 0)
        self._remove_parts(begun)

    def _publish(self) -> None:
        write_surely(self._folder / "checkpoint", bytes(self._signed(self._tree)), temporary=self._private / "new")

    def _write_hashes(self, begun: int, edges: Sequence[list[bytes]], leaves: list[bytes]) -> list[list[bytes]]:
        """Hashes of entries that follow on a tree of `begun` leaves, into the tiles of every level; gives the new edges."""
        made, added = list[list[bytes]](), leaves
        for level in range(MOST_LEVEL + 1):
            held = edges[level] if level < len(edges) else []
            if not added:
                return made + list(edges[level:])
            edge, added = self._write_level(level, begun, held + added)
            made.append(edge)
        return made

    def _write_level(self, level: int, begun: int, held: list[bytes]) -> tuple[list[bytes], list[bytes]]:
        """What is held of a level from the tile on that was not full; gives what is in the last that is not full, and the roots of
        those that are."""
        first = (begun >> LEVELS * max(level, 0)) // WIDTH
        roots, folders = list[bytes](), set[Path]()
        for index, at in enumerate(range(0, len(held), WIDTH), first):
            chunk = held[at : at + WIDTH]
            raw = pack(chunk) if level < 0 else b"".join(chunk)
            folders |= self._write_tile(Tile(level, index, len(chunk)), raw)
            if len(chunk) == WIDTH and level >= 0:
                roots.append(complete_root(raw))
        for folder in folders:
            sync_folder(folder)
        rest = len(held) % WIDTH
        return held[len(held) - rest :] if rest else [], roots

    def _write_tile(self, tile: Tile, raw: bytes) -> set[Path]:
        """The file, on the disk under a name of its own and then renamed; gives the folders that have to be synced."""
        path = self._folder / tile.path
        folders = {path.parent}
        for folder in path.parents:
            if folder.is_dir():
                break
            folders.add(folder.parent)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._private / "new"
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640), "wb") as file:
            file.write(raw)
            file.flush()
            os.fdatasync(file.fileno())
        temporary.replace(path)
        return folders

    def _remove_parts(self, begun: int) -> None:
        """Removes the files of tiles that have more in them since; where that fails they are no harm."""
        for level in range(-1, MOST_LEVEL + 1):
            for tile in tiles_of(self._folded, level, begun):
                folder = (self._folder / Tile(level, tile.index, 1).path).parent
                with suppress(OSError):
                    for path in folder.iterdir():
                        if tile.width == WIDTH or path.name != str(tile.width):
                            path.unlink()
                    if tile.width == WIDTH:
                        folder.rmdir()
                break  # those after it were begun now

    def _keep_reserve(self) -> None:
        """Room for records that come when the disk is full; where there is no room already there is none to keep."""
        reserve = self._private / "reserve"
        try:
            if not reserve.exists():
                with reserve.open("wb") as file:
                    os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        except OSError:
            reserve.unlink(missing_ok=True)

    def _release_reserve(self) -> bool:
        reserve = self._private / "reserve"
        if not reserve.exists():
            return False
        reserve.unlink()
        return True

    def _prove(self, make: Callable[[TileNodes], list[bytes]]) -> list[bytes]:
        with self._guard:
            try:
                return make(TileNodes(reader(self._folder), self._folded))
            except (OSError, ValueError) as error:
                reason = _reason(error) if isinstance(error, OSError) else str(error)
                raise UnavailableError(f"the audit in {self._folder} cannot prove what it holds: {reason}") from error

    def _recover(self) -> None:
        """Takes up the log where it ends, cuts off what is torn, and records what is wrong."""
        read = reader(self._folder)
        is_new = is_unbegun(read, has_tiles=(self._folder / "tile").exists()) and (
            read("key") is None or read_key(read("key")) is not None
        )
        damages: list[Damage] = []
        if is_new:
            self.sent = 0
        else:
            former = read_key(read("key"))
            if former is None or str(former.public) != str(self._key.public):
                where = "key" if not self._is_key_new else "private/key.pem"
                damages.append(Damage(file=where, problem="is missing or damaged; the log goes on with the key it has now"))
            if self._is_key_new and former is not None:
                self._former = former.public
            self._check_forgotten(read, damages)
            self._take_tiles(read, damages)
        raw = read("tail") or b""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        head = read_head(read("head"))
        self._tail_file = os.open(self._folder / "tail", flags, 0o640)
        self._head_file = os.open(self._folder / "head", flags, 0o640)
        torn = b"" if is_new else self._take_tail(raw, damages)
        if not is_new:
            self._compare_head(head, damages)
        self.sent = min(self.sent, self._last)
        self._write_head()
        os.ftruncate(self._head_file, len(bytes(Head(0, b"", is_shut=False))) + 2 * HASH_BYTES)
        os.fsync(self._head_file)
        write_key(self._folder, self._key, self._private / "new")
        self._former = self._key.public
        if is_new or damages:
            self._publish_all()
        self._keep_reserve()
        sync_folder(self._folder)
        notes = [("audit_repaired", {"bytes": len(torn), "torn": torn[:200].decode("ascii", "replace")})] if torn else []
        notes += [("audit_damaged", {"place": each.place, "problem": each.problem}) for each in damages]
        for action, detail in notes:
            self._note(action, detail)

    def _check_forgotten(self, read: Read, damages: list[Damage]) -> None:
        try:
            first_kept(read("forgotten"), self._former)
        except ValueError as error:
            damages.append(Damage(file="forgotten", problem=str(error)))
            names = (path.relative_to(self._folder).as_posix() for path in (self._folder / "tile" / ENTRIES).rglob("*"))
            first = min((tile.first for name in names if (tile := Tile.parse(name)) is not None), default=0)
            write_surely(self._folder / "forgotten", bytes(forgotten_note(self._key, first)), temporary=self._private / "new")

    def _publish_all(self) -> None:
        self._fold()
        self._publish()

    def _note(self, action: str, detail: Mapping[str, object]) -> None:
        """Raises `OSError` where it cannot be written."""
        ticket = _Ticket([Draft(actor="tieline", action=action, target="audit", detail=detail)])
        self._commit([ticket])
        if ticket.error is not None:
            raise OSError(str(ticket.error))

    def _take_tiles(self, read: Read, damages: list[Damage]) -> None:
        """Goes on from the checkpoint; where tiles do not give its root, from those that can be read."""
        checkpoint, problem = None, "is missing"
        raw = read("checkpoint")
        if raw is not None:
            try:
                note = Note.parse(raw)
                checkpoint, problem = Checkpoint.parse(note.text), ""
                if note.of(self._former) is None:
                    checkpoint, problem = None, "is not signed by the log"
            except ValueError as error:
                problem = str(error)
        if checkpoint is not None:
            try:
                tree = frontier_at(checkpoint.size, TileNodes(read, checkpoint.size))
                if tree.root() == checkpoint.root:
                    self._take_edges(read, checkpoint.size)
                    self._tree, self._folded = tree, checkpoint.size
                    self._last = self._last_of(checkpoint.size)
                    return
                problem = "the tiles are not those that were signed"
            except ValueError as error:
                problem = str(error)
        damages.append(Damage(file="checkpoint", problem=problem))
        self._salvage(read, checkpoint)

    def _take_edges(self, read: Read, size: int) -> None:
        """Raises `ValueError` where the entries or hashes in the tiles that are not full cannot be had."""
        nodes = TileNodes(read, size)
        edges = []
        for level in range(MOST_LEVEL + 1):
            count = size >> LEVELS * level
            if not count:
                break
            edges.append([nodes(LEVELS * level, index) for index in range(count - count % WIDTH, count)])
        entries: list[bytes] = []
        if size % WIDTH:
            tile = Tile(-1, size // WIDTH, size % WIDTH)
            raw = read(tile.path) or read(Tile(-1, tile.index).path)
            if raw is None:
                raise ValueError(f"{tile.path} is missing")
            entries = unpack(raw)[: tile.width]
            if [leaf_hash(entry) for entry in entries] != edges[0]:
                raise ValueError(f"{tile.path} is not what was signed")
        self._edges, self._edge_entries = edges or [[]], entries

    def _salvage(self, read: Read, checkpoint: Checkpoint | None) -> None:
        """Takes what can be read from the beginning, and makes the hash tiles of it anew."""
        leaves: list[bytes] = []
        most = checkpoint.size if checkpoint is not None else 1 << 62
        entries: list[bytes] = []
        while len(leaves) < most and len(leaves) % WIDTH == 0:
            index = len(leaves) // WIDTH
            entries, found = self._salvaged(read, index)
            if not found:
                break
            leaves += found[: most - len(leaves)]
            self._last = self._last_of_entries(entries, len(leaves))
        self._tree = frontier_of(leaves)
        self._folded = len(leaves)
        rest = len(leaves) % WIDTH
        if rest and len(entries) >= rest:
            self._edge_entries = entries[:rest]
            self._write_level(-1, self._folded, self._edge_entries)
        elif rest:  # hashes without their entries: nothing can be appended to such a tile
            leaves = leaves[: len(leaves) - rest]
            self._tree, self._folded = frontier_of(leaves), len(leaves)
        self._edges = self._write_hashes(0, [[]], leaves) or [[]]

    def _salvaged(self, read: Read, index: int) -> tuple[list[bytes], list[bytes]]:
        """Entries and their hashes of one tile, the hashes without entries where those are gone."""
        entries = self._reader.bundle(index) if read(Tile(-1, index).path) is not None else self._parts(read, index)
        if entries:
            return entries, [leaf_hash(entry) for entry in entries]
        raw = read(Tile(0, index).path)
        return [], split_hashes(raw) if raw is not None and len(raw) == WIDTH * HASH_BYTES else []

    def _parts(self, read: Read, index: int) -> list[bytes]:
        for width in range(WIDTH - 1, 0, -1):
            raw = read(Tile(-1, index, width).path)
            if raw is not None:
                with suppress(ValueError):
                    return unpack(raw)
        return []

    def _take_tail(self, raw: bytes, damages: list[Damage]) -> bytes:
        """Goes on with the frames of the tail; gives what was cut off."""
        tail = read_tail(raw)
        taken = end = 0
        for frame, frame_end in zip(tail.frames, tail.ends, strict=True):
            begin = frame.size - len(frame.entries)
            if frame.size > self._folded:  # otherwise it is in tiles, and the process ended before it emptied the tail
                if begin != self._tree.size:
                    problem = f"entry {begin} does not follow on the {self._tree.size} before it"
                    damages.append(Damage(file="tail", problem=problem))
                    break
                tree = self._tree.copy()
                leaves = [leaf_hash(entry) for entry in frame.entries]
                for leaf in leaves:
                    tree.append(leaf)
                if not self._former.has_signed(frame.signature, self._checkpoint_of(tree).text.encode()):
                    damages.append(Damage(file="tail", problem=f"the entries from {begin} on are not signed by the log"))
                    break
                self._tree, end = tree, frame_end
                self._tail_entries += frame.entries
                self._tail_leaves += leaves
                self._last = self._last_of_entries(frame.entries, tree.size)
            taken = frame_end
        os.ftruncate(self._tail_file, end)
        os.fsync(self._tail_file)
        self._tail_bytes = end
        return raw[taken:]

    def _compare_head(self, head: Head | None, damages: list[Damage]) -> None:
        if head is None:
            damages.append(Damage(file="head", problem="is missing or damaged"))
        elif head.size > self._tree.size:
            missing = head.size - self._tree.size
            damages.append(Damage(file="tail", sequence=self._last + 1, problem=missing_words(self._last + 1, missing)))
            self._last += missing
        elif head.size == self._tree.size and head.root != self._tree.root():
            damages.append(Damage(file="head", problem="the newest record is not the one that was acknowledged last"))

    def _last_of(self, size: int) -> int:
        if not size:
            return 0
        entries = self._edge_entries or self._reader.bundle((size - 1) // WIDTH)
        return self._last_of_entries(entries, size)

    def _last_of_entries(self, entries: Sequence[bytes], size: int) -> int:
        try:
            return max(read_entry(entries[-1]).sequence, self._last)
        except (IndexError, ValueError):
            return max(size, self._last)


def _plain(detail: Mapping[str, object]) -> Detail:
    return {key: _plain_value(value) for key, value in detail.items()}


def _plain_value(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and value - value == 0:
        return float(value)
    return str(value)


def _read_number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
