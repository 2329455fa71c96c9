"""A rule set of nftables as far as it decides about packets, and what it decides.

A packet meets the base chains of each hook on its way in the order of their priorities. `accept` ends the chain, and the packet goes on
to the next base chain; `drop` ends its way. So a packet passes where every base chain accepts it, and no chain of another table can
open what one closes.

A rule whose match is not understood here is `unsure`: it may match any packet of its box, or none. Everything is computed twice from
that: what may get through (`Bound.MOST`), for leaks, and what surely does (`Bound.LEAST`), for cuts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Literal

from tieline.model import ConfigError
from tieline.security.zones.packets import (
    ANY_STATE,
    ANYTHING,
    IPV4,
    IPV6,
    NOT_LOOPBACK,
    POSSIBLE,
    Box,
    Field,
    Packet,
    State,
    includes,
    interface_intervals,
    narrowed,
    overlap,
    overlaps,
    subtract,
)

Verdict = Literal["continue", "accept", "drop", "return", "jump", "goto"]
Direction = Literal["input", "output", "forward"]
PATHS: dict[Direction, tuple[str, ...]] = {
    "input": ("ingress", "prerouting", "input"),
    "output": ("output", "postrouting", "egress"),
    "forward": ("ingress", "prerouting", "forward", "postrouting", "egress"),
}
"""The hooks that a packet meets, by its way through a host."""
_BEFORE_TRACKING = -200
"""Connection tracking has this priority; chains before it see no state (`NF_IP_PRI_CONNTRACK`)."""


class Bound(Enum):
    """Which side to err on where a rule is not understood."""

    MOST = "may get through"
    LEAST = "surely gets through"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule; it matches the packets of its box."""

    box: Box | None
    """None where it can match no packet."""
    verdict: Verdict = "continue"
    target: str = ""
    """The chain of a jump."""
    comment: str = ""
    counter: str | None = None
    """The counter's name, empty for a counter without one, None where the rule counts nothing."""
    logs: bool = False
    log_prefix: str = ""
    unsure: str = ""
    """What of its match is not understood."""
    changes: str = ""
    """What it does to a packet that is not understood: rewrites addresses, takes it off connection tracking."""
    text: str
    """The rule as the file or the kernel has it."""


