"""Physical budgets: the known answers to the printed digit, and what a person would check by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

import tieline.examples
from tests.network.large import write_large
from tieline.config import read_folder
from tieline.config.network import Network
from tieline.network.physical.battery import CellData, Factors, OutsideDataError, Period, autonomy, required_capacity, sections_of
from tieline.network.physical.dc import Load, supply_load, temperature_range
from tieline.network.physical.fiber import (
    FiberPath,
    chromatic_reach,
    least_attenuation,
    link_loss,
    modal_bandwidth,
    received_power,
    receiver_overload,
    stated_reach,
)
from tieline.network.physical.network import budgets_of
from tieline.network.physical.poe import POE, PoePort, poe_cable, poe_class_of_port, poe_supply
from tieline.network.result import Given, Result, Verdict

# Kt and Tt as a published worksheet of IEEE 1115 prints them, to two decimals; the required size is printed as 78.57 Ah.
WORKSHEET = CellData(
    name="worksheet",
    chemistry="nickel_cadmium",
    capacity_factors=((4, 0.21), (5, 0.24), (45, 1.16), (49, 1.23), (50, 1.25), (54, 1.33)),
    temperature_factors=((4, 1.08), (5, 1.08), (45, 1.04), (54, 1.04)),
)
DUTY = (Period(100, 5), Period(50, 45), Period(70, 4))


def path(length: float, per_km: float, *, splices: float = 0, connectors: float = 0, reserve: float = 0) -> FiberPath:
    return FiberPath(
        length_km=Given(length, "links.csv:2"),
        db_per_km=Given(per_km, "catalogue"),
        splices=Given(splices),
        splice_db=Given(0.5),
        connectors=Given(connectors),
        connector_db=Given(0.5),
        reserve_db=Given(reserve),
    )


@pytest.mark.parametrize(
    ("given", "margin"),
    [(path(2, 1, connectors=5, splices=2, reserve=0.5), 7.0), (path(8, 0.5, splices=7), 5.5)],
)
def test_a_fiber_leaves_the_margin_that_is_known(given: FiberPath, margin: float) -> None:
    result = link_loss("a", given, Given(13))
    assert result.margin is not None
    assert f"{result.margin:.2f}" == f"{margin:.2f}"
    assert result.verdict is Verdict.OK
    as_powers = received_power("a", given, transmit_min_dbm=Given(-19), sensitivity_dbm=Given(-32))
    assert as_powers.margin == pytest.approx(margin)


def test_a_fiber_that_loses_more_than_its_budget_fails_and_says_with_what() -> None:
    result = link_loss("trunk", path(30, 0.5), Given(13, "data sheet"))
    assert result.verdict is Verdict.FAILS
    assert result.margin == pytest.approx(-2)
    text = str(result)
    assert text.startswith("trunk: optical loss 15.00 dB, limit 13.00 dB, margin -2.00 dB: fails")
    assert "length = 30.00 km (links.csv:2)" in text
    assert "power budget = 13.00 dB (data sheet)" in text


def test_a_fiber_that_lacks_its_reserve_alone_says_so() -> None:
    result = link_loss("a", path(8, 0.5, splices=2, reserve=3), Given(7))
    assert (result.verdict, result.margin) == (Verdict.FAILS, -1)
    assert result.note == "only the reserve is missing: without its 3.00 dB the margin is 2.00 dB"
    assert link_loss("a", path(20, 0.5, reserve=3), Given(7)).note == ""


def test_a_strong_transmitter_overloads_a_receiver_close_by() -> None:
    near = receiver_overload("a", path(1, 0.4, connectors=2), transmit_max_dbm=Given(0), overload_dbm=Given(-3))
    assert near.verdict is Verdict.FAILS
    assert near.margin == pytest.approx(-2.6)
    assert "attenuator of 3 dB" in near.note
    assert receiver_overload("a", path(10, 0.4), transmit_max_dbm=Given(0), overload_dbm=Given(-3)).verdict is Verdict.OK


def test_dispersion_limits_the_length() -> None:
    # 1,250 MBd, 3.5 ps/(nm km), 4 nm: 1e6 / (4 * 1250 * 14) = 14.2857 km
    result = chromatic_reach("a", Given(15), speed_mbps=1_000, dispersion_ps_nm_km=Given(3.5), spectral_width_nm=Given(4))
    assert result.limit == pytest.approx(14.2857, abs=1e-4)
    assert result.verdict is Verdict.FAILS
    narrow = chromatic_reach("a", Given(15), speed_mbps=1_000, dispersion_ps_nm_km=Given(0), spectral_width_nm=Given(4))
    assert narrow.verdict is Verdict.OK
    modal = modal_bandwidth("a", Given(2), speed_mbps=100, bandwidth_mhz_km=Given(500))
    assert (modal.value, modal.limit, modal.verdict) == (250, pytest.approx(87.5), Verdict.OK)
    assert modal_bandwidth("a", Given(2), speed_mbps=1_000, bandwidth_mhz_km=Given(500)).verdict is Verdict.FAILS
    assert stated_reach("a", Given(2.1), Given(2)).verdict is Verdict.FAILS


def test_the_classes_of_power_over_ethernet_are_those_of_the_standard() -> None:
    found = [(POE[each].pse_w, POE[each].pd_w) for each in range(3, 9)]
    assert found == [(15.4, 12.95), (30, 25.5), (45, 40), (60, 51), (75, 62), (90, 71.3)]


def test_a_supply_that_is_given_away_refuses_one_more() -> None:
    ports = [PoePort(name=str(index), poe_class=each) for index, each in enumerate((8, 8, 4, 4))]
    whole, *single = poe_supply("sw", ports, Given(240))
    assert (whole.value, whole.margin, whole.verdict) == (240, 0, Verdict.OK)
    assert all(result.verdict is Verdict.OK for result in single)
    whole, *single = poe_supply("sw", [*ports, PoePort(name="4", poe_class=1)], Given(240))
    assert whole.verdict is Verdict.FAILS
    assert [result.verdict for result in single] == [Verdict.OK] * 4 + [Verdict.FAILS]
    assert single[-1].margin == -4


def test_the_important_port_is_fed_first() -> None:
    ports = [PoePort(name="camera", poe_class=4, priority=3), PoePort(name="radio", poe_class=4, priority=1)]
    _, *single = poe_supply("sw", ports, Given(40))
    assert [(result.subject, result.verdict) for result in single] == [("sw radio", Verdict.OK), ("sw camera", Verdict.FAILS)]


@pytest.mark.parametrize(("poe_class", "loop"), [(3, 40.0), (4, 25.0), (8, 25.0)])
def test_what_the_cable_takes_gives_the_standards_own_figures(poe_class: int, loop: float) -> None:
    """20 ohm (class 3), 12.5 ohm (class 4) and 6.25 ohm (class 8) are the standard's longest channels."""
    result = poe_cable("p", poe_class, length_m=Given(100), loop_ohm_per_100m=Given(loop))
    assert result.value == pytest.approx(POE[poe_class].pse_w, rel=1e-3)
    assert result.verdict is Verdict.OK
    longer = poe_cable("p", poe_class, length_m=Given(120), loop_ohm_per_100m=Given(loop))
    assert longer.verdict is Verdict.FAILS
    hot = poe_cable("p", poe_class, length_m=Given(100), loop_ohm_per_100m=Given(loop), temperature_c=Given(60))
    assert hot.value > result.value
    assert poe_cable("p", poe_class, length_m=Given(900), loop_ohm_per_100m=Given(loop)).verdict is Verdict.FAILS
    assert poe_class_of_port("p", 8, Given(4)).verdict is Verdict.FAILS


