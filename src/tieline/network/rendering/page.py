"""A page that is one file: no script, nothing from elsewhere, and pleasant on paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

_STYLE = """\
body { font: 10pt/1.4 system-ui, sans-serif; margin: 2em; color: #111; background: #fff; }
h1 { font-size: 16pt; margin: 0 0 1em; } h2 { font-size: 12pt; margin: 1.5em 0 .4em; break-after: avoid; }
table { border-collapse: collapse; width: 100%; } thead { display: table-header-group; } tr { break-inside: avoid; }
th, td { padding: .2em .6em; text-align: left; vertical-align: top; border-bottom: 1px solid #bbb; }
thead th { border-bottom: 2px solid #555; } tbody th { font-weight: 500; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
@media print { body { margin: 0; } @page { size: A4 landscape; margin: 15mm; } }
"""


def page(title: str, parts: Iterable[str]) -> str:
    """The whole document; `parts` are HTML."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            f'<head><meta charset="utf-8"><title>{escape(title)}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>\n{_STYLE}</style></head>",
            f"<body>\n<h1>{escape(title)}</h1>",
            *parts,
            "</body>\n</html>\n",
        ]
    )


def heading(text: str) -> str:
    """Of a section."""
    return f"<h2>{escape(text)}</h2>"


def _lines(text: str) -> str:
    return "<br>".join(map(escape, text.split("\n")))


def table(columns: Sequence[str], numbers: frozenset[int], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table of texts of one line or several. The first cell of a row is its head; columns in `numbers`, from 0, stand to the right."""

    def kind(index: int) -> str:
        return ' class="number"' if index in numbers else ""

    heads = "".join(f'<th scope="col"{kind(index)}>{escape(text)}</th>' for index, text in enumerate(columns))
    yield f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>"
    for first, *others in rows:
        cells = "".join(f"<td{kind(index)}>{_lines(text)}</td>" for index, text in enumerate(others, 1))
        yield f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>'
    yield "</tbody>\n</table>"
