"""The reference names everything that the language has, and its examples are right."""

from __future__ import annotations

import re
from pathlib import Path

from tieline.rules import Expression, Program, Type
from tieline.rules.blocks import KINDS
from tieline.rules.functions import FUNCTIONS
from tieline.rules.parser import PRECEDENCE

PAGE = (Path(__file__).parents[2] / "docs/reference/expressions.md").read_text()


def test_every_function_block_operator_and_type_is_documented() -> None:
    for name, function in FUNCTIONS.items():
        assert f"`{name}({', '.join(function.arguments)}{', ...' * function.repeats})`" in PAGE
    for name, kind in KINDS.items():
        inputs, outputs = (", ".join(f"`{one}`" for one in ports) for ports in (kind.inputs, kind.outputs))
        assert f"| `{name}` | {inputs} | {outputs} |" in PAGE
    for sign in PRECEDENCE:
        assert f"`{sign}`" in PAGE
    for kind_of_value in Type:
        assert f"| {kind_of_value} |" in PAGE


def test_the_examples_of_the_reference_are_right() -> None:
    blocks = re.findall(r"\n\n((?:    .*\n|\n)+)", PAGE)
    expression, program = blocks[0], blocks[1]
    names = {"breaker_closed": Type.BOOL, "p_mw": Type.REAL, "q_mvar": Type.REAL, "rated_mva": Type.REAL}
    assert Expression.parse(expression, names).names == set(names)
    running = Program.parse(program, {"frequency": Type.REAL}, {"shed": Type.BOOL, "trip_count": Type.REAL})
    assert running.names == {"frequency"}
