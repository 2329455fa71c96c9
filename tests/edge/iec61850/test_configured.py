"""From a device of the utility folder to the driver's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.folders import UTILITY, edit, write
from tieline.config import Iec61850Device, read_folder
from tieline.edge.iec61850.configured import settings_of
from tieline.edge.iec61850.settings import Iec61850Settings
from tieline.protocols.iec61850.mms.control import ControlModel, OriginCategory
from tieline.protocols.iec61850.mms.library import Selectors
from tieline.protocols.iec61850.mms.names import Name

SAMPLE = Path(__file__).parents[2] / "data" / "iec61850" / "millbrook.scd"
SITE, SCD, LIST = "sites/alpha/site.toml", "sites/alpha/scl/millbrook.scd", "sites/alpha/points/q01.csv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    device = '[[devices]]\nname = "q01"\nprotocol = "iec61850"\nied = "MBQ01"\n'
    return write(tmp_path, {"utility.toml": UTILITY, SITE: device, SCD: SAMPLE.read_text()})


def settings(folder: Path, more: str = "") -> Iec61850Settings:
    (folder / SITE).write_text((folder / SITE).read_text() + more)
    (device,) = read_folder(folder).site("alpha").devices
    assert isinstance(device, Iec61850Device)
    return settings_of(device)


def test_the_file_gives_address_and_selectors(folder: Path) -> None:
    made = settings(folder)
    assert (made.host, made.port, made.tls) == ("10.20.3.11", 102, None)
    assert made.selectors == Selectors(ap_title=(1, 3, 9999, 23), ae_qualifier=23)
    assert (made.timeout_s, made.keepalive_s, made.poll_s, made.command_timeout_s, made.reservation_s) == (5, 10, 2, 10, 3600)


def test_what_the_file_does_not_say_of_selectors_is_as_usual(folder: Path) -> None:
    edit(folder, SCD, '<P type="OSI-AP-Title">1,3,9999,23</P>', "")
    edit(folder, SCD, '<P type="OSI-AE-Qualifier">23</P>', "")
    assert settings(folder).selectors == Selectors()


def test_the_section_s_words_are_taken_over(folder: Path) -> None:
    made = settings(
        folder,
        'connection = { transport = "tls", host = "bay.example", timeout_s = 1, keep_alive_s = 3, server_name = "bay" }\n'
        "polls = { period_s = 7 }\nreports = { with_references = true, reservation_s = 60, integrity_s = 9 }\n"
        'commands = { category = "station_control", identity = "Me", interlock_check = false, synchro_check = false, timeout_s = 4 }\n',
    )
    assert made.tls is not None
    assert (made.host, made.port, made.tls.server_name) == ("bay.example", 3782, "bay")
    assert (made.timeout_s, made.keepalive_s, made.poll_s, made.command_timeout_s, made.reservation_s) == (1, 3, 7, 4, 60)
    assert all(block.with_references and block.integrity_s == 9 for block in made.reports)
    assert {(each.category, each.identity, each.interlock_check, each.synchro_check) for each in made.controlled} == {
        (OriginCategory.STATION_CONTROL, "Me", False, False)
    }


def test_points_become_names_of_their_attributes(folder: Path) -> None:
    made = settings(folder)
    monitored = {each.point.name: each for each in made.monitored}
    current = monitored["meas-mmxu1-a-phsa"]
    assert current.value == Name("MBQ01MEAS", "MMXU1$MX$A$phsA$cVal$mag$f")
    assert current.quality == Name("MBQ01MEAS", "MMXU1$MX$A$phsA$q")
    assert current.time == Name("MBQ01MEAS", "MMXU1$MX$A$phsA$t")
    energy = monitored["meas-mmtr1-supwh"]
    assert (energy.value, energy.scale) == (Name("MBQ01MEAS", "MMTR1$ST$SupWh$actVal"), 10.0)
    commands = {each.point.id for each in made.controlled}
    assert len(made.monitored) == 44
    assert len(commands) == 5


def test_a_command_shows_the_status_of_what_it_commands(folder: Path) -> None:
    made = settings(folder)
    monitored = {each.point.id: each for each in made.monitored}
    shown = {each.point.name: monitored[each.point.id] for each in made.controlled}
    switch = shown["ctrl-cswi1-pos-command"]
    assert (switch.value, switch.is_switched) == (Name("MBQ01CTRL", "CSWI1$ST$Pos$stVal"), True)
    assert (switch.quality, switch.time) == (Name("MBQ01CTRL", "CSWI1$ST$Pos$q"), Name("MBQ01CTRL", "CSWI1$ST$Pos$t"))
    reset = shown["ld0-lln0-ledrs-command"]
    assert (reset.value.item, reset.is_switched) == ("LLN0$ST$LEDRs$stVal", False)


def test_a_setting_shows_its_value(folder: Path) -> None:
    write(folder, {LIST: "reference,name\nPROT/PTOC1.StrVal.setMag.f,pickup\n"})
    (shown,) = settings(folder).monitored
    assert (shown.point.name, shown.value) == ("pickup", Name("MBQ01PROT", "PTOC1$SP$StrVal$setMag$f"))


def test_controls_become_their_data_objects_and_settings_their_attributes(folder: Path) -> None:
    write(folder, {LIST: "reference,name\nCTRL/CSWI1.Pos.Oper,cb\nCTRL/CSWI2.Pos.Oper,qb\nPROT/PTOC1.StrVal.setMag.f,pickup\n"})
    controlled = {each.point.name: each for each in settings(folder).controlled}
    assert (controlled["cb"].target, controlled["cb"].model) == (Name("MBQ01CTRL", "CSWI1$CO$Pos"), ControlModel.SBO_ENHANCED)
    assert controlled["qb"].model is ControlModel.SBO_NORMAL
    assert (controlled["pickup"].target, controlled["pickup"].model) == (Name("MBQ01PROT", "PTOC1$SP$StrVal$setMag$f"), None)


def test_report_control_blocks_become_names_with_instances_and_members(folder: Path) -> None:
    blocks = {block.name.item: block for block in settings(folder).reports}
    position = blocks["LLN0$BR$brcbPos"]
    assert (position.name.domain, position.instances, position.conf_rev) == ("MBQ01CTRL", ("02", "03"), 20001)
    assert position.is_buffered
    assert position.data_set == Name("MBQ01CTRL", "LLN0$dsPos")
    assert position.members[0] == Name("MBQ01CTRL", "CSWI1$ST$Pos")
    assert (position.integrity_s, position.buffer_time_s) == (0.0, 0.05)
    assert not blocks["LLN0$RP$urcbMeas"].is_buffered
    assert Name("MBQ01MEAS", "MMTR1$ST$SupWh$actVal") in blocks["LLN0$BR$brcbEnergy"].members


def test_a_block_without_a_data_set_leaves_it_to_the_driver(folder: Path) -> None:
    edit(folder, SCD, ' datSet="dsPos"', "")
    blocks = {block.name.item: block for block in settings(folder).reports}
    assert (blocks["LLN0$BR$brcbPos"].data_set, blocks["LLN0$BR$brcbPos"].members) == (None, ())


def test_what_comes_by_goose_is_not_asked_for(folder: Path) -> None:
    write(folder, {LIST: "reference,source\nPROT/PTRC1.Tr,goose\nMEAS/MMXU1.TotW,mms\n"})
    made = settings(folder, '[goose]\ninterface = "eth1"\n')
    assert [each.point.name for each in made.monitored] == ["meas-mmxu1-totw"]
