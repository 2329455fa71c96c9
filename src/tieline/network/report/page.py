"""A report as one HTML file that prints well."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from html import escape

from tieline.network.rendering.page import heading, page, table
from tieline.network.report.closest import closest_of
from tieline.network.report.first import first_of
from tieline.network.report.made import Report
from tieline.network.report.tables import Table, failures_table, ring_table, services_table
from tieline.network.report.topics import Topic
from tieline.network.result import Result, Verdict, shown

_VERDICTS = {Verdict.OK: "ok", Verdict.FAILS: "\u2717 fails", Verdict.UNKNOWN: "? not known", Verdict.INFORMATION: "\u2013"}
_COLUMNS = ("of", "what", "value", "limit", "margin", "verdict", "formula, inputs, source")
_NUMBERS = frozenset({2, 3, 4})


def page_of(report: Report, *, is_whole: bool) -> str:
    """The whole document."""
    return page(f"Network of {report.name}", _parts(report, is_whole=is_whole))


def _parts(report: Report, *, is_whole: bool) -> Iterator[str]:
    yield f"<p>{escape(report.size)}</p>"
    yield heading("Which link breaks first")
    yield f"<ul>{''.join(f'<li><b>{escape(each.when)}:</b> {escape(each.what)}</li>' for each in first_of(report))}</ul>"
    yield heading("Verdicts")
    rows = ((topic.title, _VERDICTS[topic.verdict], topic.summary) for topic in report.topics)
    yield from table(("topic", "verdict", "how it stands"), frozenset(), rows)
    for each in (services_table(report, is_whole=is_whole), failures_table(report, is_whole=is_whole)):
        yield from _table(each)
    for topic in report.topics:
        yield from _topic(topic, is_whole=is_whole)
    if is_whole:
        for state in report.redundancy.rings:
            yield from _table(ring_table(state))
    if report.growth is not None:
        yield heading("Growth of traffic")
        yield from _results([report.growth])


def _table(each: Table) -> Iterator[str]:
    if each.rows or each.note:
        yield heading(each.title)
    if each.rows:
        yield from table(each.columns, each.numbers, each.rows)
    if each.note:
        yield f"<p>{escape(each.note)}</p>"


def _topic(topic: Topic, *, is_whole: bool) -> Iterator[str]:
    if topic.results:
        wrong = [each for each in topic.results if each.verdict in {Verdict.FAILS, Verdict.UNKNOWN}]
        yield heading(topic.title)
        if not is_whole:
            yield "<p>What fails, and of each kind what is closest to its limit.</p>"
        yield from _results(topic.results if is_whole else [*wrong, *closest_of(topic.results)])
    elif topic.weaknesses:
        yield heading(topic.title)
        for weakness in topic.weaknesses:
            yield f"<p>{'<br>'.join(map(escape, (weakness.text, *weakness.lines)))}</p>"


def _results(results: Iterable[Result]) -> Iterator[str]:
    yield from table(_COLUMNS, _NUMBERS, (_row(each) for each in results))


def _row(each: Result) -> tuple[str, ...]:
    limit = "" if each.limit is None else f"{shown(each.limit)} {each.unit}"
    margin = "" if each.margin is None else f"{shown(each.margin)} {each.margin_unit}"
    value = "" if math.isnan(each.value) else f"{shown(each.value)} {each.unit}"
    given = f"with: {'; '.join(map(str, each.inputs))}" if each.inputs else ""
    parts = (each.note, f"formula: {each.formula}", given, f"source: {each.source}")
    return each.subject, each.what, value, limit, margin, _VERDICTS[each.verdict], "\n".join(part for part in parts if part)
