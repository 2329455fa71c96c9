"""Golden stations: what every engineer can tell by looking at the single-line."""

from __future__ import annotations

import pytest

from tests.grid.stations import Station
from tieline.grid.topology import State
from tieline.model import LocalError, Quality

ENERGIZED, DEAD, EARTHED, UNKNOWN, FAULT = "energized", "de-energized", "earthed", "unknown", "energized and earthed"

SINGLE_BUSBAR = """
source   grid   in
breaker  q0     in bus
disconnector q1-b bus q1-x
breaker  q1     q1-x f1
earth    q1-e   f1
line     l1     f1 town
load     town-load town 3.5
breaker  q2     bus f2
load     mill   f2 1.25
"""

DOUBLE_BUSBAR = """
source grid-1 in1
source grid-2 in2
breaker qa in1 bus1
breaker qb in2 bus2
disconnector c1 bus1 cx
breaker coupler cx cy
disconnector c2 cy bus2
disconnector f-1 bus1 fx
disconnector f-2 bus2 fx
breaker f fx feeder
earth f-e feeder
load customers feeder 8
"""

RING = """
source grid bus
breaker q1 bus a
line l1 a b
breaker r1 b c
line l2 c d
breaker r2 d e
line l3 e f
breaker q2 f bus
load lb b 1
load ld d 2
load lf f 4
"""

BREAKER_AND_A_HALF = """
source grid bus1
breaker b1 bus1 x
breaker b2 x y
breaker b3 y bus2
disconnector dx x lx
disconnector dy y ly
load one lx 5
load two ly 7
"""

RADIAL_WITH_TIE = """
source north n
source south s
breaker qn n n1
line ln n1 n2
disconnector sn n2 n3
load ln3 n3 2
breaker qs s s1
line ls s1 s2
load ls2 s2 3
disconnector tie n3 s2
earth en n1
"""

TRANSFORMER = """
source grid hv
breaker qh hv t-hv
transformer t t-hv t-lv
breaker ql t-lv lv
earth eh t-hv
earth el t-lv
solar pv lv
load homes lv 0.4
"""


def test_a_feeder_is_lost_with_its_breaker_and_nothing_else_is() -> None:
    station = Station(SINGLE_BUSBAR)
    assert station.states("bus", "f1", "town", "town-load", "mill") == [ENERGIZED] * 5
    assert set(station.set({"q1": False})) == {"f1", "town"}
    assert station.states("bus", "q1-x", "f1", "l1", "town-load", "mill") == [ENERGIZED, ENERGIZED, DEAD, DEAD, DEAD, ENERGIZED]
    assert station.states("q1") == [ENERGIZED], "one of its terminals is"


def test_a_feeder_is_earthed_by_its_earthing_switch_to_the_end_of_its_line() -> None:
    station = Station(SINGLE_BUSBAR, q1=False, q1_e=True)
    assert station.states("f1", "l1", "town", "town-load", "bus") == [EARTHED] * 4 + [ENERGIZED]
    assert station.topology.is_earthed("town") is True
    assert station.topology.is_earthed("bus") is False


def test_voltage_on_an_earthed_feeder_is_shown_as_a_fault() -> None:
    station = Station(SINGLE_BUSBAR, q1=False, q1_e=True)
    verdict = station.topology.would_energize("q1")
    assert verdict.ok is False
    assert "earthed equipment: " in verdict.words
    station.set({"q1": True})
    assert station.states("f1", "bus", "mill") == [FAULT] * 3


def test_closing_an_earthing_switch_is_refused_while_its_feeder_is_live() -> None:
    station = Station(SINGLE_BUSBAR)
    verdict = station.topology.would_earth_live("q1-e")
    assert verdict.ok is False
    assert verdict.words == "closing q1-e earths f1, which is energized"
    station.set({"q1": False})
    assert station.topology.would_earth_live("q1-e").ok is True


