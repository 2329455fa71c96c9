from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from tieline.config import Finding, ModbusDevice, inspect_folder, read_folder
from tieline.config.quantities import MEASURED, OPERATED
from tieline.config.snmp import SnmpDevice

RIDGEWAY = Path(str(files("tieline"))) / "examples" / "ridgeway"

Replace = Callable[[str, str, str], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "ridgeway"
    shutil.copytree(RIDGEWAY, copy)
    return copy


@pytest.fixture
def replace(folder: Path) -> Replace:
    def change(file: str, old: str, new: str) -> None:
        path = folder / file
        text = path.read_text()
        assert text.count(old) >= 1, f"{old} is not in {file}"
        path.write_text(text.replace(old, new, 1))

    return change


def the_finding(folder: Path) -> Finding:
    utility, findings = inspect_folder(folder)
    assert utility is None
    assert len(findings) == 1, [str(finding) for finding in findings]
    return findings[0]


def test_the_example_utility_has_no_mistake() -> None:
    utility, findings = inspect_folder(RIDGEWAY)
    assert [str(finding) for finding in findings] == []
    assert utility is not None
    assert utility.grid is not None
    assert 1_100 <= len(list(utility.plant_points)) <= 1_300


def test_every_point_of_the_example_is_moved_by_the_grid() -> None:
    every = [device for site in read_folder(RIDGEWAY).sites for device in site.devices]
    devices = [device for device in every if not isinstance(device, SnmpDevice)]
    idle = {
        device.path: [point.name for point in device.points if not point.equipment or not point.quantity] for device in devices
    }
    assert {path for path, names in idle.items() if names} == {f"millbrook/q0{number}" for number in range(1, 7)}
    # Health, interlocking, indications and disconnectors of a bay unit are nothing that a power flow moves.
    assert {"ctrl-cswi1-pos", "ctrl-cswi1-pos-command", "meas-mmxu1-totw", "meas-mmtr1-supwh"}.isdisjoint(idle["millbrook/q01"])


def test_the_example_shows_all_transports_tables_kinds_and_word_orders() -> None:
    utility = read_folder(RIDGEWAY)
    devices = [device for site in utility.sites for device in site.devices if isinstance(device, ModbusDevice)]
    rows = [row for device in devices for row in device.rows]
    assert {device.connection.transport for device in devices} == {"tcp", "tls", "rtu"}
    assert {row.table for row in rows} == {"coil", "discrete_input", "input_register", "holding_register"}
    assert {row.word_order for row in rows} == {"ABCD", "CDAB", "BADC", "DCBA"}
    assert {row.kind for row in rows} == {"analog", "binary", "double", "counter", "setpoint", "control"}
    assert any(row.scale < 0 for row in rows)


def test_a_folder_without_a_grid_is_not_checked_against_one(folder: Path, replace: Replace) -> None:
    shutil.rmtree(folder / "grid")
    for site in ("northgate", "millbrook", "sunfield"):
        (folder / "sites" / site / "alarms.csv").unlink()
    (folder / "sites/northgate/diagram.toml").unlink()
    replace("sites/northgate/points/rtu-1.csv", "ng-qf2,current", "whatever,anything")
    utility, findings = inspect_folder(folder)
    assert findings == []
    assert utility is not None
    assert utility.grid is None


def test_dangling_equipment_is_reported_with_its_row_and_a_suggestion(folder: Path, replace: Replace) -> None:
    replace("sites/northgate/points/tm-1.csv", "ng-t1,oil_temperature", "ng-tt1,oil_temperature")
    finding = the_finding(folder)
    assert (finding.file, finding.line) == ("sites/northgate/points/tm-1.csv", 2)
    assert (finding.where, finding.value) == ("equipment", "ng-tt1")
    assert "did you mean ng-t1?" in finding.remedy


@pytest.mark.parametrize(
    ("old", "new", "where", "problem"),
    [
        ("ng-t1,oil_temperature", "ng-t1,oil_temprature", "quantity", "there is no such quantity to be measured"),
        ("ng-t1,oil_temperature", "ng-t1,irradiance", "quantity", "a transformer has no such quantity"),
        ("ng-t1,oil_temperature", ",oil_temperature", "quantity", "quantity is given without equipment"),
        ("ng-t1,oil_temperature", "ng-t1,", "equipment", "equipment is given without quantity"),
        ("ng-t1,tap_raise", "ng-t1,loading", "quantity", "there is no such quantity to be operated"),
        ("analog,°C", "analog,K", "unit", "is no unit of oil_temperature"),
        ("analog,°C", "counter,°C", "kind", "oil_temperature is not a counter point"),
    ],
)
def test_a_point_that_does_not_fit_its_equipment_is_reported(
    folder: Path, replace: Replace, old: str, new: str, where: str, problem: str
) -> None:
    replace("sites/northgate/points/tm-1.csv", old, new)
    found = [finding for finding in inspect_folder(folder)[1] if finding.where == where]
    assert [finding.problem for finding in found] == [problem]
    assert found[0].line > 1
    assert found[0].remedy


def test_a_phase_that_the_quantity_does_not_have_is_reported(folder: Path, replace: Replace) -> None:
    replace("sites/northgate/points/rtu-1.csv", "ng-132,voltage,AB", "ng-132,voltage,N")
    finding = the_finding(folder)
    assert (finding.where, finding.value) == ("phase", "N")


@pytest.mark.parametrize(
    ("file", "old", "new", "where", "problem"),
    [
        ("lines", "ng-f2,harbor", "ng-f2,harbour", "to_node", "there is no such node"),
        ("lines", "ng-f2,harbor", "ng-f2,ng-f2", "to_node", "both ends are the same node"),
        ("lines", "ng-f2,harbor", "ng-f2,sf-lv1", "to_node", "joins 20 kV and 0.8 kV"),
        ("nodes", "harbor,20,", "harbor,20,nowhere", "site", "there is no such site"),
        ("loads", "hospital-load", "harbor-load", "name", "the name is taken by grid/loads.csv:2"),
        ("transformers", "31.5,132,21", "31.5,110,21", "high_kv", "the node ng-t1-hv has 132 kV"),
        ("transformers", "YNd11", "YNd10", "vector_group", "has a clock number that these windings cannot give"),
        ("transformers", "31.5,132,21", "-31.5,132,21", "rated_mva", "is out of range"),
        ("switches", ",closed,", ",shut,", "normal", "is not one of the permitted words"),
    ],
)
def test_a_mistake_in_the_grid_is_reported_where_it_stands(
    folder: Path, replace: Replace, file: str, old: str, new: str, where: str, problem: str
) -> None:
    replace(f"grid/{file}.csv", old, new)
    found = [finding for finding in inspect_folder(folder)[1] if finding.file == f"grid/{file}.csv"]
    assert [(finding.where, finding.problem) for finding in found if finding.where == where] == [(where, problem)]
    assert found[0].line > 1


def test_a_node_that_no_source_reaches_is_reported(folder: Path) -> None:
    with (folder / "grid" / "nodes.csv").open("a") as file:
        file.write("lonely,20,,,\n")
    finding = the_finding(folder)
    assert (finding.where, finding.value, finding.problem) == ("name", "lonely", "no source reaches it")


def test_an_unknown_file_in_the_grid_is_reported(folder: Path) -> None:
    (folder / "grid" / "breakers.csv").write_text("name\n")
    assert the_finding(folder).problem == "there is no such part of the electrical model"


def test_a_row_that_cannot_be_read_does_not_make_its_points_dangle(folder: Path, replace: Replace) -> None:
    replace("grid/sources.csv", "tso,ng-132,1.02", "tso,ng-132,many")
    finding = the_finding(folder)
    assert (finding.file, finding.where) == ("grid/sources.csv", "voltage_pu")


def test_all_mistakes_are_reported_at_once(folder: Path, replace: Replace) -> None:
    replace("grid/lines.csv", "ng-f2,harbor", "ng-f2,harbour")
    replace("sites/northgate/points/tm-1.csv", "ng-t1,oil_temperature", "ng-t1,oil_temprature")
    replace("sites/northgate/points/tm-2.csv", "analog,%", "analog,kW")
    assert {finding.where for finding in inspect_folder(folder)[1]} >= {"to_node", "quantity", "unit"}


def test_every_quantity_has_a_unit_of_factor_one_first() -> None:
    for quantity in (*MEASURED.values(), *OPERATED.values()):
        assert quantity.units[quantity.unit] == 1
        assert quantity.equipment
        assert quantity.kinds
        assert quantity.meaning
