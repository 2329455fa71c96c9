"""Linearization tables: CSV files of inputs and outputs."""

from __future__ import annotations

from itertools import pairwise

from pydantic import Field

from tieline.config.fields import Strict
from tieline.config.lines import KeyPath
from tieline.config.processing_steps import Linearization, Linearize
from tieline.config.reading import Source


class LinearizationRow(Strict):
    """One point of the curve."""

    input: float = Field(allow_inf_nan=False, description="strictly rising from row to row")
    output: float = Field(allow_inf_nan=False)


def read_linearization(source: Source, key: KeyPath, section: Linearize) -> Linearization | None:
    """The step with its table, or None and findings: at the key, or in the table with its line."""
    table = source.beside(section.table)
    if table is None:
        source.report_key(key, "lies outside the folder", "keep the table in the site's folder", value=section.table)
        return None
    if not table.path.is_file():
        source.report_key(key, "there is no such file", "the path is relative to the site's folder", value=section.table)
        return None
    wrong = 0
    rows = table.read_table(LinearizationRow)
    for (_, before), (line, row) in pairwise(rows):
        if row.input <= before.input:
            wrong += 1
            table.report(
                f"the input does not rise; the row before has {before.input:g}",
                "sort the rows by input and keep one of those that are equal",
                line=line,
                where="input",
                value=f"{row.input:g}",
            )
    if len(rows) < 2:
        table.report(
            f"the table has {len(rows)} right {'row' if len(rows) == 1 else 'rows'}", "give at least two points of the curve"
        )
    if wrong or len(rows) < 2:
        return None
    return Linearization(
        inputs=tuple(row.input for _, row in rows), outputs=tuple(row.output for _, row in rows), outside=section.outside
    )