def test_a_battery_is_sized_as_the_worksheet_does() -> None:
    result = required_capacity("b", DUTY, WORKSHEET)
    assert result.value == pytest.approx(78.57, rel=0.005)
    sections = sections_of(DUTY, WORKSHEET)
    # Section 2 is left out: the current rises after it. The lines are the worksheet's own.
    assert [len(section.lines) for section in sections] == [1, 3]
    assert [line.size_ah for line in sections[1].lines] == pytest.approx([138.32, -63.96, 4.536])
    assert sections[0].size_ah == pytest.approx(25.92)


def test_margins_and_random_loads_enlarge_a_battery() -> None:
    plain = required_capacity("b", DUTY, WORKSHEET).value
    larger = required_capacity(
        "b",
        DUTY,
        WORKSHEET,
        factors=Factors(design_margin=Given(1.1), ageing=Given(1.25)),
        random=[Period(10, 5)],
        installed_ah=Given(100),
    )
    assert larger.value == pytest.approx((plain + 10 * 0.24 * 1.08) * 1.1 * 1.25)
    assert larger.verdict is Verdict.FAILS
    assert larger.margin == pytest.approx(100 - larger.value)


def test_lead_acid_is_corrected_for_temperature_once() -> None:
    cell = CellData(name="c", chemistry="lead_acid", capacity_factors=((1, 0.9), (60, 1.9), (480, 9.0)))
    result = required_capacity(
        "b", [Period(50, 1), Period(10, 59)], cell, factors=Factors(temperature=Given(1.11), ageing=Given(1.25))
    )
    first = 50 * 0.9
    second = 50 * 1.9 - 40 * (0.9 + 58 / 59)
    assert result.value == pytest.approx(max(first, second) * 1.11 * 1.25)
    assert "IEEE 485" in result.source


def test_a_duty_beyond_the_cells_data_is_not_guessed() -> None:
    result = required_capacity("b", [Period(1, 600)], WORKSHEET, installed_ah=Given(1000))
    assert math.isnan(result.value)
    assert result.verdict is Verdict.UNKNOWN
    assert "end at 54 min" in result.note
    with pytest.raises(OutsideDataError):
        sections_of([Period(1, 600)], WORKSHEET)


