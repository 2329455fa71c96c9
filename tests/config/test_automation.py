"""`[automation]` as it is written and as it is understood; what is wrong is told with its line and its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.config import inspect_folder, read_folder
from tieline.config.automation_rules import RulePlan
from tieline.model import PointKind

from .folders import UTILITY, findings_of, write

DEVICE = """\
[[devices]]
name = "rtu-1"
protocol = "modbus"
polls = { fast = 0.5 }

[devices.connection]
transport = "tcp"
host = "10.1.1.11"
"""

POINTS = """\
name,kind,unit,table,address,type,low,high,poll
u,analog,kV,input_register,0,int16,,,fast
q1,binary,,discrete_input,0,,,,fast
trip,control,,coil,0,,,,fast
p_set,setpoint,MW,holding_register,0,int16,-10,10,fast
"""

RULE = '''
[automation]
period_s = 0.5

[[automation.functions]]
name = "shed"
kind = "rule"
acts = "isolated"
inputs = { u = "rtu-1/u" }
outputs = { trip = "rtu-1/trip", setpoint = "rtu-1/p_set" }
values = { margin = "kV" }
signals = ["low"]
ramp_per_s = { setpoint = 0.5 }
program = """
margin := u - 18;
low := margin < 0;
trip := low;
setpoint := margin;
"""
'''


def site(tmp_path: Path, text: str, **files: str) -> Path:
    named = {"utility.toml": UTILITY, "sites/alpha/site.toml": DEVICE + text, "sites/alpha/points/rtu-1.csv": POINTS}
    return write(tmp_path, named | {f"sites/alpha/{name}": content for name, content in files.items()})


def mistakes(tmp_path: Path, old: str, new: str) -> list[tuple[int, str, str]]:
    """Line, problem and remedy of each finding."""
    assert old in RULE
    folder = site(tmp_path, RULE.replace(old, new, 1))
    return [(found.line, found.problem, found.remedy) for found in findings_of(folder)]


def test_a_site_without_the_section_has_none(tmp_path: Path) -> None:
    assert read_folder(site(tmp_path, "")).site("alpha").automation is None


def test_a_rule_is_read_with_its_points(tmp_path: Path) -> None:
    automation = read_folder(site(tmp_path, RULE)).site("alpha").automation
    assert automation is not None
    assert (automation.period_s, automation.watchdog_s, automation.handover_delay_s) == (0.5, 0.25, 10)
    (plan,) = automation.functions
    assert isinstance(plan, RulePlan)
    assert (plan.name, plan.acts, plan.on_fault, plan.initial) == ("shed", "isolated", "hold", "wait")
    assert [point.name for point in plan.writes] == ["trip", "p_set"]
    points = {point.name: point for point in automation.points}
    assert (points["shed_margin"].kind, points["shed_margin"].unit) == (PointKind.ANALOG, "kV")
    assert points["shed_low"].kind is points["shed_trip"].kind is points["shed_fault"].kind is PointKind.BINARY
    assert (points["shed_setpoint"].unit, points["shed_service"].kind) == ("MW", PointKind.CONTROL)
    assert points["isolated"].path == "alpha/automation/isolated"
    assert {point.path for point in automation.points} <= {point.path for point in read_folder(tmp_path).points}


def test_a_rule_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    head, _, _ = RULE.partition('program = """')
    program = "margin := u - 18;\nlow := margin < 0;\ntrip := low;\nsetpoint := margin;\n"
    folder = site(tmp_path, head + 'file = "rules/shed.st"\n', **{"rules/shed.st": program})
    automation = read_folder(folder).site("alpha").automation
    assert automation is not None
    assert isinstance(automation.functions[0], RulePlan)
    (folder / "sites/alpha/rules/shed.st").write_text(program.replace("low := margin < 0", "low := margni < 0"))
    (finding,) = findings_of(folder)
    assert (finding.file, finding.line) == ("sites/alpha/rules/shed.st", 2)
    assert "margin" in finding.remedy


@pytest.mark.parametrize(
    ("file", "problem"), [("rules/none.st", "there is no such file"), ("../../../../x.st", "lies outside the folder")]
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, file: str, problem: str) -> None:
    head, _, _ = RULE.partition('program = """')
    (finding,) = findings_of(site(tmp_path, head + f'file = "{file}"\n'))
    assert problem in finding.problem


