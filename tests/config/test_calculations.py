from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from tieline.config import Finding, calculation_sections, read_folder
from tieline.config.calculation_units import factor, over_an_hour
from tieline.config.calculations import Calculation
from tieline.model import PointKind

from .folders import UTILITY, findings_of, write

SITE = "sites/alpha/site.toml"
DEVICES = """\
[[devices]]
name = "m"
protocol = "modbus"
connection = { transport = "tcp", host = "10.1.1.11" }
polls = { normal = 1.0 }

"""
FIRST = DEVICES.count("\n") + 1
"""The line of the first table of calculations."""

POINTS = """\
name,kind,unit,table,address,type,poll
p1,analog,kW,input_register,0,float32,normal
p2,analog,MW,input_register,2,float32,normal
p3,analog,,input_register,4,float32,normal
i1,analog,A,input_register,6,float32,normal
u1,analog,V,input_register,8,float32,normal
u2,analog,kV,input_register,10,float32,normal
x,analog,bar,input_register,12,float32,normal
n,counter,kWh,input_register,14,uint32,normal
cb,binary,,discrete_input,0,,normal
open,control,,coil,0,,normal
"""


def folder(tmp_path: Path, calculations: str) -> Path:
    return write(tmp_path, {"utility.toml": UTILITY, SITE: DEVICES + calculations, "sites/alpha/points/m.csv": POINTS})


def read(tmp_path: Path, calculations: str) -> dict[str, Calculation]:
    found = read_folder(folder(tmp_path, calculations)).site("alpha").calculations
    return {calculation.point.name: calculation for calculation in found}


def table(**keys: object) -> str:
    lines = ["[[calculations]]"]
    for name, value in keys.items():
        written = str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')
        lines.append(f"{name} = {written}")
    return "\n".join(lines) + "\n"


def only(tmp_path: Path, calculations: str) -> Finding:
    (finding,) = findings_of(folder(tmp_path, calculations))
    return finding


def test_a_calculated_point_belongs_to_the_device_calc_and_to_the_points_of_the_site(tmp_path: Path) -> None:
    text = table(
        name="total",
        function="sum",
        of=["m/p1", "m/p2"],
        unit="MW",
        description="all",
        low=-5,
        high=5,
        deadband=0.1,
        max_silence_s=9,
    )
    site = read_folder(folder(tmp_path, text)).site("alpha")
    (calculation,) = site.calculations
    point = calculation.point
    assert (point.path, point.kind, point.unit, point.description) == ("alpha/calc/total", PointKind.ANALOG, "MW", "all")
    assert (point.low, point.high, point.reporting.deadband, point.reporting.max_silence_s) == (-5, 5, 0.1, 9)
    assert point in list(site.points)


def test_members_are_converted_into_the_unit_of_the_result(tmp_path: Path) -> None:
    found = read(tmp_path, table(name="total", function="sum", of=["m/p1", "m/p2", "m/p3"], unit="MW"))
    assert [each.factor for each in found["total"].inputs] == pytest.approx([1e-3, 1.0, 1.0])


def test_a_sum_that_names_no_unit_has_that_of_its_first_member(tmp_path: Path) -> None:
    found = read(tmp_path, table(name="total", function="sum", of=["m/p2", "m/p1"]))
    assert found["total"].point.unit == "MW"
    assert [each.factor for each in found["total"].inputs] == pytest.approx([1.0, 1e-3])


def test_a_pattern_means_every_point_that_matches_but_not_the_result_itself(tmp_path: Path) -> None:
    text = table(name="p", function="max", of=["*/p*", "m/p1"])
    assert [each.point.name for each in read(tmp_path, text)["p"].inputs] == ["p1", "p2", "p3"]


