"""The tree is that of RFC 6962: the published vectors of Certificate Transparency, and every proof of every small tree."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.security.audit.merkle import (
    EMPTY,
    Frontier,
    consistency_proof,
    frontier_at,
    frontier_of,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
)

LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Tree heads of 1 to 8 of the leaves, as the reference implementation of Certificate Transparency publishes them."""

INCLUSION = [
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
]
CONSISTENCY = [
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
]


def mth(leaves: list[bytes]) -> bytes:
    """The definition, word by word: RFC 6962 §2.1, over leaf hashes."""
    from tieline.security.audit.merkle import node_hash

    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return node_hash(mth(leaves[:middle]), mth(leaves[middle:]))


class Nodes:
    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves

    def __call__(self, level: int, index: int) -> bytes:
        chosen = self.leaves[index << level : (index + 1) << level]
        assert len(chosen) == 1 << level, "only complete subtrees are asked for"
        return mth(chosen)


def hashes(count: int) -> list[bytes]:
    return [leaf_hash(number.to_bytes(2, "big")) for number in range(count)]


def test_tree_heads_are_the_published_ones() -> None:
    tree = Frontier()
    assert tree.root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        tree.append(leaf_hash(leaf))
        assert tree.root().hex() == root


@pytest.mark.parametrize(("index", "size", "proof"), INCLUSION)
def test_inclusion_proofs_are_the_published_ones(index: int, size: int, proof: list[str]) -> None:
    leaves = [leaf_hash(leaf) for leaf in LEAVES]
    made = inclusion_proof(index, size, Nodes(leaves))
    assert [each.hex() for each in made] == proof
    assert is_included(leaves[index], index, size, made, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("first", "second", "proof"), CONSISTENCY)
def test_consistency_proofs_are_the_published_ones(first: int, second: int, proof: list[str]) -> None:
    made = consistency_proof(first, second, Nodes([leaf_hash(leaf) for leaf in LEAVES]))
    assert [each.hex() for each in made] == proof
    assert is_consistent(first, second, bytes.fromhex(ROOTS[first - 1]), bytes.fromhex(ROOTS[second - 1]), made)


def test_every_leaf_of_every_small_tree_is_shown_to_be_in_it_and_no_other() -> None:
    leaves = hashes(34)
    for size in range(1, 35):
        root = mth(leaves[:size])
        for index in range(size):
            proof = inclusion_proof(index, size, Nodes(leaves))
            assert is_included(leaves[index], index, size, proof, root)
            assert not is_included(leaves[index - 1], index, size, proof, root) or size == 1
            assert not is_included(leaves[index], index, size, [*proof, root], root)
            assert not any(is_included(leaves[index], other, size, proof, root) for other in range(size) if other != index)


def test_every_small_tree_is_shown_to_begin_with_every_smaller_one_and_with_no_other() -> None:
    leaves = hashes(34)
    roots = [mth(leaves[:size]) for size in range(35)]
    forged = mth([leaf_hash(b"forged"), *leaves[1:]])
    for second in range(35):
        for first in range(second + 1):
            proof = consistency_proof(first, second, Nodes(leaves))
            assert is_consistent(first, second, roots[first], roots[second], proof)
            assert first == 0 or not is_consistent(first, second, forged, roots[second], proof)
            assert not is_consistent(first, second, roots[first], forged, proof) or first == 0
            assert not is_consistent(second, first, roots[second], roots[first], proof) or first == second
            for number in range(len(proof)):
                assert not is_consistent(first, second, roots[first], roots[second], proof[:number] + proof[number + 1 :])


@given(size=st.integers(0, 1_200), cut=st.integers(0, 1_200))
@settings(max_examples=40, deadline=None)
def test_a_tree_grown_leaf_by_leaf_or_by_subtrees_is_that_of_the_definition(size: int, cut: int) -> None:
    leaves = hashes(size)
    assert frontier_of(leaves).root() == mth(leaves)
    at = min(size, cut)
    tree = frontier_at(at, Nodes(leaves))
    assert tree.root() == mth(leaves[:at])
    for leaf in leaves[at:]:
        tree.append(leaf)
    assert tree.root() == mth(leaves)
    assert len(tree.roots) == size.bit_count()


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=6), st.integers(0, 40), st.integers(0, 40), st.binary(max_size=32))
@settings(max_examples=200, deadline=None)
def test_no_made_up_proof_shows_anything(proof: list[bytes], first: int, second: int, root: bytes) -> None:
    leaves = hashes(40)
    assert not is_included(leaves[0], first, second, proof, root) or (second == 1 and root == leaves[0])
    assert not is_consistent(first, second, mth(leaves[:first]), root, proof) or first in {0, second}
