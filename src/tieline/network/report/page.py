"""A report as one HTML file that prints well."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from html import escape

from tieline.network.rendering.page import heading, page, table
from tieline.network.report.closest import closest_of
from tieline.network.report.made import Report
from tieline.network.report.topics import Topic
from tieline.network.result import Result, Verdict, shown

_VERDICTS = {Verdict.OK: "ok", Verdict.FAILS: "\u2717 fails", Verdict.UNKNOWN: "? not known", Verdict.INFORMATION: "information"}
_COLUMNS = ("of", "what", "value", "limit", "margin", "verdict", "formula, inputs, source")
_NUMBERS = frozenset({2, 3, 4})


def page_of(report: Report, *, is_whole: bool) -> str:
    """The whole document."""
    return page(f"Network of {report.name}", _parts(report, is_whole=is_whole))


def _parts(report: Report, *, is_whole: bool) -> Iterator[str]:
    yield f"<p>{escape(report.size)}</p>"
    if report.first is not None:
        yield heading("Which link breaks first")
        yield f"<p>{escape(report.first.note)}</p>"
    yield heading("Verdicts")
    rows = ((topic.title, _VERDICTS[topic.verdict], topic.summary) for topic in report.topics)
    yield from table(("topic", "verdict", "how it stands"), frozenset(), rows)
    for topic in report.topics:
        yield from _topic(report, topic, is_whole=is_whole)
    if report.first is not None:
        yield heading("Growth of traffic")
        yield from _table_of([report.first])


def _topic(report: Report, topic: Topic, *, is_whole: bool) -> Iterator[str]:
    if topic.results:
        wrong = [each for each in topic.results if each.verdict in {Verdict.FAILS, Verdict.UNKNOWN}]
        yield heading(topic.title)
        if not is_whole:
            yield "<p>What fails, and of each kind what is closest to its limit.</p>"
        yield from _table_of(topic.results if is_whole else [*wrong, *closest_of(topic.results)])
        return
    said = ["\n".join((each.text, *each.lines)) for each in topic.weaknesses]
    if topic.key == "redundancy" and is_whole:
        said += [*map(str, report.redundancy.losses), *map(str, report.redundancy.rings)]
    if said:
        yield heading(topic.title)
        yield from (f"<p>{'<br>'.join(map(escape, each.split(chr(10))))}</p>" for each in said)


def _table_of(results: Iterable[Result]) -> Iterator[str]:
    yield from table(_COLUMNS, _NUMBERS, (_row(each) for each in results))


def _row(each: Result) -> tuple[str, ...]:
    limit = "" if each.limit is None else f"{shown(each.limit)} {each.unit}"
    margin = "" if each.margin is None else f"{shown(each.margin)} {each.margin_unit}"
    value = "" if math.isnan(each.value) else f"{shown(each.value)} {each.unit}"
    given = f"with: {'; '.join(map(str, each.inputs))}" if each.inputs else ""
    parts = (each.note, f"formula: {each.formula}", given, f"source: {each.source}")
    return each.subject, each.what, value, limit, margin, _VERDICTS[each.verdict], "\n".join(part for part in parts if part)
