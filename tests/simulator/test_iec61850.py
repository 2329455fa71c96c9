from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from open61850.data import BitStringData, BoolData, FloatData, IECData, IntData, UIntData
from open61850.mms.types import PrimitiveType
from open61850.server.model import Node

from tests.io.namespaces import FAR, NEAR, veth_pair
from tests.simulator.ieds import (
    DEVICE,
    LIMIT_S,
    MILLBROOK,
    POSITIONS,
    Q01,
    TLS,
    Clock,
    associated,
    ied_of,
    needs_peer,
    peer_of,
    port_of,
    write_folder,
)
from tieline.config import Iec61850Device as Section
from tieline.config import Utility
from tieline.config.field import relocate
from tieline.edge.drivers.iec61850 import Iec61850Driver
from tieline.edge.iec61850.client import associate
from tieline.edge.iec61850.configured import settings_of
from tieline.edge.iec61850.directory import browse
from tieline.io import SystemClock
from tieline.io.packet import PacketSocket, PacketStatistics, open_packet
from tieline.model import ConfigError, LocalError, Quality, RemoteError, Samples, TielineError, UnavailableError
from tieline.protocols.goose import ETHERTYPE_GOOSE, Boolean, GooseFrame, decode_goose
from tieline.protocols.iec61850.mms.names import Name, name_of
from tieline.protocols.iec61850.mms.values import AccessError
from tieline.security.identity import Authority
from tieline.simulator import NORMAL, Behavior, Field, Iec61850Device, Recording, Replay
from tieline.simulator.devices.iec61850.attributes import encode

NOON_US = 1_900_000_000_123_456
BREAKER, DISCONNECTOR, EARTHING, LIGHT = "CSWI1.Pos", "CSWI2.Pos", "CSWI3.Pos", "GGIO1.SPCSO1"
MODELS = {LIGHT: 1, DISCONNECTOR: 2, EARTHING: 3, BREAKER: 4}
DATA_CHANGE, QUALITY_CHANGE, INTERROGATION = 1, 2, 16


@pytest.fixture
def utility(tmp_path: Path) -> Utility:
    return write_folder(tmp_path / "folder")


@pytest.fixture
async def field(utility: Utility, tmp_path: Path) -> AsyncIterator[Field]:
    async with Field(utility, data=tmp_path / "data", clock=Clock(NOON_US)) as field:
        field.hold(Q01)
        yield field


@pytest.fixture
def ied(field: Field) -> Iec61850Device:
    return ied_of(field)


def values_of(reports: list[dict[str, Any]], member: int) -> list[Any]:
    """What reports say of a member of their data set, without reasons."""
    return [report["values"][str(member)][1] for report in reports if str(member) in report["values"]]


async def settled(ied: Iec61850Device) -> None:
    """Waits until the server holds what was published."""
    watch = ied.watch([], lambda: None)
    async with asyncio.timeout(LIMIT_S):
        while not watch.is_read:
            await asyncio.sleep(0)  # lets the device's thread go on
    watch.end()


