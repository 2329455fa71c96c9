"""The expressions of calculations: parsed, and their mistakes told where they stand in the file."""

from __future__ import annotations

from collections.abc import Mapping

from tieline.config.lines import KeyPath, Lines
from tieline.config.reading import Source
from tieline.model import PointKind
from tieline.rules import Expression, RuleError, Type, name_problem

_TYPE = {PointKind.BINARY: Type.BOOL, PointKind.CONTROL: Type.BOOL}
"""Binary points are true or false; all others are numbers, double points too: 0 to 3."""


def expression_of(text: str, kinds: Mapping[str, PointKind]) -> Expression:
    """An expression over points of these kinds. Raises `RuleError` where it is wrong."""
    return Expression.parse(text, {name: _TYPE.get(kind, Type.REAL) for name, kind in kinds.items()}, ages=True)


def parse_expression(source: Source, key: KeyPath, text: str, kinds: Mapping[str, PointKind]) -> Expression | None:
    """The expression that stands at a key, or None and a finding for each mistake, at its line."""
    wrong = {name: problem for name in kinds if (problem := name_problem(name))}
    for name, problem in wrong.items():
        source.report_key((*key[:-1], "inputs", name), problem, "choose another name", value=name)
    if wrong:
        return None
    try:
        return expression_of(text, kinds)
    except RuleError as error:
        first = _first_line(source, key)
        for mistake in error.mistakes:
            source.report(
                f"column {mistake.column}: {mistake.problem}",
                mistake.remedy,
                line=first + mistake.line - 1,
                where="".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).lstrip("."),
                value=text.splitlines()[mistake.line - 1].strip() if text.strip() else "",
            )
        return None


def _first_line(source: Source, key: KeyPath) -> int:
    """The line on which a text begins: TOML leaves out a line break right behind the quotation marks of a text of several lines."""
    written = source.path.read_text(encoding="utf-8-sig")
    line = Lines(written).of(key)
    return line + written.splitlines()[line - 1].rstrip().endswith(('"""', "'''")) if line else 0