def test_a_mistake_in_a_program_is_told_at_its_line_in_the_file(tmp_path: Path) -> None:
    ((line, problem, _),) = mistakes(tmp_path, "trip := low;", "trip := low + 1;")
    assert (DEVICE + RULE).splitlines()[line - 1] == "trip := low;"
    assert problem.startswith("column ")


def test_a_program_that_could_run_for_ever_is_refused(tmp_path: Path) -> None:
    found = mistakes(tmp_path, "trip := low;", "WHILE low DO trip := TRUE; END_WHILE;")
    assert found


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('u = "rtu-1/u"', 'u = "rtu-1/uu"', "no such point"),
        ('trip = "rtu-1/trip"', 'trip = "rtu-1/u"', "no command can be addressed"),
        ('trip = "rtu-1/trip"', 'trip = "rtu-1/p_set"', "is the output"),
        ("ramp_per_s = { setpoint = 0.5 }", "ramp_per_s = { trip = 0.5 }", "only a setpoint is ramped"),
        ("ramp_per_s = { setpoint = 0.5 }", "ramp_per_s = { other = 0.5 }", "there is no such output"),
        ("ramp_per_s = { setpoint = 0.5 }", "ramp_per_s = { setpoint = -1 }", "greater than 0"),
        ('values = { margin = "kV" }', 'values = { u = "kV" }', "the name is in inputs already"),
        ('signals = ["low"]', 'signals = ["fault"]', "every rule shows"),
        ('inputs = { u = "rtu-1/u" }', 'inputs = { u = "rtu-1/u", q = "rtu-1/q1" }', "is not used"),
        ('inputs = { u = "rtu-1/u" }', 'inputs = { "2u" = "rtu-1/u" }', "a name is made of"),
        ('acts = "isolated"', 'acts = "alone"', "connected"),
        ("period_s = 0.5", "period_s = 0.01", "0.1"),
        ('name = "shed"\n', "", "missing"),
        ('kind = "rule"', 'kind = "ruel"', "ruel"),
        ('program = """', 'file = "x.st"\nprogram = """', "needs one program"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, problem: str) -> None:
    folder = site(tmp_path, RULE.replace(old, new, 1))
    told = [str(finding) for finding in findings_of(folder)]
    assert any(problem in each for each in told), told
    assert all(finding.line for finding in findings_of(folder))


def test_two_functions_that_act_at_the_same_time_do_not_operate_one_point(tmp_path: Path) -> None:
    second = '\n[[automation.functions]]\nname = "other"\nkind = "rule"\nacts = "{}"\n'
    second += 'outputs = {{ trip = "rtu-1/trip" }}\nprogram = "trip := FALSE;"\n'
    folder = site(tmp_path, RULE + second.format("connected"))
    assert findings_of(folder) == []
    for acts in ("isolated", "always"):
        (finding,) = findings_of(site(tmp_path, RULE + second.format(acts)))
        assert "operates rtu-1/trip, which shed operates too" in finding.problem
        assert "connected" in finding.remedy


def test_names_that_are_taken_or_run_into_each_other_are_told(tmp_path: Path) -> None:
    rule = '\n[[automation.functions]]\nname = "{}"\nkind = "rule"\nvalues = {{ {} = "" }}\nprogram = "{} := 1;"\n'
    twice = site(tmp_path, "[automation]\n" + rule.format("a", "x", "x") + rule.format("a", "y", "y"))
    assert "the name is taken already" in [finding.problem for finding in findings_of(twice)]
    joined = site(tmp_path, "[automation]\n" + rule.format("a", "b_c", "b_c") + rule.format("a_b", "c", "c"))
    assert "its point automation/a_b_c is also one of a" in [finding.problem for finding in findings_of(joined)]


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = RULE.replace("period_s = 0.5", "period_s = 0").replace('u = "rtu-1/u"', 'u = "rtu-1/uu"')
    _, findings = inspect_folder(site(tmp_path, text + "\n[gate]\nlocal_switch = 'rtu-1/local'\n"))
    assert len(findings) == 3
