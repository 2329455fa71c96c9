"""Questions that are asked before a switch is operated, answered by supposing that it is.

Each verdict has `ok`: True where nothing speaks against it from this side, False where something does for certain, None where that
depends on what is not known; and words for the person who asks. A False or True holds for every position of the unknown switches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tieline.grid.topology.conduction import Conduction
from tieline.grid.topology.network import Network
from tieline.grid.topology.positions import Positions
from tieline.grid.topology.states import Levels, Mask, Position
from tieline.grid.topology.voltages import Voltages

_MOST_NAMED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """An answer."""

    ok: bool | None
    """None where it is not known, which is no permission."""
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect(Verdict):
    """An answer with what changes."""

    equipment: tuple[str, ...] = ()
    """What changes for certain, the largest load first."""
    possibly: tuple[str, ...] = ()
    """What may change besides."""
    load_mw: float = 0.0
    """Customers' peak of what changes for certain."""
    load_mw_at_most: float = 0.0


class Situation(Protocol):
    """What the questions are asked of."""

    network: Network
    conduction: Conduction
    positions: Positions
    voltages: Voltages


def would_parallel(now: Situation, switch: str) -> Verdict:
    """Whether closing the switch closes a loop or connects two energized islands."""
    row, ends = _ends(now, switch)
    if now.conduction.state[row] == Position.CLOSED:
        return Verdict(ok=True, words=f"{switch} is closed already")
    if not ends:
        return Verdict(ok=True, words=f"{switch} connects with earth only")
    apart = now.conduction.supposing({row: Position.OPEN})
    energized = apart.energized()
    electric = apart.electric
    is_possible = False
    for one, other in ends:
        if min(energized[one], energized[other]) == 2:
            if electric.label(one) == electric.label(other):
                return Verdict(ok=False, words=f"closing {switch} closes a loop: both its sides are energized by one island")
            if electric.label(one, possible=True) != electric.label(other, possible=True):
                return Verdict(ok=False, words=f"closing {switch} connects two energized islands")
            return Verdict(ok=False, words=f"closing {switch} connects two energized parts, of one island or of two")
        is_possible |= min(energized[one], energized[other]) > 0
    if not is_possible:
        return Verdict(ok=True, words=f"closing {switch} makes nothing parallel: {_dead_side(now, ends[0], energized)}")
    return Verdict(
        ok=None,
        words=f"whether both sides of {switch} are energized is not known{_because(now, (node for pair in ends for node in pair))}",
    )


def synchrocheck_needed(now: Situation, switch: str) -> Verdict:
    """Whether the switch may be closed only with a synchrocheck: `ok` is True where it needs none, because a side is dead."""
    row, ends = _ends(now, switch)
    if now.conduction.state[row] == Position.CLOSED:
        return Verdict(ok=True, words=f"{switch} is closed already")
    if not ends:
        return Verdict(ok=True, words=f"{switch} connects with earth only")
    apart = now.conduction.supposing({row: Position.OPEN})
    energized = apart.energized()
    live = now.voltages.is_live
    generating = np.zeros(len(energized), np.bool_)
    generating[now.network.generator_nodes] = True
    verdict = Verdict(ok=True, words=f"{switch} needs no synchrocheck: {_dead_side(now, ends[0], energized)}")
    for one, other in ends:
        if min(energized[one], energized[other]) == 2:
            return Verdict(ok=False, words=f"{switch} needs a synchrocheck: both its sides are energized")
        for here, there in ((one, other), (other, one)):
            if energized[here] == 0 and energized[there] > 0:
                measured = np.flatnonzero(apart.galvanic.together(here) & live)
                if len(measured):
                    words = f"{switch} needs a synchrocheck: {now.voltages.words(int(measured[0]))}, though no source reaches it"
                    return Verdict(ok=False, words=words)
                if (apart.electric.together(here, possible=True) & generating).any():
                    words = f"whether {switch} needs a synchrocheck is not known: {_generators(now, apart, here)} may feed its dead side"
                    verdict = Verdict(ok=None, words=words)
        if min(energized[one], energized[other]) == 1:
            verdict = Verdict(
                ok=None, words=f"whether both sides of {switch} are energized is not known{_because(now, (one, other))}"
            )
    return verdict