@needs_peer
async def test_another_client_browses_and_reads_it(field: Field, ied: Iec61850Device) -> None:
    ied.change({"ctrl-cswi1-pos": 1, "meas-mmxu1-totw": -3.25, "meas-mmtr1-supwh": 12_340})
    ied.mark(["meas-mmxu1-totw"], Quality.QUESTIONABLE | Quality.OUT_OF_RANGE)
    await settled(ied)
    async with peer_of(field) as peer:
        devices = (await peer.ask("browse"))["devices"]
        assert list(devices) == ["MBQ01CTRL", "MBQ01LD0", "MBQ01MEAS", "MBQ01MU01", "MBQ01PROT"]
        assert sorted(devices["MBQ01CTRL"]["CSWI1"]) == ["Beh", "Loc", "Pos"]
        position = (await peer.ask("read", object="MBQ01CTRL/CSWI1.Pos", fc="ST"))["value"]
        assert position[2:5] == ["01", "0" * 13, NOON_US // 1000]
        power = (await peer.ask("read", object="MBQ01MEAS/MMXU1.TotW", fc="MX"))["value"]
        assert power == [[-3.25], [-3.25], "1101000000000", NOON_US // 1000]
        assert (await peer.ask("read", object="MBQ01MEAS/MMTR1.SupWh.actVal", fc="ST"))["value"] == 1234
        assert (await peer.ask("read", object="MBQ01CTRL/XCBR1.Pos.stVal", fc="ST"))["value"] == "10"
        assert (await peer.ask("read", object="MBQ01LD0/LLN0.NamPlt.vendor", fc="DC"))["value"] == "Ridgeway Protection"


@needs_peer
async def test_changes_are_reported_with_reason_quality_and_time(field: Field, ied: Iec61850Device) -> None:
    async with peer_of(field) as peer:
        assert (await peer.ask("enable", block="MBQ01MEAS/LLN0.RP.urcbMeas01", gi=True))["error"] == 0
        (interrogation,) = (await peer.ask("reports", count=1))["reports"]
        assert [reason for reason, _ in interrogation["values"].values()] == [INTERROGATION] * 6
        ied.change({"meas-mmxu1-totw": 7.5})
        (changed,) = (await peer.ask("reports", count=1))["reports"]
        assert changed["values"] == {"0": [DATA_CHANGE, [[7.5], [7.5], "0" * 13, NOON_US // 1000]]}
        ied.mark(["meas-mmxu1-totw"], Quality.INVALID | Quality.FAILURE)
        (marked,) = (await peer.ask("reports", count=1))["reports"]
        assert marked["values"] == {"0": [QUALITY_CHANGE, [[7.5], [7.5], "0100001000000"[:13], NOON_US // 1000]]}


def test_enumerations_rest_where_the_file_puts_them(field: Field, ied: Iec61850Device) -> None:
    field.step(60.0)
    assert ied.values[ied.number("ld0-lln0-health")] == 1
    assert ied.values[ied.number("prot-ptoc1-str-dirgeneral")] == 0


async def test_what_stays_within_its_deadband_is_not_shown(tmp_path: Path) -> None:
    points = tmp_path / "folder" / "sites/field/points"
    points.mkdir(parents=True)
    (points / "q01.csv").write_text("name,reference,deadband\npower,MBQ01MEAS/MMXU1.TotW,0.5\n")
    utility = write_folder(tmp_path / "folder")
    async with Field(utility, data=tmp_path / "data") as field:
        field.hold(Q01)
        ied = ied_of(field)
        async with associated(field) as (client, _):
            ied.change({"power": 10})
            await settled(ied)
            for value, shown in ((10.4, 10.0), (10.6, 10.6), (10.2, 10.6)):
                ied.change({"power": value})
                await settled(ied)
                (read,) = await client.read([name_of("MBQ01MEAS/MMXU1.TotW.mag.f", "MX")])
                assert read == pytest.approx(shown)


@needs_peer
async def test_a_buffered_block_loses_and_doubles_nothing_across_a_cut(field: Field, ied: Iec61850Device) -> None:
    async with peer_of(field) as peer:
        await peer.ask("enable", block=POSITIONS)
        ied.change({"ctrl-cswi1-pos": 1})
        (first,) = (await peer.ask("reports", count=1))["reports"]
        await field.behave(Q01, Behavior(manner="gone"))
        for number in range(40):
            ied.change({"ctrl-cswi1-pos": number % 4})
            ied.change({"ctrl-cswi3-pos": 2 - number % 2})
        await field.behave(Q01, NORMAL)
        assert (await peer.ask("connect", port=port_of(field)))["connected"]
        assert (await peer.ask("enable", block=POSITIONS, entry=first["entry"]))["error"] == 0
        missed = (await peer.ask("reports", count=80))["reports"]
        positions = [value[2] for value in values_of(missed, 0)]
        assert positions == [f"{number % 4:02b}" for number in range(40)]
        assert [value[2] for value in values_of(missed, 2)] == ["10", "01"] * 20
        entries = [int(report["entry"], 16) for report in missed]
        assert entries == list(range(int(first["entry"], 16) + 1, int(first["entry"], 16) + 1 + len(entries)))


async def test_an_entry_that_the_buffer_does_not_have_is_refused(field: Field) -> None:
    entry = Name("MBQ01CTRL", "LLN0$BR$brcbPos01$EntryID")
    async with associated(field) as (client, _):
        kind = await client.type_of(entry)
        assert await client.write(entry, bytes(7) + b"\x09", kind) == AccessError(11)  # object value invalid
        assert await client.write(entry, bytes(8), kind) is None


@needs_peer
@pytest.mark.parametrize("node", MODELS)
async def test_a_command_acts_in_its_control_model(field: Field, ied: Iec61850Device, node: str) -> None:
    written = []
    ied.on_write = lambda number, value: written.append((ied.points[number].name, value))
    ied.change({"ctrl-cswi1-pos": 1, "ctrl-cswi2-pos": 1})  # the breaker is open, so all may move
    if node == BREAKER:
        ied.change({"ctrl-cswi1-pos": 2})
    await settled(ied)
    async with peer_of(field) as peer:
        value = node != BREAKER
        answer = await peer.ask("operate", object=f"MBQ01CTRL/{node}", value=value, interlock=True)
        assert answer["model"] == MODELS[node]
        assert (answer["selected"], answer["accepted"], answer["cause"]) == (True, True, 0)
        assert answer.get("termination", "done") == "done"
        name = "ctrl-" + node.lower().replace(".", "-")
        assert written == [(f"{name}-command", float(value))]
        shown = (await peer.ask("read", object=f"MBQ01CTRL/{node}.stVal", fc="ST"))["value"]
        assert shown == {LIGHT: True, BREAKER: "01"}.get(node, "10")


@needs_peer
async def test_a_refused_command_says_why(field: Field, ied: Iec61850Device) -> None:
    async with peer_of(field) as peer:

        async def cause(node: str, *, value: bool, **more: Any) -> int:
            answer = await peer.ask("operate", object=f"MBQ01CTRL/{node}", value=value, **more)
            assert not answer["accepted"]
            return int(answer["cause"])

        assert await cause(BREAKER, value=True) == 5  # position reached
        assert await cause(BREAKER, value=False, select=False) == 18  # not selected
        assert await cause(DISCONNECTOR, value=False, interlock=True) == 10  # the breaker is closed
        assert await cause(EARTHING, value=True, interlock=True) == 10
        assert (await peer.ask("operate", object=f"MBQ01CTRL/{EARTHING}", value=True))["accepted"]  # nobody asked for the check
        ied.block(["ctrl-ggio1-spcso1-command"], 13)
        assert await cause(LIGHT, value=True) == 13
        ied.block(["ctrl-ggio1-spcso1-command"], None)
        assert (await peer.ask("operate", object=f"MBQ01CTRL/{LIGHT}", value=True))["accepted"]
        await field.behave(Q01, Behavior(manner="refusing"))
        assert await cause(LIGHT, value=False) == 2  # blocked by switching hierarchy
        assert (await peer.ask("read", object="MBQ01CTRL/CSWI1.Pos", fc="ST"))["error"] != 0


@needs_peer
async def test_a_test_command_is_checked_and_not_carried_out(field: Field, ied: Iec61850Device) -> None:
    async with peer_of(field) as peer:
        assert (await peer.ask("operate", object=f"MBQ01CTRL/{LIGHT}", value=True, test=True))["accepted"]
        assert ied.values[ied.number("ctrl-ggio1-spcso1")] == 0


@needs_peer
async def test_a_command_ends_when_the_switch_has_arrived(tmp_path: Path) -> None:
    utility = write_folder(tmp_path / "folder", with_grid=True)
    async with Field(utility, data=tmp_path / "data") as field, peer_of(field) as peer:
        assert field.plant is not None
        operating = asyncio.ensure_future(peer.ask("operate", object=f"MBQ01CTRL/{BREAKER}", value=False))
        async with asyncio.timeout(LIMIT_S):
            while field.plant.read("q1", "switch_position") == 2:
                field.step(0.1)
                await asyncio.sleep(0)
        assert field.plant.read("q1", "switch_position") == 0
        await asyncio.sleep(0)
        assert not operating.done()
        field.step(1.0)
        assert (await operating)["termination"] == "done"
        assert field.plant.read("q1", "switch_position") == 1


@needs_peer
async def test_a_command_whose_switch_does_not_arrive_is_terminated_with_a_cause(tmp_path: Path) -> None:
    scl = MILLBROOK.read_text().replace("<Val>10000</Val>", "<Val>200</Val>", 1)
    utility = write_folder(tmp_path / "folder", with_grid=True, scl=scl)
    async with Field(utility, data=tmp_path / "data") as field, peer_of(field) as peer:
        answer = await peer.ask("operate", object=f"MBQ01CTRL/{BREAKER}", value=False)
        assert (answer["accepted"], answer["termination"]) == (True, "16")  # time limit over
        field.step(1.0)
        assert (await peer.ask("operate", object=f"MBQ01CTRL/{BREAKER}", value=False))["cause"] == 5


async def test_a_selection_lapses(tmp_path: Path) -> None:
    scl = MILLBROOK.read_text().replace("<Val>30000</Val>", "<Val>1</Val>")
    utility = write_folder(tmp_path / "folder", scl=scl)
    async with Field(utility, data=tmp_path / "data") as field:
        field.hold(Q01)
        ied_of(field).change({"ctrl-cswi1-pos": 1})
        async with associated(field) as (client, _):
            select = Name("MBQ01CTRL", "CSWI2$CO$Pos$SBO")
            (selected,) = await client.read([select])
            assert selected == "MBQ01CTRL/CSWI2$CO$Pos"
            for _ in range(50):  # every read takes longer than a part of a millisecond
                await client.read([name_of("MBQ01CTRL/CSWI2.Pos", "ST")])
            async with associated(field) as (other, _):
                assert await other.read([select]) == [selected]


async def test_it_is_browsed_by_our_own_client(field: Field) -> None:
    async with associated(field) as (client, _):
        found = {each.domain: each for each in await browse(client)}
        assert found["MBQ01PROT"].data_sets == ("LLN0$dsProt", "LLN0$dsTrip")
        assert "LLN0$RP$urcbMeas04" in found["MBQ01MEAS"].report_blocks


async def test_a_silent_one_never_answers_and_comes_back(field: Field, ied: Iec61850Device) -> None:
    position = name_of("MBQ01CTRL/CSWI1.Pos.stVal", "ST")
    async with associated(field, timeout_s=0.2) as (client, _):
        await field.behave(Q01, Behavior(manner="silent"))
        with pytest.raises(TielineError):
            await client.read([position])
        with pytest.raises(TielineError):
            await associate("127.0.0.1", port_of(field), timeout_s=0.2, on_informed=print, on_closed=str)
        await field.behave(Q01, NORMAL)
    async with associated(field) as (client, _):
        assert len(await client.read([position])) == 1


async def test_a_slow_one_answers_later(field: Field) -> None:
    loop = asyncio.get_running_loop()
    async with associated(field) as (client, _):
        await field.behave(Q01, Behavior(manner="slow", delay_s=0.2))
        began = loop.time()
        await client.read([name_of("MBQ01CTRL/CSWI1.Pos.stVal", "ST")])
        assert loop.time() - began >= 0.2
        await field.behave(Q01, NORMAL)
        began = loop.time()
        await client.read([name_of("MBQ01CTRL/CSWI1.Pos.stVal", "ST")])
        assert loop.time() - began < 0.2


async def test_one_that_is_gone_ends_connections_and_comes_back_at_its_place(field: Field) -> None:
    port = port_of(field)
    async with associated(field) as (_, ear):
        await field.behave(Q01, Behavior(manner="gone"))
        await ear.wait(ends=1)
        with pytest.raises(UnavailableError):
            await associate("127.0.0.1", port, timeout_s=2, on_informed=print, on_closed=str)
    await field.behave(Q01, NORMAL)
    async with associated(field) as (client, _):
        assert await client.names(9)


async def test_a_refusing_one_says_no(field: Field) -> None:
    async with associated(field) as (client, _):
        await field.behave(Q01, Behavior(manner="refusing"))
        with pytest.raises(RemoteError, match="access denied"):
            await client.read([name_of("MBQ01CTRL/CSWI1.Pos.stVal", "ST")])


async def test_mutual_tls_keeps_strangers_out(tmp_path: Path) -> None:
    utility = write_folder(tmp_path / "folder", DEVICE.format(name="q01", ied="MBQ01") + TLS)
    data = tmp_path / "data"
    async with Field(utility, data=data) as field:
        context = Authority.open(data / "authority").credentials("edge.field").client_context()
        async with associated(field, tls=context, server_name="bay.example") as (client, _):
            assert "MBQ01CTRL" in await client.names(9)
        stranger = Authority.open(tmp_path / "other").credentials("edge.field").client_context()
        stranger.check_hostname = False
        with pytest.raises(TielineError):
            await associate(
                "127.0.0.1",
                port_of(field),
                timeout_s=5,
                on_informed=print,
                on_closed=str,
                tls=stranger,
                server_name="bay.example",
            )


async def test_a_client_that_sends_nonsense_loses_its_own_association_only(field: Field) -> None:
    rng = np.random.default_rng(4)
    async with associated(field) as (client, _):
        for size in (1, 3, 40, 4_000):
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(field))
            writer.write(b"\x03\x00" + rng.bytes(size))
            writer.write_eof()
            async with asyncio.timeout(LIMIT_S):
                await reader.read()
            writer.close()
            await writer.wait_closed()
        assert len(await client.read([name_of("MBQ01CTRL/CSWI1.Pos.stVal", "ST")])) == 1


async def test_more_clients_than_a_device_takes_are_turned_away(field: Field) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(16):
            await stack.enter_async_context(associated(field))
        with pytest.raises(TielineError):
            await associate("127.0.0.1", port_of(field), timeout_s=5, on_informed=print, on_closed=str)


async def test_no_thread_is_left(utility: Utility, tmp_path: Path) -> None:
    async with Field(utility, data=tmp_path / "data") as field:
        async with associated(field):
            names = {thread.name for thread in threading.enumerate()}
            assert {f"mms {Q01}", f"ied {Q01}"} <= names
        await field.behave(Q01, Behavior(manner="gone"))
    assert not [thread.name for thread in threading.enumerate() if Q01 in thread.name or "mms" in thread.name]


async def test_an_address_that_is_taken_is_told(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    section = DEVICE.format(name="q01", ied="MBQ01") + f'[devices.connection]\nhost = "127.0.0.1"\nport = {port}\n'
    async with server:
        with pytest.raises(UnavailableError, match=f"{Q01} cannot be served at 127.0.0.1 port {port}"):
            async with Field(write_folder(tmp_path / "folder", section), data=tmp_path / "data"):
                pass
    assert not [thread.name for thread in threading.enumerate() if Q01 in thread.name]


async def test_a_replay_waits_until_reports_have_brought_each_row(field: Field, utility: Utility, ied: Iec61850Device) -> None:
    section = relocate(utility, field.book).site("field").devices[0]
    assert isinstance(section, Section)
    got: list[float] = []
    point = next(point for point in section.points if point.name == "meas-mmxu1-totw")

    def take(samples: Samples) -> None:
        got.extend(samples.value[samples.point == point.id].tolist())

    driver = Iec61850Driver(section, settings=settings_of(section), on_samples=take, on_event=lambda _: None, clock=SystemClock())
    rows = np.arange(12.0).reshape(-1, 1) + 100
    recording = Recording(("MEAS-MMXU1-TOTW",), np.arange(12.0), rows)
    running = asyncio.ensure_future(driver.run())
    try:
        async with asyncio.timeout(LIMIT_S):
            await Replay(recording, field.devices).run(until_read=True)
            while 111.0 not in got:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    seen = [value for value in got if value >= 100]
    assert list(dict.fromkeys(seen)) == rows[:, 0].tolist()


def test_points_that_no_report_brings_cannot_be_waited_for(field: Field, ied: Iec61850Device) -> None:
    with pytest.raises(ConfigError, match="in no report"):
        ied.watch([ied.number("ctrl-cswi1-pos-command")], lambda: None)
    with pytest.raises(LocalError, match="takes no commands"):
        ied.block(["ctrl-cswi1-pos"], 10)
    with pytest.raises(LocalError, match="has no point"):
        ied.number("nothing")


class FakeInterface:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.frames: list[GooseFrame] = []
        self.is_closed = False
        self.error = ""
        self.refused = 0

    def open(self, interface: str, ethertypes: Iterable[int]) -> FakeInterface:
        assert (interface, list(ethertypes)) == ("lab0", [0x88B8])
        return self

    def fileno(self) -> int:
        return -1

    def receive(self) -> list[bytes]:
        return []

    def send(self, frame: bytes) -> None:
        if self.error:
            self.refused += 1
            raise UnavailableError(self.error)
        self.frames.append(decode_goose(frame))

    @property
    def statistics(self) -> PacketStatistics:
        return PacketStatistics(received=0, dropped=0)

    def close(self) -> None:
        self.is_closed = True

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not condition():
                await asyncio.sleep(0)


@pytest.fixture
def listening(tmp_path: Path) -> Utility:
    return write_folder(tmp_path / "folder", more='[goose]\ninterface = "eth1"\n')


async def test_goose_is_published_and_follows_the_plant(listening: Utility, tmp_path: Path) -> None:
    wire = FakeInterface()
    async with Field(listening, data=tmp_path / "data", goose_interface="lab0", open_interface=wire.open) as field:
        field.hold(Q01)
        ied = ied_of(field)
        assert relocate(listening, field.book).site("field").goose.interface == "lab0"
        await wire.until(lambda: len(wire.frames) >= 3)
        await settled(ied)
        before = wire.frames[-1].message
        assert (before.gocb_ref, before.dat_set) == ("MBQ01PROT/LLN0$GO$gcbTrip", "MBQ01PROT/LLN0$dsTrip")
        assert (before.conf_rev, before.num_dat_set_entries, before.simulation) == (10001, 6, False)
        address = wire.frames[-1].address
        assert (address.destination, address.app_id, address.vlan_id, address.vlan_priority) == (
            "01:0c:cd:01:00:01",
            0x1001,
            20,
            6,
        )
        assert Boolean(value=True) not in before.all_data
        ied.change({"prot-ptrc1-tr": 1})
        await wire.until(lambda: wire.frames[-1].message.st_num > before.st_num)
        changed = next(frame.message for frame in wire.frames if frame.message.st_num > before.st_num)
        assert (changed.st_num, changed.sq_num) == (before.st_num + 1, 0)
        assert Boolean(value=True) in changed.all_data
        await wire.until(lambda: wire.frames[-1].message.sq_num > 2)  # it is repeated
        await field.behave(Q01, Behavior(manner="gone"))
        count, loop = len(wire.frames), asyncio.get_running_loop()
        watched = asyncio.Event()
        ied.listeners.append(lambda _: loop.call_soon_threadsafe(watched.set))
        ied.change({"prot-ptrc1-tr": 0})
        await watched.wait()  # the device's thread had its turn
        assert len(wire.frames) == count
    assert wire.is_closed


async def test_goose_goes_over_a_real_wire(listening: Utility, tmp_path: Path) -> None:
    with veth_pair() as namespace:
        far = namespace.call(lambda: open_packet(FAR, (ETHERTYPE_GOOSE,)))
        arrived = asyncio.Event()
        asyncio.get_running_loop().add_reader(far.fileno(), arrived.set)

        def open_near(interface: str, ethertypes: Iterable[int]) -> PacketSocket:
            return namespace.call(lambda: open_packet(interface, ethertypes))

        try:
            async with (
                Field(listening, data=tmp_path / "data", goose_interface=NEAR, open_interface=open_near),
                asyncio.timeout(LIMIT_S),
            ):
                await arrived.wait()
                while not (frames := far.receive()):
                    await asyncio.sleep(0)
        finally:
            asyncio.get_running_loop().remove_reader(far.fileno())
            far.close()
        assert decode_goose(frames[0]).message.gocb_ref == "MBQ01PROT/LLN0$GO$gcbTrip"


async def test_without_an_interface_goose_is_left_out(listening: Utility, tmp_path: Path) -> None:
    async with Field(listening, data=tmp_path / "data", goose_interface="nowhere0") as field:
        assert list(field.book) == [Q01]
        assert relocate(listening, field.book).site("field").goose is None


async def test_frames_that_the_interface_does_not_take_do_no_harm(listening: Utility, tmp_path: Path) -> None:
    wire = FakeInterface()
    async with Field(listening, data=tmp_path / "data", goose_interface="lab0", open_interface=wire.open):
        wire.error = "no buffer space"
        await wire.until(lambda: wire.refused > 1)
        wire.error = ""
        count = len(wire.frames)
        await wire.until(lambda: len(wire.frames) > count)


@pytest.mark.parametrize(
    ("kind", "size", "number", "value"),
    [
        ("boolean", None, 0.5, BoolData(value=True)),
        ("integer", 8, 300.0, IntData(127)),
        ("integer", 8, -300.0, IntData(-128)),
        ("unsigned", 16, -1.0, UIntData(0)),
        ("unsigned", 16, 1e9, UIntData(65_535)),
        ("integer", 32, float("nan"), IntData(0)),
        ("integer", 64, float("inf"), IntData(2**63 - 1)),
        ("float", 64, 1.5, FloatData(1.5, double=True)),
        ("bit-string", 2, 2.0, BitStringData(b"\x80", 6)),
        ("bit-string", 2, 9.0, BitStringData(b"\xc0", 6)),
    ],
)
def test_what_does_not_fit_an_attribute_goes_to_its_nearest_limit(
    kind: str, size: int | None, number: float, value: IECData
) -> None:
    assert encode(Node("stVal", PrimitiveType(kind, size)), number) == value
