"""`alarms.csv` and the alarms that are made without it; each mistake is found where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.config import read_folder
from tieline.config.alarms import AlarmPlan, AlarmRow, AlarmsSection
from tieline.model.alarms import AlarmKind

from .folders import UTILITY, edit, findings_of, write

SITE = "sites/alpha/site.toml"
ALARMS = "sites/alpha/alarms.csv"
FILES = {
    "utility.toml": UTILITY,
    SITE: """\
[[devices]]
name = "rtu-1"
protocol = "dnp3"
outstation = 10
master = 1
connection = { transport = "tcp", host = "10.1.1.11" }

[[devices]]
name = "rtu-2"
protocol = "dnp3"
outstation = 11
master = 1
connection = { transport = "tcp", host = "10.1.1.12" }

[[detection]]
points = ["rtu-1/v_a"]
limits = { high = 145 }
stuck = { for_s = 30 }

[[calculations]]
name = "difference"
function = "difference"
of = ["rtu-1/v_a", "rtu-1/v_b"]
""",
    "sites/alpha/points/rtu-1.csv": """\
name,kind,unit,description,low,high,group,index,quantity,operation
v_a,analog,kV,Bus A: voltage,0,200,30,0,,
v_b,analog,kV,Bus B: voltage,0,200,30,1,,
i_a,analog,A,,,,30,2,,
cb,double,,,,,3,0,,
trip,binary,,Line 1: trip,,,1,0,trip,
earthed,binary,,,,,1,1,,
close,control,,,,,12,0,,latch
""",
    "sites/alpha/points/rtu-2.csv": "name,kind,unit,group,index\nv_a,analog,kV,30,0\n",
}
HEADER = "name,point,type,limit,hysteresis,reference,state,event,priority,latched,suppress,suppress_inputs,most_shelve_min\n"
RIGHT = """\
high,rtu-?/v_*,high,145,2,,,,2,,,,60
very-high,rtu-1/v_a,high_high,150,,,,,1,true,,,
apart,rtu-1/v_a,deviation,5,1,rtu-1/v_b,,,3,,,,
fast,rtu-1/i_a,rate,100,,,,,3,,,,
breaker,rtu-1/cb,state,,,,intermediate|bad,,1,,e AND GOOD(e),e = rtu-1/earthed,
doubt,rtu-1/i_a,quality,,,,questionable,,4,,,,
silent,rtu-*,communication,,,,,,2,,,,
unheard,,communication,,,,,,1,,,,
stuck,rtu-1/v_a,event,,,,,value_stuck,4,,,,
fault,,event,,,,,function_fault,2,,,,
calculated,calc/difference,low,-3,,,,,3,,,,
disk,tieline/disk_free_mb,low,500,,,,,2,,,,
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, FILES | {ALARMS: HEADER + RIGHT})


def alarms(folder: Path) -> dict[str, AlarmPlan]:
    return {each.id: each for each in read_folder(folder).site("alpha").alarms}


def test_every_row_becomes_an_alarm_and_a_pattern_a_family(folder: Path) -> None:
    found = alarms(folder)
    assert list(found) == [
        "alpha/high/rtu-1/v_a",
        "alpha/high/rtu-1/v_b",
        "alpha/high/rtu-2/v_a",
        "alpha/very-high",
        "alpha/apart",
        "alpha/fast",
        "alpha/breaker",
        "alpha/doubt",
        "alpha/silent/rtu-1",
        "alpha/silent/rtu-2",
        "alpha/unheard",
        "alpha/stuck",
        "alpha/fault",
        "alpha/calculated",
        "alpha/disk",
    ]
    high, breaker = found["alpha/high/rtu-1/v_b"], found["alpha/breaker"]
    assert (high.device, high.limit, high.hysteresis, high.priority, high.most_shelve_s) == ("rtu-1", 145, 2, 2, 3600)
    assert (high.text, high.point and high.point.name) == ("Bus B: voltage: high", "v_b")
    assert found["alpha/very-high"].latched
    assert (breaker.abnormal, list(breaker.suppress_inputs)) == (frozenset({0, 3}), ["e"])
    assert found["alpha/doubt"].is_any_doubt
    assert (found["alpha/silent/rtu-2"].device, found["alpha/silent/rtu-2"].point) == ("rtu-2", None)
    assert found["alpha/unheard"].device == ""
    apart = found["alpha/apart"]
    assert apart.reference is not None
    assert apart.reference.name == "v_b"


