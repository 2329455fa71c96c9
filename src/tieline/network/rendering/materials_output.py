"""The bill of materials as a table, as CSV, and as a page of its own that prints well."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from tieline.network.rendering.materials import Bill, Item, Section
from tieline.network.rendering.page import heading, page, table

_TITLES: Mapping[Section, str] = {
    "models": "Models",
    "transceivers": "Transceivers",
    "cables": "Cables: length, and how many",
    "supplies": "Supplies",
    "batteries": "Battery cells",
}


def as_table(bill: Bill) -> str:
    """For a terminal or a text file."""
    out = io.StringIO()
    console = Console(file=out, width=160, highlight=False, markup=False)
    for section, title in _TITLES.items():
        items = bill.section(section)
        if not items:
            continue
        # A title of the table itself would be as narrow as the table.
        console.print(title, style="bold")
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("item", overflow="fold")
        places = _places(bill, section)
        for place in places:
            table.add_column(place, justify="right")
        table.add_column("all", justify="right")
        for item in items:
            table.add_row(item.name, *_cells(places, item))
        console.print(table)
        console.print()
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).strip() + "\n"


def as_csv(bill: Bill) -> str:
    """One row for each item and site, and one with `all`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("section", "item", "description", "site", "count", "length_m"))
    for item in bill.items:
        for place in bill.places:
            if place in item.counts:
                length = f"{item.lengths_m[place]:g}" if place in item.lengths_m else ""
                writer.writerow((item.section, item.name, item.description, place, item.counts[place], length))
        length = f"{item.length_m:g}" if item.lengths_m else ""
        writer.writerow((item.section, item.name, item.description, "all", item.count, length))
    return out.getvalue()


def as_html(bill: Bill) -> str:
    """One page without script and without anything from elsewhere."""
    return page(f"Bill of materials: the network of {bill.utility}", _sections(bill))


def _sections(bill: Bill) -> Iterator[str]:
    for section, title in _TITLES.items():
        items = bill.section(section)
        if items:
            places = _places(bill, section)
            yield heading(title)
            columns = ("item", "description", *places, "all")
            rows = ((item.name, item.description, *_cells(places, item)) for item in items)
            yield from table(columns, frozenset(range(2, len(columns))), rows)


def _places(bill: Bill, section: Section) -> list[str]:
    return [place for place in bill.places if any(place in item.counts for item in bill.section(section))]


def _cells(places: Sequence[str], item: Item) -> Iterator[str]:
    for place in places:
        yield _cell(item.counts.get(place), item.lengths_m.get(place))
    yield _cell(item.count, item.length_m if item.lengths_m else None)


def _cell(count: int | None, length_m: float | None) -> str:
    if count is None:
        return ""
    return f"{count}" if length_m is None else f"{length_m:,.0f} m ({count})"
