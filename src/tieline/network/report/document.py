"""A report for machines."""

from __future__ import annotations

import math
from dataclasses import asdict

from tieline.network.report.first import first_of
from tieline.network.report.made import Report
from tieline.network.report.topics import Topic


def document_of(report: Report) -> dict[str, object]:
    """Values of JSON alone; numbers that are not known are null."""
    document = {
        "network": report.name,
        "is_right": report.is_right,
        "first": [asdict(each) for each in first_of(report)],
        "growth": None if report.growth is None else asdict(report.growth),
        "topics": [_topic(topic) for topic in report.topics],
        "segmentation": [each.as_json() for each in report.segmentation.findings],
        "redundancy": [each.as_json() for each in report.redundancy.findings],
        "losses": [
            {"failure": each.failure.name, "kind": each.failure.kind, "cause": each.cause, "services": each.services}
            for each in report.redundancy.losses
        ],
        "not_computed": [str(each) for each in report.not_computed],
    }
    return {name: _plain(value) for name, value in document.items()}


def _topic(topic: Topic) -> dict[str, object]:
    return {
        "key": topic.key,
        "title": topic.title,
        "verdict": topic.verdict,
        "summary": topic.summary,
        "weaknesses": [asdict(each) for each in topic.weaknesses],
        "results": [asdict(each) for each in topic.results],
    }


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
