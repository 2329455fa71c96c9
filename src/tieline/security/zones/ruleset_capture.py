"""A rule set as `nft -j list ruleset` tells it (libnftables-json(5)), read into the model.

Nothing is passed over in silence: a rule that cannot be read stays as one that may match anything, with the reason.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tieline.model import ConfigError
from tieline.security.zones.packets import ANYTHING, Box, Intervals, normalized
from tieline.security.zones.ruleset import Chain, Rule, Ruleset, Table, Verdict, either_way
from tieline.security.zones.ruleset_matches import NotUnderstoodError, narrow, value_intervals

_VERDICTS: dict[str, Verdict] = {
    "accept": "accept",
    "drop": "drop",
    "reject": "drop",
    "return": "return",
    "continue": "continue",
    "jump": "jump",
    "goto": "goto",
}
_CHANGES = {
    "snat": "rewrites source addresses",
    "dnat": "rewrites target addresses",
    "masquerade": "rewrites source addresses",
    "redirect": "rewrites target ports",
    "tproxy": "hands packets to a local proxy",
    "notrack": "takes packets off connection tracking",
    "queue": "hands packets to a program",
    "fwd": "sends packets elsewhere",
    "dup": "sends copies elsewhere",
    "mangle": "rewrites packets",
    "synproxy": "answers in place of the target",
    "flow": "lets connections bypass the rules",
    "ct helper": "lets a helper expect connections",
    "set": "fills a set while it runs",
    "map": "fills a map while it runs",
}
_HARMLESS = {"comment", "last"}

Item = Mapping[str, Any]


def read_capture(text: str) -> Ruleset:
    """The rule set. Raises `ConfigError` where the text is no output of `nft -j list ruleset`."""
    try:
        items = json.loads(text)["nftables"]
        return _ruleset([item for item in items if isinstance(item, dict)])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"this is no output of `nft -j list ruleset`: {error}") from error


def _ruleset(items: Sequence[Item]) -> Ruleset:
    tables: dict[tuple[str, str], dict[str, Chain]] = {}
    counters: dict[tuple[str, str], set[str]] = defaultdict(set)
    sets: dict[tuple[str, str, str], Item] = {}
    rules: dict[tuple[str, str, str], list[Rule]] = defaultdict(list)
    for item in items:
        for kind, value in item.items():
            match kind:
                case "table":
                    tables[value["family"], value["name"]] = {}
                case "chain":
                    tables[value["family"], value["table"]][value["name"]] = _chain(value)
                case "counter":
                    counters[value["family"], value["table"]].add(value["name"])
                case "set" | "map":
                    sets[value["family"], value["table"], value["name"]] = value
    for item in items:
        value = item.get("rule")
        if value is not None:
            key = value["family"], value["table"], value["chain"]
            rules[key] += _Reader(sets, key[:2]).rules(value)
    return Ruleset(
        tables=tuple(
            Table(
                family=family,
                name=name,
                chains={chain.name: replace(chain, rules=tuple(rules[family, name, chain.name])) for chain in chains.values()},
                counters=frozenset(counters[family, name]),
            )
            for (family, name), chains in tables.items()
        )
    )


def _chain(value: Item) -> Chain:
    device = value.get("dev", "")
    return Chain(
        name=value["name"],
        hook=value.get("hook", ""),
        type=value.get("type", ""),
        priority=int(value.get("prio", 0)),
        policy="drop" if value.get("policy") == "drop" else "accept",
        device=device if isinstance(device, str) else "",
    )


class _Reader:
    """Reads the rules of one table."""

    def __init__(self, sets: Mapping[tuple[str, str, str], Item], table: tuple[str, str]) -> None:
        self._sets = sets
        self._table = table

    def rules(self, value: Item) -> list[Rule]:
        """The rule, or one for each element of a verdict map."""
        box: Box | None = ANYTHING
        unsure: list[str] = []
        alien: list[str] = []
        changes: list[str] = []
        known: dict[str, Any] = {}
        comment = str(value.get("comment", ""))
        text = in_words(value["expr"])
        mapped: list[Rule] = []
        for statement in value["expr"]:
            (kind, content), *_ = statement.items()
            if kind == "match":
                box = self._narrowed(box, content, unsure)
            elif kind in _VERDICTS:
                known["verdict"] = _VERDICTS[kind]
                known["target"] = content["target"] if kind in {"jump", "goto"} else ""
            elif kind == "counter":
                known["counter"] = content if isinstance(content, str) else ""
            elif kind == "log":
                known["logs"] = True
                known["log_prefix"] = str((content or {}).get("prefix", ""))
            elif kind in {"limit", "quota", "ct count", "connlimit"}:
                unsure.append(f"matches at a limited {'rate' if kind == 'limit' else 'amount'} only")
            elif kind == "vmap":
                mapped = self._mapped(box, content, unsure, text, comment)
            elif kind in _CHANGES:
                changes.append(_CHANGES[kind])
            elif kind not in _HARMLESS:
                alien.append(f"`{kind}` is not understood")
        if mapped:
            return mapped
        why = "; ".join([*unsure, *alien])
        rule = Rule(box=box, comment=comment, unsure=why, changes="; ".join(changes), text=text, **known)
        return either_way(rule) if alien and rule.verdict == "continue" else [rule]

    def _narrowed(self, box: Box | None, content: Item, unsure: list[str]) -> Box | None:
        try:
            key = _key(content["left"])
            return narrow(box, key, content["op"], self._values(key, content["right"]))
        except NotUnderstoodError as error:
            unsure.append(f"`{error}` is not understood")
            return box

    def _mapped(self, box: Box | None, content: Item, unsure: list[str], text: str, comment: str) -> list[Rule]:
        try:
            key = _key(content["key"])
            data = content["data"]
            if isinstance(data, str):
                data = {"set": self._sets[*self._table, data.lstrip("@")].get("elem", [])}
            mapped = []
            for element, verdict in data["set"]:
                (kind, target), *_ = verdict.items()
                mapped.append(
                    Rule(
                        box=narrow(box, key, "==", self._values(key, element)),
                        verdict=_VERDICTS[kind],
                        target=target["target"] if kind in {"jump", "goto"} else "",
                        comment=comment,
                        unsure="; ".join(unsure),
                        text=text,
                    )
                )
        except (NotUnderstoodError, KeyError, ValueError, TypeError):
            why = "; ".join([*unsure, "a verdict map is not understood"])
            return either_way(Rule(box=box, comment=comment, unsure=why, text=text))
        return mapped

    def _values(self, key: str, right: Any) -> list[Intervals]:
        if isinstance(right, str) and right.startswith("@"):
            named = self._sets.get((*self._table, right[1:]))
            if named is None or set(named.get("flags", [])) - {"interval", "constant"}:
                raise NotUnderstoodError(f"{key} {right}, whose elements come and go")
            return [self._value(key, element) for element in named.get("elem", [])]
        if isinstance(right, list):
            return [self._value(key, element) for element in right]
        if isinstance(right, dict) and "set" in right:
            return [self._value(key, element) for element in right["set"]]
        return [self._value(key, right)]

    def _value(self, key: str, element: Any) -> Intervals:
        if isinstance(element, dict):
            if "elem" in element:
                if set(element["elem"]) - {"val", "comment"}:
                    raise NotUnderstoodError(f"{key} with an element that expires or counts")
                return self._value(key, element["elem"]["val"])
            if "prefix" in element:
                return value_intervals(key, f"{element['prefix']['addr']}/{element['prefix']['len']}")
            if "range" in element:
                first, last = element["range"]
                ends = normalized([*value_intervals(key, str(first)), *value_intervals(key, str(last))])
                return ((ends[0][0], ends[-1][1]),)
        if isinstance(element, str | int):
            return value_intervals(key, str(element))
        raise NotUnderstoodError(f"{key} {json.dumps(element)}")


def _key(left: Any) -> str:
    if isinstance(left, dict):
        (kind, content), *_ = left.items()
        if kind == "payload" and {"protocol", "field"} <= set(content):
            return f"{content['protocol']} {content['field']}"
        if kind in {"meta", "ct"} and set(content) == {"key"}:
            return f"{kind} {content['key']}"
    raise NotUnderstoodError(json.dumps(left))


def in_words(statements: Iterable[Item]) -> str:
    """The statements of a rule as `nft` writes them, as far as it goes."""
    words: list[str] = []
    for statement in statements:
        (kind, content), *_ = statement.items()
        match kind:
            case "match":
                operator = "" if content["op"] in {"==", "in"} else f" {content['op']}"
                words.append(f"{_left_words(content['left'])}{operator} {_right_words(content['right'])}")
            case "counter":
                words.append(f'counter name "{content}"' if isinstance(content, str) else "counter")
            case "log":
                prefix = (content or {}).get("prefix")
                words.append(f'log prefix "{prefix}"' if prefix else "log")
            case "jump" | "goto":
                words.append(f"{kind} {content['target']}")
            case "limit":
                over = "over " if content.get("inv") else ""
                words.append(f"limit rate {over}{content['rate']}/{content['per']}")
            case _:
                words.append(kind if content is None else f"{kind} {json.dumps(content)}")
    return " ".join(words)


def _left_words(left: Any) -> str:
    try:
        key = _key(left)
    except NotUnderstoodError:
        return json.dumps(left)
    return key.removeprefix("meta ") if key not in {"meta l4proto", "meta nfproto", "meta protocol"} else key


def _right_words(right: Any) -> str:
    match right:
        case {"set": elements}:
            return "{ " + ", ".join(map(_right_words, elements)) + " }"
        case {"prefix": {"addr": address, "len": length}}:
            return f"{address}/{length}"
        case {"range": [first, last]}:
            return f"{first}-{last}"
        case list():
            return ",".join(map(_right_words, right))
        case str() | int():
            return str(right)
        case _:
            return json.dumps(right)
