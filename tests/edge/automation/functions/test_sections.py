"""What is wrong with a section is found, all of it at once, with the key and with a remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.edge.automation.functions import (
    test_battery_control as battery,
)
from tests.edge.automation.functions import (
    test_capacitor_switching as capacitors,
)
from tests.edge.automation.functions import (
    test_load_shedding as shedding,
)
from tests.edge.automation.functions import (
    test_source_transfer as transfer,
)
from tests.edge.automation.functions import (
    test_voltage_regulator as regulator,
)
from tests.edge.automation.functions.bench import plan_of, point, read_section
from tieline.config import automation_functions
from tieline.config.automation_functions import (
    battery_control,
    capacitor_switching,
    load_shedding,
    references,
    source_transfer,
    voltage_regulator,
)
from tieline.config.fields import Strict
from tieline.config.function_base import FunctionPlan
from tieline.edge.automation.functions import make_function
from tieline.model import LocalError, PointKind

REFERENCE = Path(__file__).parents[4] / "docs" / "reference" / "automation-functions.md"

REGULATOR = regulator.BASE + regulator.PULSES
CAPACITORS = capacitors.HEAD + capacitors.BY_Q + capacitors.STEPS
SHEDDING = shedding.HEAD.format(frequency='"ied/f1"') + shedding.STAGES
TRANSFER = transfer.STANDBY + transfer.SUPPLIES.format(bus="")
POINTS = {
    "voltage_regulator": [*regulator.POINTS, point("limited", unit="kV", low=0.0, high=20.05)],
    "capacitor_switching": capacitors.POINTS,
    "battery_control": battery.POINTS,
    "load_shedding": shedding.POINTS,
    "source_transfer": transfer.POINTS,
}


def replaced(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


def added(more: str) -> Callable[[str], str]:
    return lambda text: text.replace("\nname =", f"\n{more}\nname =", 1)


WRONG: list[tuple[str, Callable[[str], str], str, str]] = [
    (REGULATOR, replaced('"ied/u"', '"ied/nothing"'), "voltage", "there is no such point"),
    (REGULATOR, replaced('"ied/u"', '"ied/raise"'), "voltage", "kind control"),
    (REGULATOR, replaced('"ied/u"', '"ied/p"'), "voltage", "unit MW"),
    (REGULATOR, replaced('raise_tap = "ied/raise"\n', ""), "raise_tap", "is missing"),
    (REGULATOR, replaced('"ied/lower"', '"ied/raise"'), "lower_tap", "is raise_tap too"),
    (REGULATOR, replaced('"ied/lower"', '"ied/u"'), "lower_tap", "kind analog"),
    (REGULATOR, added('tap_setpoint = "ied/tap_set"'), "tap_setpoint", "raise_tap or lower_tap too"),
    (REGULATOR, replaced("tap_highest = 19", "tap_highest = 1"), "tap_highest", "not above tap_lowest"),
    (REGULATOR, replaced("bandwidth_percent = 2.0", "bandwidth_percent = 1.2"), "bandwidth_percent", "to and fro"),
    (REGULATOR, replaced('"ied/u"', '"ied/limited"'), "setpoint_kv", "outside the limits"),
    (REGULATOR, added("undervoltage_percent = 99.5"), "undervoltage_percent", "into the band"),
    (REGULATOR, added("fast_lower_percent = 100.5"), "fast_lower_percent", "into the band"),
    (REGULATOR, added("ldc_r_ohm = 1"), "ldc_r_ohm", "current is not known"),
    (REGULATOR, added("overcurrent_a = 100"), "overcurrent_a", "current is not known"),
    (REGULATOR, added('reverse_power = "block"'), "reverse_power", "direction of power"),
    (REGULATOR, added('reverse_power = "regulate"\nactive_power = "ied/p"'), "reverse_voltage", "is missing"),
    (REGULATOR, added("reverse_setpoint_kv = 110"), "reverse_setpoint_kv", "no effect"),
    (REGULATOR, added('parallel = "ied/tie"'), "parallel", "no effect"),
    (REGULATOR, added('master_tap_position = "ied/tap"'), "master_tap_position", "tap_position itself"),
    (
        REGULATOR,
        added('master_tap_position = "ied/tap_other"\nfollower_tap_positions = ["ied/tap_other"]'),
        "master_tap_position",
        "follows none",
    ),
    (CAPACITORS, replaced("on_above_mvar = 1.0\n", ""), "on_above_mvar", "is missing"),
    (CAPACITORS, added("on_below_kv = 19"), "on_below_kv", "has no effect"),
    (CAPACITORS, replaced("off_below_mvar = -0.5", "off_below_mvar = 0.5"), "off_below_mvar", "on and off"),
    (CAPACITORS, added("force_off_above_kv = 21"), "force_off_above_kv", "no effect"),
    (
        CAPACITORS,
        added('voltage = "ied/u"\nforce_off_above_kv = 19\nforce_on_below_kv = 20'),
        "force_off_above_kv",
        "is not above",
    ),
    (CAPACITORS, added('voltage = "ied/u"\nforce_on_below_kv = 18\ndead_below_kv = 19'), "dead_below_kv", "is not below"),
    (CAPACITORS, replaced('control = "ied/c2_cmd"', 'control = "ied/c1_cmd"'), "steps[1].control", "another step"),
    (CAPACITORS, replaced('"ied/c2_pos"', '"ied/c1_pos"'), "steps[1].position", "shows c1"),
    (battery.HEAD, lambda text: text, "", "nothing to do"),
    (battery.SHAVING, replaced('connection_power = "ied/poc"\n', ""), "connection_power", "is missing"),
    (battery.SHAVING, added('solar_power = "ied/sun"'), "solar_power", "no effect"),
    (battery.SHAVING, replaced('"ied/poc"', '"ied/battery"'), "connection_power", "named already"),
    (
        battery.SHAVING,
        replaced("discharge_limit_mw = 4", "discharge_limit_mw = 5"),
        "discharge_limit_mw",
        "more than ied/set takes",
    ),
    (battery.SHAVING, replaced("charge_limit_mw = 4", "charge_limit_mw = 5"), "charge_limit_mw", "more than ied/set takes"),
    (battery.SHAVING, added("soc_lowest_percent = 89"), "soc_highest_percent", "taper"),
    (battery.SHAVING, added("recovery_mw = 1\nsoc_target_percent = 88"), "soc_target_percent", "within 10 to 90"),
    (battery.SHAVING, added("recovery_mw = 9"), "recovery_mw", "power limits"),
    (battery.SHAVING, replaced("deadband_mw = 0.05", "deadband_mw = 4"), "deadband_mw", "power limits"),
    (SHEDDING, replaced('frequency = ["ied/f1"]', "frequency = []"), "frequency", "is missing"),
    (SHEDDING, replaced('frequency = ["ied/f1"]', 'frequency = ["ied/f1", "ied/f1"]'), "frequency[1]", "named twice"),
    (SHEDDING, replaced("dead_below_kv = 10\n", ""), "dead_below_kv", "is missing"),
    (SHEDDING, replaced('voltage = ["ied/u"]\n', ""), "dead_below_kv", "no effect"),
    (SHEDDING, replaced("below_hz = 48.6", "below_hz = 49.2"), "stages[1].below_hz", "before the stage above"),
    (SHEDDING, replaced("below_hz = 49.0\n", ""), "stages[0]", "never acts"),
    (SHEDDING, replaced("below_hz = 49.0", "below_hz = 51.0"), "stages[0].below_hz", "no low frequency"),
    (SHEDDING, replaced("below_hz = 49.0", "below_kv = 9.0"), "stages[0].below_kv", "not above dead_below_kv"),
    (SHEDDING, replaced("below_hz = 49.0", "rate_hz_per_s = 1.0"), "stages[0].rate_below_hz", "is missing"),
    (SHEDDING, replaced('"ied/b_cmd"', '"ied/a_cmd"'), "stages[1].breakers[0].control", "by a stage already"),
    (SHEDDING, replaced("restore_above_hz = 49.8", "restore_above_hz = 48.9"), "restore_above_hz", "highest threshold"),
    (SHEDDING, replaced("restore_above_hz = 49.8\n", ""), "restore_above_hz", "is missing"),
    (SHEDDING, added('restore_order = ["ied/a_cmd"]'), "restore_order", "leaves out ied/b_cmd, ied/c_cmd"),
    (SHEDDING, added('restore_order = ["ied/a_cmd", "ied/b_cmd", "ied/c_cmd", "ied/u"]'), "restore_order[3]", "of no stage"),
    (TRANSFER, added('tie = { control = "ied/qt_cmd", position = "ied/qt_pos" }'), "tie", "has no tie"),
    (TRANSFER, replaced('"main_standby"', '"main_tie_main"'), "tie", "is missing"),
    (TRANSFER, replaced('name = "south"', 'name = "north"'), "supplies[1].name", "other supply"),
    (TRANSFER, replaced('control = "ied/q2_cmd"', 'control = "ied/q1_cmd"'), "supplies[1].control", "another breaker"),
    (TRANSFER, replaced("dead_below_kv = 10", "dead_below_kv = 19"), "dead_below_kv", "healthy_above_kv"),
    (TRANSFER, added("healthy_below_kv = 17"), "healthy_below_kv", "healthy_above_kv"),
    (TRANSFER, added("residual_below_kv = 19"), "residual_below_kv", "healthy_above_kv"),
    (TRANSFER, replaced("retransfer_delay_s = 60", "retransfer_delay_s = 1"), "retransfer_delay_s", "healthy_delay_s"),
    (TRANSFER, replaced('trip = ["ied/trip2"]', 'trip = ["ied/u2"]'), "supplies[1].trip[0]", "kind analog"),
]


@pytest.mark.parametrize(
    ("text", "change", "key", "problem"), WRONG, ids=lambda value: value if isinstance(value, str) and len(value) < 40 else ""
)
def test_a_mistake_is_a_finding_at_its_key_with_a_remedy(text: str, change: Callable[[str], str], key: str, problem: str) -> None:
    kind = text.split('kind = "')[1].split('"')[0]
    plan, findings = read_section(POINTS[kind], change(text))
    where = f"automation.functions[0].{key}" if key else "automation.functions[0]"
    found = [finding for finding in findings if finding.where == where]
    assert found, [str(finding) for finding in findings]
    assert problem in found[0].problem
    assert found[0].remedy
    assert found[0].line > 0
    assert plan is None


def test_every_mistake_of_a_section_is_found_at_once() -> None:
    text = REGULATOR.replace('"ied/u"', '"ied/nothing"').replace("bandwidth_percent = 2.0", "bandwidth_percent = 1.0")
    _, findings = read_section(regulator.POINTS, text.replace("tap_highest = 19", "tap_highest = 0"))
    assert len(findings) == 3


@pytest.mark.parametrize(
    ("points", "text"),
    [
        (regulator.POINTS, REGULATOR),
        (capacitors.POINTS, CAPACITORS),
        (battery.POINTS, battery.SHAVING),
        (shedding.POINTS, SHEDDING),
        (transfer.POINTS, TRANSFER),
    ],
)
def test_a_plan_says_what_it_reads_writes_and_shows(points: list[object], text: str) -> None:
    plan = plan_of(points, text)  # type: ignore[arg-type]
    assert plan.writes
    assert all(one.kind.is_writable for one in plan.writes)
    assert not set(plan.reads) & set(plan.writes)
    assert len({one.name for one in plan.shown}) == len(plan.shown)
    assert all(one.kind in {PointKind.ANALOG, PointKind.BINARY} and one.description for one in plan.shown)
    assert not {one.name for one in plan.shown} & {"acting", "faults", "in_service", "service", "reset"}
    assert set(make_function(plan, "station").shown()) == {one.name for one in plan.shown}


def test_a_plan_that_is_not_known_makes_no_function() -> None:
    with pytest.raises(LocalError, match="other"):
        make_function(FunctionPlan(name="other", acts="always"), "station")


@pytest.mark.parametrize(
    "module", [battery_control, capacitor_switching, load_shedding, source_transfer, voltage_regulator, references]
)
def test_every_key_and_every_value_shown_is_in_the_reference(module: ModuleType) -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    models = [
        one
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, Strict) and one.__module__ == module.__name__
    ]
    for model in models:
        for name, field in model.model_fields.items():
            assert f"`{name}`" in text, (model, name)
            if field.description:
                assert field.description in text, (model, name)
    for shown in getattr(module, "SHOWN", ()):
        assert f"| `{shown.name}` |" in text, shown.name


def test_every_kind_is_in_the_reference() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    assert automation_functions.__doc__
    for kind in POINTS:
        assert f"## `{kind}`" in text
