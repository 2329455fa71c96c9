"""How an audit lies on disk: C2SP tlog-tiles, and what comes before the tiles.

    audit/
      checkpoint            the newest published checkpoint, a signed note
      tile/entries/NNN      256 entries, each with its length before it in two bytes; NNN.p/W: the first W of them
      tile/L/NNN            256 hashes of level 8 L; NNN.p/W: the first W of them
      tail                  entries that are in no tile yet, in signed frames
      head                  how many records were acknowledged, and the tree's root, so that a cut-off end is seen
      forgotten             which entries were given up to make room, signed; their hashes stay
      key                   the log's public key, and the role that vouches for it
      private/              the log's private key, its lock, its reserve and its marks; no evidence, and not to be copied

Everything but `private/` can be verified; what is none of these files does not belong there.

A frame of the tail is a header, the entries as in a tile, and the log's signature over the checkpoint after them:

    bytes   4          4             8                   4                     length         64
          length    entries    size of the tree    CRC-32 of the rest of     the entries    signature
                              after them           header, entries, signature
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tieline.security.audit.merkle import HASH_BYTES, complete_root

WIDTH = 256
LEVELS = 8
"""Levels of the tree in a tile."""
MOST_LEVEL = 7
ENTRIES = "entries"
PRIVATE = "private"
SMALL_FILES = frozenset({"checkpoint", "tail", "head", "forgotten", "key"})

_LENGTH = struct.Struct(">H")
_HEADER = struct.Struct(">IIQI")
_REST = struct.Struct(">IIQ")
SIGNATURE_BYTES = 64
_MOST_FRAME_BYTES = 1 << 28
_HEAD = re.compile(rb"(\d{20}) ([0-9a-f]{64}) (open|shut) ([0-9a-f]{8})\n")
_PLACE = re.compile(r"^tile/(entries|[0-7])/((?:x\d{3}/)*)(\d{3})(?:\.p/([1-9]\d{0,2}))?$")

Read = Callable[[str], bytes | None]
"""Gives a file of an audit by its name in the folder; None where there is none. Raises `OSError` where it cannot be read."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A file of entries or hashes."""

    level: int
    """-1 for entries."""
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its name within the folder."""
        digits = f"{self.index:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        kind = ENTRIES if self.level < 0 else str(self.level)
        whole = "/".join(["tile", kind, *(f"x{part}" for part in parts[:-1]), parts[-1]])
        return whole if self.width == WIDTH else f"{whole}.p/{self.width}"

    @classmethod
    def parse(cls, path: str) -> Tile | None:
        """The tile of that name; None where it is none."""
        match = _PLACE.match(path)
        if match is None:
            return None
        kind, higher, last, width = match.groups()
        tile = cls(
            -1 if kind == ENTRIES else int(kind),
            int(higher.replace("x", "").replace("/", "") + last),
            WIDTH if width is None else int(width),
        )
        return tile if tile.path == path else None

    @property
    def first(self) -> int:
        """Index of the first entry under it."""
        return self.index * WIDTH << LEVELS * max(self.level, 0)

    @property
    def end(self) -> int:
        """Index after the last entry under it."""
        return (self.index * WIDTH + self.width) << LEVELS * max(self.level, 0)


def tiles_of(size: int, level: int, start: int = 0) -> Iterator[Tile]:
    """The tiles of a level, -1 for entries, that a tree of that size has, from the one that holds the entry with index `start`."""
    shift = LEVELS * max(level, 0)
    count = size >> shift
    for index in range((start >> shift) // WIDTH, -(-count // WIDTH)):
        yield Tile(level, index, min(WIDTH, count - index * WIDTH))


def pack(entries: Iterable[bytes]) -> bytes:
    """Entries with their lengths."""
    return b"".join([part for entry in entries for part in (_LENGTH.pack(len(entry)), entry)])


def unpack(raw: bytes, most: int = WIDTH) -> list[bytes]:
    """The entries. Raises `ValueError` where there are no or more than so many, or the last is not whole."""
    entries, at, end = [], 0, len(raw)
    while at + 2 <= end:
        begin = at + 2
        at = begin + (raw[at] << 8 | raw[at + 1])
        entries.append(raw[begin:at])
    if at != end or not entries or len(entries) > most:
        raise ValueError(f"it does not hold 1 to {most} whole entries")
    return entries


def split_hashes(raw: bytes) -> list[bytes]:
    """The hashes of a tile."""
    return [raw[at : at + HASH_BYTES] for at in range(0, len(raw), HASH_BYTES)]


class TileNodes:
    """Gives the root of any complete subtree of a tree of that size, out of its tiles."""

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self._size = size
        self._held: dict[Tile, bytes] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """Raises `ValueError` where the tile is missing or too short."""
        tile_level, height = divmod(level, LEVELS)
        first = index << height
        count = self._size >> LEVELS * tile_level
        at = first // WIDTH
        tile = Tile(tile_level, at, min(WIDTH, count - at * WIDTH))
        raw = self._held.get(tile)
        if raw is None:
            raw = self._held[tile] = self._whole(tile)
        begin = first % WIDTH * HASH_BYTES
        return complete_root(raw[begin : begin + (HASH_BYTES << height)])

    def _whole(self, tile: Tile) -> bytes:
        raw = self._read(tile.path)
        if raw is None and tile.width < WIDTH:  # a full one serves as well
            raw = self._read(Tile(tile.level, tile.index).path)
        if raw is None or len(raw) < tile.width * HASH_BYTES:
            raise ValueError(f"{tile.path} is missing or too short")
        return raw[: tile.width * HASH_BYTES]


@dataclass(frozen=True, slots=True)
class Frame:
    """What was made durable by one write."""

    size: int
    """Entries in the log after it."""
    entries: Sequence[bytes]
    signature: bytes

    def __bytes__(self) -> bytes:
        packed = pack(self.entries)
        rest = _REST.pack(len(packed), len(self.entries), self.size)
        crc = zlib.crc32(self.signature, zlib.crc32(packed, zlib.crc32(rest)))
        return b"".join((rest, crc.to_bytes(4, "big"), packed, self.signature))


@dataclass(frozen=True, slots=True)
class Tail:
    """The frames of a tail, as far as they are whole."""

    frames: Sequence[Frame]
    ends: Sequence[int]
    """After how many bytes each ends."""
    rest: bytes
    """What follows them: a frame that was torn, or nothing."""

    @property
    def start(self) -> int | None:
        """Index of the first entry; None where there is none."""
        return self.frames[0].size - len(self.frames[0].entries) if self.frames else None


def read_tail(raw: bytes) -> Tail:
    """The frames in these bytes up to the first that is not whole; signatures are not looked at."""
    frames: list[Frame] = []
    ends: list[int] = []
    at = 0
    while at + _HEADER.size <= len(raw):
        length, count, size, crc = _HEADER.unpack_from(raw, at)
        begin = at + _HEADER.size
        end = begin + length + SIGNATURE_BYTES
        if length > _MOST_FRAME_BYTES or end > len(raw):
            break
        if zlib.crc32(raw[begin:end], zlib.crc32(raw[at : at + _REST.size])) != crc:
            break
        try:
            entries = unpack(raw[begin : begin + length], count)
        except ValueError:
            break
        if len(entries) != count or size < count or (frames and size - count != frames[-1].size):
            break
        frames.append(Frame(size, entries, raw[end - SIGNATURE_BYTES : end]))
        ends.append(end)
        at = end
    return Tail(frames, ends, raw[at:])


@dataclass(frozen=True, slots=True)
class Head:
    """Up to which entry the log was acknowledged; the tail may hold more."""

    size: int
    root: bytes
    is_shut: bool
    """Whether the log was closed in order: nothing is in the tail then."""

    def __bytes__(self) -> bytes:
        text = f"{self.size:020d} {self.root.hex()} {'shut' if self.is_shut else 'open'}".encode()
        return text + f" {zlib.crc32(text):08x}\n".encode()


def read_head(raw: bytes | None) -> Head | None:
    """The head in these bytes; None where they are none."""
    match = None if raw is None else _HEAD.fullmatch(raw)
    if match is None:
        return None
    head = Head(int(match[1]), bytes.fromhex(match[2].decode()), match[3] == b"shut")
    return head if bytes(head) == raw else None


def is_unbegun(read: Read, *, has_tiles: bool) -> bool:
    """Whether nothing was ever acknowledged, as in the moment in which a log is made: its first checkpoint is written last."""
    if has_tiles or any(read(name) is not None for name in ("checkpoint", "forgotten")) or read("tail"):
        return False
    raw = read("head")
    head = read_head(raw)
    return not raw or (head is not None and head.size == 0)


def reader(folder: Path) -> Read:
    """Reads files of an audit in a folder."""

    def read(name: str) -> bytes | None:
        try:
            return (folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    return read
