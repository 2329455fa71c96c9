"""Text to tokens. Total: any text gives tokens; what has no meaning becomes a token of its own and a mistake."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise

from tieline.rules.errors import Findings

LONGEST_TEXT = 65_536
"""Characters in an expression or a program."""

MOST_TOKENS = 16_384


NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""A name as it may be written; keywords match it too."""


class Kind(Enum):
    """What a token is."""

    NAME = auto()
    KEYWORD = auto()
    SYMBOL = auto()
    NUMBER = auto()
    TIME = auto()
    NONSENSE = auto()
    """Already reported."""
    END = auto()


KEYWORDS = frozenset(
    {
        *("AND", "OR", "XOR", "NOT", "MOD", "TRUE", "FALSE", "IF", "THEN", "ELSIF", "ELSE", "END_IF"),
        *(
            "VAR",
            "END_VAR",
            "VAR_INPUT",
            "VAR_OUTPUT",
            "VAR_IN_OUT",
            "VAR_GLOBAL",
            "VAR_TEMP",
            "VAR_EXTERNAL",
            "CONSTANT",
            "RETAIN",
        ),
        *("FOR", "TO", "BY", "DO", "WHILE", "REPEAT", "UNTIL", "END_FOR", "END_WHILE", "END_REPEAT", "CASE", "OF", "END_CASE"),
        *("RETURN", "EXIT", "CONTINUE", "PROGRAM", "END_PROGRAM", "FUNCTION", "END_FUNCTION"),
        *("FUNCTION_BLOCK", "END_FUNCTION_BLOCK"),
    }
)
"""Words that cannot be names, in capitals; they are recognized in any case."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token: `text` as it is compared (keywords in capitals), `start` and `end` its offsets in the text."""

    kind: Kind
    text: str
    start: int
    end: int
    number: float = 0.0
    """Of a number, or the seconds of a duration."""


_TOKEN = re.compile(
    r"""
      (?P<space>\s+ | //[^\n]*)
    | (?P<comment>\(\*)
    | (?P<time>(?:T|TIME)\#[-+]?[0-9A-Z_.]*)
    | (?P<name>[A-Z_][A-Z0-9_]*)
    | (?P<number>[0-9][0-9_]*(?:\.[0-9][0-9_]*)?(?:E[-+]?[0-9]+)?(?P<tail>[A-Z0-9_\#]*))
    | (?P<symbol>:=|=>|<=|>=|<>|\*\*|[-+*/()<>=&,;:.])
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_COMMENT_EDGE = re.compile(r"\(\*|\*\)")
_DURATION = re.compile(r"([0-9][0-9_]*(?:\.[0-9][0-9_]*)?)(D|H|MS|M|S|US|NS)_?", re.IGNORECASE | re.ASCII)
_SECONDS = {"D": 86_400.0, "H": 3_600.0, "M": 60.0, "S": 1.0, "MS": 1e-3, "US": 1e-6, "NS": 1e-9}


_UNREAD = (Token(Kind.NONSENSE, "", 0, 0), Token(Kind.END, "", 0, 0))


def tokens(text: str, findings: Findings) -> list[Token]:
    """The tokens of the text, ended by one of kind `END`; mistakes go to `findings`."""
    if len(text) > LONGEST_TEXT:
        findings.add(LONGEST_TEXT, f"the text has {len(text)} characters", f"at most {LONGEST_TEXT} are taken; split it")
        return list(_UNREAD)
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            found.append(_nonsense(text, at, findings))
            at = found[-1].end
            continue
        at = match.end()
        group = match.lastgroup
        if group == "comment":
            at = _end_of_comment(text, match.start(), findings)
        elif group != "space":
            found.append(_token(match, findings))
            if len(found) > MOST_TOKENS:
                findings.add(match.start(), f"there are more than {MOST_TOKENS} words and signs", "split the text")
                return list(_UNREAD)
    found.append(Token(Kind.END, "", len(text), len(text)))
    return found


def _token(match: re.Match[str], findings: Findings) -> Token:
    start, end, word = match.start(), match.end(), match.group()
    if match["name"] is not None:
        keyword = word.upper()
        return Token(Kind.KEYWORD, keyword, start, end) if keyword in KEYWORDS else Token(Kind.NAME, word, start, end)
    if match["symbol"] is not None:
        return Token(Kind.SYMBOL, word, start, end)
    if match["time"] is not None:
        seconds = _seconds(word.split("#", 1)[1])
        if seconds is None:
            findings.add(start, f"`{word}` is no duration", "write for example T#5s, T#1m30s or T#250ms, the larger unit first")
            return Token(Kind.NONSENSE, word, start, end)
        return Token(Kind.TIME, word, start, end, seconds)
    if match["tail"]:
        findings.add(start, f"`{word}` is no number", "write for example 1, 0.5 or 1.5e-3; a duration is T#5s")
        return Token(Kind.NONSENSE, word, start, end)
    number = float(word.replace("_", ""))
    if not math.isfinite(number):
        findings.add(start, f"`{word}` is too large", "the largest number is about 1.8e308")
        return Token(Kind.NONSENSE, word, start, end)
    return Token(Kind.NUMBER, word, start, end, number)


def _nonsense(text: str, at: int, findings: Findings) -> Token:
    """The run of characters that begin no token, reported once."""
    end = at + 1
    while end < len(text) and _TOKEN.match(text, end) is None:
        end += 1
    shown = text[at : min(end, at + 20)]
    remedy = {
        "!": "not equal is <>, negation is NOT",
        "|": "write OR",
        "^": "a power is **",
        "%": "a remainder is MOD",
        "{": "a comment is (* ... *)",
    }.get(shown[0], "")
    findings.add(at, f"{shown!r} has no meaning here", remedy)
    return Token(Kind.NONSENSE, shown, at, end)


def _end_of_comment(text: str, start: int, findings: Findings) -> int:
    """The offset behind the comment; comments nest (IEC 61131-3, edition 3, clause 6.1.5)."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge.group() == "(*" else -1
        if depth == 0:
            return edge.end()
    findings.add(start, "the comment does not end", "end it with *)")
    return len(text)


def _seconds(duration: str) -> float | None:
    """The seconds of `1m30s`; None unless units descend and only the last number has a fraction (clause 6.3.4)."""
    sign, rest = (-1.0, duration[1:]) if duration[:1] == "-" else (1.0, duration.removeprefix("+"))
    units = list(_DURATION.finditer(rest))
    if not units or "".join(unit.group() for unit in units) != rest or rest.endswith("_"):
        return None
    scales = [_SECONDS[unit[2].upper()] for unit in units]
    if any(later >= earlier for earlier, later in pairwise(scales)) or any("." in unit[1] for unit in units[:-1]):
        return None
    seconds = sign * math.fsum(_scaled(unit[1], unit[2]) for unit in units)
    return seconds if math.isfinite(seconds) else None


def _scaled(digits: str, unit: str) -> float:
    number, scale = float(digits.replace("_", "")), _SECONDS[unit.upper()]
    return number * scale if scale >= 1 else number / round(1 / scale)
