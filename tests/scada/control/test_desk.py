"""Select before operate, and every check before it; all in fake time."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tieline.model import PointId, Quality, RefusedError
from tieline.model.control import Person, Selection, Standing, Tag, TagKind
from tieline.scada.control import Switching
from tieline.scada.control.desk import ControlDesk

from .scene import ADA, GRACE, LISE, Desk

RULES = """
[control]
select_s = 30

[[control.rules]]
roles = ["operator"]
quantities = ["switch_position"]

[[control.rules]]
roles = ["operator"]
points = ["alpha/rtu-1/p_set"]
second_person = true

[[control.rules]]
roles = ["engineer"]
points = ["alpha/rtu-1/raise"]
second_factor = false
"""


class TestAuthority:
    def test_a_role_that_no_rule_names_may_not(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, RULES)
        assert desk.against(LISE, "q1_command", 1) == [
            "authority: lise (viewer) may not operate alpha/rtu-1/q1_command; operator may"
        ]
        assert desk.against(ADA, "q1_command", 1) == []

    def test_a_rule_is_for_its_points_only(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, RULES)
        assert "engineer may" in desk.against(ADA, "raise", 1)[0]
        assert "nobody may" in desk.against(ADA, "lower", 1)[0]

    def test_roles_hold_in_their_areas_only(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, RULES)
        assert desk.against(replace(ADA, areas=frozenset({"beta"})), "q1_command", 1) == [
            "authority: ada has no authority at alpha"
        ]
        assert desk.against(replace(ADA, areas=frozenset({"alpha"})), "q1_command", 1) == []

    def test_a_second_factor_is_needed_unless_the_rule_says_otherwise(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, RULES)
        weak = replace(GRACE, has_second_factor=False)
        assert desk.against(weak, "q1_command", 1) == ["second_factor: operating needs a login with a second factor"]
        assert desk.against(weak, "raise", 1) == []

    def test_without_rules_operators_may_and_engineers_may_not(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path)
        assert desk.against(ADA, "lower", 1) == []
        engineer = Person(name="x", roles=frozenset({"engineer"}), has_second_factor=True)
        assert "operator may" in desk.against(engineer, "lower", 1)[0]


class TestValues:
    @pytest.mark.parametrize(
        ("name", "value", "why"),
        [
            ("q1_command", 2, "2 is neither 0 nor 1"),
            ("p_set", 10.5, "above 10 MW"),
            ("p_set", -11, "below -10 MW"),
            ("p_set", float("nan"), "nan is no value"),
            ("p_set", float("inf"), "inf is no value"),
            ("tap", 1, "takes no commands"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, tmp_path: Path, name: str, value: float, why: str) -> None:
        assert why in Desk(tmp_path).against(ADA, name, value)[0]

    def test_an_unknown_point_is_refused(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path)
        (verdict,) = desk.checks.verdicts(ADA, PointId(7), 1, desk.now)
        assert (verdict.standing, verdict.words) == (Standing.REFUSED, "there is no point 7")

    def test_the_limits_of_the_center_are_narrower(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, '\n[[control.setpoints]]\npoints = ["alpha/rtu-1/p_set"]\nlow = -2\nhigh = 8\n')
        assert "above 8 MW" in desk.against(ADA, "p_set", 9)[0]
        assert "below -2 MW" in desk.against(ADA, "p_set", -3)[0]
        assert desk.against(ADA, "p_set", 8) == []


def test_a_site_whose_link_is_down_is_not_operated(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.clock.advance(5)
    desk.live.tick(desk.clock.us)
    assert desk.against(ADA, "q1_command", 1) == ["link: the link to alpha is down"]


class TestTags:
    def tag(self, desk: Desk, kind: TagKind, target: str, owner: str = "ada") -> Tag:
        tag = Tag(id=f"t-{target}-{kind}", kind=kind, target=target, owner=owner, reason="crew at work", placed_us=desk.clock.us)
        desk.tags.put(tag)
        return tag

    @pytest.mark.parametrize("target", ["alpha/rtu-1/q1_command", "alpha/rtu-1/q1", "ng-q1"])
    def test_a_red_tag_on_the_point_or_its_equipment_forbids(self, tmp_path: Path, target: str) -> None:
        desk = Desk(tmp_path)
        self.tag(desk, TagKind.DO_NOT_OPERATE, target)
        assert desk.against(ADA, "q1_command", 1) == [f"tag: do not operate: crew at work (ada, on {target})"]
        assert desk.against(ADA, "q2_command", 1) == []

    def test_information_is_shown_and_forbids_nothing(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path)
        self.tag(desk, TagKind.INFORMATION, "ng-q1")
        verdicts = desk.checks.verdicts(ADA, desk.points["q1_command"].id, 1, desk.now)
        assert [verdict.words for verdict in verdicts if verdict.standing is Standing.NOTED] == [
            "note: crew at work (ada, on ng-q1)"
        ]
        assert desk.against(ADA, "q1_command", 1) == []

    def test_only_its_owner_or_an_engineer_with_a_reason_takes_it_off(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path)
        tag = self.tag(desk, TagKind.DO_NOT_OPERATE, "ng-q1")
        other = replace(ADA, name="max")
        with pytest.raises(RefusedError, match="only ada or an engineer"):
            desk.tags.check_removal(other, tag.id, "I want to")
        with pytest.raises(RefusedError, match="say why"):
            desk.tags.check_removal(GRACE, tag.id, " ")
        assert desk.tags.check_removal(GRACE, tag.id, "work is over") == tag
        assert desk.tags.check_removal(ADA, tag.id, "") == tag
        desk.tags.remove(tag)
        assert desk.against(ADA, "q1_command", 1) == []

    def test_a_tag_hangs_on_something_that_is_there(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path)
        for target in ("alpha/rtu-1/q9", "ng-q9", ""):
            with pytest.raises(RefusedError, match="there is no point and no equipment"):
                desk.tags.check_target(target)


INTERLOCK = """
[[control.interlocks]]
points = ["alpha/rtu-1/q1_command"]
when = 1
expression = "NOT earthed"
inputs = { earthed = "alpha/rtu-1/es1" }
text = "the feeder is earthed"
"""


class TestInterlocks:
    def test_a_condition_that_holds_permits_and_says_so(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, INTERLOCK)
        desk.show("es1", 0)
        assert desk.against(ADA, "q1_command", 1) == []
        verdicts = desk.checks.verdicts(ADA, desk.points["q1_command"].id, 1, desk.now)
        words = next(verdict.words for verdict in verdicts if verdict.check == "interlock")
        assert words == "not interlocked by “the feeder is earthed” (alpha/rtu-1/es1 shows 0)"

    def test_one_that_does_not_hold_refuses_in_its_words(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, INTERLOCK)
        desk.show("es1", 1)
        assert desk.against(ADA, "q1_command", 1) == ["interlock: interlocked: the feeder is earthed (alpha/rtu-1/es1 shows 1)"]
        assert desk.against(ADA, "q1_command", 0) == []
        assert desk.against(ADA, "q2_command", 1) == []

    @pytest.mark.parametrize(
        "quality",
        [
            Quality.INVALID,
            Quality.QUESTIONABLE,
            Quality.RESERVED,
            Quality.OLD_DATA,
            Quality.SUBSTITUTED,
            Quality.TEST,
            Quality.OPERATOR_BLOCKED,
        ],
    )
    def test_no_value_that_is_bad_old_substituted_or_simulated_satisfies_it(self, tmp_path: Path, quality: Quality) -> None:
        desk = Desk(tmp_path, INTERLOCK)
        desk.show("es1", 0, quality)
        (words,) = desk.against(ADA, "q1_command", 1)
        assert "“the feeder is earthed” cannot be ruled out (alpha/rtu-1/es1 is " in words

    def test_a_stale_value_does_not_satisfy_it(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, INTERLOCK)
        desk.show("es1", 0)
        desk.clock.advance(200)
        desk.live.heartbeat("alpha", desk.clock.us, desk.live.link("alpha").stats)
        (words,) = desk.against(ADA, "q1_command", 1)
        assert "alpha/rtu-1/es1 is stale" in words

    def test_a_value_that_never_came_does_not_satisfy_it(self, tmp_path: Path) -> None:
        assert "cannot be ruled out" in Desk(tmp_path, INTERLOCK).against(ADA, "q1_command", 1)[0]


@dataclass
class Said:
    ok: bool | None
    words: str = "so it is"


class Network:
    """Says what the test wants."""

    def __init__(self) -> None:
        self.earthing = Said(ok=True)
        self.energizing = Said(ok=True)
        self.parallel = Said(ok=True)
        self.synchrocheck = Said(ok=True)
        self.losing = Said(ok=True)

    def position(self, switch: str, /) -> bool | None:
        return None

    def would_earth_live(self, switch: str, /) -> Said:
        return self.earthing

    def would_energize(self, switch: str, /) -> Said:
        return self.energizing

    def would_parallel(self, switch: str, /) -> Said:
        return self.parallel

    def synchrocheck_needed(self, switch: str, /) -> Said:
        return self.synchrocheck

    def would_deenergize(self, switch: str, /) -> Said:
        return self.losing


SYNCHROCHECK = """
[[control.interlocks]]
points = ["alpha/rtu-1/q1_command"]
when = 1
expression = "permission"
inputs = { permission = "alpha/rtu-1/local" }
text = "the synchrocheck does not permit it"
permits_parallel = true
"""


class TestSwitchingState:
    def desk(self, folder: Path, network: Network, control: str = "") -> Desk:
        return Desk(folder, control, switching=Switching(state=network, switch_of=lambda _: "ng-q1"))

    @pytest.mark.parametrize("ok", [False, None])
    @pytest.mark.parametrize(
        ("question", "check"), [("earthing", "earthing"), ("energizing", "earthing"), ("parallel", "parallel")]
    )
    def test_what_speaks_against_closing_or_is_not_known_refuses(
        self, tmp_path: Path, question: str, check: str, ok: bool | None
    ) -> None:
        network = Network()
        desk = self.desk(tmp_path, network)
        assert desk.against(ADA, "q1_command", 1) == []
        setattr(network, question, Said(ok, "it would be dangerous"))
        assert desk.against(ADA, "q1_command", 1) == [f"{check}: it would be dangerous"]
        assert desk.against(ADA, "q1_command", 0) == []

    def test_what_opening_takes_the_supply_from_is_noted(self, tmp_path: Path) -> None:
        network = Network()
        network.losing = Said(ok=False, words="3.2 MW lose supply")
        desk = self.desk(tmp_path, network)
        verdicts = desk.checks.verdicts(ADA, desk.points["q1_command"].id, 0, desk.now)
        assert [verdict.words for verdict in verdicts if verdict.standing is Standing.NOTED] == ["3.2 MW lose supply"]

    def test_it_is_shown_or_left_out_where_the_folder_says_so(self, tmp_path: Path) -> None:
        network = Network()
        network.parallel = network.earthing = Said(ok=False, words="closes a ring")
        desk = self.desk(tmp_path, network, '\n[control]\nparallel = "show"\nearthing = "off"\n')
        assert desk.against(ADA, "q1_command", 1) == []
        verdicts = desk.checks.verdicts(ADA, desk.points["q1_command"].id, 1, desk.now)
        assert [verdict.check for verdict in verdicts if verdict.words == "closes a ring"] == ["parallel"]

    def test_a_synchrocheck_permits_joining_live_parts(self, tmp_path: Path) -> None:
        network = Network()
        network.parallel = network.synchrocheck = Said(ok=False, words="joins two live parts")
        desk = self.desk(tmp_path, network, SYNCHROCHECK)
        desk.show("local", 0)
        assert "the synchrocheck does not permit it" in desk.against(ADA, "q1_command", 1)[0]
        desk.show("local", 1, Quality.TEST)
        assert "cannot be ruled out" in desk.against(ADA, "q1_command", 1)[0]
        desk.show("local", 1)
        assert desk.against(ADA, "q1_command", 1) == []

    def test_a_synchrocheck_is_not_asked_for_a_dead_part(self, tmp_path: Path) -> None:
        desk = self.desk(tmp_path, Network(), SYNCHROCHECK)
        desk.show("local", 0)
        assert desk.against(ADA, "q1_command", 1) == []


class Selecting:
    """A desk on which selections are made."""

    def __init__(self, folder: Path, control: str = "", *, switching: Switching | None = None) -> None:
        self.scene = Desk(folder, control, switching=switching)
        numbers = itertools.count(1)
        self.desk = ControlDesk(self.scene.checks, select_s=30, most_selections=1_000, new_id=lambda: f"s-{next(numbers)}")

    def select(self, person: Person, name: str, value: float) -> Selection:
        return self.desk.select(person, self.scene.points[name].id, value, self.scene.now)


class TestSelecting:
    def test_one_selection_holds_a_point(self, tmp_path: Path) -> None:
        at = Selecting(tmp_path)
        assert at.select(ADA, "q1_command", 1).is_ready
        other = at.select(GRACE, "q1_command", 0)
        assert other.reason == "ada has selected alpha/rtu-1/q1_command"
        assert at.select(GRACE, "q2_command", 0).is_ready
        assert len(at.desk.selections()) == 2

    def test_a_refused_selection_holds_nothing_and_shows_every_verdict(self, tmp_path: Path) -> None:
        at = Selecting(tmp_path)
        refused = at.select(LISE, "p_set", 99)
        assert [verdict.check for verdict in refused.verdicts if verdict.standing is Standing.REFUSED] == ["authority", "value"]
        assert {verdict.check for verdict in refused.verdicts} >= {"point", "link", "tag", "selection"}
        assert at.desk.selections() == []
        with pytest.raises(RefusedError, match="there is no such selection"):
            at.desk.execute(LISE, refused.id, at.scene.now)

    def test_it_expires(self, tmp_path: Path) -> None:
        at = Selecting(tmp_path)
        selection = at.select(ADA, "q1_command", 1)
        at.scene.clock.advance(29.9)
        assert at.desk.tick(at.scene.now) == []
        at.scene.clock.advance(0.1)
        with pytest.raises(RefusedError, match="expired"):
            at.desk.execute(ADA, selection.id, at.scene.now)
        assert at.desk.tick(at.scene.now) == [selection]
        assert at.select(GRACE, "q1_command", 1).is_ready

    def test_only_who_selected_executes_or_cancels(self, tmp_path: Path) -> None:
        at = Selecting(tmp_path)
        selection = at.select(ADA, "q1_command", 1)
        for act in (at.desk.execute, at.desk.cancel):
            with pytest.raises(RefusedError, match="the selection is ada's"):
                act(GRACE, selection.id, at.scene.now)
        assert at.desk.cancel(ADA, selection.id, at.scene.now) == selection
        assert at.select(GRACE, "q1_command", 1).is_ready

    def test_it_is_executed_once_and_holds_the_point_until_the_command_has_ended(self, tmp_path: Path) -> None:
        at = Selecting(tmp_path)
        selection = at.select(ADA, "q1_command", 1)
        assert at.desk.execute(ADA, selection.id, at.scene.now).is_ready
        for act in (at.desk.execute, at.desk.cancel):
            with pytest.raises(RefusedError, match="under way"):
                act(ADA, selection.id, at.scene.now)
        assert at.select(GRACE, "q1_command", 0).reason == "ada is operating alpha/rtu-1/q1_command"
        at.scene.clock.advance(60)
        assert at.desk.tick(at.scene.now) == []
        at.desk.end(selection.id)
        assert at.select(GRACE, "q1_command", 0).is_ready

    def test_everything_is_checked_again_when_it_is_executed(self, tmp_path: Path) -> None:
        at = Selecting(tmp_path, INTERLOCK)
        at.scene.show("es1", 0)
        selection = at.select(ADA, "q1_command", 1)
        assert selection.is_ready
        at.scene.show("es1", 1)
        refused = at.desk.execute(ADA, selection.id, at.scene.now)
        assert "the feeder is earthed" in refused.reason
        assert at.desk.selections() == []

    def test_rights_that_were_lost_meanwhile_are_lost(self, tmp_path: Path) -> None:
        at = Selecting(tmp_path)
        selection = at.select(ADA, "q1_command", 1)
        assert "may not operate" in at.desk.execute(replace(ADA, roles=frozenset()), selection.id, at.scene.now).reason


class TestSecondPerson:
    def test_it_is_not_executed_before_another_person_approves(self, tmp_path: Path) -> None:
        at = Selecting(tmp_path, RULES)
        selection = at.select(ADA, "p_set", 4)
        assert (selection.is_refused, selection.is_ready) == (False, False)
        with pytest.raises(RefusedError, match="another person with the authority has to approve"):
            at.desk.execute(ADA, selection.id, at.scene.now)
        approved = at.desk.approve(GRACE, selection.id, at.scene.now)
        assert (approved.approved_by, approved.is_ready) == ("grace", True)
        assert at.desk.execute(ADA, selection.id, at.scene.now).is_ready

    def test_nobody_approves_what_he_selected_or_may_not_operate(self, tmp_path: Path) -> None:
        at = Selecting(tmp_path, RULES)
        selection = at.select(ADA, "p_set", 4)
        for person, why in (
            (ADA, "another one"),
            (LISE, "may not approve"),
            (replace(GRACE, has_second_factor=False), "second factor"),
        ):
            with pytest.raises(RefusedError, match=why):
                at.desk.approve(person, selection.id, at.scene.now)

    def test_an_approval_does_not_outlive_the_selection(self, tmp_path: Path) -> None:
        at = Selecting(tmp_path, RULES)
        selection = at.select(ADA, "p_set", 4)
        at.scene.clock.advance(31)
        with pytest.raises(RefusedError, match="expired"):
            at.desk.approve(GRACE, selection.id, at.scene.now)

    def test_what_needs_no_approval_gets_none(self, tmp_path: Path) -> None:
        at = Selecting(tmp_path, RULES)
        with pytest.raises(RefusedError, match="nothing has to be approved"):
            at.desk.approve(GRACE, at.select(ADA, "q1_command", 1).id, at.scene.now)
