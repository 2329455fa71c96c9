"""`tieline network report`: what the proofs and budgets say about the network that the folder describes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

import typer

from tieline.config import read_folder
from tieline.model import ConfigError
from tieline.network.performance.headroom import headroom_of
from tieline.network.performance.known import known_of
from tieline.network.performance.network import performance_of
from tieline.network.performance.traffic import streams_of
from tieline.network.physical.network import budgets_of
from tieline.network.redundancy import Redundancy, prove_redundancy
from tieline.network.rendering.page import heading, page, table
from tieline.network.result import Result, Verdict, shown
from tieline.network.segmentation import Segmentation, prove_segmentation
from tieline.security.zones import plan_of


@dataclass(frozen=True, kw_only=True)
class _Report:
    name: str
    segmentation: Segmentation
    redundancy: Redundancy
    physical: Sequence[Result]
    performance: Sequence[Result]
    unrouted: dict[str, str]
    first: Result | None
    """Which link breaks first when traffic grows."""

    @property
    def is_right(self) -> bool:
        """Whether nothing fails."""
        results = (*self.physical, *self.performance)
        has_failed = any(each.verdict is Verdict.FAILS for each in results)
        return self.segmentation.is_proven and not self.redundancy.findings and not has_failed and not self.unrouted


def run(folder: Path, output: str, *, is_whole: bool) -> int:
    """Prints it; 0 where nothing fails, 1 otherwise. Raises `ConfigError` for a folder with mistakes, or without a network."""
    if output not in {"text", "json", "html"}:
        raise ConfigError(f"there is no format {output!r}; write text, json or html")
    utility = read_folder(folder)
    if utility.network is None:
        raise ConfigError(f"{folder} describes no network; write network/network.toml, network/nodes.csv and network/links.csv")
    performance = performance_of(utility.network, streams_of(utility.network, known_of(utility, utility.network)))
    report = _Report(
        name=utility.name,
        segmentation=prove_segmentation(utility.network, plan_of(utility)),
        redundancy=prove_redundancy(utility.network),
        physical=budgets_of(utility.network),
        performance=performance.results(),
        unrouted={str(stream): str(reason) for stream, reason in performance.unrouted.items()},
        first=headroom_of(performance),
    )
    if output == "json":
        typer.echo(json.dumps(_as_json(report), indent=2, default=str))
    elif output == "html":
        typer.echo(page(f"Network of {report.name}", _as_page(report, is_whole=is_whole)), nl=False)
    else:
        for line in _in_words(report, is_whole=is_whole):
            typer.echo(line)
    return 0 if report.is_right else 1


def _in_words(report: _Report, *, is_whole: bool) -> Iterator[str]:
    yield f"Network of {report.name}"
    yield from ("", "Segmentation", "")
    yield from report.segmentation.lines()
    yield from ("", "Redundancy", "")
    yield from _redundancy(report, is_whole=is_whole)
    for title, results in (("Physical budgets", report.physical), ("Performance", report.performance)):
        yield from ("", title, "")
        yield from _results(results, is_whole=is_whole)
    for stream, reason in report.unrouted.items():
        yield f"{stream}: {reason}"
    if report.first is not None:
        yield from ("", "What breaks first when traffic grows", "")
        yield from report.first.lines()


def _redundancy(report: _Report, *, is_whole: bool) -> Iterator[str]:
    findings = [str(each) for each in report.redundancy.findings]
    yield from findings or ["every service survives what it has to"]
    if is_whole:
        yield from list(report.redundancy.lines())[len(findings) :]
    elif report.redundancy.losses:
        count = len(report.redundancy.losses)
        yield f"({count} single failures stop something; --all lists each, with the services that it stops)"


def _as_page(report: _Report, *, is_whole: bool) -> Iterator[str]:
    for title, lines in (
        ("Segmentation", report.segmentation.lines()),
        ("Redundancy", _redundancy(report, is_whole=is_whole)),
    ):
        yield heading(title)
        yield from (f"<p>{escape(line)}</p>" for line in lines if line)
    for title, results in (("Physical budgets", report.physical), ("Performance", report.performance)):
        yield heading(title)
        wrong, limited, closest = _sorted(results)
        right = sum(each.verdict is Verdict.OK for each in limited)
        rest = "" if is_whole else "; of these, of each kind, the one that is closest to its limit"
        yield f"<p>{right} of {len(limited)} results are within their limits{rest}.</p>"
        yield from _table_of(results if is_whole else [*wrong, *closest])
    if report.unrouted:
        yield heading("Without a way")
        yield from table(("stream", "why"), frozenset(), report.unrouted.items())
    if report.first is not None:
        yield heading("What breaks first when traffic grows")
        yield from _table_of([report.first])


def _table_of(results: Sequence[Result]) -> Iterator[str]:
    columns = ("of", "what", "value", "limit", "margin", "verdict", "formula, inputs, source")
    yield from table(columns, frozenset({2, 3, 4}), (_row(each) for each in results))


def _row(each: Result) -> tuple[str, ...]:
    limit = "" if each.limit is None else f"{shown(each.limit)} {each.unit}"
    margin = "" if each.margin is None else f"{shown(each.margin)} {each.margin_unit}"
    value = "" if math.isnan(each.value) else f"{shown(each.value)} {each.unit}"
    verdict = {Verdict.FAILS: "\u2717 fails", Verdict.UNKNOWN: "? unknown"}.get(each.verdict, each.verdict.value)
    given = f"with: {'; '.join(map(str, each.inputs))}" if each.inputs else ""
    parts = (each.note, f"formula: {each.formula}", given, f"source: {each.source}")
    return each.subject, each.what, value, limit, margin, verdict, "\n".join(part for part in parts if part)


def _sorted(results: Sequence[Result]) -> tuple[list[Result], list[Result], list[Result]]:
    """What fails or is not known; what has a limit; of what is right, of each kind, the closest to its limit."""
    wrong = [each for each in results if each.verdict in {Verdict.FAILS, Verdict.UNKNOWN}]
    limited = [each for each in results if each.limit is not None]
    closest: dict[str, Result] = {}
    for each in limited:
        kind = each.what.partition(" to ")[0]
        before = closest.get(kind)
        if each.verdict is Verdict.OK and each.margin is not None and (before is None or each.margin < (before.margin or 0.0)):
            closest[kind] = each
    return wrong, limited, list(closest.values())


def _results(results: Sequence[Result], *, is_whole: bool) -> Iterator[str]:
    if is_whole:
        for each in results:
            yield from each.lines()
        return
    wrong, limited, closest = _sorted(results)
    for each in wrong:
        yield from each.lines()
    right = sum(each.verdict is Verdict.OK for each in limited)
    yield f"{right} of {len(limited)} results are within their limits; of each kind, the closest to its limit:"
    yield from (f"  {next(iter(each.lines()))}" for each in closest)


def _as_json(report: _Report) -> dict[str, object]:
    return {
        "network": report.name,
        "is_right": report.is_right,
        "segmentation": [each.as_json() for each in report.segmentation.findings],
        "redundancy": [each.as_json() for each in report.redundancy.findings],
        "physical": [_plain(asdict(each)) for each in report.physical],
        "performance": [_plain(asdict(each)) for each in report.performance],
        "unrouted": report.unrouted,
        "first": None if report.first is None else _plain(asdict(report.first)),
    }


def _plain(value: object) -> object:
    """Numbers that are not known are null, for JSON has none of them."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
