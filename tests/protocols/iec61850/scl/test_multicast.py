"""GOOSE and sampled values as the network sees them."""

from __future__ import annotations

import pytest

from tests.protocols.iec61850.scl.files import EDITION_1, millbrook, read, small
from tieline.protocols.iec61850.scl import Multicast, multicasts_of, read_scl


def of_millbrook() -> dict[str, Multicast]:
    return {each.reference: each for each in multicasts_of(millbrook())}


def test_every_control_block_is_listed() -> None:
    assert sorted(of_millbrook()) == ["MBQ01MU01/LLN0.msvcb01", *(f"MBQ0{number}PROT/LLN0.gcbTrip" for number in range(1, 7))]


def test_a_goose_has_its_address_and_receivers() -> None:
    goose = of_millbrook()["MBQ03PROT/LLN0.gcbTrip"]
    assert (goose.mac, goose.app_id, goose.vlan_id, goose.vlan_priority) == ("01-0c-cd-01-00-03", 0x1003, 0x014, 6)
    assert (goose.ied, goose.access_point, goose.sub_network) == ("MBQ03", "S1", "StationBus")
    assert (goose.stream_id, goose.data_set, goose.members, goose.conf_rev) == (
        "MBQ03PROT/LLN0.gcbTrip",
        "MBQ03PROT/LLN0.dsTrip",
        6,
        10001,
    )
    assert goose.subscribers == ("MBQ01", "MBQ02")
    assert (goose.min_time_ms, goose.max_time_ms, goose.frames_per_s) == (4.0, 1000.0, 1.0)
    assert not goose.is_sampled
    assert goose.is_addressed


def test_samples_have_a_rate() -> None:
    stream = of_millbrook()["MBQ01MU01/LLN0.msvcb01"]
    assert stream.is_sampled
    assert stream.frames_per_s == 4000.0
    at_60_hz = {each.reference: each for each in multicasts_of(millbrook(), frequency_hz=60.0)}
    assert at_60_hz["MBQ01MU01/LLN0.msvcb01"].frames_per_s == 4800.0


def test_the_estimate_of_a_frame_is_close_to_the_frame() -> None:
    """By hand: three names of 25, 23 and 22 characters, three Booleans or positions and three qualities."""
    goose = of_millbrook()["MBQ03PROT/LLN0.gcbTrip"]
    header = 14 + 4 + 8
    fields = (25 + 2) + (21 + 2) + (22 + 2) + 10 + 3 + 3
    values = 2 * (3 + 5) + (4 + 5)
    assert header + fields + values < goose.frame_octets < header + fields + values + 50
    stream = of_millbrook()["MBQ01MU01/LLN0.msvcb01"]
    assert 8 * (4 + 4) + header < stream.frame_octets < 8 * (4 + 4) + header + 50


@pytest.mark.parametrize(("mode", "rate", "asdus", "frames"), [("SmpPerSec", 4800, 2, 2400), ("SecPerSmp", 4, 1, 0.25)])
def test_the_sample_mode_counts(mode: str, rate: int, asdus: int, frames: float) -> None:
    ln0 = f'<SampledValueControl name="s" smpMod="{mode}" smpRate="{rate}" nofASDU="{asdus}"/>'
    scl = read(small(ln0=ln0)).scl
    assert scl is not None
    (stream,) = multicasts_of(scl)
    assert stream.frames_per_s == frames
    assert not stream.is_addressed
    assert stream.frame_octets >= 64


def test_a_goose_of_edition_1_finds_its_receivers_by_the_signal() -> None:
    """Edition 1 has no srcCBName: a receiver takes it through the control block whose data set has the signal."""
    ln0 = """<DataSet name="a"><FCDA ldInst="LD" lnClass="GGIO" lnInst="1" doName="Ind1" daName="stVal" fc="ST"/></DataSet>
      <DataSet name="b"><FCDA ldInst="LD" lnClass="GGIO" lnInst="1" doName="AnIn1" fc="MX"/></DataSet>
      <GSEControl name="ga" datSet="a"/><GSEControl name="gb" datSet="b"/><GSEControl name="old" datSet="a" type="GSSE"/>"""
    other = """<IED name="E2"><AccessPoint name="S1"><Server><LDevice inst="LD"><LN0 lnClass="LLN0" inst="" lnType="LLN0"><Inputs>
      <ExtRef iedName="E1" ldInst="LD" lnClass="GGIO" lnInst="1" doName="{signal}" daName="{attribute}"/></Inputs></LN0>
      </LDevice></Server></AccessPoint></IED>"""
    expected = {("Ind1", "stVal"): ["ga"], ("Ind1", "q"): [], ("AnIn1", "mag.f"): ["gb"], ("AnIn1", ""): ["gb"], ("Ind2", ""): []}
    for (signal, attribute), names in expected.items():
        scl = read(small(ln0=ln0, after=other.format(signal=signal, attribute=attribute))).scl
        assert scl is not None
        found = multicasts_of(scl)
        assert [each.reference for each in found] == ["E1LD/LLN0.ga", "E1LD/LLN0.gb"]
        assert [each.reference.rpartition(".")[2] for each in found if each.subscribers == ("E2",)] == names


def test_an_icd_of_edition_1_has_its_goose() -> None:
    scl = read_scl(EDITION_1.read_bytes()).scl
    assert scl is not None
    (goose,) = multicasts_of(scl)
    assert (goose.stream_id, goose.mac, goose.vlan_id, goose.frames_per_s) == ("ACME-Trip", "01-0c-cd-01-00-7f", 0, None)