def would_energize(now: Situation, switch: str) -> Effect:
    """What closing the switch energizes; not `ok` where something of that is earthed."""
    row, ends = _ends(now, switch)
    before, after = now.conduction.supposing({row: Position.OPEN}), now.conduction.supposing({row: Position.CLOSED})
    old, new = now.network.worst_of(before.energized()), now.network.worst_of(after.energized())
    is_open = now.conduction.state[row] == Position.OPEN
    effect = _effect(
        now.network, (old == 0) & (new == 2) & is_open, (old < 2) & (new > 0) & now.network.at(_gaining(now, before, ends))
    )
    if now.conduction.state[row] == Position.CLOSED:
        return Effect(ok=True, words=f"{switch} is closed already")
    if now.network.is_earthing(switch):
        earthing = would_earth_live(now, switch)
        return Effect(ok=earthing.ok, words=earthing.words)
    shorted = np.flatnonzero(_shorted(before, after))
    if len(shorted):
        return _with(effect, ok=False, words=f"closing {switch} puts voltage on earthed equipment: {_places(now, shorted)}")
    perhaps = np.flatnonzero(_perhaps_shorted(now, before, after, ends))
    if len(perhaps):
        words = f"whether closing {switch} puts voltage on earthed equipment is not known: {_places(now, perhaps)}"
        return _with(effect, ok=None, words=f"{words}{_because(now, perhaps.tolist(), earthing=True)}")
    return _with(effect, ok=True, words=f"closing {switch} energizes {_summary(effect)}")


def would_deenergize(now: Situation, switch: str) -> Effect:
    """What opening the switch takes the voltage from; `ok` where that is nothing."""
    row, ends = _ends(now, switch)
    if now.conduction.state[row] == Position.OPEN:
        return Effect(ok=True, words=f"{switch} is open already")
    after = now.conduction.supposing({row: Position.OPEN})
    old, new = now.conduction.energized(), after.energized()
    behind = np.zeros(len(old), np.bool_)
    for node in {node for pair in ends for node in pair}:
        if new[node] < 2:
            behind |= after.electric.together(node, possible=True)
    if all(after.electric.label(one) == after.electric.label(other) for one, other in ends):
        behind[:] = False
    worst_of = now.network.worst_of
    certain = (worst_of(old) == 2) & (worst_of(new) == 0)
    effect = _effect(
        now.network, certain, (worst_of(old) > 0) & (worst_of(new) < 2) & now.network.at(behind & now.network.is_fed)
    )
    if effect.equipment:
        return _with(effect, ok=False, words=f"opening {switch} de-energizes {_summary(effect)}")
    if effect.possibly:
        because = _because(now, np.flatnonzero(behind).tolist())
        words = f"whether opening {switch} de-energizes something is not known: {_summary(effect)}{because}"
        return _with(effect, ok=None, words=words)
    return _with(effect, ok=True, words=f"opening {switch} de-energizes nothing")


def would_earth_live(now: Situation, switch: str) -> Verdict:
    """Whether closing an earthing switch earths something that is energized, or may be."""
    row = now.network.switch(switch)
    if not now.network.is_earthing(switch):
        return Verdict(ok=True, words=f"{switch} does not connect with earth")
    node = now.network.node(now.network.piece(switch).nodes[0])
    energized = now.conduction.energized()
    name = now.network.places[node].name
    if energized[node] == 2:
        return Verdict(ok=False, words=f"closing {switch} earths {name}, which is energized")
    measured = np.flatnonzero(now.conduction.galvanic.together(node) & now.voltages.is_live)
    if len(measured):
        words = f"closing {switch} earths {name}, which is computed as dead, but {now.voltages.words(int(measured[0]))}"
        return Verdict(ok=False, words=words)
    if energized[node] == 1:
        because = _because(now, [node])
        return Verdict(ok=None, words=f"whether {name}, which {switch} earths, is energized is not known{because}")
    possible = np.flatnonzero(now.conduction.galvanic.together(node, possible=True) & now.voltages.is_live)
    if len(possible):
        words = f"{name}, which {switch} earths, may be connected with where {now.voltages.words(int(possible[0]))}"
        return Verdict(ok=None, words=words)
    if now.conduction.state[row] == Position.CLOSED:
        return Verdict(ok=True, words=f"{switch} is closed already")
    generators = _generators(now, now.conduction, node)
    if generators:
        return Verdict(ok=None, words=f"{name} is connected with no source, but {generators} may feed it")
    return Verdict(ok=True, words=f"{name}, which {switch} earths, is de-energized")


def _ends(now: Situation, switch: str) -> tuple[int, list[tuple[int, int]]]:
    row = now.network.switch(switch)
    branches = now.network.piece(switch).branches
    return row, [(now.network.node(one), now.network.node(other)) for one, other in branches]


def _gaining(now: Situation, before: Conduction, ends: Iterable[tuple[int, int]]) -> Mask:
    """Nodes that may get voltage through the switch: on a side that may have none, beside one that may have some."""
    energized = before.energized()
    gaining = np.zeros(len(energized), np.bool_)
    for pair in ends:
        if before.electric.label(pair[0]) == before.electric.label(pair[1]):
            continue
        for here, there in (pair, pair[::-1]):
            if energized[here] < 2 and energized[there] > 0:
                gaining |= before.electric.together(here, possible=True)
    return gaining & now.network.is_fed


def _shorted(before: Conduction, after: Conduction) -> Mask:
    """Nodes that are energized and earthed for certain once the switch is closed, and were not before."""
    was = (before.energized() == 2) & (before.earthed() == 2)
    shorted: Mask = (after.energized() == 2) & (after.earthed() == 2) & ~was
    return shorted


