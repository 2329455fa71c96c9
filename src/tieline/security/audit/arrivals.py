"""Whether the records of a site that are stored at the center are those of the site's log.

The tree is built from the records as they are stored, in their order, and compared with the checkpoints that the site hands in: the
same root means that every record is there once, unchanged, in its place. Where the root is another one, the hashes that the site handed
in with the checkpoint say which record differs. What the site gave with them is not believed but for what the signed root confirms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tieline.model import AuditRecord
from tieline.security.audit.merkle import Frontier
from tieline.security.audit.notes import Checkpoint, write_surely

MOST_TOLD = 20


class _State(msgspec.Struct):
    size: int = 0
    roots: tuple[bytes, ...] = ()
    sequence: int = 0
    told: tuple[str, ...] = ()


@dataclass
class SiteAudit:
    """What is known to be right of one site's records. `open` it."""

    site: str
    path: Path
    """Where that is kept."""
    tree: Frontier = field(default_factory=Frontier)
    """Of the records that were compared with a checkpoint."""
    sequence: int = 0
    """Of the newest of them."""
    told: set[str] = field(default_factory=set)
    wanted: int = 0
    """From which entry on the site has to say what its tree was."""

    @property
    def first(self) -> int:
        """From which entry on the site's hashes are wanted."""
        return self.tree.size or self.wanted

    @classmethod
    def open(cls, site: str, folder: Path) -> SiteAudit:
        """As it was left; from the beginning where nothing is left or it cannot be read."""
        path = folder / f"{site}.verified"
        try:
            state = msgspec.json.decode(path.read_bytes(), type=_State)
            return cls(site, path, Frontier(state.size, state.roots), state.sequence, set(state.told))
        except (OSError, ValueError, msgspec.MsgspecError):
            return cls(site, path)

    def begin_at(self, records: Sequence[AuditRecord], first: int, roots: Sequence[bytes]) -> None:
        """Where the center has nothing of before, it begins with the oldest record that it has: the site says what its tree was then."""
        if self.tree.size == 0 and ((records and first == records[0].sequence - 1) or (first and first == self.wanted)):
            self.tree, self.sequence = Frontier(first, roots), first

    def begin_after(self, checkpoint: Checkpoint) -> None:
        """Where the center has not compared for long: what comes next is compared; the site says what its tree was before."""
        self.tree, self.sequence = Frontier(), checkpoint.size
        self.wanted = checkpoint.size

    def compare(
        self, records: Sequence[AuditRecord], checkpoint: Checkpoint, first: int, leaves: Sequence[bytes]
    ) -> tuple[bool, list[str]]:
        """Compares records after `sequence`, in the order of their numbers, with the site's tree; `leaves` are its hashes from `first` on.

        Gives whether the tree is the same up to the checkpoint, and what is wrong, in words, each told once. Where records have not come
        yet nothing is wrong. Raises `OSError` where the result cannot be kept.
        """
        wanted = checkpoint.size - self.tree.size
        problems, once = self._once_each(records, {leaf.hex() for leaf in leaves})
        if wanted < 0 or len(once) < wanted:
            self._compare_leaves(once, checkpoint, first, leaves, problems, is_end_known=False)
            return False, self._news(problems)
        tree = self.tree.copy()
        for record in once[:wanted]:
            tree.append(bytes.fromhex(record.hash))
        if tree.root() != checkpoint.root:
            self._compare_leaves(once[:wanted], checkpoint, first, leaves, problems, is_end_known=True)
            return False, self._news(problems)
        self.tree, self.sequence = tree, once[wanted - 1].sequence if wanted else self.sequence
        news = self._news(problems)
        self._keep()
        return True, news

    def doubled(self, sequences: Iterable[int]) -> list[str]:
        """What is wrong where records that were compared before are there twice now; each told once. Raises `OSError`."""
        return self._news([_twice(sequence) for sequence in sequences])

    def _once_each(self, records: Sequence[AuditRecord], known: set[str]) -> tuple[list[str], list[AuditRecord]]:
        """Of two records with one number, the one that the site knows is the right one."""
        problems, once = list[str](), list[AuditRecord]()
        for record in records:
            if not once or record.sequence != once[-1].sequence:
                once.append(record)
                continue
            problems.append(_twice(record.sequence))
            if record.hash in known:
                once[-1] = record
        return problems, once

    def _compare_leaves(
        self,
        records: Sequence[AuditRecord],
        checkpoint: Checkpoint,
        first: int,
        leaves: Sequence[bytes],
        problems: list[str],
        *,
        is_end_known: bool,
    ) -> None:
        """Says which record is not that of the site, where the hashes that the site gave are those of the checkpoint."""
        confirmed = self.tree.copy()
        if first != confirmed.size:
            leaves = ()
        for leaf in leaves:
            confirmed.append(leaf)
        if confirmed.root() != checkpoint.root or confirmed.size != checkpoint.size:
            if is_end_known:
                problems.append(
                    f"the records after {self.sequence} up to {records[-1].sequence} are not those of the site's checkpoint of "
                    f"{checkpoint.size}"
                )
            return
        places = {leaf.hex(): self.sequence + number for number, leaf in enumerate(leaves, 1)}
        here = {record.hash for record in records}
        for record in records:
            expected = record.sequence - self.sequence - 1
            if record.hash not in places and expected < len(leaves):
                problems.append(f"record {record.sequence} is not what the site wrote")
            elif record.hash not in places and is_end_known:
                problems.append(f"record {record.sequence} is none of the site's")
        newest = max((record.sequence for record in records), default=0)
        gone = [sequence for leaf, sequence in places.items() if leaf not in here and sequence < newest]
        changed = {record.sequence for record in records if record.hash not in places}
        problems += [f"record {sequence} is missing" for sequence in gone if sequence not in changed]

    def _news(self, problems: Iterable[str]) -> list[str]:
        """Those that were not told before."""
        news = [problem for problem in problems if problem not in self.told][:MOST_TOLD]
        if news:
            self.told.update(news)
            self._keep()
        return news

    def _keep(self) -> None:
        state = _State(self.tree.size, self.tree.roots, self.sequence, tuple(sorted(self.told)[:1_000]))
        write_surely(self.path, msgspec.json.encode(state))


def _twice(sequence: int) -> str:
    return f"record {sequence} is there twice, with different content"