def test_calculations_stand_after_those_that_they_need_whatever_their_order_in_the_file(tmp_path: Path) -> None:
    text = (
        table(name="c", function="mean", of=["calc/b", "m/p1"])
        + table(name="b", function="window", of="calc/a", window_s=60, aggregate="mean")
        + table(name="a", function="sum", of=["m/p2"])
    )
    found = read(tmp_path, text)
    assert list(found) == ["a", "b", "c"]
    assert [found[name].point.unit for name in "abc"] == ["MW"] * 3
    assert found["c"].inputs[1].factor == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("keys", "kind", "unit"),
    [
        ({"function": "count_good", "of": ["m/*"]}, PointKind.ANALOG, ""),
        ({"function": "window", "of": "m/p1", "window_s": 900, "aggregate": "integral"}, PointKind.ANALOG, "kWh"),
        ({"function": "window", "of": "m/x", "window_s": 900, "aggregate": "integral"}, PointKind.ANALOG, "bar·h"),
        ({"function": "window", "of": "m/p1", "window_s": 900, "aggregate": "count"}, PointKind.ANALOG, ""),
        ({"function": "energy", "of": "m/p1"}, PointKind.COUNTER, "kWh"),
        ({"function": "energy", "of": "m/p1", "direction": "net"}, PointKind.ANALOG, "kWh"),
        ({"function": "demand", "of": "m/p2"}, PointKind.ANALOG, "MW"),
        ({"function": "duration", "of": "m/cb", "state": "closed"}, PointKind.COUNTER, "h"),
        ({"function": "duration", "of": "m/cb", "state": "closed", "show": "present"}, PointKind.ANALOG, "h"),
        ({"function": "operations", "of": "m/cb"}, PointKind.COUNTER, ""),
        ({"function": "rate", "of": "m/n", "per": "h"}, PointKind.ANALOG, "kWh/h"),
        ({"function": "rate", "of": "m/n", "per": "h", "unit": "MWh/h"}, PointKind.ANALOG, "MWh/h"),
        ({"function": "counter_delta", "of": "m/n", "window_s": 900}, PointKind.ANALOG, "kWh"),
        ({"function": "difference", "of": ["m/u1", "m/u2"]}, PointKind.ANALOG, "V"),
        ({"function": "three_phase", "show": "power_factor", "active_power": ["m/p1"] * 3,
          "reactive_power": ["m/p3"] * 3}, PointKind.ANALOG, ""),
        ({"function": "three_phase", "show": "active_power", "active_power": ["m/p1"] * 3}, PointKind.ANALOG, "kW"),
        ({"function": "three_phase", "show": "voltage_unbalance", "line_voltage": ["m/u2"] * 3}, PointKind.ANALOG, "%"),
    ],
)  # fmt: skip
def test_each_function_has_its_kind_and_a_natural_unit(
    tmp_path: Path, keys: dict[str, object], kind: PointKind, unit: str
) -> None:
    point = read(tmp_path, table(name="a", **keys))["a"].point
    assert (point.kind, point.unit) == (kind, unit)


@pytest.mark.parametrize(("expression", "kind"), [("p > 1.0", PointKind.BINARY), ("p + 1.0", PointKind.ANALOG)])
def test_an_expression_is_what_its_result_is(tmp_path: Path, expression: str, kind: PointKind) -> None:
    text = f'[[calculations]]\nname = "a"\nfunction = "expression"\nexpression = "{expression}"\ninputs = {{ p = "m/p1" }}\n'
    assert read(tmp_path, text)["a"].point.kind is kind


