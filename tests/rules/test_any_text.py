"""Any text is an expression, a program or a `RuleError`, and nothing else."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.model import Now
from tieline.rules import Expression, Program, RuleError, Type, Value

INPUTS = {"a": Type.REAL, "b": Type.BOOL, "c": Type.TIME}
OUTPUTS = {"y": Type.REAL, "z": Type.BOOL}

WORDS = (
    *(
        "a",
        "b",
        "c",
        "y",
        "z",
        "t",
        "u",
        "1",
        "0",
        "2.5",
        "1e3",
        "TRUE",
        "FALSE",
        "T#5s",
        "T#1m30s",
        "+",
        "-",
        "*",
        "/",
        "**",
        "MOD",
    ),
    *(
        "<",
        ">",
        "<=",
        ">=",
        "=",
        "<>",
        "AND",
        "&",
        "OR",
        "XOR",
        "NOT",
        "(",
        ")",
        ",",
        ".",
        ";",
        ":",
        ":=",
        "=>",
        "IF",
        "THEN",
        "ELSIF",
    ),
    *(
        "ELSE",
        "END_IF",
        "VAR",
        "END_VAR",
        "REAL",
        "BOOL",
        "TIME",
        "TON",
        "CTU",
        "SR",
        "R_TRIG",
        "SEL",
        "MIN",
        "LIMIT",
        "SQRT",
        "GOOD",
    ),
    *(
        "VALID_OR",
        "AGE",
        "Q",
        "IN",
        "PT",
        "S1",
        "R",
        "FOR",
        "DO",
        "END_FOR",
        "WHILE",
        "CASE",
        "RETURN",
        "(*",
        "*)",
        "//",
        "#",
        "$",
        "ä",
    ),
    "\n",
)
STATEMENTS = (
    "y := a;",
    "z := b;",
    "z := t.Q;",
    "t(IN := b, PT := T#5s);",
    "IF b THEN",
    "ELSIF a > 1 THEN",
    "ELSE",
    "END_IF;",
    "VAR t : TON; END_VAR",
    "VAR u : REAL := 1; END_VAR",
    "u := u + a / (a - 1);",
    "FOR i := 1 TO 3 DO",
)


def try_both(text: str) -> None:
    with contextlib.suppress(RuleError):
        Expression.parse(text, INPUTS, ages=True).evaluate({name: Value(1.0, 0) for name in INPUTS})
    with contextlib.suppress(RuleError):
        running = Program.parse(text, INPUTS, OUTPUTS).start()
        for second in range(3):
            running.scan(Now(float(second), 0), {name: Value(float(second), 0) for name in INPUTS})


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=200))
def test_any_characters(text: str) -> None:
    try_both(text)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    try_both(data.decode("latin-1"))


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_any_words_of_the_language(words: list[str]) -> None:
    try_both(" ".join(words))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(STATEMENTS), max_size=14))
def test_any_statements(lines: list[str]) -> None:
    try_both("\n".join(lines))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5), st.integers(100, 3_000))
def test_anything_repeated_ends(words: list[str], times: int) -> None:
    try_both(" ".join(words * times))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=14), st.data())
def test_a_program_that_was_cut_or_damaged(lines: list[str], data: st.DataObject) -> None:
    text = "\n".join(["VAR t : TON; u : REAL; END_VAR", *lines, "y := u; z := t.Q;"])
    at = data.draw(st.integers(0, len(text)))
    try_both(text[:at])
    try_both(text[:at] + data.draw(st.sampled_from(WORDS)) + text[at:])
