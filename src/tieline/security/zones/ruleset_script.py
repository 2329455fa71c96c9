"""A rule set as a script tells it: the part of the language of nftables that is rendered here, and what people write by hand like it.

What is not in that part is not passed over: a rule with it stays as one that may match anything, and anything else raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from tieline.model import ConfigError
from tieline.security.zones.packets import ANYTHING, Box, Intervals
from tieline.security.zones.ruleset import Chain, Rule, Ruleset, Table, Verdict, either_way
from tieline.security.zones.ruleset_matches import NotUnderstoodError, narrow, value_intervals

_TOKEN = re.compile(r'"[^"\n]*"|#[^\n]*|[{};\n,]|(?:==|!=|<=|>=|<|>)(?=\s)|[^\s{};,"]+')
_PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
_LONE_KEYS = {"iifname", "oifname", "iif", "oif"}
_KEYS = {"ip", "ip6", "tcp", "udp", "sctp", "dccp", "th", "icmp", "icmpv6", "ct", "meta"}
_VERDICTS: dict[str, Verdict] = {
    "accept": "accept",
    "drop": "drop",
    "reject": "drop",
    "return": "return",
    "continue": "continue",
    "jump": "jump",
    "goto": "goto",
}


@dataclass(slots=True)
class _Draft:
    family: str
    name: str
    chains: dict[str, Chain] = field(default_factory=dict)
    counters: set[str] = field(default_factory=set)


def read_script(text: str) -> Ruleset:
    """The tables that a script makes. Raises `ConfigError` where it cannot be read."""
    return _Script(text).read()


class _Script:
    def __init__(self, text: str) -> None:
        self._tokens: list[str] = [token for token in _TOKEN.findall(text) if not token.startswith("#")]
        self._at = 0
        self._tables: dict[tuple[str, str], _Draft] = {}

    def read(self) -> Ruleset:
        while self._skip_ends():
            verb = self._next()
            if verb in {"add", "delete", "flush"}:
                self._expect("table")
                key = self._next(), self._next()
                if verb == "add":
                    self._tables.setdefault(key, _Draft(*key))
                else:
                    self._tables.pop(key, None)
            elif verb == "table":
                family, name = self._next(), self._next()
                self._table(self._tables.setdefault((family, name), _Draft(family, name)))
            else:
                raise self._error(verb)
        return Ruleset(
            tables=tuple(
                Table(family=one.family, name=one.name, chains=one.chains, counters=frozenset(one.counters))
                for one in self._tables.values()
            )
        )

    def _table(self, draft: _Draft) -> None:
        self._expect("{")
        while (token := self._after_ends()) != "}":
            name = self._next()
            if token == "counter":  # noqa: S105 - a word of the language
                draft.counters.add(name)
                self._expect("{")
                while self._next() != "}":
                    pass
            elif token == "chain":  # noqa: S105
                draft.chains[name] = self._chain(name)
            else:
                raise self._error(token)

    def _chain(self, name: str) -> Chain:
        chain = Chain(name=name)
        rules: list[Rule] = []
        self._expect("{")
        while (token := self._after_ends()) != "}":
            self._at -= 1
            words = self._statement()
            if token == "type":  # noqa: S105
                chain = _with_hook(chain, words)
            elif token == "policy":  # noqa: S105
                chain = replace(chain, policy="drop" if words[1] == "drop" else "accept")
            else:
                rules += _RuleReader(words).read()
        return replace(chain, rules=tuple(rules))

    def _statement(self) -> list[str]:
        """The tokens up to the end of the line, braces of sets included."""
        words: list[str] = []
        depth = 0
        while True:
            token = self._next()
            if token in {"\n", ";"} and not depth:
                return words
            if token == "}" and not depth:  # noqa: S105
                self._at -= 1
                return words
            depth += (token == "{") - (token == "}")  # noqa: S105
            if token != "\n":  # noqa: S105
                words.append(token)

    def _skip_ends(self) -> bool:
        while self._at < len(self._tokens) and self._tokens[self._at] in {"\n", ";"}:
            self._at += 1
        return self._at < len(self._tokens)

    def _after_ends(self) -> str:
        self._skip_ends()
        return self._next()

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise ConfigError("the script ends in the middle of a table")
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, wanted: str) -> None:
        found = self._next()
        if found != wanted:
            raise self._error(found)

    def _error(self, token: str) -> ConfigError:
        line = self._tokens[: self._at].count("\n") + 1
        return ConfigError(
            f"line {line} of the script is not understood at {token.strip()!r}; capture it with `nft -j list ruleset`"
        )


def _with_hook(chain: Chain, words: list[str]) -> Chain:
    options = dict(zip(words[::2], words[1::2], strict=False))
    priority = options.get("priority", "0")
    number = _PRIORITIES.get(priority)
    try:
        return replace(
            chain,
            type=options["type"],
            hook=options["hook"],
            priority=int(priority) if number is None else number,
            device=options.get("device", "").strip('"'),
        )
    except (KeyError, ValueError) as error:
        raise ConfigError(f"chain {chain.name}: `{' '.join(words)}` is not understood") from error


class _RuleReader:
    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._at = 0
        self._unsure: list[str] = []
        self._alien: list[str] = []
        self._box: Box | None = ANYTHING

    def read(self) -> list[Rule]:
        known: dict[str, Any] = {"text": self._text()}
        while self._at < len(self._words):
            word = self._take()
            if word in _LONE_KEYS:
                self._match(f"meta {word}")
            elif word in _KEYS and self._at < len(self._words):
                self._match(f"{word} {self._take()}")
            elif word in _VERDICTS:
                known["verdict"] = _VERDICTS[word]
                if word in {"jump", "goto"}:
                    known["target"] = self._take()
                elif word == "reject":
                    self._skip_to_comment()
            elif word == "counter":
                known["counter"] = self._counter()
            elif word == "log":
                known["logs"] = True
                if self._peek() == "prefix":
                    self._take()
                    known["log_prefix"] = self._take().strip('"')
            elif word == "limit":
                self._limit()
            elif word == "comment":
                known["comment"] = self._take().strip('"')
            else:
                self._alien.append(f"`{word}` is not understood")
        rule = Rule(box=self._box, unsure="; ".join([*self._unsure, *self._alien]), **known)
        return either_way(rule) if self._alien and rule.verdict == "continue" else [rule]

    def _text(self) -> str:
        words = self._words
        if len(words) > 1 and words[-2] == "comment":
            words = words[:-2]
        return " ".join(words).replace(" ,", ",")

    def _peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def _take(self) -> str:
        if self._at >= len(self._words):
            raise ConfigError(f"`{self._text()}` ends too early")
        self._at += 1
        return self._words[self._at - 1]

    def _skip_to_comment(self) -> None:
        while self._peek() not in {"", "comment"}:
            self._at += 1

    def _counter(self) -> str:
        if self._peek() == "name":
            self._take()
            return self._take().strip('"')
        if self._peek() == "packets":
            self._at += 4
        return ""

    def _limit(self) -> None:
        self._unsure.append("matches at a limited rate only")
        if self._peek() == "rate":
            self._at += 2 + (self._words[self._at + 1 : self._at + 2] == ["over"])
        if self._peek() == "burst":
            self._at += 3

    def _match(self, key: str) -> None:
        operator = self._take() if self._peek() in {"==", "!=", "<", "<=", ">", ">="} else "=="
        texts = self._values()
        try:
            if key == "ct state" and operator == "==" and len(texts) > 1:
                operator = "in"
            values: list[Intervals] = [value_intervals(key, text.strip('"')) for text in texts]
            self._box = narrow(self._box, key, operator, values)
        except NotUnderstoodError as error:
            self._unsure.append(f"`{error}` is not understood")

    def _values(self) -> list[str]:
        first = self._take()
        if first != "{":
            values = [first]
            while self._peek() == ",":
                self._take()
                values.append(self._take())
            return values
        values = []
        while (word := self._take()) != "}":
            if word != ",":
                values.append(word)
        return values
