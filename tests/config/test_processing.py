from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tieline.config import read_folder
from tieline.config.processing import PointProcessing, ProcessingSection, SwingingDoor, implied_calculations
from tieline.config.processing_steps import Limits, Linearization, Scale
from tieline.config.reading import Source
from tieline.config.site_points import SitePoints, references, sections_of

from .folders import UTILITY, findings_of, write

SITE = "sites/alpha/site.toml"
TABLE = "sites/alpha/tables/pt.csv"

DEVICE = """\
[[devices]]
name = "rtu-1"
protocol = "dnp3"
outstation = 10
master = 1
connection = { transport = "tcp", host = "10.1.1.11" }
"""

POINTS = """\
name,kind,unit,group,index,low,high,deadband
p,analog,MW,30,0,-100,100,0.1
q,analog,MVAr,30,1,,,
cb,double,,3,0,,,
door,binary,,1,0,,,
energy,counter,MWh,20,0,,,
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    points = {"utility.toml": UTILITY, SITE: DEVICE, "sites/alpha/points/rtu-1.csv": POINTS}
    return write(tmp_path, {**points, TABLE: "input,output\n0,0\n10,5\n20,40\n"})


def add(folder: Path, *sections: str) -> Path:
    with (folder / SITE).open("a") as file:
        file.writelines(f"\n[[processing]]\n{section}\n" for section in sections)
    return folder


def processing(folder: Path, *sections: str) -> dict[str, PointProcessing]:
    (site,) = read_folder(add(folder, *sections)).sites
    return {entry.point.name: entry for entry in site.processing}


def problems(folder: Path, *sections: str) -> list[str]:
    return [str(finding) for finding in findings_of(add(folder, *sections))]


def test_steps_are_kept_in_their_order_for_every_point_that_a_pattern_meets(folder: Path) -> None:
    plan = processing(
        folder,
        'points = ["rtu-1/?"]\nsteps = [{ step = "scale", factor = 0.5 }, { step = "limits", high = 3, beyond = "invalid" }]',
    )
    assert set(plan) == {"p", "q"}
    assert plan["p"].steps == (Scale(step="scale", factor=0.5), Limits(step="limits", high=3, beyond="invalid"))
    assert plan["p"].reporting is None


def test_a_linearization_table_is_read_from_beside_the_site_file(folder: Path) -> None:
    plan = processing(
        folder, 'points = ["rtu-1/q"]\nsteps = [{ step = "linearize", table = "tables/pt.csv", outside = "clamp" }]'
    )
    assert plan["q"].steps == (Linearization(inputs=(0, 10, 20), outputs=(0, 5, 40), outside="clamp"),)


def test_a_percentage_of_the_span_is_a_deadband_in_the_points_unit(folder: Path) -> None:
    reporting = processing(folder, 'points = ["rtu-1/p"]\ndeadband_percent = 2\nmax_silence_s = 5')["p"].reporting
    assert reporting is not None
    assert (reporting.report, reporting.deadband, reporting.max_silence_s) == ("exceptions", 4.0, 5.0)


@pytest.mark.parametrize(
    ("keys", "deadband"), [("max_silence_s = 5", 0.1), ("percent_of_value = 5", 0.0), ("percent_of_value = 5\ndeadband = 2", 2.0)]
)
def test_the_deadband_of_the_point_list_stays_unless_another_band_is_written(folder: Path, keys: str, deadband: float) -> None:
    reporting = processing(folder, f'points = ["rtu-1/p"]\n{keys}')["p"].reporting
    assert reporting is not None
    assert reporting.deadband == deadband


def test_a_swinging_door_waits_no_longer_than_the_points_silence_unless_told_otherwise(folder: Path) -> None:
    plan = processing(
        folder,
        'points = ["rtu-1/p"]\ncompression = "swinging_door"\ndeviation = 0.3',
        'points = ["rtu-1/q"]\ncompression = "swinging_door"\ndeviation = 0.3\nmax_interval_s = 900',
    )
    doors = [entry.reporting.door for entry in plan.values() if entry.reporting is not None]
    assert doors == [SwingingDoor(deviation=0.3, max_interval_s=60.0), SwingingDoor(deviation=0.3, max_interval_s=900.0)]


def test_steps_and_reporting_of_a_point_may_stand_in_two_sections(folder: Path) -> None:
    plan = processing(
        folder, 'points = ["rtu-1/*"]\nreport = "everything"', 'points = ["rtu-1/cb"]\nsteps = [{ step = "invert" }]'
    )
    assert len(plan) == 5
    assert plan["cb"].steps
    assert {entry.reporting.report for entry in plan.values() if entry.reporting} == {"everything"}


STEP = 'points = ["rtu-1/{point}"]\nsteps = [{{ {step} }}]'


@pytest.mark.parametrize(
    ("point", "step", "expected"),
    [
        (
            "cb",
            'step = "scale", factor = 2',
            "rtu-1/cb is a double point; it is for points that are analog or counter or setpoint",
        ),
        ("p", 'step = "debounce", for_s = 1', "rtu-1/p is an analog point; it is for points that are binary or double"),
        ("energy", 'step = "filter", time_constant_s = 1', "rtu-1/energy is a counter point"),
        ("p", 'step = "scale", factor = 0', "every value would be the same"),
        ("p", 'step = "limits"', "limits need a limit"),
        ("p", 'step = "limits", low = 2, high = 1', "low 2 is not below high 1"),
        ("p", 'step = "substitute"', "write value or hold = true"),
        ("p", 'step = "substitute", value = 1, hold = true', "write value or hold = true"),
        ("door", 'step = "substitute", value = 2', "has no such value; write a state that it has"),
        ("energy", 'step = "rollover", modulus = 100, largest_step = 100', "largest_step 100 is not below modulus 100"),
        ("p", 'step = "median", of = 4', "is not one of the permitted words"),
        ("p", 'step = "scael", factor = 2', "is not one of the permitted words"),
        ("p", 'step = "round", resolution = 0', "is out of range"),
        ("p", 'step = "linearize", table = "tables/none.csv"', "there is no such file"),
        ("p", 'step = "linearize", table = "../../../pt.csv"', "lies outside the folder"),
        ("nope", 'step = "scale", factor = 2', "there is no such point at this site"),
    ],
)
def test_a_step_that_does_not_fit_is_found_with_its_line(folder: Path, point: str, step: str, expected: str) -> None:
    (found,) = problems(folder, STEP.format(point=point, step=step))
    assert expected in found
    line = int(found.split(":")[1])
    assert (folder / SITE).read_text().splitlines()[line - 1].startswith(("steps", "points", "[[processing]]"))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("input,output\n0,0\n10,5\n10,6\n", "tables/pt.csv:4: input = 10: the input does not rise"),
        ("input,output\n0,0\n10,five\n20,6\n", "tables/pt.csv:3: output = five: is not a number"),
        ("input,output\n0,0\n", "the table has 1 right row"),
        ("inputs,output\n0,0\n", "unknown column; did you mean input?"),
        ("input,output\n0,nan\n1,1\n2,2\n", "is not a number"),
    ],
)
def test_a_wrong_table_is_found_with_its_file_and_line(folder: Path, table: str, expected: str) -> None:
    (folder / TABLE).write_text(table)
    found = problems(folder, 'points = ["rtu-1/p"]\nsteps = [{ step = "linearize", table = "tables/pt.csv" }]')
    assert any(expected in text for text in found)
    assert all("sites/alpha/tables/pt.csv" in text for text in found)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("", "the section says nothing"),
        ("deadband = 1\ndeadband_percent = 2", "exclude each other"),
        ('report = "everything"\ndeadband = 1', 'deadband belongs to report = "exceptions"'),
        ('report = "aggregates"\nwindow_s = 900', "aggregates need their functions and their window"),
        ('aggregates = ["mean"]\nwindow_s = 900', 'aggregates belongs to report = "aggregates"'),
        ('report = "aggregates"\naggregates = ["mean", "mean"]\nwindow_s = 900', "an aggregate is there twice"),
        ("deviation = 1", 'deviation belongs to compression = "swinging_door"'),
        ('compression = "swinging_door"', "swinging_door needs a deviation"),
        ('compression = "swinging_door"\ndeviation = 1\ndeadband = 1', "deadband and compression exclude each other"),
        ('compression = "swinging_door"\ndeviation = 1\nmax_silence_s = 1', "compression has max_interval_s instead"),
        ('steps = [{ step = "debounce", for_s = 1 }, { step = "invert" }]', "debounce is not the last step"),
    ],
)
def test_keys_that_contradict_each_other_are_found(folder: Path, keys: str, expected: str) -> None:
    assert any(expected in text for text in problems(folder, f'points = ["rtu-1/q"]\n{keys}'))


@pytest.mark.parametrize(
    ("point", "keys", "expected"),
    [
        ("cb", "deadband = 1", "rtu-1/cb is a double point; every change of a state is reported"),
        ("door", 'compression = "swinging_door"\ndeviation = 1', "rtu-1/door is a binary point"),
        ("energy", 'compression = "swinging_door"\ndeviation = 1', "rtu-1/energy is a counter"),
        ("q", "deadband_percent = 1", "rtu-1/q has no span to take a percentage of"),
    ],
)
def test_reporting_that_does_not_suit_the_point_is_found(folder: Path, point: str, keys: str, expected: str) -> None:
    (found,) = problems(folder, f'points = ["rtu-1/{point}"]\n{keys}')
    assert expected in found


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ('report = "everything"', "rtu-1/p is reported as in section 1 already; keep it in one section"),
        ('steps = [{ step = "scale", factor = 2 }]', "rtu-1/p takes its steps from section 1 already"),
    ],
)
def test_two_sections_that_say_the_same_of_a_point_are_one_finding(folder: Path, keys: str, expected: str) -> None:
    (found,) = problems(folder, f'points = ["rtu-1/?"]\n{keys}', f'points = ["rtu-1/p", "rtu-1/q"]\n{keys}')
    assert expected in found


CALCULATION = '[[calculations]]\nname = "total"\nfunction = "sum"\nof = ["rtu-1/p"]\n'


def test_steps_and_aggregates_are_for_measured_points_and_patterns_pass_calculated_ones_over(folder: Path) -> None:
    with (folder / SITE).open("a") as file:
        file.write(f"\n{CALCULATION}")
    aggregates = 'report = "aggregates"\naggregates = ["mean"]\nwindow_s = 900'
    plan = processing(
        folder, 'points = ["*/*p", "*/total"]\ndeadband = 3', 'points = ["*/t*", "rtu-1/q"]\nsteps = [{ step = "scale" }]'
    )
    assert plan["total"].reporting is not None
    assert (plan["total"].steps, bool(plan["q"].steps)) == ((), True)
    found = problems(folder, f'points = ["calc/total"]\n{aggregates}', 'points = ["calc/total"]\nsteps = [{ step = "scale" }]')
    assert any("steps are taken before points are calculated" in text for text in found)
    assert any("is calculated itself" in text for text in found)


def test_windows_of_aggregates_begin_at_midnight(folder: Path) -> None:
    (found,) = problems(folder, 'points = ["rtu-1/p"]\nreport = "aggregates"\naggregates = ["mean"]\nwindow_s = 1000')
    assert "do not divide a day" in found


def site_points(tmp_path: Path, text: str) -> tuple[SitePoints, list[str]]:
    """The points of the fixture's site with the processing of a text, whatever else the site has."""
    (site,) = read_folder(tmp_path).sites
    (tmp_path / SITE).write_text(text)
    findings: list[object] = []
    source = Source(tmp_path, tmp_path / SITE, findings)  # type: ignore[arg-type]
    source.document.update(tomllib.loads(text))
    return SitePoints(source, "alpha", references(site.points), lambda _: False), findings  # type: ignore[return-value]


