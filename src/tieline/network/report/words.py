"""A report as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill

from tieline.network.report.closest import closest_of
from tieline.network.report.made import Report
from tieline.network.report.topics import Topic
from tieline.network.result import Verdict

_WIDTH = 120
_VERDICTS = {Verdict.OK: "ok", Verdict.FAILS: "FAILS", Verdict.UNKNOWN: "not known"}


def lines_of(report: Report, *, is_whole: bool) -> Iterator[str]:
    """The summary first, then what is wrong, then what is closest to its limit; with `is_whole` everything."""
    yield f"Network of {report.name}: {report.size}"
    if report.first is not None:
        yield from ("", "Which link breaks first", "", fill(report.first.note, _WIDTH))
    yield from ("", "Verdicts", "")
    width = max(len(topic.title) for topic in report.topics)
    for topic in report.topics:
        yield f"{topic.title:{width}}  {_VERDICTS[topic.verdict]:9}  {topic.summary}"
    for topic in report.topics:
        yield from _topic(report, topic, is_whole=is_whole)
    if report.first is not None:
        yield from ("", "Growth of traffic", "", *report.first.lines())


def _topic(report: Report, topic: Topic, *, is_whole: bool) -> Iterator[str]:
    body = list(_body(report, topic, is_whole=is_whole))
    if body:
        yield from ("", topic.title, "", *body)


def _body(report: Report, topic: Topic, *, is_whole: bool) -> Iterator[str]:
    if is_whole and topic.results:
        for result in topic.results:
            yield from result.lines()
        return
    for weakness in topic.weaknesses:
        yield weakness.text
        yield from weakness.lines
    closest = closest_of(topic.results)
    if closest:
        yield "Closest to its limit, of each kind:"
        yield from (f"  {next(iter(each.lines()))}" for each in closest)
    if topic.key == "redundancy" and is_whole:
        yield from map(str, report.redundancy.losses)
        yield f"{report.redundancy.harmless} other single failures stop nothing"
        yield from map(str, report.redundancy.rings)
