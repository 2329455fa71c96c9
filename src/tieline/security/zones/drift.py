"""How the table that runs on a host differs from the one that is made from the plan, rule by rule, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tieline.security.zones.nftables import FAMILY, TABLE
from tieline.security.zones.ruleset import Chain, Rule, Ruleset


def drift(wanted: Ruleset, running: Ruleset) -> list[str]:
    """One line for each difference of our own table; empty where it is as it should be."""
    mine, theirs = wanted.table(FAMILY, TABLE), running.table(FAMILY, TABLE)
    assert mine is not None
    if theirs is None:
        return [f"table {FAMILY} {TABLE} is not loaded"]
    lines = [f"chain {name} is missing" for name in mine.chains if name not in theirs.chains]
    lines += [f"chain {name} is there and should not be" for name in theirs.chains if name not in mine.chains]
    lines += [f"counter {name} is missing" for name in sorted(mine.counters - theirs.counters)]
    for name, chain in mine.chains.items():
        if name in theirs.chains:
            lines += _of_chain(chain, theirs.chains[name])
    return lines


def others(running: Ruleset) -> list[str]:
    """The tables of others, which may close what ours opens and open nothing that it closes."""
    return [table.title for table in running.tables if (table.family, table.name) != (FAMILY, TABLE)]


def _of_chain(wanted: Chain, running: Chain) -> Iterator[str]:
    for word, mine, theirs in (
        ("policy", wanted.policy, running.policy),
        ("hook", wanted.hook, running.hook),
        ("priority", wanted.priority, running.priority),
    ):
        if mine != theirs:
            yield f"chain {wanted.name}: {word} is {theirs}, should be {mine}"
    mine_by, theirs_by = ({_key(rule): rule for rule in chain.rules} for chain in (wanted, running))
    mine_often, theirs_often = (Counter(_key(rule) for rule in chain.rules) for chain in (wanted, running))
    for key in theirs_often - mine_often:
        yield f"chain {wanted.name}: added: {_words(theirs_by[key])}"
    for key in mine_often - theirs_often:
        yield f"chain {wanted.name}: missing: {_words(mine_by[key])}"
    if mine_often == theirs_often and [*map(_key, wanted.rules)] != [*map(_key, running.rules)]:
        yield f"chain {wanted.name}: the same rules in another order"


def _key(rule: Rule) -> tuple[object, ...]:
    unsure = rule.text if rule.unsure and rule.verdict != "continue" else bool(rule.unsure)
    return rule.box, rule.verdict, rule.target, rule.comment, rule.counter, rule.logs, rule.log_prefix, unsure, rule.changes


def _words(rule: Rule) -> str:
    return f"{rule.text} ({rule.comment})" if rule.comment else rule.text
