"""From what a site listens to, to blocks that a monitor supervises."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.config.folders import UTILITY, edit, write
from tieline.config import read_folder
from tieline.edge.goose import GooseBlock, GoosePoint
from tieline.edge.goose.configured import blocks_of, make_monitors
from tieline.io import SystemClock
from tieline.model import Event
from tieline.protocols.goose import LeafType

SAMPLE = Path(__file__).parents[2] / "data" / "iec61850" / "millbrook.scd"
SITE, SCD, LIST = "sites/alpha/site.toml", "sites/alpha/scl/millbrook.scd", "sites/alpha/points/q01.csv"
DEVICE = '[[devices]]\nname = "q01"\nprotocol = "iec61850"\nied = "MBQ01"\n'
GOOSE = '[goose]\ninterface = "eth1"\n'

BOOLEAN, QUALITY, DOUBLE = LeafType.BOOLEAN, LeafType.QUALITY, LeafType.DOUBLE_POINT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, {"utility.toml": UTILITY, SITE: DEVICE + GOOSE, SCD: SAMPLE.read_text()})


def blocks(folder: Path) -> list[GooseBlock]:
    return blocks_of(read_folder(folder).site("alpha"))


def test_a_site_that_does_not_listen_has_no_blocks(folder: Path) -> None:
    edit(folder, SITE, GOOSE, "")
    assert blocks(folder) == []


def test_the_file_says_what_is_expected(folder: Path) -> None:
    made = blocks(folder)
    expected = made[0].expected
    assert (expected.gocb_ref, expected.dat_set) == ("MBQ01PROT/LLN0$GO$gcbTrip", "MBQ01PROT/LLN0$dsTrip")
    assert (expected.go_id, expected.conf_rev) == ("MBQ01PROT/LLN0.gcbTrip", 10001)
    assert (expected.destination, expected.app_id, expected.vlan_id) == ("01-0c-cd-01-00-01", 0x1001, 20)
    assert expected.entries == (BOOLEAN, QUALITY, BOOLEAN, QUALITY, DOUBLE, QUALITY)


def test_events_name_the_device_or_the_ied_that_the_site_does_not_read(folder: Path) -> None:
    assert [block.device for block in blocks(folder)][:2] == ["q01", "MBQ02"]


def test_an_entry_that_is_a_whole_data_object_is_a_structure(folder: Path) -> None:
    old = 'lnClass="XCBR" lnInst="1" doName="Pos" daName="stVal" fc="ST"'
    edit(folder, SCD, old, 'lnClass="CSWI" lnInst="1" doName="Pos" fc="ST"')
    write(folder, {LIST: "reference,source\nCTRL/CSWI1.Pos,goose\n"})
    block = blocks(folder)[0]
    assert block.expected.entries is not None
    entry = block.expected.entries[4]
    assert isinstance(entry, tuple)
    assert entry[0] == (LeafType.INTEGER, LeafType.OCTET_STRING)
    assert entry[2:5] == (DOUBLE, QUALITY, LeafType.TIMESTAMP)
    (point,) = block.points
    assert (point.value, point.quality, point.time) == ((4, 2), (4, 3), (4, 4))


def test_points_are_fed_where_their_list_says_so(folder: Path) -> None:
    write(folder, {LIST: "reference,name,source\nPROT/PTRC1.Tr,trip,goose\nCTRL/XCBR1.Pos,cb,goose\nMEAS/MMXU1.TotW,p,\n"})
    site = read_folder(folder).site("alpha")
    trip, cb, _ = site.measured_points
    made = blocks_of(site)
    assert made[0].points == (
        GoosePoint(point=trip.id, value=(0,), quality=(1,)),
        GoosePoint(point=cb.id, value=(4,), quality=(5,)),
    )
    assert not any(block.points for block in made[1:])


def test_a_point_that_two_streams_bring_is_fed_by_the_first(folder: Path) -> None:
    text = (folder / SCD).read_text()
    start = text.index('<GSEControl name="gcbTrip"')
    control = text[start : text.index("</GSEControl>", start) + 13] if "</GSEControl>" in text else ""
    single = text[start : text.index(">", start) + 1]
    control = single if single.endswith("/>") else control
    address_start = text.index('<GSE ldInst="PROT" cbName="gcbTrip">')
    address = text[address_start : text.index("</GSE>", address_start) + 6]
    text = text.replace(control, control + control.replace("gcbTrip", "gcbAgain"), 1)
    text = text.replace(
        address, address + address.replace("gcbTrip", "gcbAgain").replace("01-0C-CD-01-00-01", "01-0C-CD-01-00-41"), 1
    )
    write(folder, {SCD: text, LIST: "reference,source\nPROT/PTRC1.Tr,goose\n"})
    made = [block for block in blocks(folder) if block.device == "q01"]
    assert [len(block.points) for block in made] == [1, 0]


def test_a_site_that_does_not_listen_has_no_monitor(folder: Path) -> None:
    edit(folder, SITE, GOOSE, "")
    assert make_monitors(read_folder(folder).site("alpha"), lambda _: None, lambda _: None, clock=SystemClock()) == []


async def test_an_interface_that_is_not_there_is_an_event_and_ends_nothing(folder: Path) -> None:
    edit(folder, SITE, "eth1", "nowhere0")
    events: asyncio.Queue[Event] = asyncio.Queue()
    [monitor] = make_monitors(read_folder(folder).site("alpha"), lambda _: None, events.put_nowait, clock=SystemClock())
    running = asyncio.create_task(monitor.run())
    try:
        async with asyncio.timeout(10):
            event = await events.get()
        assert "nowhere0" in event.text
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait([running])