def test_an_unknown_position_makes_unknown_what_depends_on_it_and_nothing_else() -> None:
    station = Station(SINGLE_BUSBAR, q1=None)
    assert station.states("bus", "f1", "town-load", "mill") == [ENERGIZED, UNKNOWN, UNKNOWN, ENERGIZED]
    verdict = station.topology.would_earth_live("q1-e")
    assert verdict.ok is None
    assert "position of q1 is not known (it is between its positions, or in a bad one)" in verdict.words


def test_an_unknown_switch_behind_an_open_one_makes_nothing_unknown() -> None:
    station = Station(SINGLE_BUSBAR, q1=False, q1_b=None)
    assert station.states("f1", "town") == [DEAD, DEAD]
    assert station.states("q1-x") == [UNKNOWN]
    assert station.topology.would_earth_live("q1-e").ok is True


def test_an_earthing_switch_in_an_unknown_position_never_makes_a_part_safe() -> None:
    station = Station(SINGLE_BUSBAR, q1=False, q1_e=None)
    assert station.states("f1") == [DEAD]
    assert station.topology.is_earthed("f1") is None
    verdict = station.topology.would_energize("q1")
    assert verdict.ok is None
    assert "position of q1-e is not known" in verdict.words


def test_an_earthed_feeder_behind_an_unknown_breaker_is_unknown_and_not_earthed() -> None:
    station = Station(SINGLE_BUSBAR, q1=None, q1_e=True)
    assert station.topology.is_earthed("f1") is True
    assert station.states("f1", "town") == [UNKNOWN, UNKNOWN]


def test_what_may_lose_its_voltage_behind_an_unknown_switch_is_told_too() -> None:
    station = Station(SINGLE_BUSBAR, q1=None)
    effect = station.topology.would_deenergize("q0")
    assert effect.load_mw == 1.25
    assert effect.load_mw_at_most == 4.75
    assert "town-load" in effect.possibly


def test_closing_on_a_part_that_is_energized_and_earthed_is_refused() -> None:
    station = Station(SINGLE_BUSBAR, q1_e=True, q2=False)
    assert station.topology.would_energize("q2").ok is False


def test_a_part_that_may_be_connected_with_one_measured_live_is_no_part_to_earth() -> None:
    station = Station(SINGLE_BUSBAR, q0=False, q1=None)
    assert station.topology.would_earth_live("q1-e").ok is True
    station.measure("bus", 19.7)
    verdict = station.topology.would_earth_live("q1-e")
    assert verdict.ok is None
    assert "vt/bus measures 19.7 kV" in verdict.words


def test_what_opening_takes_the_voltage_from_is_named_with_its_load() -> None:
    station = Station(SINGLE_BUSBAR)
    effect = station.topology.would_deenergize("q1")
    assert effect.ok is False
    assert effect.equipment == ("town-load", "q1-e", "l1")
    assert effect.load_mw == 3.5
    assert station.topology.would_deenergize("q0").load_mw == 4.75
    assert "3.5 MW of load at peak" in effect.words


def test_a_coupler_between_two_energized_busbars_makes_them_parallel() -> None:
    station = Station(DOUBLE_BUSBAR, coupler=False, f_2=False)
    parallel = station.topology.would_parallel("coupler")
    assert parallel.ok is False
    assert parallel.words == "closing coupler connects two energized islands"
    assert station.topology.synchrocheck_needed("coupler").ok is False
    station.set({"qb": False})
    assert station.states("bus2") == [DEAD]
    assert station.topology.would_parallel("coupler").ok is True
    assert station.topology.synchrocheck_needed("coupler").ok is True
    assert station.topology.would_energize("coupler").equipment == ("c2",)


def test_the_second_busbar_disconnector_closes_a_loop_only_under_a_closed_coupler() -> None:
    station = Station(DOUBLE_BUSBAR, f_2=False, qb=False)
    assert station.topology.would_parallel("f-2").words == (
        "closing f-2 closes a loop: both its sides are energized by one island"
    )
    station.set({"coupler": False})
    assert station.topology.would_parallel("f-2").ok is True


