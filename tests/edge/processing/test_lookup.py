from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tieline.model.lookup import Lookup

IDS = st.integers(0, 2**32 - 1)


@given(st.lists(IDS, max_size=60, unique=True), st.lists(IDS, max_size=30), st.randoms(use_true_random=False))
def test_every_id_is_found_and_no_other(ids: list[int], others: list[int], random: object) -> None:
    ordered = sorted(ids)
    sought = [*ids, *others]
    random.shuffle(sought)  # type: ignore[attr-defined]
    found = Lookup(np.array(ordered, np.uint32)).rows(np.array(sought, np.uint32))
    assert found.tolist() == [ordered.index(number) if number in ordered else -1 for number in sought]


def test_ids_that_follow_each_other_are_found_as_well_as_hashes() -> None:
    for ids in (np.arange(5_000), np.arange(5_000) << 16, np.sort(np.random.default_rng(1).choice(2**32, 5_000, replace=False))):
        column = ids.astype(np.uint32)
        assert np.array_equal(Lookup(column).rows(column[::-1]), np.arange(5_000)[::-1])