@pytest.mark.parametrize(
    ("keys", "where", "says"),
    [
        ({"function": "som", "of": ["m/p1"]}, "function", "sum"),
        ({"function": "sum", "of": ["m/p1"], "neads": "any"}, "neads", "unknown key"),
        ({"function": "sum", "of": []}, "of", "write at least one"),
        ({"function": "sum", "of": ["m/p7"]}, "of", "did you mean m/p"),
        ({"function": "sum", "of": ["m/q*"]}, "of", "correct the pattern"),
        ({"function": "sum", "of": ["calc/*"]}, "of", "matches nothing but the point itself"),
        ({"function": "sum", "of": ["m/p1", "m/i1"]}, "of", "A cannot be converted into kW"),
        ({"function": "sum", "of": ["m/i1", "m/u1"]}, "of", "V cannot be converted into A"),
        ({"function": "sum", "of": ["m/p1"], "unit": "kV"}, "of", "kW cannot be converted into kV"),
        ({"function": "sum", "of": ["m/p1", "m/x"]}, "of", "bar cannot be converted into kW"),
        ({"function": "sum", "of": ["m/p1", "m/open"]}, "of", "is a control point"),
        ({"function": "sum", "of": ["m/p1"], "needs": 1.5}, "needs", "write for example 0.8"),
        ({"function": "count_good", "of": ["m/p1"], "needs": "any"}, "needs", "remove it"),
        ({"function": "difference", "of": ["m/p1"]}, "of", ""),
        ({"function": "difference", "of": ["m/p1", "m/u1"]}, "of", "V cannot be converted into kW"),
        ({"function": "window", "of": "m/p1", "window_s": 7, "aggregate": "mean"}, "window_s", "write for example 8"),
        ({"function": "window", "of": "m/p1", "window_s": 60, "aggregate": "median"}, "aggregate", "mean"),
        ({"function": "window", "of": "m/p1", "window_s": 60, "aggregate": "integral", "unit": "kW"}, "unit", "kWh cannot be"),
        ({"function": "window", "of": "p1", "window_s": 60, "aggregate": "mean"}, "of", "name the device and the point"),
        ({"function": "demand", "of": "m/p1", "window_s": 900, "subinterval_s": 400}, "", "write one that does, for example 450"),
        ({"function": "demand", "of": "m/p1", "window_s": 60, "subinterval_s": 900}, "", "is longer than window_s"),
        ({"function": "demand", "of": "m/i1"}, "of", "A cannot be converted into W"),
        ({"function": "energy", "of": "m/u1"}, "of", "is in V, which is no power"),
        ({"function": "energy", "of": "m/p1", "unit": "kW"}, "unit", "Wh cannot be converted into kW"),
        ({"function": "duration", "of": "m/p1", "state": "closed"}, "of", "is of kind analog and has no states"),
        ({"function": "duration", "of": "m/cb", "state": "bad"}, "state", "write on, off, closed or open"),
        ({"function": "duration", "of": "m/cb", "state": "on", "unit": "kW"}, "unit", "s cannot be converted into kW"),
        ({"function": "operations", "of": "m/p1"}, "of", "name a binary or double point"),
        ({"function": "rate", "of": "m/n", "per": "h", "unit": "kWh/s"}, "unit", "write kWh/h"),
        ({"function": "rate", "of": "m/n", "per": "day"}, "per", "'s', 'min' or 'h'"),
        ({"function": "three_phase", "show": "neutral_current"}, "show", "needs current and current_angle"),
        ({"function": "three_phase", "show": "apparent_power", "method": "nema"}, "", "write vector or arithmetic"),
        ({"function": "three_phase", "show": "neutral_current", "method": "nema"}, "", "remove it"),
        ({"function": "three_phase", "show": "active_power", "active_power": ["m/p1"] * 2}, "active_power", ""),
        ({"function": "three_phase", "show": "active_power", "active_power": ["m/p1"] * 3, "voltage": ["m/u1"] * 3},
         "voltage", "active_power does not need it"),
        ({"function": "three_phase", "show": "active_power", "active_power": ["m/u1"] * 3}, "active_power", "converted into W"),
        ({"function": "sum", "of": ["m/p1"], "low": 5, "high": 1}, "", "exchange or correct them"),
        ({"function": "sum", "of": ["m/p1"], "quantity": "active_pwr"}, "quantity", "there is no such quantity"),
        ({"function": "sum", "of": ["m/p1"], "quantity": "voltage"}, "unit", "write V, kV"),
        ({"function": "energy", "of": "m/p1", "quantity": "active_power"}, "quantity", "a point of it is analog"),
    ],
)  # fmt: skip
def test_a_mistake_is_a_finding_with_its_line_and_a_remedy(
    tmp_path: Path, keys: dict[str, object], where: str, says: str
) -> None:
    text = table(name="a", **keys)
    findings = findings_of(folder(tmp_path, text))
    wrong = [finding for finding in findings if says in str(finding)]
    assert wrong, [str(finding) for finding in findings]
    lines = text.splitlines()
    named = next((number for number, line in enumerate(lines) if where and line.startswith(f"{where} =")), 0)
    assert wrong[0].file == SITE
    assert wrong[0].line == FIRST + named
    assert len({finding.problem for finding in findings}) == 1


def test_a_name_that_is_taken_is_a_finding(tmp_path: Path) -> None:
    text = table(name="a", function="sum", of=["m/p1"]) + table(name="a", function="max", of=["m/p1"])
    finding = only(tmp_path, text)
    assert (finding.line, finding.value, finding.remedy) == (FIRST + 5, "a", "choose another")


def test_calculations_that_need_each_other_are_a_finding_that_names_the_circle(tmp_path: Path) -> None:
    text = (
        table(name="a", function="sum", of=["calc/b", "m/p1"])
        + table(name="b", function="sum", of=["calc/c"])
        + table(name="c", function="sum", of=["calc/a"])
        + table(name="d", function="sum", of=["calc/a"])
        + table(name="e", function="sum", of=["calc/e"])
    )
    found = findings_of(folder(tmp_path, text))
    assert [(each.line, each.problem) for each in found] == [
        (FIRST, "needs itself: calc/a needs calc/b needs calc/c needs calc/a"),
        (FIRST + 16, "needs itself: calc/e needs calc/e"),
    ]
    assert all("measured points" in each.remedy for each in found)


