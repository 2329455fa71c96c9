"""The Merkle tree of RFC 6962 §2.1 (RFC 9162 §2.1): hashes, proofs, and their verification.

A tree of n leaves is the left one of the largest power of two below n, and the rest. What has to be kept to append is its frontier: the
roots of the complete subtrees it consists of, at most one of each size. Proofs are made from complete subtrees, which whoever has
the tiles gives by level and index.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

EMPTY = hashlib.sha256(b"").digest()
"""The root of the tree without leaves."""

HASH_BYTES = 32

Node = Callable[[int, int], bytes]
"""The root of the complete subtree of 2**level leaves, by level and by its index among those of its level."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf with this content."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return hashlib.sha256(b"\1" + left + right).digest()


def complete_root(hashes: bytes) -> bytes:
    """The root over a power of two of hashes, one after the other."""
    sha256 = hashlib.sha256
    while len(hashes) > HASH_BYTES:
        hashes = b"".join([sha256(b"\1" + hashes[at : at + 64]).digest() for at in range(0, len(hashes), 64)])
    return hashes


class Frontier:
    """A tree to which leaves are appended."""

    def __init__(self, size: int = 0, roots: Sequence[bytes] = ()) -> None:
        """`roots` are those of the complete subtrees of a tree of that size, the largest first."""
        if len(roots) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} complete subtrees, not {len(roots)}")
        self.size = size
        self._roots = list(roots)

    @property
    def roots(self) -> tuple[bytes, ...]:
        """Of the complete subtrees, the largest first."""
        return tuple(self._roots)

    def copy(self) -> Frontier:
        """One that goes its own way from here."""
        return Frontier(self.size, self._roots)

    def append(self, leaf: bytes) -> None:
        """One more leaf, by its hash."""
        self.append_complete(leaf, 1)

    def append_complete(self, root: bytes, count: int) -> None:
        """So many more leaves, a power of two by which the size can be divided, by the root over them."""
        size = self.size
        while size & count:
            root = node_hash(self._roots.pop(), root)
            size ^= count
            count <<= 1
        self._roots.append(root)
        self.size = size | count

    def root(self) -> bytes:
        """The root of the tree as it is."""
        if not self._roots:
            return EMPTY
        root = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            root = node_hash(left, root)
        return root


def frontier_of(leaves: Iterable[bytes]) -> Frontier:
    """The tree of these leaf hashes."""
    tree = Frontier()
    for leaf in leaves:
        tree.append(leaf)
    return tree


def frontier_at(size: int, node: Node) -> Frontier:
    """The tree of the first leaves of a larger one."""
    roots, begin = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            roots.append(node(level, begin >> level))
            begin += 1 << level
    return Frontier(size, roots)


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """That the leaf is in the tree of that size (RFC 9162 §2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has none with index {index}")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(_range_root(middle, end, node))
            end = middle
        else:
            path.append(_range_root(begin, middle, node))
            begin = middle
    return path[::-1]


def consistency_proof(first: int, second: int, node: Node) -> list[bytes]:
    """That the tree of the second size is the one of the first with leaves appended (RFC 9162 §2.1.4.1)."""
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {second} leaves does not begin with {first}")
    if first in {0, second}:
        return []
    proof: list[bytes] = []
    begin, end, is_known = 0, second, True
    while first != end:
        middle = begin + _split(end - begin)
        if first <= middle:
            proof.append(_range_root(middle, end, node))
            end = middle
        else:
            proof.append(_range_root(begin, middle, node))
            begin, is_known = middle, False
    if not is_known:
        proof.append(_range_root(begin, end, node))
    return proof[::-1]


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows that this leaf hash is in the tree with this root (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the second tree is the first with leaves appended (RFC 9162 §2.1.4.2)."""
    if first > second or first < 0:
        return False
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof and first_root == EMPTY
    path = list(proof) if first & (first - 1) else [first_root, *proof]
    if not path:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _split(count: int) -> int:
    """The largest power of two below it."""
    return 1 << (count - 1).bit_length() - 1


def _range_root(begin: int, end: int, node: Node) -> bytes:
    """The root over a range of leaves that begins at a multiple of the power of two at or above its length."""
    tree, at = Frontier(), begin
    while at < end:
        level = (end - at).bit_length() - 1
        tree.append_complete(node(level, at >> level), 1 << level)
        at += 1 << level
    return tree.root()
