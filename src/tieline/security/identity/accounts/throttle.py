"""Failures in a row make whoever tries wait, ever longer up to a bound: guessing is slow, and nobody is locked out for ever.

An attempt is counted before it is looked at and taken back when it succeeds, so that attempts at the same time are no way around.
What is refused while there is a wait is not counted and does not prolong it. Time is that of the monotonic clock.

Each attempt has keys, each of which counts: the account, and the address that it comes from, with more patience. A browser that the
person has logged in with before has a key of its own instead of both: whoever makes an account or an address wait does not
make its owner wait there. What a person shows besides the login has a key for each kind of thing: knowing one of them (the
password) does not give new patience for guessing another (a code), and guessing with a token makes no browser wait.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Literal

Kind = Literal["account", "password", "factor", "token factor", "device", "address"]
OF_PERSONS: tuple[Kind, ...] = ("account", "password", "factor", "token factor")
"""Kinds whose keys are called as the person is: the login, then the password, a factor in a browser or with an API token."""
MOST_KEYS = 10_000
FORGET_ACCOUNT_S = 86_400.0
FORGET_ADDRESS_S = 3_600.0
ADDRESS_PATIENCE = 4
"""An address may fail so many times as often as an account: many people can be behind one."""


@dataclass(frozen=True, slots=True)
class Key:
    """What failures are counted of."""

    kind: Kind
    name: str


@dataclass(slots=True)
class _Count:
    failures: int = 0
    blocked_until_s: float = 0.0
    last_s: float = 0.0
    unseen: int = 0
    """How many attempts were refused since the last one that was looked at."""


class Throttle:
    """Counts failures; not safe to use from several threads at once."""

    def __init__(self, *, lock_after: int, longest_s: float) -> None:
        self._lock_after = lock_after
        self._longest_s = longest_s
        self._counts: OrderedDict[Key, _Count] = OrderedDict()

    def begin(self, keys: Sequence[Key], now_s: float) -> float:
        """0 where an attempt may be looked at, and then it counts as a failure; otherwise for how many seconds it may not."""
        counts = [self._count(key, now_s) for key in keys]
        wait_s = max((count.blocked_until_s - now_s for count in counts), default=0.0)
        if wait_s > 0:
            for count in counts:
                count.unseen += 1
            return wait_s
        for key, count in zip(keys, counts, strict=True):
            count.failures += 1
            count.last_s = now_s
            if delay_s := self._delay(key, count.failures):
                count.blocked_until_s = now_s + delay_s
        return 0.0

    def succeed(self, keys: Sequence[Key]) -> None:
        """The attempt was right: what failed before is forgotten, but of an address only this attempt is taken back."""
        for key in keys:
            count = self._counts.get(key)
            if count is None:
                continue
            if key.kind == "address":
                count.failures -= 1
                count.blocked_until_s = 0.0
            else:
                del self._counts[key]

    def forget(self, name: str) -> None:
        """Somebody with authority unlocks the account."""
        for key in [key for key in self._counts if key.kind in OF_PERSONS and key.name == name]:
            del self._counts[key]

    def wait_s(self, key: Key, now_s: float) -> float:
        """For how long this key makes wait; 0 for not at all."""
        count = self._counts.get(key)
        return 0.0 if count is None else max(0.0, count.blocked_until_s - now_s)

    def failures(self, key: Key) -> int:
        """How many failures in a row are counted."""
        count = self._counts.get(key)
        return 0 if count is None else count.failures

    def take_unseen(self, keys: Sequence[Key]) -> int:
        """How many attempts were refused since the last one that was looked at, for the record."""
        held = [self._counts[key] for key in keys if key in self._counts]
        unseen = max((count.unseen for count in held), default=0)
        for count in held:
            count.unseen = 0
        return unseen

    def _delay(self, key: Key, failures: int) -> float:
        beyond = failures - self._lock_after * (ADDRESS_PATIENCE if key.kind == "address" else 1)
        return 0.0 if beyond < 0 else min(self._longest_s, 2.0 ** min(beyond, 30))

    def _count(self, key: Key, now_s: float) -> _Count:
        count = self._counts.get(key)
        forget_s = FORGET_ADDRESS_S if key.kind == "address" else FORGET_ACCOUNT_S
        if count is None or (count.failures and now_s - count.last_s > forget_s):
            count = self._counts[key] = _Count(last_s=now_s)
        self._counts.move_to_end(key)
        if len(self._counts) > MOST_KEYS:
            self._make_room(now_s)
        return count

    def _make_room(self, now_s: float) -> None:
        """Gives up the oldest key that makes nobody wait: made-up names do not free those that are guessed at."""
        idle = next((key for key, count in self._counts.items() if count.blocked_until_s <= now_s), next(iter(self._counts)))
        del self._counts[idle]


def network_of(address: str) -> str:
    """What failures of an address are counted of: itself, or with IPv6 its /64, which is one subscriber."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> 64 << 64))
