"""Part (m): the language of expressions and rules, evaluated over columns, over single values, and as a program in a scan.

The expression has ten operators and functions. "Mixed quality" has good, questionable and invalid rows in every column, so that the
quality of every step is a column as well.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench.modbus import measure
from bench.result import Result
from tieline.model import Now
from tieline.rules import Expression, Program, Type, Value

ROWS = 10_000
OPERATORS = 10
TEXT = "SEL(a > 5 AND b <= 3, SQRT(a * a + b * b) / 1000, LIMIT(0, c - a, 50))"
PROGRAM = """
VAR low : TON; starts : CTU; total : REAL; END_VAR
low(IN := u < 0.9 AND closed, PT := T#5s);
starts(CU := low.Q, PV := 3);
IF low.Q THEN trip := TRUE; ELSIF NOT closed THEN trip := FALSE; END_IF;
total := total + u / (u + 0.5);
level := LIMIT(0, total, 100) + starts.CV;
"""


def run() -> list[Result]:
    """Measures all of them."""
    random = np.random.default_rng(1)
    expression = Expression.parse(TEXT, "abc")
    good = {name: Value(random.random(ROWS) * 10, np.zeros(ROWS, dtype=np.uint16)) for name in "abc"}
    mixed = {name: Value(value, random.integers(0, 4, ROWS).astype(np.uint16)) for name, (value, _) in good.items()}
    single = {name: Value(1.5, 0) for name in "abc"}
    running = Program.parse(PROGRAM, {"u": Type.REAL, "closed": Type.BOOL}, {"trip": Type.BOOL, "level": Type.REAL}).start()
    inputs, now = {"u": Value(0.7, 0), "closed": Value(1.0, 0)}, Now(10.0, 0)

    def columns(given: Mapping[str, Value]) -> int:
        expression.evaluate(given)
        return ROWS * OPERATORS

    def one() -> int:
        expression.evaluate(single)
        return 1

    def scan() -> int:
        running.scan(now, inputs)
        return 1

    detail = f"{OPERATORS} operators over {ROWS:,} rows"
    figures = [
        ("expression, good columns", measure(lambda: columns(good)), "row-operators/s", detail),
        ("expression, columns of mixed quality", measure(lambda: columns(mixed)), "row-operators/s", detail),
        ("expression, single values", measure(one), "evaluations/s", f"{OPERATORS} operators"),
        ("program", measure(scan), "scans/s", "a timer, a counter, IF, 30 operators and names"),
    ]
    return [Result(part="m", name=name, value=value, unit=unit, detail=about) for name, value, unit, about in figures]
