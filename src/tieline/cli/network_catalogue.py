"""`tieline network catalogue`: what a network can be described with."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping

import typer
from rich.console import Console
from rich.table import Table

from tieline.cli.network import one_of
from tieline.config.network import Catalog, standard_catalog
from tieline.config.network.catalog import Model, PortGroup
from tieline.model import ConfigError

_TABLE_WIDTH = 160
Rows = Iterator[tuple[str, ...]]


def show_catalogue(names: list[str], output: str) -> None:
    """Prints the lists. Raises `ConfigError` for words that mean nothing."""
    chosen = [one_of(name, tuple(_LISTS), "list") for name in names] or list(_LISTS)
    one_of(output, ("table", "csv", "json"), "format")
    if output == "csv" and len(chosen) != 1:
        raise ConfigError("csv holds one list; add --list with its name")
    catalog = standard_catalog()
    lists = {name: (_LISTS[name][0], list(_LISTS[name][1](catalog))) for name in chosen}
    if output == "json":
        documents = {name: [dict(zip(header, row, strict=True)) for row in rows] for name, (header, rows) in lists.items()}
        typer.echo(json.dumps(documents, indent=2, ensure_ascii=False))
    elif output == "csv":
        ((header, rows),) = lists.values()
        csv.writer(sys.stdout, lineterminator="\n").writerows([header, *rows])
    else:
        console = Console(highlight=False, width=None if sys.stdout.isatty() else _TABLE_WIDTH)
        for name, (header, rows) in lists.items():
            table = Table(box=None, pad_edge=False, header_style="bold", title=name, title_justify="left", title_style="bold")
            for column in header:
                table.add_column(column, overflow="fold", no_wrap=column == "name")
            for row in rows:
                table.add_row(*row)
            console.print(table)
            console.print()


def _models(catalog: Catalog) -> Rows:
    for each in catalog.models.values():
        ports = "; ".join(map(_ports, each.ports))
        yield (
            each.name,
            each.kind,
            ports,
            _power(each),
            _range(each.supply_v, "V"),
            _range(each.temperature_c, "C"),
            each.description,
        )


def _ports(group: PortGroup) -> str:
    speeds = "/".join(map(str, group.speeds_mbps))
    poe = "" if group.poe_class is None else f", feeds class {group.poe_class}"
    return f"{group.names} {group.optics or group.medium} {speeds}{poe}"


def _power(model: Model) -> str:
    if model.poe_class is not None:
        return f"PoE class {model.poe_class}"
    budget = "" if model.poe_budget_w is None else f", PoE {model.poe_budget_w:g} W"
    return f"{model.power_w:g} W{budget}"


def _range(values: tuple[float, float] | None, unit: str) -> str:
    return "" if values is None else f"{values[0]:g} to {values[1]:g} {unit}"


def _transceivers(catalog: Catalog) -> Rows:
    for each in catalog.transceivers.values():
        wavelength = "" if each.wavelength_nm is None else f"{each.wavelength_nm} nm"
        reach = "; ".join(f"{cable} {metres:g} m" for cable, metres in each.reach_m.items())
        yield each.name, each.medium, f"{each.speed_mbps:g}", wavelength, each.connector, reach, each.description


def _cables(catalog: Catalog) -> Rows:
    for each in catalog.cables.values():
        loss = "; ".join(f"{value:g} dB/km at {wavelength} nm" for wavelength, value in each.db_per_km.items())
        longest = "" if each.max_m is None else f"{each.max_m:g}"
        yield each.name, each.medium, loss, longest, each.description


def _cells(catalog: Catalog) -> Rows:
    for each in catalog.cells.values():
        sizes = " ".join(f"{size:g}" for size in each.capacity_ah)
        yield each.name, each.chemistry, f"{each.nominal_v:g}", f"{each.end_v:g}", sizes, each.description


_LISTS: Mapping[str, tuple[tuple[str, ...], Callable[[Catalog], Rows]]] = {
    "models": (("name", "kind", "ports", "power", "supply", "temperature", "description"), _models),
    "transceivers": (("name", "medium", "Mbit/s", "wavelength", "connector", "reach", "description"), _transceivers),
    "cables": (("name", "medium", "loss", "longest, m", "description"), _cables),
    "cells": (("name", "chemistry", "V", "end, V", "sizes, Ah", "description"), _cells),
}
"""Columns and rows of each list."""
