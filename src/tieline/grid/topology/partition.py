"""Connected components of a graph whose branches open and close.

How it works. Every vertex carries the label of its component, which is one of the component's members. All labels are computed at once
by hooking and shortcutting in whole columns: each round, the root of every component takes the smallest label among its neighbors, then
chains of labels are cut short until every vertex names a root; branches that have become inner ones are left out of the next round.

A single branch is cheaper. Closing it renames one of two components. Opening it asks whether its ends are still connected, by two
searches in turn from both ends: the smaller part is found in time proportional to itself, and in a mesh they meet soon. When neither
happens within `_PATIENCE` vertices, everything is computed again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tieline.grid.topology.states import Mask, Rows

_PATIENCE = 300
_FEW = 16
"""So many branches are opened or closed one after another; more are cheaper all at once."""


def components(count: int, one: Rows, other: Rows) -> Rows:
    """For each of `count` vertices the smallest member of its component, with branches from `one` to `other`."""
    labels = np.arange(count)
    while True:
        one, other = labels[one], labels[other]
        differs = one != other
        if not differs.any():
            return labels
        one, other = one[differs], other[differs]
        np.minimum.at(labels, np.maximum(one, other), np.minimum(one, other))
        while True:
            shorter = labels[labels]
            if np.array_equal(shorter, labels):
                break
            labels = shorter


class Graph:
    """Vertices and the branches between them; what is the same for every position of the switches."""

    def __init__(self, count: int, one: Rows, other: Rows) -> None:
        """Branch i leads from `one[i]` to `other[i]`."""
        self.count = count
        self.one = one
        self.other = other
        self.around: list[list[tuple[int, int]]] = [[] for _ in range(count)]
        """For each vertex its neighbors, each with the branch that leads there."""
        for branch, (a, b) in enumerate(zip(one.tolist(), other.tolist(), strict=True)):
            if a != b:
                self.around[a].append((b, branch))
                self.around[b].append((a, branch))


class Partition:
    """The components for one position of every branch."""

    def __init__(self, graph: Graph, *, like: Partition | None = None) -> None:
        """All branches are open, or as they are in another partition of the graph, from which it is independent."""
        self._graph = graph
        self._closed = bytearray(len(graph.one))
        self._mask = np.frombuffer(self._closed, np.bool_)
        self.labels = np.arange(graph.count)
        """For each vertex a member of its component, the same for all of them."""
        if like is not None:
            self._mask[:] = like.closed
            self.labels[:] = like.labels

    @property
    def closed(self) -> Mask:
        """Whether each branch is closed."""
        return self._mask

    def copy(self) -> Partition:
        """One that can be changed without changing this one."""
        return Partition(self._graph, like=self)

    def recompute(self, closed: Mask) -> None:
        """Takes these positions and computes everything."""
        self._mask[:] = closed
        self._recompute()

    def move(self, closed: Mask) -> None:
        """Takes these positions, which differ from the held ones a little or much."""
        moved = np.flatnonzero(closed != self._mask)
        if len(moved) > _FEW:
            self.recompute(closed)
            return
        self.operate((branch, bool(closed[branch])) for branch in moved.tolist())

    def operate(self, moves: Iterable[tuple[int, bool]]) -> None:
        """Closes or opens branches, one after another."""
        for branch, closes in moves:
            if bool(self._closed[branch]) == closes:
                continue
            self._closed[branch] = closes
            one, other = int(self._graph.one[branch]), int(self._graph.other[branch])
            if closes:
                self._join(one, other)
            elif one != other:
                self._part(one, other)

    def _recompute(self) -> None:
        graph = self._graph
        self.labels = components(graph.count, graph.one[self._mask], graph.other[self._mask])

    def _join(self, one: int, other: int) -> None:
        first, second = self.labels[one], self.labels[other]
        if first != second:
            self.labels[self.labels == second] = first

    def _part(self, one: int, other: int) -> None:
        """Finds what is cut off, by searches from both ends in turn."""
        seen = ({one}, {other})
        searches = (self._search(one, seen[0]), self._search(other, seen[1]))
        for _ in range(_PATIENCE):
            for side in (0, 1):
                found = next(searches[side], None)
                if found is None:
                    self._separate(seen[side], (other, one)[side])
                    return
                if found in seen[1 - side]:
                    return
        self._recompute()

    def _search(self, start: int, seen: set[int]) -> Iterator[int]:
        frontier = [start]
        around, closed = self._graph.around, self._closed
        for here in frontier:
            for there, branch in around[here]:
                if closed[branch] and there not in seen:
                    seen.add(there)
                    frontier.append(there)
                    yield there

    def _separate(self, part: set[int], beyond: int) -> None:
        """Gives one part another label than the rest, which `beyond` belongs to; a label is a member of its component."""
        label = int(self.labels[beyond])
        rows = np.fromiter(part, np.intp, len(part))
        if label in part:
            self.labels[self.labels == label] = beyond
            self.labels[rows] = label
        else:
            self.labels[rows] = rows[0]