def test_a_battery_lasts_as_long_as_its_sizing_says() -> None:
    cell = CellData(name="c", chemistry="lead_acid", capacity_factors=((1, 0.9), (60, 1.9), (480, 9.0)))
    result = autonomy("b", Given(10), cell, Given(50), required_minutes=Given(240), factors=Factors(ageing=Given(1.25)))
    assert required_capacity("b", [Period(10, result.value)], cell, factors=Factors(ageing=Given(1.25))).value == pytest.approx(
        50
    )
    assert result.verdict is Verdict.FAILS
    idle = autonomy("b", Given(0.1), cell, Given(50), required_minutes=Given(240))
    assert (idle.value, idle.verdict) == (480, Verdict.OK)
    assert "at least" in idle.note
    assert autonomy("b", Given(0.1), cell, Given(50), required_minutes=Given(600)).verdict is Verdict.UNKNOWN


def test_a_supply_is_loaded_by_everything_that_it_feeds() -> None:
    loads = [Load("switch", Given(30)), Load("cameras", Given(50))]
    result = supply_load("dc", loads, rated_w=Given(100), efficiency=Given(0.8))
    assert (result.value, result.margin, result.verdict) == (100, 0, Verdict.OK)
    assert supply_load("dc", loads, rated_w=Given(99), efficiency=Given(0.8)).verdict is Verdict.FAILS
    assert supply_load("dc", loads, rated_w=None).verdict is Verdict.INFORMATION


def test_what_stands_outdoors_has_to_bear_it() -> None:
    cold, hot = temperature_range("camera", rated_c=(-20, 60), ambient_c=(Given(-25), Given(45)), rise_k=Given(15))
    assert (cold.verdict, cold.margin) == (Verdict.FAILS, -5)
    assert (hot.verdict, hot.margin) == (Verdict.OK, 0)


def test_every_budget_of_a_described_network_says_what_it_is_of(tmp_path: Path) -> None:
    network = read_folder(write_large(tmp_path, switches=4, vlans=4, switches_a_site=2)).network
    assert network is not None
    results = budgets_of(network)
    whats = {result.what for result in results}
    assert {"least received optical power", "load of the supply", "battery autonomy", "highest temperature"} <= whats
    assert all(result.inputs and result.formula and result.source and result.subject for result in results)
    optical = [result for result in results if result.what == "least received optical power"]
    assert len(optical) == 2 * sum(link.medium == "fiber" for link in network.links)
    loads = {result.subject: result for result in results if result.what == "load of the supply"}
    for supply in network.supplies:
        draws = sum(node.model.power_w for node in network.nodes if supply.name in node.supplies)
        assert loads[supply.name].value == pytest.approx(draws)


def test_a_fiber_may_take_less_than_the_catalogue_states_where_it_overloads_a_receiver() -> None:
    """What cables state is the most that they take: 20 km of 0.3 dB/km at most may take 2.4 dB only."""
    stated = Given(0.3, "catalogue")
    least = least_attenuation(1550, stated)
    assert least.value == pytest.approx(0.7 / 1.55**4)
    powers = {"transmit_max_dbm": Given(0), "overload_dbm": Given(-3)}
    assert receiver_overload("a", path(20, 0.3), **powers, least_db_per_km=least).verdict is Verdict.FAILS
    assert receiver_overload("a", path(20, 0.3), **powers).verdict is Verdict.OK  # measured
    assert least_attenuation(1550, Given(0.1)).value == 0.1


def example() -> Network:
    network = read_folder(Path(tieline.examples.__path__[0]) / "ridgeway").network
    assert network is not None
    return network


def of(results: Iterable[Result], subject: str) -> list[Result]:
    return [each for each in results if each.subject.startswith(subject)]


def test_a_fiber_link_of_which_figures_are_missing_is_unknown_and_not_passed_over() -> None:
    network = example()
    link = next(each for each in network.links if each.name == "wan-cc-ng")
    assert link.optics_a is not None
    assert link.cable is not None
    bare = {"transmit_min_dbm": None, "transmit_max_dbm": None, "budget_db": None, "reach_m": {}, "spectral_width_nm": None}
    optics = link.optics_a.model_copy(update=bare)
    cable = link.cable.model_copy(update={"db_per_km": {"850": 3.0}})
    for changed, words in (
        (replace(link, optics_a=optics), {"budget_db", "transmit_max_dbm", "reach_m"}),
        (replace(link, cable=cable), {"db_per_km"}),
        (replace(link, optics_b=None), {"transceiver"}),
    ):
        links = tuple(changed if each is link else each for each in network.links)
        found = of(budgets_of(replace(network, links=links)), "wan-cc-ng")
        unknown = [each for each in found if each.verdict is Verdict.UNKNOWN]
        assert all(any(word in each.note for each in unknown) for word in words)


def test_a_supply_of_something_whose_draw_nobody_wrote_is_unknown() -> None:
    network = example()
    node = next(each for each in network.nodes if each.supplies and not each.powered_by)
    bare = replace(node, model=node.model.model_copy(update={"power_w": 0.0}), _by_name={})
    changed = replace(network, nodes=tuple(bare if each is node else each for each in network.nodes))
    for name in node.supplies:
        results = of(budgets_of(changed), name)
        assert results
        assert all(each.verdict in (Verdict.UNKNOWN, Verdict.FAILS) for each in results)
        assert any(node.model.name in each.note for each in results)