def either_way(rule: Rule) -> list[Rule]:
    """A rule that may end a packet's way in the chain, nobody knows how: one that accepts, and one that drops."""
    return [replace(rule, verdict="accept"), replace(rule, verdict="drop")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A chain; a base chain has a hook."""

    name: str
    rules: tuple[Rule, ...] = ()
    hook: str = ""
    type: str = ""
    priority: int = 0
    policy: Literal["accept", "drop"] = "accept"
    device: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with its chains by name."""

    family: str
    name: str
    chains: dict[str, Chain]
    counters: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name in self.chains:
            self._follow(name, ())

    def _follow(self, name: str, way: tuple[str, ...]) -> None:
        """Raises `ConfigError` where a jump leads nowhere or in a circle, as the kernel does."""
        if name not in self.chains or name in way:
            problem = "leads in a circle" if name in way else "leads nowhere"
            raise ConfigError(f"table {self.title}: the jump to chain {name} {problem}")
        for rule in self.chains[name].rules:
            if rule.target:
                self._follow(rule.target, (*way, name))

    @property
    def title(self) -> str:
        """`inet tieline`."""
        return f"{self.family} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """All tables of a host, or those of one script."""

    tables: tuple[Table, ...]

    def table(self, family: str, name: str) -> Table | None:
        """The table of that name."""
        return next((table for table in self.tables if (table.family, table.name) == (family, name)), None)

    def bases(self, direction: Direction) -> list[tuple[Table, Chain]]:
        """The base chains on a packet's way, in their order."""
        hooks = PATHS[direction]
        met = [
            (hooks.index(chain.hook), chain.priority, table, chain)
            for table in self.tables
            for chain in table.chains.values()
            if chain.hook in hooks and table.family not in {"arp", "bridge"}
        ]
        return [(table, chain) for _, _, table, chain in sorted(met, key=lambda item: item[:2])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a packet's fate is decided: a rule of a chain, or the policy of a base chain, for which `rule` is None."""

    table: Table = field(repr=False)
    chain: Chain = field(repr=False)
    rule: Rule | None

    def __str__(self) -> str:
        what = f"policy {self.chain.policy}" if self.rule is None else f"`{self.rule.text}`"
        return f"table {self.table.title}, chain {self.chain.name}: {what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """Packets that pass every base chain of a direction, and what let them through, one place for each base chain."""

    box: Box
    places: tuple[Place, ...]


def passing(ruleset: Ruleset, direction: Direction, bound: Bound) -> list[Passing]:
    """What passes; among entries that overlap, the first is the one that counts."""
    result = [Passing(box=one, places=()) for one in possible(direction)]
    for table, chain in ruleset.bases(direction):
        accepted = _accepted(table, chain, bound)
        result = [
            Passing(box=both, places=(*before.places, place))
            for before in result
            for one, place in accepted
            if (both := overlap(before.box, one)) is not None
        ]
    return result


def possible(direction: Direction) -> list[Box]:
    """Every packet that goes this way: what arrives has no outgoing interface, what is sent has no incoming one."""
    if direction == "forward":
        forwarded = narrowed(narrowed(ANYTHING, Field.INPUT, NOT_LOOPBACK) or ANYTHING, Field.OUTPUT, NOT_LOOPBACK) or ANYTHING
        return overlaps(POSSIBLE, forwarded)
    none = Field.OUTPUT if direction == "input" else Field.INPUT
    return [(*one[:none], NO_INTERFACE, *one[none + 1 :]) for one in POSSIBLE]


NO_INTERFACE = ((0, 0),)
"""The empty name."""


def _accepted(table: Table, chain: Chain, bound: Bound) -> list[tuple[Box, Place]]:
    walk = _Walk(table, bound, sees_state=_sees_state(chain))
    alive = walk.start(chain)
    left = walk.through(chain, alive)
    if chain.policy == "accept":
        walk.accepted += [(one, Place(table=table, chain=chain, rule=None)) for one in left]
    walk.accepted += [(one, Place(table=table, chain=chain, rule=None)) for one in walk.not_met(chain)]
    return walk.accepted


def _sees_state(chain: Chain) -> bool:
    if chain.hook == "ingress":
        return False
    return chain.hook not in {"prerouting", "output"} or chain.priority > _BEFORE_TRACKING


class _Walk:
    """Goes through the chains of one base chain. What is alive may have been accepted already: a later accept changes nothing then,
    and neither does a later drop, so that only drops and returns have to be subtracted."""

    def __init__(self, table: Table, bound: Bound, *, sees_state: bool) -> None:
        self.accepted: list[tuple[Box, Place]] = []
        self._table = table
        self._bound = bound
        self._sees_state = sees_state

    def start(self, chain: Chain) -> list[Box]:
        """The packets that the base chain meets."""
        return overlaps(POSSIBLE, met) if (met := met_by(self._table, chain)) is not None else []

    def not_met(self, chain: Chain) -> list[Box]:
        """The packets of other families and interfaces."""
        met = met_by(self._table, chain)
        return subtract(POSSIBLE, [] if met is None else [met])

    def through(self, chain: Chain, alive: list[Box]) -> list[Box]:
        """What comes out at the end of the chain, or returns from it."""
        returned: list[Box] = []
        is_most = self._bound is Bound.MOST
        for rule in chain.rules:
            seen = seen_box(rule, sees_state=self._sees_state)
            if seen is None or rule.verdict == "continue":
                continue
            hit = overlaps(alive, seen)
            if not hit:
                continue
            is_sure = not rule.unsure
            match rule.verdict:
                case "accept":
                    if is_sure or is_most:
                        self.accepted += [(one, Place(table=self._table, chain=chain, rule=rule)) for one in hit]
                case "drop":
                    if is_sure or not is_most:
                        alive = subtract(alive, [seen])
                case "return":
                    if is_sure or is_most:
                        returned += hit
                    if is_sure or not is_most:
                        alive = subtract(alive, [seen])
                case "jump" | "goto":
                    before = len(self.accepted)
                    fell = self.through(self._table.chains[rule.target], hit)
                    if not is_sure and not is_most:
                        del self.accepted[before:]
                    if is_sure or not is_most:
                        alive = subtract(alive, [seen])
                    if rule.verdict == "jump":
                        alive = alive + fell
                    elif is_sure or is_most:
                        returned += fell
        return alive + returned


def met_by(table: Table, chain: Chain) -> Box | None:
    """The packets that a base chain meets, by its family and device."""
    met: Box | None = ANYTHING
    for family, addresses in (("ip", IPV4), ("ip6", IPV6)):
        if table.family == family and met is not None:
            met = narrowed(met, Field.SOURCE, addresses)
    if met is not None and chain.device:
        interface = Field.OUTPUT if chain.hook == "egress" else Field.INPUT
        met = narrowed(met, interface, interface_intervals(chain.device))
    return met


def seen_box(rule: Rule, *, sees_state: bool) -> Box | None:
    """The rule's box in a chain that sees the state of connections or, before connection tracking, sees each packet as invalid."""
    if rule.box is None or sees_state:
        return rule.box
    if not includes(rule.box[Field.STATE], State.INVALID):
        return None
    return (*rule.box[: Field.STATE], ANY_STATE, *rule.box[Field.STATE + 1 :])


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What happens to one packet."""

    passes: bool
    places: tuple[Place, ...]
    """What decided in each base chain; the last one dropped it where it does not pass."""


def decide(ruleset: Ruleset, direction: Direction, packet: Packet, bound: Bound) -> Decision:
    """The way of one packet through the base chains, rule by rule; where rules are unsure, the way that the bound asks for."""
    places: list[Place] = []
    for table, chain in ruleset.bases(direction):
        met = met_by(table, chain)
        if met is None or not packet.is_in(met):
            continue
        policy = (chain.policy == "accept", Place(table=table, chain=chain, rule=None))
        ends = [end or policy for end in _ends(table, chain, packet, sees_state=_sees_state(chain))]
        wanted = bound is Bound.MOST
        passes, place = next((end for end in ends if end[0] is wanted), ends[0])
        places.append(place)
        if not passes:
            return Decision(passes=False, places=tuple(places))
    return Decision(passes=True, places=tuple(places))


_End = tuple[bool, Place] | None
"""Whether a packet is accepted and where; None where the chain comes to its end without a verdict."""


def _ends(table: Table, chain: Chain, packet: Packet, *, sees_state: bool) -> list[_End]:
    """How the chain may end for the packet: one way, and another one for each rule that may match or not."""
    ends: list[_End] = []
    for rule in chain.rules:
        seen = seen_box(rule, sees_state=sees_state)
        if rule.verdict == "continue" or seen is None or not packet.is_in(seen):
            continue
        found: list[_End]
        goes_on = False
        match rule.verdict:
            case "accept" | "drop":
                found = [(rule.verdict == "accept", Place(table=table, chain=chain, rule=rule))]
            case "return":
                found = [None]
            case "jump" | "goto":
                found = _ends(table, table.chains[rule.target], packet, sees_state=sees_state)
                if rule.verdict == "jump":
                    goes_on = None in found
                    found = [end for end in found if end is not None]
        ends += found
        if not rule.unsure and not goes_on:
            return ends
    return [*ends, None]