def test_what_refers_to_a_calculation_with_a_mistake_is_no_further_finding(tmp_path: Path) -> None:
    text = (
        table(name="a", function="sum", of=["m/p1", "m/i1"])
        + table(name="b", function="sum", of=["calc/a", "calc/c"])
        + table(name="c", function="rate", of="m/n", per=3)
    )
    assert [finding.line for finding in findings_of(folder(tmp_path, text))] == [FIRST + 3, FIRST + 12]


def test_mistakes_of_an_expression_are_told_at_their_line_within_the_file(tmp_path: Path) -> None:
    text = '[[calculations]]\nname = "a"\nfunction = "expression"\ninputs = { p = "m/p1" }\n'
    text += 'expression = """\np +\n  (q * 2.0)\n"""\n'
    finding = only(tmp_path, text)
    assert finding.line == FIRST + 6
    assert "q" in finding.problem
    assert finding.remedy
    assert (finding.where, finding.value) == ("calculations[0].expression", "(q * 2.0)")


def test_mistakes_of_an_expression_of_one_line_are_told_at_its_key(tmp_path: Path) -> None:
    text = '[[calculations]]\nname = "a"\nfunction = "expression"\nexpression = "p +"\ninputs = { p = "m/p1" }\n'
    assert only(tmp_path, text).line == FIRST + 3


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ('{ p = "m/p1", q = "m/p2" }', "the expression does not use it"),
        ('{ p = "m/p1", if = "m/p2" }', "choose another name"),
        ('{ p = "m/p9" }', "there is no such point"),
    ],
)
def test_mistakes_of_an_expressions_inputs_are_findings(tmp_path: Path, inputs: str, says: str) -> None:
    text = f'[[calculations]]\nname = "a"\nfunction = "expression"\nexpression = "p + 1.0"\ninputs = {inputs}\n'
    finding = only(tmp_path, text)
    assert says in str(finding)
    assert finding.line == FIRST + 4


def test_units_are_converted_where_they_measure_the_same() -> None:
    assert factor("kW", "MW") == pytest.approx(1e-3)
    assert factor("h", "min") == pytest.approx(60)
    assert factor("rad", "deg") == pytest.approx(57.29577951)
    assert factor("", "MW") == factor("MW", "") == factor("furlong", "furlong") == 1.0
    assert factor("kW", "kvar") is None
    assert factor("furlong", "V") is None
    assert [over_an_hour(unit) for unit in ("MW", "kvar", "A", "", "bar")] == ["MWh", "kvarh", "Ah", "", "bar·h"]


def words_of(model: type[BaseModel], name: str) -> tuple[str, ...]:
    """What a key may be."""
    return get_args(model.model_fields[name].annotation) if name in model.model_fields else ()


PAGE = (Path(__file__).parents[2] / "docs/reference/calculations.md").read_text()
MODELS = get_args(calculation_sections.Settings)


@pytest.mark.parametrize("key", sorted({name for model in MODELS for name in model.model_fields}))
def test_every_key_of_a_calculation_is_documented(key: str) -> None:
    assert f"`{key}`" in PAGE


@pytest.mark.parametrize(
    "word",
    sorted({word for model in MODELS for name in ("function", "show", "aggregate") for word in words_of(model, name)}),
)
def test_every_function_is_documented(word: str) -> None:
    assert f"`{word}`" in PAGE or f"`{word[-3:]}`" in PAGE


def test_the_example_of_the_page_is_right(tmp_path: Path) -> None:
    example = PAGE.partition("```toml\n")[2].partition("```")[0]
    devices = "".join(
        DEVICES.replace('"m"', f'"{name}"').replace("10.1.1.11", f"10.1.1.{20 + number}")
        for number, name in enumerate(("meter-1", "meter-2", "feeder-1", "rtu-1"))
    )
    points = "name,kind,unit,table,address,type,poll\np,analog,MW,input_register,0,float32,normal\n"
    points += "q,analog,Mvar,input_register,2,float32,normal\ncb,binary,,discrete_input,0,,normal\n"
    lists = {f"sites/alpha/points/{name}.csv": points for name in ("meter-1", "meter-2", "feeder-1", "rtu-1")}
    site = read_folder(write(tmp_path, {"utility.toml": UTILITY, SITE: devices + example, **lists})).site("alpha")
    assert [len(calculation.inputs) for calculation in site.calculations] == [3, 1, 3]