def test_without_the_file_what_matters_everywhere_is_an_alarm(folder: Path) -> None:
    (folder / ALARMS).unlink()
    found = [(each.id, each.kind, each.priority, each.text) for each in alarms(folder).values()]
    assert found == [
        ("alpha/link", AlarmKind.COMMUNICATION, 2, "site is not heard"),
        ("alpha/communication/rtu-1", AlarmKind.COMMUNICATION, 2, "rtu-1 does not answer"),
        ("alpha/communication/rtu-2", AlarmKind.COMMUNICATION, 2, "rtu-2 does not answer"),
        ("alpha/trip/rtu-1/trip", AlarmKind.STATE, 2, "Line 1: trip"),
        ("alpha/limit_exceeded/rtu-1/v_a", AlarmKind.EVENT, 3, "Bus A: voltage: beyond a limit"),
        ("alpha/value_stuck/rtu-1/v_a", AlarmKind.EVENT, 3, "Bus A: voltage: is stuck"),
    ]


@pytest.mark.parametrize(("file", "wanted", "count"), [(False, "false", 0), (True, "false", 15), (True, "true", 21)])
def test_the_section_says_whether_alarms_are_made(folder: Path, *, file: bool, wanted: str, count: int) -> None:
    edit(folder, SITE, "[[devices]]", f"alarms = {{ defaults = {wanted} }}\n\n[[devices]]")
    if not file:
        (folder / ALARMS).unlink()
    assert len(alarms(folder)) == count


def test_a_described_alarm_stands_for_one_that_would_be_made(folder: Path) -> None:
    edit(folder, SITE, "[[devices]]", "alarms = { defaults = true }\n\n[[devices]]")
    edit(folder, ALARMS, "unheard,,", "link,,")
    assert alarms(folder)["alpha/link"].priority == 1
    assert len(alarms(folder)) == 20


