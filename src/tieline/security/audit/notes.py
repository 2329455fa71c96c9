"""Signed notes and checkpoints: C2SP signed-note, tlog-checkpoint and tlog-cosignature, with Ed25519 keys.

A checkpoint is the text `origin`, the number of entries in decimal, the root in base64, a line each. A signed note is a text, an empty
line, and a line `— NAME BASE64` for each signature, which begins with the first four bytes of a hash of the key's name and the key.
A log signs the text; a witness signs the text with the time at which it saw that nothing earlier was changed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tieline.security.audit.merkle import HASH_BYTES

LOG, COSIGNATURE = 1, 4
"""The kinds of keys: of a log's own signature, and of a witness's with its time."""

_NUMBER = re.compile(r"^(0|[1-9][0-9]{0,17})$")
_MOST_NOTE_BYTES = 100_000


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("it is no base64") from error


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@dataclass(frozen=True)
class PublicKey:
    """A key by which signatures of one name are verified."""

    name: str
    raw: bytes
    kind: int = LOG

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """The key in `NAME+HASH+BASE64` (C2SP signed-note). Raises `ValueError` for anything else."""
        name, _, rest = text.strip().partition("+")
        short, _, encoded = rest.partition("+")
        raw = _decode(encoded)
        if not name or len(raw) != 1 + HASH_BYTES or raw[0] not in {LOG, COSIGNATURE}:
            raise ValueError("it is no Ed25519 key of a log or a witness: NAME+HASH+BASE64 is expected")
        key = cls(name, raw[1:], raw[0])
        if short != key.id.hex():
            raise ValueError("the key is not the one that its hash says")
        return key

    @cached_property
    def id(self) -> bytes:
        """Four bytes by which a signature says which key it was made with."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.raw).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_encode(bytes([self.kind]) + self.raw)}"

    def has_signed(self, signature: bytes, text: bytes) -> bool:
        """Whether the signature is that of this key over these bytes."""
        try:
            self._public.verify(signature, text)
        except InvalidSignature:
            return False
        return True

    @cached_property
    def _public(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self.raw)


class SigningKey:
    """A private key under a name."""

    def __init__(self, name: str, private: Ed25519PrivateKey, kind: int = LOG) -> None:
        self._private = private
        raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public = PublicKey(name, raw, kind)

    @classmethod
    def in_file(cls, name: str, path: Path, kind: int = LOG) -> tuple[SigningKey, bool]:
        """The key in a PEM file, which is made (mode 0600) where there is none or it is damaged; and whether it was made.

        Raises `OSError` where it can be neither read nor written.
        """
        try:
            private = serialization.load_pem_private_key(path.read_bytes(), None)
        except (FileNotFoundError, ValueError, TypeError):
            private = None
        if isinstance(private, Ed25519PrivateKey):
            return cls(name, private, kind), False
        made = Ed25519PrivateKey.generate()
        form = serialization.PrivateFormat.PKCS8
        write_surely(path, made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()), mode=0o600)
        return cls(name, made, kind), True

    def sign(self, text: bytes) -> bytes:
        """The signature over these bytes."""
        return self._private.sign(text)


@dataclass(frozen=True)
class Note:
    """A text with signatures, each by the name and the id of its key."""

    text: str
    """Ends with a line feed."""
    signatures: tuple[tuple[str, bytes], ...]
    """Name, and the id of the key followed by the signature."""

    @classmethod
    def parse(cls, raw: bytes) -> Note:
        """Raises `ValueError` for anything that is no signed note."""
        if len(raw) > _MOST_NOTE_BYTES:
            raise ValueError("it is too long for a signed note")
        whole = raw.decode("utf-8")
        text, separator, block = whole.rpartition("\n\n")
        if not separator or not block.endswith("\n"):
            raise ValueError("it is no signed note")
        signatures = []
        for line in block[:-1].split("\n"):
            dash, _, rest = line.partition(" ")
            name, _, encoded = rest.partition(" ")
            if dash != "—" or not name:
                raise ValueError("a line of signatures is none")
            signatures.append((name, _decode(encoded)))
        return cls(text + "\n", tuple(signatures))

    def __bytes__(self) -> bytes:
        lines = "".join(f"— {name} {_encode(signature)}\n" for name, signature in self.signatures)
        return f"{self.text}\n{lines}".encode()

    def of(self, key: PublicKey) -> bytes | None:
        """What this key has signed of it, without the key's id; None where it has not or where the signature is not right."""
        for name, signature in self.signatures:
            if name != key.name or signature[:4] != key.id:
                continue
            if key.kind == LOG and key.has_signed(signature[4:], self.text.encode()):
                return signature[4:]
            if key.kind == COSIGNATURE and len(signature) == 4 + 8 + 64:
                seconds = int.from_bytes(signature[4:12], "big")
                if key.has_signed(signature[12:], _cosigned(self.text, seconds)):
                    return signature[4:]
        return None

    def with_signature(self, key: PublicKey, signature: bytes) -> Note:
        """The note with this one too, and none that the same key has made before."""
        kept = tuple(one for one in self.signatures if (one[0], one[1][:4]) != (key.name, key.id))
        return Note(self.text, (*kept, (key.name, key.id + signature)))


@dataclass(frozen=True)
class Checkpoint:
    """What a log is at a moment: its name, how many entries it has, and the root of their tree."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{_encode(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Raises `ValueError` for anything else."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not lines[0] or not _NUMBER.match(lines[1]):
            raise ValueError("it is no checkpoint")
        root = _decode(lines[2])
        if len(root) != HASH_BYTES:
            raise ValueError("the root of a checkpoint is no SHA-256")
        return cls(lines[0], int(lines[1]), root)


def sign(text: str, key: SigningKey) -> Note:
    """The text, signed by a log."""
    return Note(text, ((key.public.name, key.public.id + key.sign(text.encode())),))


def cosign(note: Note, key: SigningKey, seconds: int) -> Note:
    """The note with the signature of a witness too, who has seen it at this time in seconds since 1970-01-01 UTC."""
    signature = seconds.to_bytes(8, "big") + key.sign(_cosigned(note.text, seconds))
    return note.with_signature(key.public, signature)


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def write_surely(path: Path, content: bytes, *, mode: int = 0o640, temporary: Path | None = None) -> None:
    """The file with this content, on the disk, or as it was before; `temporary` is on the same disk. Raises `OSError`."""
    temporary = temporary or path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """What a folder lists is on the disk from now on. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
