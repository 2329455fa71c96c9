"""What one model alone cannot see, whatever the protocol: references, names, sockets and lines that are used twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tieline.config.lines import KeyPath
from tieline.config.reading import Source
from tieline.config.rows import PointRow

_EVERY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104 - to recognize it


def find_duplicates(source: Source, section: str, names: Sequence[str]) -> None:
    """Each name of a list of sections is there once."""
    for index, name in enumerate(names):
        if name and name in names[:index]:
            source.report_key((section, index, "name"), "the name is taken already", "choose another", value=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """That a section uses a serial line or a socket."""

    key: KeyPath
    """Where the section says so."""
    name: str
    medium: tuple[str | int, ...]
    """`("serial", port)`, `("dial", host, port)`, or `("listen", "tcp", host, port)`, where we listen."""
    language: str
    """What is spoken there, for people; users of a medium have to speak the same."""


def check_uses(source: Source, uses: Iterable[Use]) -> None:
    """Nothing speaks two languages on one serial line or socket."""
    holders: list[Use] = []
    for use in sorted(uses, key=lambda use: (str(use.key[0]), int(use.key[1]))):
        holder = next((other for other in holders if _is_same(other.medium, use.medium)), None)
        if holder is None:
            holders.append(use)
        elif holder.language != use.language:
            source.report_key(
                use.key,
                f"{holder.name} speaks {holder.language} there",
                "give each its own line or port",
                value=" ".join(str(part) for part in use.medium),
            )


def _is_same(one: Sequence[str | int], other: Sequence[str | int]) -> bool:
    if one[0] == other[0] == "listen":
        _, kind, host, port = one
        _, other_kind, other_host, other_port = other
        is_overlapping = host == other_host or bool({host, other_host} & _EVERY_ADDRESS)
        return (kind, port) == (other_kind, other_port) and is_overlapping
    return one == other


def check_names(source: Source, rows: Iterable[tuple[int, PointRow]]) -> None:
    """Each name of a point list is there once."""
    seen: dict[str, int] = {}
    for line, row in rows:
        first = seen.setdefault(row.name, line)
        if first != line:
            source.report(f"the name is taken by line {first}", "choose another", line=line, where="name", value=row.name)


def check_span(source: Source, line: int, row: PointRow, span: tuple[float, float], what: str) -> None:
    """The limits of a point lie within what its encoding can hold at all."""
    lowest, highest = span
    for column, limit, is_beyond in (
        ("low", row.low, row.low is not None and row.low > highest),
        ("high", row.high, row.high is not None and row.high < lowest),
    ):
        if is_beyond:
            source.report(
                f"{what} with this scale and offset gives {lowest:g} to {highest:g} only",
                "correct scale, offset, type or the limit",
                line=line,
                where=column,
                value=f"{limit:g}",
            )


def has_right_scale(source: Source, line: int, scale: float, offset: float, *, kind: str, is_discrete: bool) -> bool:
    """Whether a scale makes sense: it is not 0, and only quantities are scaled."""
    if scale == 0:
        source.report("every value would be the same", "write a scale other than 0", line=line, where="scale", value=scale)
        return False
    if is_discrete and (scale != 1 or offset != 0):
        source.report(f"a {kind} point is not scaled", "leave scale and offset empty", line=line, where="scale", value=scale)
        return False
    return True