def test_an_open_busbar_disconnector_moves_a_feeder_from_one_busbar_to_the_other() -> None:
    station = Station(DOUBLE_BUSBAR, f_2=False)
    assert station.topology.would_deenergize("f-1").load_mw == 8
    station.set({"f-2": True})
    assert station.topology.would_deenergize("f-1").ok is True
    station.set({"f-1": False})
    assert station.states("customers") == [ENERGIZED]


def test_a_ring_stands_one_opening_and_not_two() -> None:
    station = Station(RING, r1=False)
    assert station.states("lb", "ld", "lf") == [ENERGIZED] * 3
    assert station.topology.would_deenergize("q1").load_mw == 1
    assert station.topology.would_deenergize("q2").load_mw == 6
    assert station.topology.would_parallel("r1").ok is False
    station.set({"r2": False})
    assert station.states("lb", "ld", "lf") == [ENERGIZED, DEAD, ENERGIZED]


def test_a_closed_ring_loses_nothing_by_one_opening_whatever_else_is_unknown() -> None:
    station = Station(RING)
    assert station.topology.would_deenergize("r1").ok is True
    station.set({"q2": None})
    effect = station.topology.would_deenergize("r1")
    assert effect.ok is None
    assert set(effect.possibly) >= {"ld", "lf"}
    assert effect.load_mw == 0
    assert effect.load_mw_at_most == 6


def test_breaker_and_a_half_feeds_both_lines_without_either_busbar_side() -> None:
    station = Station(BREAKER_AND_A_HALF)
    assert station.topology.would_deenergize("b3").ok is True
    assert station.topology.would_deenergize("b1").load_mw == 12
    station.set({"b2": False})
    assert station.states("one", "two", "bus2") == [ENERGIZED, DEAD, DEAD]
    assert station.topology.would_energize("b2").load_mw == 7


def test_a_normally_open_tie_takes_over_a_feeder_that_was_lost() -> None:
    station = Station(RADIAL_WITH_TIE, tie=False)
    assert station.topology.would_parallel("tie").words == "closing tie connects two energized islands"
    station.set({"qn": False})
    assert station.states("ln3", "n3", "ls2") == [DEAD, DEAD, ENERGIZED]
    effect = station.topology.would_energize("tie")
    assert effect.ok is True
    assert effect.load_mw == 2
    station.set({"tie": True})
    assert station.states("ln3", "n1", "qn") == [ENERGIZED] * 3
    assert station.topology.would_parallel("qn").ok is False
    assert station.topology.would_earth_live("en").ok is False


def test_a_transformer_hands_on_voltage_and_no_earth() -> None:
    station = Station(TRANSFORMER, qh=False, eh=True)
    assert station.states("t-hv", "t-lv", "homes", "t") == [EARTHED, DEAD, DEAD, DEAD]
    assert station.topology.is_earthed("t-lv") is False
    verdict = station.topology.would_energize("qh")
    assert verdict.ok is False
    station.set({"eh": False, "qh": True})
    assert station.states("t-lv", "homes") == [ENERGIZED, ENERGIZED]


def test_energizing_a_transformer_is_refused_while_its_far_side_is_earthed() -> None:
    station = Station(TRANSFORMER, qh=False, el=True)
    verdict = station.topology.would_energize("qh")
    assert verdict.ok is False
    assert "t-lv" in verdict.words


def test_a_solar_plant_energizes_nothing_and_is_no_permission_to_earth() -> None:
    station = Station(TRANSFORMER, qh=False)
    assert station.states("homes", "pv") == [DEAD, DEAD]
    verdict = station.topology.would_earth_live("el")
    assert verdict.ok is None
    assert verdict.words == "t-lv is connected with no source, but pv may feed it"
    station.set({"ql": False})
    assert station.topology.would_earth_live("el").ok is True


