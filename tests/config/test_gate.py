"""`[gate]` as it is written and as it is understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.config import read_folder
from tieline.config.gate import Gate

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
name,kind,unit,equipment,quantity,table,address,type,low,high,poll,bits
q1,double,,ng-q1,switch_position,input_register,0,bits,,,fast,2
q1_command,control,,ng-q1,switch_position,coil,0,,,,fast,
q2,double,,ng-q2,switch_position,input_register,1,bits,,,fast,2
q2_also,binary,,ng-q2,switch_position,discrete_input,3,,,,fast,
q2_command,control,,ng-q2,switch_position,coil,1,,,,fast,
es1,binary,,,,discrete_input,0,,,,fast,
local,binary,,,,discrete_input,1,,,,fast,
raise,control,,,,coil,2,,,,fast,
lower,control,,,,coil,3,,,,fast,
tap,analog,,,,input_register,2,int16,,,fast,
p_set,setpoint,MW,,,holding_register,0,int16,-10,10,fast,
"""

GATE = """
[gate]
local_switch = "rtu-1/local"
local_when = 0
automation_when_local = true

[[gate.interlocks]]
points = ["rtu-1/q?_command"]
when = 1
expression = "NOT earthed AND position < 2"
inputs = { earthed = "rtu-1/es1", position = "rtu-1/q1" }
text = "the feeder is earthed"

[[gate.limits]]
points = ["rtu-1/raise", "rtu-1/lower"]
most_per_hour = 20
least_interval_s = 5
together = true

[[gate.feedbacks]]
point = "rtu-1/raise"
feedback = "rtu-1/tap"
feedback_s = 15
expects = "change"
"""


def site(tmp_path: Path, text: str) -> Path:
    points = POINTS.replace("ng-", "")
    named = {"utility.toml": UTILITY, "sites/alpha/site.toml": DEVICE + text, "sites/alpha/points/rtu-1.csv": points}
    return write(tmp_path, named)


def read(tmp_path: Path, text: str) -> Gate:
    return read_folder(site(tmp_path, text)).site("alpha").gate


def test_the_gate_is_read(tmp_path: Path) -> None:
    gate = read(tmp_path, GATE)
    points = {point.name: point for point in read_folder(tmp_path).points}
    assert gate.local_switch == points["local"]
    assert (gate.local_when, gate.automation_when_local) == (0, True)
    (interlock,), (limit,) = gate.interlocks, gate.limits
    assert interlock.points == {points["q1_command"].id, points["q2_command"].id}
    assert (interlock.when, interlock.inputs["position"]) == (1, points["q1"])
    assert (limit.most_per_hour, limit.least_interval_s, limit.together) == (20, 5, True)
    feedback = gate.feedbacks[points["raise"].id]
    assert (feedback.point, feedback.within_s, feedback.expects) == (points["tap"], 15, "change")


def test_the_one_position_of_a_switch_is_the_feedback_of_its_control(tmp_path: Path) -> None:
    points = {point.name: point for point in read_folder(site(tmp_path, "")).points}
    gate = read(tmp_path, "")
    assert gate.feedbacks[points["q1_command"].id].point == points["q1"]
    assert points["q2_command"].id not in gate.feedbacks, "which of two positions is meant, nobody knows"
    assert read(tmp_path, "[gate]\nfollow_switches = false\n").feedbacks == {}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('local_switch = "rtu-1/local"', 'local_switch = "rtu-1/loc"', "no such point"),
        ('points = ["rtu-1/q?_command"]', 'points = ["rtu-1/x*"]', "matches no point"),
        ('points = ["rtu-1/q?_command"]', 'points = ["rtu-1/es1"]', "no command can be addressed to that"),
        ("NOT earthed AND position < 2", "position + 1", "permits nothing"),
        ("NOT earthed AND position < 2", "earthd AND position < 2", "column"),
        ("NOT earthed AND position < 2", "NOT earthed", "is not used"),
        ('position = "rtu-1/q1"', 'position = "rtu-1/q9"', "no such point"),
        ("most_per_hour = 20\nleast_interval_s = 5\n", "", "limits nothing"),
        ('point = "rtu-1/raise"', 'point = "rtu-1/tap"', "no command can be addressed to that"),
        ('feedback = "rtu-1/tap"', 'feedback = "rtu-1/raise"', "is the point itself"),
        ('expects = "change"', 'expects = "chnge"', "expects"),
        ("[gate]\n", "[gate]\nlocal = 1\n", "local"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert old in GATE
    findings = findings_of(site(tmp_path, GATE.replace(old, new, 1)))
    assert any(problem in str(finding) for finding in findings), [str(finding) for finding in findings]
    assert all(finding.line > len(DEVICE.splitlines()) for finding in findings)


def test_a_point_has_one_feedback(tmp_path: Path) -> None:
    again = '\n[[gate.feedbacks]]\npoint = "rtu-1/raise"\nfeedback = "rtu-1/q1"\n'
    assert [finding.problem for finding in findings_of(site(tmp_path, GATE + again))] == ["has a feedback already"]