def _perhaps_shorted(now: Situation, before: Conduction, after: Conduction, ends: Sequence[tuple[int, int]]) -> Mask:
    """Nodes that may be energized and earthed once the switch is closed, by its doing."""
    was, were = before.energized() > 0, before.earthed() > 0
    found = _gaining(now, before, ends)
    for pair in ends:
        joined = after.galvanic.together(pair[0], possible=True)
        found = found | joined if _meets(was, were, pair) else found & ~joined
    return found & (after.energized() > 0) & (after.earthed() > 0)


def _meets(energized: Mask, earthed: Mask, pair: tuple[int, int]) -> bool:
    """Whether one side brings the voltage and the other one the earth; only then is a short circuit the doing of the switch between."""
    one, other = pair
    return bool((energized[one] and earthed[other]) or (energized[other] and earthed[one]))


def _effect(network: Network, certain: Mask, possible: Mask) -> Effect:
    surely, maybe = (
        sorted((network.pieces[row] for row in np.flatnonzero(mask).tolist()), key=lambda piece: -piece.load_mw)
        for mask in (certain, possible & ~certain)
    )
    sure_mw = sum((piece.load_mw for piece in surely), 0.0)
    return Effect(
        ok=None,
        words="",
        equipment=tuple(piece.name for piece in surely),
        possibly=tuple(piece.name for piece in maybe),
        load_mw=sure_mw,
        load_mw_at_most=sure_mw + sum(piece.load_mw for piece in maybe),
    )


def _with(effect: Effect, *, ok: bool | None, words: str) -> Effect:
    return Effect(
        ok=ok,
        words=words,
        equipment=effect.equipment,
        possibly=effect.possibly,
        load_mw=effect.load_mw,
        load_mw_at_most=effect.load_mw_at_most,
    )


def _summary(effect: Effect) -> str:
    """`ng-f2, ng-harbor and 1 more (9.6 MW of load at peak)`."""
    if not effect.equipment and not effect.possibly:
        return "nothing"
    names = _named(effect.equipment) if effect.equipment else f"perhaps {_named(effect.possibly)}"
    if effect.load_mw_at_most > effect.load_mw:
        return f"{names} ({effect.load_mw:.3g} to {effect.load_mw_at_most:.3g} MW of load at peak)"
    return f"{names} ({effect.load_mw:.3g} MW of load at peak)" if effect.load_mw else names


def _named(names: Iterable[str]) -> str:
    each = list(dict.fromkeys(names))
    rest = len(each) - _MOST_NAMED
    if rest > 0:
        return f"{', '.join(each[:_MOST_NAMED])} and {rest} more"
    return " and ".join(filter(None, [", ".join(each[:-1]), *each[-1:]]))


def _places(now: Situation, nodes: npt.NDArray[np.intp]) -> str:
    return _named(now.network.places[node].name for node in nodes.tolist())


def _generators(now: Situation, conduction: Conduction, node: int) -> str:
    """Solar, storage and generators that may be connected with a node."""
    connected = conduction.electric.together(node, possible=True)
    at = np.zeros(len(connected), np.bool_)
    nodes = now.network.generator_nodes
    at[nodes[connected[nodes]]] = True
    pieces = (now.network.pieces[row] for row in np.flatnonzero(now.network.at(at)).tolist())
    return _named(piece.name for piece in pieces if piece.is_generator)


def _dead_side(now: Situation, ends: tuple[int, int], energized: Levels) -> str:
    dead = [now.network.places[node].name for node in ends if energized[node] == 0]
    return f"{_named(dead)} {'are' if len(dead) > 1 else 'is'} not energized"


def _because(now: Situation, nodes: Iterable[int], *, earthing: bool = False) -> str:
    """Which unknown positions the state of these nodes may depend on: `, because the position of mb-q1 is not known (...)`."""
    nodes = list(nodes)
    network, conduction = now.network, now.conduction
    if not network.is_fed[nodes].all():
        return ", because no source of the model leads there"
    bounds = conduction.galvanic if earthing else conduction.electric
    near = np.zeros(len(network.places), np.bool_)
    for node in nodes[:_MOST_NAMED]:
        near |= bounds.together(node, possible=True)
    unknown = [
        network.switches[row]
        for row in np.flatnonzero(conduction.state == Position.UNKNOWN).tolist()
        if network.is_earthing(network.switches[row]) == earthing or not network.is_earthing(network.switches[row])
        if any(near[network.node(end)] for end in network.piece(network.switches[row]).nodes)
    ]
    if not unknown:
        return ""
    first = unknown[0]
    others = f" and of {len(unknown) - 1} more" if len(unknown) > 1 else ""
    return f", because the position of {first}{others} is not known ({now.positions.why_unknown(network.switch(first))})"
