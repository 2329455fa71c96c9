"""The algebra of subjects, compared with sets that are written out."""

from __future__ import annotations

import itertools
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from tieline.security.zones.subject_sets import Index, Term, common, contains, difference, without_covered

UNIVERSE = [".".join(words) for length in range(1, 6) for words in itertools.product("abc", repeat=length)]
"""Every subject of up to five words; `c` stands for all words that no pattern names."""

patterns = st.builds(
    lambda words, end: ".".join([*words, *end]),
    st.lists(st.sampled_from("ab*"), min_size=1, max_size=3),
    st.sampled_from([[], [">"]]),
) | st.just(">")
terms = st.builds(Term, patterns, st.frozensets(patterns, max_size=4))


@cache
def written_out(pattern: str) -> frozenset[str]:
    """By the definition of wildcards."""
    wanted = pattern.split(".")
    is_open = wanted[-1] == ">"
    fixed = wanted[:-1] if is_open else wanted
    found = set()
    for subject in UNIVERSE:
        words = subject.split(".")
        has_length = len(words) > len(fixed) if is_open else len(words) == len(fixed)
        if has_length and all(a in {"*", b} for a, b in zip(fixed, words, strict=False)):
            found.add(subject)
    return frozenset(found)


def subjects_of(term: Term) -> frozenset[str]:
    return written_out(term.pattern).difference(*map(written_out, term.excluded))


@given(patterns, patterns)
def test_one_pattern_contains_another_where_its_subjects_do(one: str, other: str) -> None:
    assert contains(one, other) == (written_out(other) <= written_out(one))


@given(patterns, patterns)
def test_what_patterns_have_in_common_is_a_pattern(one: str, other: str) -> None:
    shared = common(one, other)
    assert (frozenset() if shared is None else written_out(shared)) == written_out(one) & written_out(other)


@given(terms)
def test_a_term_is_empty_or_has_a_witness(term: Term) -> None:
    witness = term.witness()
    assert (witness is None) == (not subjects_of(term))
    assert witness is None or term.has(witness)


@given(terms, st.lists(terms, max_size=3))
def test_a_difference_is_found_where_there_is_one(term: Term, others: list[Term]) -> None:
    left = subjects_of(term).difference(*map(subjects_of, others))
    witness = difference(term, others)
    assert (witness is None) == (not left)
    assert witness is None or (term.has(witness) and not any(other.has(witness) for other in others))


@given(terms, terms)
def test_terms_meet_in_what_is_in_both(one: Term, other: Term) -> None:
    both = one.meet(other)
    assert (frozenset() if both is None else subjects_of(both)) == subjects_of(one) & subjects_of(other)


@given(st.lists(patterns, max_size=6), patterns)
def test_an_index_finds_what_overlaps_and_nothing_else(held: list[str], asked: str) -> None:
    index = Index((each, number) for number, each in enumerate(held))
    found = sorted(number for _, number in index.overlapping(asked))
    assert found == [number for number, each in enumerate(held) if common(each, asked) is not None]


@given(st.lists(patterns, max_size=6))
def test_patterns_that_others_contain_say_nothing_more(held: list[str]) -> None:
    kept = without_covered(held)
    assert set().union(*map(written_out, kept)) == set().union(*map(written_out, held))
    assert not any(contains(one, other) for one in kept for other in kept if one is not other)


def test_a_witness_has_a_word_that_nobody_names_where_it_may() -> None:
    assert Term("health.*", frozenset({"health.x", "health.xx"})).witness() == "health.xxx"
    assert Term("a.>", frozenset({"a.*", "a.*.b.>"})).witness() == "a.x.x"