def test_a_measured_voltage_that_contradicts_makes_the_state_doubtful() -> None:
    station = Station(SINGLE_BUSBAR)
    station.measure("f1", 0.1)
    assert station.topology.doubts() == {"f1": "computed energized, but vt/f1 measures 0.1 kV"}
    assert station.states("f1") == [ENERGIZED]
    station.measure("f1", 20.4)
    assert station.topology.doubts() == {}
    station.set({"q1": False})
    assert station.topology.doubts() == {"f1": "computed de-energized, but vt/f1 measures 20.4 kV"}
    station.measure("f1", 20.4, Quality.SUBSTITUTED)
    assert station.topology.doubts() == {}


@pytest.mark.parametrize("kv", [2.1, 8.9])
def test_a_voltage_between_absence_and_presence_says_nothing(kv: float) -> None:
    station = Station(SINGLE_BUSBAR)
    station.measure("f1", kv)
    station.set({"q1": False})
    station.measure("f1", kv)
    assert station.topology.doubts() == {}


def test_what_is_measured_live_anywhere_on_a_dead_line_is_not_earthed() -> None:
    station = Station(SINGLE_BUSBAR, q1=False)
    station.measure("town", 11.5)
    verdict = station.topology.would_earth_live("q1-e")
    assert verdict.ok is False
    assert "vt/town measures 11.5 kV" in verdict.words
    assert station.topology.synchrocheck_needed("q1").ok is False


@pytest.mark.parametrize(
    "quality",
    [
        Quality.INVALID,
        Quality.QUESTIONABLE | Quality.OLD_DATA,
        Quality.SUBSTITUTED,
        Quality.TEST,
        Quality.OPERATOR_BLOCKED,
        Quality.OLD_DATA,
    ],
)
def test_a_position_that_cannot_be_believed_is_unknown(quality: Quality) -> None:
    station = Station(SINGLE_BUSBAR)
    row = station.network.switch_row["q1"] + 1
    station.topology.update(row, 2, int(quality))
    assert station.topology.position("q1") is None
    assert station.states("f1") == [UNKNOWN]
    station.topology.update(row, 2, int(Quality.DEVICE_TIME))
    assert station.topology.position("q1") is True


def test_a_stale_position_is_unknown_until_it_is_fresh() -> None:
    station = Station(SINGLE_BUSBAR)
    row = station.network.switch_row["q1"] + 1
    station.topology.update(row, 2, 0, stale=True)
    assert station.states("f1") == [UNKNOWN]
    assert station.topology.why_unknown("q1") == "its position is stale"
    station.topology.update(row, 2)
    assert station.states("f1") == [ENERGIZED]


def test_nothing_is_known_before_the_first_position() -> None:
    station = Station(SINGLE_BUSBAR)
    fresh = type(station.topology)(station.network)
    assert fresh.state("grid") is State.ENERGIZED
    assert fresh.state("bus") is State.UNKNOWN
    assert fresh.why_unknown("q1") == "nothing was heard of its position"
    assert fresh.would_earth_live("q1-e").ok is None


def test_closing_what_is_closed_and_opening_what_is_open_changes_nothing() -> None:
    topology = Station(SINGLE_BUSBAR, q2=False).topology
    assert topology.would_parallel("q1").words == "q1 is closed already"
    assert topology.would_energize("q1").equipment == ()
    assert topology.would_deenergize("q2").words == "q2 is open already"


def test_the_same_position_again_is_no_change() -> None:
    station = Station(SINGLE_BUSBAR)
    before = station.topology.revision
    changes = station.topology.update([station.network.switch_row["q1"] + 1, 999], [2, 5])
    assert not changes
    assert station.topology.revision == before


def test_a_name_that_nothing_has_is_an_error_with_the_name() -> None:
    topology = Station(SINGLE_BUSBAR).topology
    for ask in (topology.would_energize, topology.would_earth_live, topology.state, topology.position):
        with pytest.raises(LocalError, match="q99"):
            ask("q99")