@pytest.mark.parametrize(
    ("row", "column", "said"),
    [
        ("very-high,rtu-1/v_b,high_high,190,,,,,1,,,,", "name", "the name is taken by line 3; choose another"),
        ("x,rtu-1/v_c,high,1,,,,,1,,,,", "point", "there is no such point at this site; did you mean rtu-1/v_b?"),
        ("x,rtu-1/w_*,high,1,,,,,1,,,,", "point", "matches no point of the site"),
        ("x,rtu-3,communication,,,,,,1,,,,", "point", "there is no such device at this site; did you mean rtu-2?"),
        ("x,rtu-1/v_a,communication,,,,,,1,,,,", "point", "is a point; name the device alone"),
        ("x,,state,,,,on,,1,,,,", "point", "is missing; write device/name"),
        ("x,rtu-1/close,state,,,,on,,1,,,,", "point", "rtu-1/close is written and not measured; name its feedback"),
        ("x,rtu-1/cb,high,1,,,,,1,,,,", "type", "rtu-1/cb is a double point and has no limits"),
        ("x,rtu-1/i_a,state,,,,on,,1,,,,", "type", "rtu-1/i_a is of kind analog and has no states"),
        ("x,rtu-1/i_a,hi,1,,,,,1,,,,", "type", "is not one of the permitted words"),
        ("x,rtu-1/i_a,high,,,,,,1,,,,", "limit", "is missing; an alarm of type high needs one"),
        ("x,rtu-1/i_a,rate,-1,,,,,1,,,,", "limit", "a rate is measured without sign; write a number above 0"),
        ("x,rtu-1/v_b,high_high,500,,,,,1,,,,", "limit", "lies outside of what rtu-1/v_b can be: 0 to 200"),
        ("x,rtu-1/v_b,low,160,,,,,1,,,,", "", "the high limit is not above the low limit 160 of the same point"),
        ("x,rtu-1/v_a,high_high,170,,,,,1,,,,", "point", "line 3 has the high_high limit of rtu-1/v_a already"),
        ("x,rtu-1/i_a,rate,5,5,,,,1,,,,", "hysteresis", "it would never return; write less than 5"),
        ("x,rtu-1/i_a,high,5,-1,,,,1,,,,", "hysteresis", "is out of range"),
        ("x,rtu-1/v_a,deviation,5,,,,,1,,,,", "reference", "is missing; name the point"),
        ("x,rtu-1/v_a,deviation,5,,rtu-1/v_a,,,1,,,,", "reference", "is the point itself"),
        ("x,rtu-1/v_a,deviation,5,,rtu-1/i_a,,,1,,,,", "reference", "is in A, rtu-1/v_a in kV"),
        ("x,rtu-1/v_a,high,150,,rtu-1/v_b,,,1,,,,", "reference", "means nothing for an alarm of type high; leave it empty"),
        ("x,rtu-1/trip,state,,,,,,1,,,,", "state", "is missing; write the abnormal states"),
        ("x,rtu-1/trip,state,,,,bad,,1,,,,", "state", "is no state of a binary point; write one of 0, 1, off, on, open, closed"),
        ("x,rtu-1/trip,state,,,,off|on,,1,,,,", "state", "every state is abnormal; leave one that is normal"),
        ("x,rtu-1/trip,quality,,,,good,,1,,,,", "state", "is no quality; write invalid or questionable"),
        ("x,rtu-1,event,,,,,,1,,,,", "event", "is missing; write the kind of the events"),
        ("x,rtu-1/trip,state,,,,on,,5,,,,", "priority", "is out of range"),
        ("x,rtu-1/trip,state,,,,on,,1,maybe,,,", "latched", "is neither true nor false"),
        ("x,rtu-1/trip,state,,,,on,,1,,e OR f,e=rtu-1/earthed,", "suppress", "column 6"),
        ("x,rtu-1/trip,state,,,,on,,1,,v,v=rtu-1/v_a,", "suppress", "gives REAL; compare it with something"),
        ("x,rtu-1/trip,state,,,,on,,1,,AGE(v) > T#5s,v=rtu-1/v_a,", "suppress", "AGE is not known here"),
        ("x,rtu-1/trip,state,,,,on,,1,,,e=rtu-1/earthed,", "suppress", "is missing; write the expression that uses them"),
        ("x,rtu-1/trip,state,,,,on,,1,,e,e=rtu-1/nothing,", "suppress_inputs", "there is no such point at this site"),
        ("x,rtu-1/trip,state,,,,on,,1,,e,e;2=rtu-1/cb,", "suppress_inputs", "has no point; write name = device/name"),
        ("x,rtu-1/trip,state,,,,on,,1,,e,e=rtu-1/earthed;f=rtu-1/cb,", "suppress_inputs", "the expression does not use it"),
        ("x,rtu-1/trip,state,,,,on,,1,,,,0", "most_shelve_min", "is out of range"),
    ],
)
def test_a_mistake_is_found_where_it_stands(folder: Path, row: str, column: str, said: str) -> None:
    (folder / ALARMS).write_text(HEADER + RIGHT + row + "\n")
    found = findings_of(folder)
    assert any(said in str(finding) for finding in found), [str(finding) for finding in found]
    assert {finding.file for finding in found} == {ALARMS}
    if column:
        assert {(finding.line, finding.where) for finding in found if said in str(finding)} == {(14, column)}


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    rows = "x,rtu-9/v_a,high,,,,,,7,,,,\ny,rtu-1/trip,state,1,,,neither,,1,,e,,\ny,,rate,0,,,,,1,,,,\n"
    (folder / ALARMS).write_text(HEADER + rows)
    assert [(finding.line, finding.where) for finding in findings_of(folder)] == [
        (2, "priority"),
        (3, "limit"),
        (3, "state"),
        (3, "suppress"),
        (4, "limit"),
        (4, "name"),
        (4, "point"),
    ]


