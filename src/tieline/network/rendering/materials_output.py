"""The bill of materials as a table, as CSV, and as a page of its own that prints well."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from rich.console import Console
from rich.table import Table

from tieline.network.rendering.materials import Bill, Item, Section

_TITLES: Mapping[Section, str] = {
    "models": "Models",
    "transceivers": "Transceivers",
    "cables": "Cables: length, and how many",
    "supplies": "Supplies",
    "batteries": "Battery cells",
}
_STYLE = """\
body { font: 10pt/1.4 system-ui, sans-serif; margin: 2em; color: #111; background: #fff; }
h1 { font-size: 16pt; margin: 0 0 1em; } h2 { font-size: 12pt; margin: 1.5em 0 .4em; break-after: avoid; }
table { border-collapse: collapse; width: 100%; } thead { display: table-header-group; } tr { break-inside: avoid; }
th, td { padding: .2em .6em; text-align: left; vertical-align: top; border-bottom: 1px solid #bbb; }
thead th { border-bottom: 2px solid #555; } tbody th { font-weight: 500; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
@media print { body { margin: 0; } @page { size: A4 landscape; margin: 15mm; } }
"""


def as_table(bill: Bill) -> str:
    """For a terminal or a text file."""
    out = io.StringIO()
    console = Console(file=out, width=160, highlight=False, markup=False)
    for section, title in _TITLES.items():
        items = bill.section(section)
        if not items:
            continue
        table = Table(box=None, pad_edge=False, title=title, title_justify="left", title_style="bold", header_style="bold")
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
    title = escape(f"Bill of materials: the network of {bill.utility}")
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            f'<head><meta charset="utf-8"><title>{title}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>\n{_STYLE}</style></head>",
            f"<body>\n<h1>{title}</h1>",
            *_sections(bill),
            "</body>\n</html>\n",
        ]
    )


def _sections(bill: Bill) -> Iterator[str]:
    for section, title in _TITLES.items():
        items = bill.section(section)
        if not items:
            continue
        yield f"<h2>{escape(title)}</h2>\n<table>"
        places = _places(bill, section)
        heads = "".join(f'<th scope="col" class="number">{escape(place)}</th>' for place in (*places, "all"))
        yield f'<thead><tr><th scope="col">item</th><th scope="col">description</th>{heads}</tr></thead>\n<tbody>'
        for item in items:
            cells = "".join(f'<td class="number">{escape(text)}</td>' for text in _cells(places, item))
            yield f'<tr><th scope="row">{escape(item.name)}</th><td>{escape(item.description)}</td>{cells}</tr>'
        yield "</tbody>\n</table>"


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
