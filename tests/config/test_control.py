"""`[control]` and `programs/*.toml` as they are written and as they are understood."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from tieline.config import read_folder
from tieline.model import PointId

from .folders import UTILITY, edit, findings_of, write
from .test_gate import DEVICE, POINTS

CONTROL = """
[control]
select_s = 20
command_s = 5
parallel = "show"

[[control.rules]]
roles = ["operator"]
points = ["alpha/rtu-1/q?_command"]
second_person = true

[[control.rules]]
roles = ["engineer"]
sites = ["alpha"]
quantities = ["switch_position"]
second_factor = false

[[control.interlocks]]
points = ["alpha/rtu-1/q?_command"]
when = 1
expression = "NOT earthed AND AGE(earthed) < T#10s"
inputs = { earthed = "alpha/rtu-1/es1" }
text = "the feeder is earthed"
permits_parallel = true

[[control.setpoints]]
points = ["alpha/rtu-1/p_set"]
high = 8
ramp_per_s = 0.5
"""

PROGRAM = """
title = "Isolate feeder 1"

[[steps]]
point = "alpha/rtu-1/q1_command"
value = 0
before = "position = 2"
after = "position = 1"
inputs = { position = "alpha/rtu-1/q1" }
pause_s = 2

[[steps]]
text = "open the disconnector"
point = "alpha/rtu-1/q2_command"
value = 0
confirm = true
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "utility.toml": UTILITY + CONTROL,
        "sites/alpha/site.toml": DEVICE,
        "sites/alpha/points/rtu-1.csv": POINTS,
        "programs/isolate-1.toml": PROGRAM,
    }
    return write(tmp_path, files)


def ids(folder: Path, *names: str) -> frozenset[PointId]:
    return frozenset(point.id for point in read_folder(folder).site("alpha").points if point.name in names)


def test_what_is_written_is_understood(folder: Path) -> None:
    control = read_folder(folder).control
    assert (control.select_s, control.command_s, control.earthing, control.parallel) == (20, 5, "refuse", "show")
    operators, engineers = control.rules
    assert operators.roles == {"operator"}
    assert operators.points == ids(folder, "q1_command", "q2_command")
    assert (operators.second_person, operators.second_factor) == (True, True)
    assert engineers.points == operators.points
    assert (engineers.second_person, engineers.second_factor) == (False, False)
    (interlock,) = control.interlocks
    assert interlock.permits_parallel
    assert (interlock.condition.when, interlock.condition.points) == (1, operators.points)
    assert interlock.condition.inputs["earthed"].path == "alpha/rtu-1/es1"
    ((point, plan),) = control.setpoints.items()
    assert {point} == ids(folder, "p_set")
    assert (plan.low, plan.high, plan.ramp_per_s, plan.step_s) == (None, 8, 0.5, 1)


def test_without_rules_operators_operate_everything_and_nobody_else_does(folder: Path) -> None:
    (folder / "utility.toml").write_text(UTILITY)
    (rule,) = read_folder(folder).control.rules
    assert (rule.roles, rule.second_person, rule.second_factor) == ({"operator"}, False, True)
    assert rule.points == ids(folder, "q1_command", "q2_command", "raise", "lower", "p_set")


def test_an_empty_list_of_rules_permits_nobody_anything(folder: Path) -> None:
    (folder / "utility.toml").write_text(f"{UTILITY}\n[control]\nrules = []\n")
    assert read_folder(folder).control.rules == ()


def test_a_rule_for_a_class_of_equipment_is_for_its_points_only(tmp_path: Path) -> None:
    example = tmp_path / "ridgeway"
    shutil.copytree(str(files("tieline.examples") / "ridgeway"), example)
    text = (example / "utility.toml").read_text()
    rule = '\n[[control.rules]]\nroles = ["operator"]\nequipment = ["power_transformer"]\n'
    (example / "utility.toml").write_text(text + rule)
    utility = read_folder(example)
    permitted = {point.path for point in utility.plant_points if point.id in utility.control.rules[-1].points}
    assert {"northgate/tm-1/tap_raise", "northgate/tm-2/voltage_target"} <= permitted
    assert not any("f1_command" in path or "power_setpoint" in path for path in permitted)


def test_a_program_is_understood(folder: Path) -> None:
    (program,) = read_folder(folder).programs
    assert (program.name, program.title, len(program.steps)) == ("isolate-1", "Isolate feeder 1", 2)
    first, second = program.steps
    assert (first.text, first.point.name, first.value, first.pause_s) == ("alpha/rtu-1/q1_command to 0", "q1_command", 0, 2)
    assert first.before is not None
    assert first.after is not None
    assert (first.before.expression, list(first.after.inputs)) == ("position = 2", ["position"])
    assert (second.confirm, second.before, second.after) == (True, None, None)