def test_a_device_whose_list_is_wrong_hides_no_other_mistake(folder: Path) -> None:
    edit(folder, "sites/alpha/points/rtu-2.csv", "30,0", "30,x")
    edit(folder, ALARMS, "silent,rtu-*", "silent,rtu-8")
    said = [(finding.file, finding.where) for finding in findings_of(folder)]
    assert said == [(ALARMS, "point"), ("sites/alpha/points/rtu-2.csv", "index")]


def test_the_section_has_no_other_keys(folder: Path) -> None:
    edit(folder, SITE, "[[devices]]", "alarms = { default = true }\n\n[[devices]]")
    (finding,) = findings_of(folder)
    assert "did you mean defaults?" in str(finding)


@pytest.mark.parametrize("key", sorted({*AlarmRow.model_fields, *AlarmsSection.model_fields}))
def test_every_column_and_key_is_documented(key: str) -> None:
    assert f"`{key}`" in (Path(__file__).parents[2] / "docs/reference/alarms.md").read_text()


def test_an_event_that_is_over_at_once_cannot_last(folder: Path) -> None:
    (folder / ALARMS).write_text("name,point,type,event,on_delay_s,priority\nx,rtu-1/v_a,event,spike,5,3\n")
    (finding,) = findings_of(folder)
    assert "spike is over at once and would never last for so long" in str(finding)


NODES = "name,voltage_kv,site\nbus-a,110,alpha\nbus-b,110,alpha\n"
GRID = {
    "grid/nodes.csv": NODES,
    "grid/sources.csv": "name,node,voltage_pu,short_circuit_mva,x_to_r\ntso,bus-a,1,4500,10\n",
    "grid/lines.csv": "name,from_node,to_node,length_km,r_ohm_per_km,x_ohm_per_km,c_nf_per_km,rated_current_a\n"
    "line-1,bus-a,bus-b,5,0.1,0.3,10,400\n",
}
RTU = "sites/alpha/points/rtu-1.csv"
WITH_GRID = GRID | {RTU: FILES[RTU].replace(",trip,\n", ",,\n")}
STATES = "name,point,type,limit,priority,equipment,suppress_states\n"


def test_an_alarm_can_be_suppressed_by_the_switching_state_of_its_equipment(folder: Path) -> None:
    write(
        folder,
        WITH_GRID | {ALARMS: STATES + "low,rtu-1/v_b,low,90,2,line-1,de-energized | earthed\nhigh,rtu-1/v_b,high,150,2,bus-b,\n"},
    )
    found = alarms(folder)
    assert found["alpha/low"].suppress_states == {"de-energized", "earthed"}
    assert (found["alpha/high"].suppress_states, found["alpha/high"].equipment) == (frozenset(), "bus-b")


@pytest.mark.parametrize(
    ("row", "column", "said"),
    [
        ("x,rtu-1/v_b,low,90,2,line-1,dead", "suppress_states", "is no such state; write de-energized or earthed"),
        ("x,rtu-1/v_b,low,90,2,,earthed", "equipment", "belongs to no equipment whose state it could be"),
        ("x,,communication,,2,,earthed", "equipment", "the site belongs to no equipment"),
        ("x,rtu-1/v_b,low,90,2,line-2,earthed", "equipment", "is not in the electrical model; did you mean line-1?"),
    ],
)
def test_a_switching_state_that_nobody_can_know_is_a_mistake(folder: Path, row: str, column: str, said: str) -> None:
    write(folder, WITH_GRID | {ALARMS: STATES + row + "\n"})
    assert [(finding.line, finding.where) for finding in findings_of(folder)] == [(2, column)]
    assert said in str(findings_of(folder)[0])
