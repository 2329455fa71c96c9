"""Sets of NATS subjects, exactly: what patterns have in common, whether one set lies within another, and a subject that shows it does not.

A subject is words joined by dots. A pattern may have `*`, which is any one word, and `>` at its end, which is one word or more. A `Term` is
the subjects of one pattern without those of others, which is what a permission with `allow` and `deny` is; a set is a number of terms.

How it works. Every pattern is looked at word by word from the left, so the patterns that a subject still matches after some words are all
there is to know about it. A subject in a term is searched for word by word: after each word those exclusions stay that still match. Of all
words that no pattern names, one stands for every other, so the search is finite and misses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Words = tuple[str, ...]
V = TypeVar("V")

OTHER = "x"
"""Begins a word that no pattern names."""


def words_of(pattern: str) -> Words:
    """The words of a pattern or subject."""
    return tuple(pattern.split("."))


def matches(pattern: str, subject: str) -> bool:
    """Whether the pattern matches the subject, which has no wildcard."""
    return contains(pattern, subject)


def contains(pattern: str, other: str) -> bool:
    """Whether everything that `other` matches is matched by `pattern`."""
    ours, theirs = words_of(pattern), words_of(other)
    for index, word in enumerate(ours):
        if word == ">":
            return len(theirs) > index
        if index >= len(theirs) or theirs[index] == ">" or word not in {"*", theirs[index]}:
            return False
    return len(ours) == len(theirs)


def common(one: str, other: str) -> str | None:
    """The pattern of what both match; None where nothing does."""
    ours, theirs = words_of(one), words_of(other)
    shared: list[str] = []
    for index in range(max(len(ours), len(theirs))):
        if index >= len(ours) or index >= len(theirs):
            return None
        a, b = ours[index], theirs[index]
        if a == ">":
            return ".".join((*shared, *theirs[index:]))
        if b == ">":
            return ".".join((*shared, *ours[index:]))
        if a != b and "*" not in {a, b}:
            return None
        shared.append(b if a == "*" else a)
    return ".".join(shared)


def without_covered(patterns: Iterable[str]) -> tuple[str, ...]:
    """The patterns without those that another one contains, in their order."""
    index: Index[int] = Index()
    given = list(dict.fromkeys(patterns))
    for number, pattern in enumerate(given):
        index.add(pattern, number)
    return tuple(
        pattern
        for number, pattern in enumerate(given)
        if not any(other != number and contains(given[other], pattern) for _, other in index.overlapping(pattern))
    )


@dataclass(frozen=True, slots=True)
class Term:
    """The subjects of one pattern, without those of others."""

    pattern: str
    excluded: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.pattern} without {' '.join(sorted(self.excluded))}" if self.excluded else self.pattern

    def meet(self, other: Term) -> Term | None:
        """What is in both; None where nothing is."""
        shared = common(self.pattern, other.pattern)
        if shared is None:
            return None
        return self._of(shared, self.excluded | other.excluded)

    def without(self, patterns: Iterable[str]) -> Term | None:
        """What no pattern matches; None where nothing is left."""
        return self._of(self.pattern, self.excluded | frozenset(patterns))

    @staticmethod
    def _of(pattern: str, excluded: Iterable[str]) -> Term | None:
        term = Term(pattern, frozenset(each for each in excluded if common(each, pattern) is not None))
        return None if term.witness() is None else term

    def has(self, subject: str) -> bool:
        """Whether the subject is in it."""
        return matches(self.pattern, subject) and not any(matches(each, subject) for each in self.excluded)

    def witness(self) -> str | None:
        """A subject in it; None where it is empty."""
        if any(contains(each, self.pattern) for each in self.excluded):
            return None
        found = _search(words_of(self.pattern), [words_of(each) for each in self.excluded], 0)
        return None if found is None else ".".join(found)


def difference(term: Term, other: Iterable[Term]) -> str | None:
    """A subject that is in the term and in none of the others; None where there is none."""
    pending = [term]
    for each in other:
        left: list[Term] = []
        for part in pending:
            if common(part.pattern, each.pattern) is None:
                left.append(part)
                continue
            outside = part.without([each.pattern])
            if outside is not None:
                left.append(outside)
            for excluded in each.excluded:  # what the other one leaves out itself
                inside = part.meet(Term(excluded))
                if inside is not None:
                    left.append(inside)
        pending = left
        if not pending:
            return None
    return next((subject for part in pending if (subject := part.witness()) is not None), None)


def without_contained(terms: Iterable[Term]) -> tuple[Term, ...]:
    """The terms without those whose pattern one without exclusions contains, in their order."""
    given = list(dict.fromkeys(terms))
    whole = [each for each in given if not each.excluded]
    return tuple(
        each for each in given if not any(other is not each and contains(other.pattern, each.pattern) for other in whole)
    )


def _search(pattern: Words, excluded: list[Words], depth: int) -> list[str] | None:
    """Words from `depth` on that end a subject of the pattern which none of the excluded, alive up to here, matches."""
    is_open = pattern[min(depth, len(pattern) - 1)] == ">" and depth >= len(pattern) - 1
    if depth >= len(pattern) and not is_open:
        return None if any(len(each) == depth for each in excluded) else []
    if is_open and depth >= len(pattern) and not any(len(each) == depth and each[-1] != ">" for each in excluded):
        return []
    if depth > _longest(pattern, excluded):
        return None
    wanted = "*" if is_open else pattern[depth]
    named = {each[depth] for each in excluded if depth < len(each)} - {"*", ">"}
    candidates = [wanted] if wanted != "*" else [_other(named), *sorted(named)]
    for word in candidates:
        alive: list[Words] = []
        is_covered = False
        for each in excluded:
            if depth >= len(each):
                continue
            if each[depth] == ">":
                is_covered = True
                break
            if each[depth] in {"*", word}:
                alive.append(each)
        if is_covered:
            continue
        rest = _search(pattern, alive, depth + 1)
        if rest is not None:
            return [word, *rest]
    return None


def _longest(pattern: Words, excluded: list[Words]) -> int:
    return max(len(pattern), *(len(each) for each in excluded), 0) + 1 if excluded else len(pattern)


def _other(named: Iterable[str]) -> str:
    taken, word = set(named), OTHER
    while word in taken:
        word += OTHER
    return word


@dataclass(slots=True)
class _Node(Generic[V]):
    children: dict[str, _Node[V]] = field(default_factory=dict)
    values: list[tuple[str, V]] = field(default_factory=list)


class Index(Generic[V]):
    """Patterns with values, found by what they have in common with another pattern without a look at the others."""

    def __init__(self, entries: Iterable[tuple[str, V]] = ()) -> None:
        self._root: _Node[V] = _Node()
        for pattern, value in entries:
            self.add(pattern, value)

    def add(self, pattern: str, value: V) -> None:
        """Adds one; the same pattern may be there several times."""
        node = self._root
        for word in words_of(pattern):
            node = node.children.setdefault(word, _Node())
        node.values.append((pattern, value))

    def overlapping(self, pattern: str) -> Iterator[tuple[str, V]]:
        """The entries that match a subject which the pattern matches."""
        words = words_of(pattern)
        stack: list[tuple[_Node[V], int]] = [(self._root, 0)]
        while stack:
            node, depth = stack.pop()
            if depth == len(words):
                yield from node.values
                continue
            word = words[depth]
            if word == ">":
                yield from _below(node)
                continue
            if (rest := node.children.get(">")) is not None:
                yield from rest.values
            if word == "*":
                stack.extend((child, depth + 1) for key, child in node.children.items() if key != ">")
            else:
                stack.extend((child, depth + 1) for key in (word, "*") if (child := node.children.get(key)) is not None)


def _below(node: _Node[V]) -> Iterator[tuple[str, V]]:
    stack = list(node.children.values())
    while stack:
        each = stack.pop()
        yield from each.values
        stack.extend(each.children.values())
