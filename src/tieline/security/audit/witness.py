"""Keeps what was seen of other zones' audits, and what a log hands in to be seen.

A log hands in its checkpoint with a proof that its tree is the one that the witness has seen before with entries appended (RFC 6962
§2.1.2). The witness signs it with the time and keeps it, and nothing else (C2SP tlog-witness, over the bus). A tree that is shorter, or
another one, is refused for ever: somebody has rolled the log back or rewritten it, or shows it differently to others. A person looks at
both, and removes the witness's file when it is known what happened.

    FOLDER/NAME.witness      the log's key, the witness's key, an empty line, the newest checkpoint with both signatures
    FOLDER/NAME.refused      the first checkpoint that was refused after it: with the log's signature it proves what was done
    FOLDER/private/key.pem   the witness's own key
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from tieline.model import RefusedError, UnavailableError
from tieline.security.audit.merkle import consistency_proof, frontier_at, is_consistent
from tieline.security.audit.notes import COSIGNATURE, Checkpoint, Note, PublicKey, SigningKey, cosign, write_surely
from tieline.security.audit.tiles import PRIVATE, TileNodes, reader
from tieline.security.audit.verifying import Witnessed
from tieline.security.audit.vouching import Key, origin_of, parse_key

MOST_LEAVES = 4_096
"""So many hashes are handed in at once, 128 kB: links to substations are thin."""
_SUFFIX = ".witness"

log = structlog.get_logger()


class Submission(msgspec.Struct, frozen=True):
    """What a log hands in."""

    key: bytes
    """The file `key` of the audit."""
    checkpoint: bytes
    """A signed note."""
    old: int
    """Size of the tree from which the proof leads to that of the checkpoint."""
    proof: tuple[bytes, ...]
    first: int = 0
    roots: tuple[bytes, ...] = ()
    """Of the complete subtrees of the tree of the first so many entries."""
    leaves: tuple[bytes, ...] = ()
    """The hashes of the entries after them, up to the checkpoint; none where they are too many."""


class Answer(msgspec.Struct, frozen=True):
    """What a witness says to it."""

    size: int
    """Of the newest checkpoint that the witness keeps."""
    first: int = -1
    """From which entry on it wants to be given hashes, because it has not compared those yet; -1 where it wants none."""
    cosigned: bytes = b""
    """The checkpoint with the signature of the witness; empty where it did not sign."""
    refusal: str = ""


class RolledBackError(RefusedError):
    """A log shows another tree than the one that was seen of it."""


def read_witness(raw: bytes, name: str) -> Witnessed:
    """What a witness keeps. Raises `ValueError` where that is not what it and the log have signed."""
    keys, _, note = raw.partition(b"\n\n")
    lines = keys.decode("utf-8").split("\n")
    if len(lines) != 2:
        raise ValueError("it is no file of a witness")
    key, witness = map(PublicKey.parse, lines)
    signed = Note.parse(note)
    checkpoint = Checkpoint.parse(signed.text)
    if witness.kind != COSIGNATURE or signed.of(key) is None or signed.of(witness) is None or checkpoint.origin != key.name:
        raise ValueError("it is not what the log and the witness have signed")
    return Witnessed(name=name, key=key, checkpoint=checkpoint)


def witness_file(folder: Path, site: str) -> Path:
    """What a witness in this folder keeps of a log."""
    return folder / f"{site}{_SUFFIX}"


class Witness:
    """Sees the logs that it is told of. One at a time for a folder."""

    def __init__(self, folder: Path, name: str, now_s: Callable[[], float]) -> None:
        """`name` is that of the witness's key. Raises `UnavailableError` where the folder cannot be written."""
        self._folder = folder
        self._now_s = now_s
        try:
            (folder / PRIVATE).mkdir(parents=True, exist_ok=True, mode=0o700)
            self._key, _ = SigningKey.in_file(f"tieline/witness/{name}", folder / PRIVATE / "key.pem", COSIGNATURE)
        except OSError as error:
            raise UnavailableError(
                f"the witness in {folder} cannot be opened: {(error.strerror or str(error)).lower()}"
            ) from error

    def seen(self, site: str) -> Witnessed | None:
        """What is kept of a log. Raises `UnavailableError` where that cannot be read or is damaged: a person has to look."""
        path = witness_file(self._folder, site)
        try:
            return read_witness(path.read_bytes(), "this witness")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise UnavailableError(f"what was seen of the audit of {site} cannot be read: {path}: {error}") from error

    def see(self, site: str, submission: Submission, vouch: Callable[[Key], None]) -> Answer:
        """Sees a checkpoint of the log whose records have this site. `vouch` raises `RefusedError` where the key is not that of its role.

        Raises `RolledBackError` where the tree is not the one seen before, `RefusedError` where the checkpoint is not signed by the log,
        `UnavailableError` where it cannot be kept.
        """
        held = self.seen(site)
        try:
            key = parse_key(submission.key)
            note = Note.parse(submission.checkpoint)
            checkpoint = Checkpoint.parse(note.text)
        except ValueError as error:
            raise RefusedError(f"what the audit of {site} hands in makes no sense: {error}") from error
        if checkpoint.text != note.text or checkpoint.origin != origin_of(site) or note.of(key.public) is None:
            raise RefusedError(f"the checkpoint is not signed by the audit of {site}")
        if held is None or str(held.key) != str(key.public):
            vouch(key)
        if held is not None:
            if held.checkpoint.size <= checkpoint.size and submission.old != held.checkpoint.size:
                return Answer(held.checkpoint.size)  # it has not been told yet from where to prove
            self._compare(site, held.checkpoint, checkpoint, submission)
            if str(held.key) != str(key.public):
                log.warning("audit has a new key", audit=site, key=str(key.public))
        signed = cosign(
            Note(note.text, (next(one for one in note.signatures if one[0] == key.public.name),)), self._key, int(self._now_s())
        )
        try:
            content = f"{key.public}\n{self._key.public}\n\n".encode() + bytes(signed)
            write_surely(witness_file(self._folder, site), content, temporary=self._folder / PRIVATE / "new")
        except OSError as error:
            raise UnavailableError(f"the witness cannot write: {(error.strerror or str(error)).lower()}") from error
        return Answer(checkpoint.size, cosigned=bytes(signed))

    def _compare(self, site: str, seen: Checkpoint, shown: Checkpoint, submission: Submission) -> None:
        if shown.size < seen.size:
            problem = f"the audit of {site} was rolled back: it has {shown.size} entries, and {seen.size} were seen"
        elif not is_consistent(seen.size, shown.size, seen.root, shown.root, submission.proof):
            problem = f"the audit of {site} was rewritten: its first {seen.size} entries are not those that were seen"
        else:
            return
        path = self._folder / f"{site}.refused"
        try:
            if not path.exists():
                write_surely(path, submission.checkpoint, temporary=self._folder / PRIVATE / "new")
        except OSError as error:
            log.error("refused checkpoint not kept", audit=site, reason=str(error))
        raise RolledBackError(problem)


def submission_of(folder: Path, answer: Answer | None) -> Submission | None:
    """What the audit in this folder hands in next, after the witness's last answer; None where it has published nothing yet.

    Raises `OSError`, and `ValueError` where a file is missing, which may be because a checkpoint is published at this moment.
    """
    read = reader(folder)
    key, raw = read("key"), read("checkpoint")
    if key is None or raw is None:
        return None
    checkpoint = Checkpoint.parse(Note.parse(raw).text)
    old, first = (0, 0) if answer is None else (min(answer.size, checkpoint.size), min(max(answer.first, 0), checkpoint.size))
    nodes = TileNodes(read, checkpoint.size)
    has_room = checkpoint.size - first <= MOST_LEAVES and (answer is None or answer.first >= 0)
    return Submission(
        key=key,
        checkpoint=raw,
        old=old,
        proof=tuple(consistency_proof(old, checkpoint.size, nodes)),
        first=first,
        roots=frontier_at(first, nodes).roots,
        leaves=tuple(nodes(0, index) for index in range(first, checkpoint.size)) if has_room else (),
    )
