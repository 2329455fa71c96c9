"""Passwords: the rules for new ones, and their hashes (Argon2id, RFC 9106, its second recommended choice: 64 MiB, 3 passes, 4 lanes).

The rules are those of NIST SP 800-63B, 3.1.1: long, not a common one, not made of the name; nothing about kinds of characters, no
change for the sake of change. A password is compared in Unicode's NFKC, so that it can be typed on any keyboard.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

SHORTEST = 12
LONGEST = 256
"""Longer ones are not taken: hashing has a bound."""

_COMMON = Path(__file__).parent / "common_passwords.txt"


def problems_of(password: str, name: str) -> list[str]:
    """Every rule that a new password breaks, in words; none where it is good."""
    text = unicodedata.normalize("NFKC", password)
    folded = text.casefold()
    problems = []
    if len(text) < SHORTEST:
        problems.append(f"the password has {len(text)} characters; use at least {SHORTEST}")
    if len(text) > LONGEST:
        problems.append(f"the password has {len(text)} characters; use at most {LONGEST}")
    if any(unicodedata.category(one) in {"Cc", "Cs"} for one in text):
        problems.append("the password contains control characters; use what can be typed")
    if len(set(folded)) < 4:
        problems.append("the password repeats the same few characters; use others too")
    if any(_contains(folded, word) for word in (name.casefold(), "tieline")):
        problems.append("the password contains your name or that of Tieline; leave it out")
    if folded in common_passwords() or _bare(folded) in common_passwords():
        problems.append("the password is a common one that is tried first; choose another")
    return problems


def _contains(text: str, word: str) -> bool:
    return len(word) >= 3 and (word in text or word in text[::-1])


def _bare(text: str) -> str:
    """Without what people add to a common password to make it look like another."""
    return text.rstrip("0123456789!.?$#*-_ ")


@cache
def common_passwords() -> frozenset[str]:
    """Passwords that attackers try first, and stems of such, in lower case."""
    return frozenset(line for line in _COMMON.read_text().splitlines() if line and not line.startswith("#"))


class Hasher:
    """Makes and checks hashes; each takes some 50 ms of a core and 64 MiB: call it in a thread. Safe to use from several threads."""

    def __init__(self, *, time_cost: int | None = None, memory_kib: int | None = None) -> None:
        parameters = RFC_9106_LOW_MEMORY
        self._hasher = PasswordHasher(
            time_cost=time_cost or parameters.time_cost,
            memory_cost=memory_kib or parameters.memory_cost,
            parallelism=parameters.parallelism,
            type=Type.ID,
        )
        self._nobody = self.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """The hash with its salt and parameters, in PHC's format."""
        return self._hasher.hash(_encoded(password))

    def is_right(self, password: str, hashed: str | None) -> bool:
        """Whether the password has this hash; with None it never has, after the same work."""
        if len(password) > LONGEST:  # was never taken as a new one
            password, hashed = password[:LONGEST], None
        try:
            self._hasher.verify(hashed or self._nobody, _encoded(password))
        except (VerificationError, InvalidHashError):
            return False
        return hashed is not None

    def is_outdated(self, hashed: str) -> bool:
        """Whether the hash was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(hashed)

    def is_any_of(self, password: str, hashes: Iterable[str]) -> bool:
        """Whether the password has one of these hashes."""
        return any(self.is_right(password, one) for one in hashes)


def _encoded(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