def test_aggregates_imply_a_calculation_for_each_function_of_each_point(folder: Path) -> None:
    section = 'points = ["rtu-1/?", "calc/x"]\nreport = "aggregates"\naggregates = ["mean", "last"]\nwindow_s = 900'
    points, findings = site_points(folder, f"[[processing]]\n{section}\n")
    implied = list(implied_calculations(points, sections_of(points.source, "processing", ProcessingSection)))
    assert [table["name"] for _, table in implied] == ["rtu-1_p_mean", "rtu-1_p_last", "rtu-1_q_mean", "rtu-1_q_last"]
    assert implied[0] == (
        ("processing", 0, "points", 0),
        {"name": "rtu-1_p_mean", "function": "window", "of": "rtu-1/p", "aggregate": "mean", "window_s": 900},
    )
    assert not findings


def test_a_site_has_the_calculated_points_that_its_aggregates_need(folder: Path) -> None:
    add(folder, 'points = ["rtu-1/?"]\nreport = "aggregates"\naggregates = ["mean", "last"]\nwindow_s = 900')
    (site,) = read_folder(folder).sites
    assert sorted(calculation.point.path for calculation in site.calculations) == [
        "alpha/calc/rtu-1_p_last",
        "alpha/calc/rtu-1_p_mean",
        "alpha/calc/rtu-1_q_last",
        "alpha/calc/rtu-1_q_mean",
    ]


def test_a_name_of_an_aggregate_that_grows_too_long_is_found(folder: Path) -> None:
    name = "p" * 60
    with (folder / "sites/alpha/points/rtu-1.csv").open("a") as file:
        file.write(f"{name},analog,MW,30,2,,,\n")
    found = problems(folder, f'points = ["rtu-1/{name}"]\nreport = "aggregates"\naggregates = ["mean"]\nwindow_s = 900')
    assert any("the name of its mean is longer than 64 characters" in text for text in found)
