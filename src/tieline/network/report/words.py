"""A report as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from textwrap import wrap

from tieline.network.report.closest import closest_of
from tieline.network.report.first import first_of
from tieline.network.report.made import Report
from tieline.network.report.tables import Table, failures_table, ring_table, services_table
from tieline.network.report.topics import Topic
from tieline.network.result import Verdict

_WIDTH = 120
_VERDICTS = {Verdict.OK: "ok", Verdict.FAILS: "FAILS", Verdict.UNKNOWN: "not known", Verdict.INFORMATION: "-"}


def lines_of(report: Report, *, is_whole: bool) -> Iterator[str]:
    """The summary first, then what is wrong and what is closest to its limit; with `is_whole` everything."""
    yield f"Network of {report.name}: {report.size}"
    yield from _title("Which link breaks first")
    for first in first_of(report):
        yield from wrap(str(first), _WIDTH, initial_indent="- ", subsequent_indent="  ")
    yield from _title("Verdicts")
    yield from verdicts_of(report.topics)
    for table in (services_table(report, is_whole=is_whole), failures_table(report, is_whole=is_whole)):
        yield from _table(table)
    for topic in report.topics:
        body = list(_body(topic, is_whole=is_whole))
        if body:
            yield from (*_title(topic.title), *body)
    if is_whole:
        for state in report.redundancy.rings:
            yield from _table(ring_table(state))
    if report.growth is not None:
        yield from (*_title("Growth of traffic"), *report.growth.lines())
    if not is_whole:
        yield from (
            "",
            "--all tells every result with its formula, every failure, and what rings do; --format html makes a page of it.",
        )


def verdicts_of(topics: Sequence[Topic]) -> Iterator[str]:
    """One line for each."""
    width = max((len(topic.title) for topic in topics), default=0)
    for topic in topics:
        yield f"{topic.title:{width}}  {_VERDICTS[topic.verdict]:9}  {topic.summary}"


def _title(text: str) -> tuple[str, ...]:
    return "", text, "=" * len(text), ""


def _body(topic: Topic, *, is_whole: bool) -> Iterator[str]:
    if is_whole and topic.results:
        for result in topic.results:
            yield from result.lines()
        return
    # Both directions of a link often fail for the same reason, which is said once then.
    for lines, alike in groupby(topic.weaknesses, key=lambda each: each.lines):
        yield from (weakness.text for weakness in alike)
        yield from lines
    closest = closest_of(topic.results)
    if closest:
        yield "Closest to its limit, of each kind:"
        yield from (f"  {next(iter(each.lines()))}" for each in closest)


def _table(table: Table) -> Iterator[str]:
    """Columns as wide as they need; the last one may be as long as it is."""
    if not table.rows and not table.note:
        return
    yield from _title(table.title)
    if table.rows:
        widths = [max(len(row[index]) for row in (table.columns, *table.rows)) for index in range(len(table.columns))]
        for row in (table.columns, *table.rows):
            cells = (
                f"{text:>{width}}" if index in table.numbers else f"{text:{width}}"
                for index, (text, width) in enumerate(zip(row, widths, strict=True))
            )
            yield "  ".join(cells).rstrip()
    if table.note:
        yield table.note