def test_another_text_of_a_program_has_another_fingerprint(folder: Path) -> None:
    before = read_folder(folder).programs[0].fingerprint
    edit(folder, "programs/isolate-1.toml", "pause_s = 2", "pause_s = 3")
    assert read_folder(folder).programs[0].fingerprint != before


MISTAKES = [
    ('roles = ["operator"]', 'roles = ["boss"]', "is not one of the permitted words"),
    ('points = ["alpha/rtu-1/q?_command"]', 'points = ["alpha/rtu-1/z*"]', "matches no point"),
    ('points = ["alpha/rtu-1/q?_command"]', 'points = ["alpha/rtu-1/es1"]', "no command can be addressed to that"),
    ('points = ["alpha/rtu-1/q?_command"]', 'points = ["alpha/rtu-1/q1_comand"]', "did you mean alpha/rtu-1/q1_command?"),
    ('points = ["alpha/rtu-1/q?_command"]', 'points = ["q1_command"]', "is not of the form site/device/name"),
    ('sites = ["alpha"]\nquantities', 'sites = ["beta"]\nquantities', "there is no such site"),
    ('quantities = ["switch_position"]', 'quantities = ["tap"]', "permits nothing: no point is all of that"),
    ("second_factor = false", 'equipment = ["breaker"]', "permits nothing: no point is all of that"),
    ("NOT earthed AND", "earthed +", "control.interlocks[0].expression"),
    ("NOT earthed AND AGE(earthed) < T#10s", "AGE(earthed)", "which permits nothing"),
    ('"alpha/rtu-1/es1" }', '"alpha/rtu-1/es9" }', "there is no such point"),
    ("high = 8\nramp_per_s = 0.5", "high = 80", "is outside of alpha/rtu-1/p_set, which takes -10 to 10 MW"),
    ("high = 8\nramp_per_s = 0.5", "low = 9\nhigh = 8", "low is above high"),
    ("high = 8\nramp_per_s = 0.5", "step_s = 2", "limits nothing"),
    ('points = ["alpha/rtu-1/p_set"]', 'points = ["alpha/rtu-1/raise"]', "which has two values"),
    ("command_s = 5", "command_s = 500", "is out of range"),
    ('parallel = "show"', 'parallel = "maybe"', "is not one of the permitted words"),
]


@pytest.mark.parametrize(("old", "new", "problem"), MISTAKES)
def test_a_mistake_in_control_is_found_where_it_stands(folder: Path, old: str, new: str, problem: str) -> None:
    edit(folder, "utility.toml", old, new)
    found = findings_of(folder)
    assert any(problem in str(finding) for finding in found), [str(finding) for finding in found]
    assert all(finding.file == "utility.toml" and finding.line for finding in found)


PROGRAM_MISTAKES = [
    ('point = "alpha/rtu-1/q2_command"', 'point = "alpha/rtu-1/q2"', "no command can be addressed to that"),
    ('point = "alpha/rtu-1/q2_command"', 'point = "alpha/rtu-2/q2"', "there is no such point"),
    ("value = 0\nconfirm", "value = 2\nconfirm", "a control is set to 0 or 1"),
    ('point = "alpha/rtu-1/q2_command"\nvalue = 0', 'point = "alpha/rtu-1/p_set"\nvalue = 11', "is above 10 MW"),
    ('before = "position = 2"', 'before = "position ="', "steps[0].before"),
    ('before = "position = 2"', 'before = "position"', "which permits nothing"),
    ("confirm = true", 'inputs = { x = "alpha/rtu-1/q1" }', "is used neither in before nor in after"),
    ("confirm = true", "before_s = 5", "there is nothing to wait for"),
    ('title = "Isolate feeder 1"', "", "is missing"),
    ("confirm = true", "confrim = true", "did you mean confirm?"),
]


@pytest.mark.parametrize(("old", "new", "problem"), PROGRAM_MISTAKES)
def test_a_mistake_in_a_program_is_found_where_it_stands(folder: Path, old: str, new: str, problem: str) -> None:
    edit(folder, "programs/isolate-1.toml", old, new)
    found = findings_of(folder)
    assert any(problem in str(finding) for finding in found), [str(finding) for finding in found]
    assert {finding.file for finding in found} == {"programs/isolate-1.toml"}


def test_the_name_of_a_program_is_a_name(folder: Path) -> None:
    (folder / "programs/isolate-1.toml").rename(folder / "programs/Isolate feeder 1.toml")
    assert ["no name of a program" in finding.problem for finding in findings_of(folder)] == [True]


def test_a_site_with_mistakes_is_not_blamed_on_who_refers_to_it(folder: Path) -> None:
    edit(folder, "sites/alpha/site.toml", 'protocol = "modbus"', 'protocol = "modbuss"')
    assert {finding.file for finding in findings_of(folder)} == {"sites/alpha/site.toml"}
