"""What a proof finds: where description and reality differ, with the witness that shows it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference between what is described and what is enforced."""

    fault: str
    """What kind it is, for machines: `leak`, `cut`, `native-vlan` ..."""
    where: str
    """Which host, server or document."""
    problem: str
    witness: str
    """A packet, subject or entry that shows it."""
    path: tuple[str, ...] = ()
    """Step by step, what lets the witness through or stops it."""
    conduit: str = ""
    """The id of the conduit that it concerns, where it is one."""

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}: {self.witness}"

    def as_json(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)
