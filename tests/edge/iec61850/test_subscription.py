"""Taking a report control block, with a server that does what a test tells it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from open61850 import data as peer
from open61850.mms.report import OptFlds, bitstring_of

from tests.edge.iec61850.station import monitored
from tieline.edge.iec61850.directory import Directory, Meanings
from tieline.edge.iec61850.settings import ReportBlock
from tieline.edge.iec61850.subscription import Subscription, UnusableError
from tieline.model import RemoteError, Severity
from tieline.protocols.iec61850.mms.errors import ServiceError
from tieline.protocols.iec61850.mms.names import Name
from tieline.protocols.iec61850.mms.reports import OptFld, Report, TrgOp, decode_report
from tieline.protocols.iec61850.mms.types import Component, MmsType, Simple, Structure
from tieline.protocols.iec61850.mms.values import AccessError, Bits, Value

LD = "LD"
DATA_SET = Name(LD, "LLN0$States")
MEMBERS = [Name(LD, "GGIO1$ST$Ind1"), Name(LD, "GGIO1$ST$Ind2")]
UINT, BOOL, TEXT = Simple("unsigned", 32), Simple("boolean"), Simple("visible-string", -129)
COMMON = {"RptID": TEXT, "RptEna": BOOL, "DatSet": TEXT, "ConfRev": UINT, "OptFlds": Simple("bit-string", -10), "BufTm": UINT}
COMMON |= {"SqNum": UINT, "TrgOps": Simple("bit-string", -6), "IntgPd": UINT, "GI": BOOL}
BUFFERED = COMMON | {"PurgeBuf": BOOL, "EntryID": Simple("octet-string", 8), "ResvTms": Simple("integer", 16)}
UNBUFFERED = COMMON | {"Resv": BOOL}
FRESH: dict[str, Value] = {
    "RptID": "",
    "RptEna": False,
    "DatSet": str(DATA_SET),
    "ConfRev": 1,
    "OptFlds": Bits(0, 10),
    "BufTm": 0,
}
FRESH |= {"SqNum": 0, "TrgOps": Bits(0, 6), "IntgPd": 0, "GI": False}
INDICATION = Structure((Component("stVal", BOOL), Component("q", Simple("bit-string", -13)), Component("t", Simple("utc-time"))))


def structure(parts: dict[str, MmsType]) -> Structure:
    return Structure(tuple(Component(name, mms_type) for name, mms_type in parts.items()))


@dataclass
class Server:
    """An `MmsClient`, of a server with these control blocks; what is in `refuses` cannot be written."""

    blocks: dict[str, dict[str, Value]]
    kinds: dict[str, MmsType]
    refuses: set[str] = field(default_factory=set)
    written: list[tuple[str, Value]] = field(default_factory=list)
    data_sets: dict[Name, list[Name]] = field(default_factory=lambda: {DATA_SET: list(MEMBERS)})
    is_open: bool = True
    silent_since: float = 0.0

    async def names(self, object_class: int, domain: str = "") -> list[str]:
        return []

    async def type_of(self, name: Name) -> MmsType:
        if name.item == "GGIO1":
            return structure({"ST": structure({"Ind1": INDICATION, "Ind2": INDICATION})})
        kinds: dict[str, dict[str, MmsType]] = {}
        for item, kind in self.kinds.items():
            _, constraint, block = item.split("$")
            kinds.setdefault(constraint, {})[block] = kind
        return structure({constraint: structure(blocks) for constraint, blocks in kinds.items()})

    async def read(self, names: Sequence[Name]) -> list[Value]:
        return [tuple(self.blocks[name.item].values()) if name.item in self.blocks else AccessError(10) for name in names]

    async def read_encoded(self, names: Sequence[Name]) -> bytes:
        raise NotImplementedError

    async def write(self, name: Name, value: Value, mms_type: MmsType) -> AccessError | None:
        block, _, attribute = name.item.rpartition("$")
        self.written.append((attribute, value))
        if attribute in self.refuses:
            return AccessError(3)
        self.blocks[block][attribute] = value
        return None

    async def data_set(self, name: Name) -> list[Name]:
        if name not in self.data_sets:
            raise ServiceError(7, 2)
        return self.data_sets[name]

    async def create_data_set(self, name: Name, members: Sequence[Name]) -> None:
        self.data_sets[name] = list(members)

    async def delete_data_set(self, name: Name) -> bool:
        return self.data_sets.pop(name, None) is not None

    async def ask_alive(self) -> None:
        return

    def close(self) -> None:
        self.is_open = False


@dataclass
class Told:
    events: list[tuple[str, Severity, str]] = field(default_factory=list)

    def __call__(self, kind: str, severity: Severity, text: str) -> None:
        self.events.append((kind, severity, text))

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _, _ in self.events]


POINTS = tuple(monitored(f"ind-{number}", f"{LD}/GGIO1.Ind{number}", "ST", "stVal") for number in (1, 2))
BLOCK = ReportBlock(name=Name(LD, "LLN0$BR$brcb"), data_set=DATA_SET, conf_rev=1, integrity_s=0)


def buffered(count: int = 1, **values: Any) -> Server:
    names = [f"LLN0$BR$brcb{number:02}" for number in range(1, count + 1)] if count > 1 else ["LLN0$BR$brcb"]
    fresh = FRESH | {"PurgeBuf": False, "EntryID": bytes(8), "ResvTms": 0} | values
    return Server({name: dict(fresh) for name in names}, dict.fromkeys(names, structure(BUFFERED)))


async def enable(
    subscription: Subscription, server: Server, to_cover: tuple[Name, ...] = (), claimed: frozenset[int] = frozenset()
) -> None:
    names = [*MEMBERS, *subscription.names]
    directory = await Directory.load(server, names)
    await subscription.enable(server, directory, Meanings(POINTS, directory), to_cover=to_cover, claimed=claimed)


def report(
    entry: int | None,
    number: int,
    *,
    overflow: bool = False,
    rpt_id: str = "LD/LLN0$BR$brcb",
    members: int = 2,
    segment: tuple[int, bool] | None = None,
) -> Report:
    options = OptFlds(
        sequence_number=True,
        reason_for_inclusion=True,
        data_set_name=True,
        buffer_overflow=True,
        entry_id=entry is not None,
        segmentation=segment is not None,
    )
    parts: list[peer.IECData] = [peer.VisibleStringData(rpt_id), options.to_bitstring(), peer.UIntData(number)]
    parts += [peer.VisibleStringData(str(DATA_SET)), peer.BoolData(overflow)]
    parts += [peer.OctetStringData(entry.to_bytes(8, "big"))] if entry is not None else []
    parts += [peer.UIntData(segment[0]), peer.BoolData(segment[1])] if segment is not None else []
    parts += [bitstring_of([True] + [False] * (members - 1))]
    stamp = peer.TimestampData(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number))
    parts += [peer.StructureData([peer.BoolData(True), peer.BitStringData(b"\0\0", 3), stamp]), peer.BitStringData(b"\x40", 1)]
    return decode_report(b"".join(peer.encode_data(part) for part in parts))


def taken(subscription: Subscription, *reports: Report) -> int:
    """How many reports brought something."""
    count = 0
    for each in reports:
        assert subscription.is_mine(each)
        count += subscription.take(each) is not None
        subscription.handed_on(each)
    return count


async def test_a_block_is_reserved_configured_enabled_and_interrogated_in_this_order() -> None:
    server, told = buffered(), Told()
    await enable(Subscription(BLOCK, told, reservation_s=60), server)
    assert [attribute for attribute, _ in server.written] == ["ResvTms", "OptFlds", "TrgOps", "RptEna", "GI"]
    assert dict(server.written)["ResvTms"] == 60
    assert told.events == []


async def test_what_is_as_it_should_be_is_not_written_so_that_the_buffer_stays() -> None:
    server, told = buffered(), Told()
    subscription = Subscription(BLOCK, told)
    await enable(subscription, server)
    subscription.disconnected()
    server.blocks["LLN0$BR$brcb"]["RptEna"] = False
    server.written.clear()
    await enable(subscription, server)
    assert [attribute for attribute, _ in server.written] == ["ResvTms", "RptEna", "GI"]


async def test_whoever_comes_back_says_what_came_last() -> None:
    server, told = buffered(), Told()
    subscription = Subscription(BLOCK, told)
    await enable(subscription, server)
    assert taken(subscription, report(41, 0), report(42, 1)) == 2
    subscription.disconnected()
    server.blocks["LLN0$BR$brcb"]["RptEna"] = False
    await enable(subscription, server)
    assert ("EntryID", (42).to_bytes(8, "big")) in server.written
    assert taken(subscription, report(43, 0)) == 1


async def test_a_report_whose_last_segment_did_not_come_is_taken_whole_when_it_comes_again() -> None:
    server, told = buffered(), Told()
    subscription = Subscription(BLOCK, told)
    await enable(subscription, server)
    assert taken(subscription, report(41, 0), report(42, 1, segment=(0, True))) == 1
    subscription.disconnected()
    server.blocks["LLN0$BR$brcb"]["RptEna"] = False
    await enable(subscription, server)
    assert ("EntryID", (41).to_bytes(8, "big")) in server.written
    first, last = report(42, 0, segment=(0, True)), report(42, 0, segment=(1, False))
    assert taken(subscription, first, last) == 1
    assert (subscription.segments, subscription.repeated) == (2, 0)
    assert taken(subscription, first, last) == 0
    assert subscription.repeated == 2


async def test_segments_that_bring_more_than_there_is_are_not_kept() -> None:
    subscription = Subscription(BLOCK, Told())
    await enable(subscription, buffered())
    endless = [report(1, 0, segment=(number, True)) for number in range(9)]
    assert [subscription.take(each) is not None for each in endless] == [False, False, True] * 3


async def test_a_server_that_forgot_sends_its_buffer_and_only_what_is_new_is_taken() -> None:
    server, told = buffered(), Told()
    subscription = Subscription(BLOCK, told)
    await enable(subscription, server)
    taken(subscription, report(41, 0), report(42, 1))
    subscription.disconnected()
    server.blocks["LLN0$BR$brcb"]["RptEna"] = False
    server.refuses.add("EntryID")
    await enable(subscription, server)
    assert told.kinds == ["device_events_lost"]
    assert taken(subscription, report(41, 0), report(42, 1), report(43, 2)) == 1
    assert subscription.repeated == 2


async def test_an_overflow_is_told_once_somebody_was_away_and_not_at_the_first_report() -> None:
    server, told = buffered(), Told()
    subscription = Subscription(BLOCK, told)
    await enable(subscription, server)
    taken(subscription, report(1, 0, overflow=True))
    assert told.kinds == []
    subscription.disconnected()
    server.blocks["LLN0$BR$brcb"]["RptEna"] = False
    await enable(subscription, server)
    taken(subscription, report(9, 0, overflow=True))
    assert told.kinds == ["device_events_lost"]
    assert told.events[0][1] is Severity.ERROR


async def test_numbers_that_are_missing_are_told() -> None:
    block = ReportBlock(name=Name(LD, "LLN0$RP$urcb"), data_set=DATA_SET)
    server = Server({"LLN0$RP$urcb": FRESH | {"Resv": False}}, {"LLN0$RP$urcb": structure(UNBUFFERED)})
    told = Told()
    subscription = Subscription(block, told)
    await enable(subscription, server)
    assert ("Resv", True) in server.written
    name = "LD/LLN0$RP$urcb"
    assert taken(subscription, report(None, 0, rpt_id=name), report(None, 3, rpt_id=name)) == 2
    assert told.kinds == ["reports_missing"]
    assert subscription.missing == 2


async def test_a_report_of_another_number_of_members_is_told_once_and_not_taken() -> None:
    server, told = buffered(), Told()
    subscription = Subscription(BLOCK, told)
    await enable(subscription, server)
    assert taken(subscription, report(1, 0, members=3), report(2, 1, members=3)) == 0
    assert told.kinds == ["model_differs"]


async def test_the_first_instance_that_is_free_is_taken_and_the_next_time_again() -> None:
    block = ReportBlock(name=BLOCK.name, instances=("01", "02"), data_set=DATA_SET)
    server, told = buffered(2), Told()
    server.blocks["LLN0$BR$brcb01"]["RptEna"] = True
    subscription = Subscription(block, told)
    await enable(subscription, server)
    assert subscription.report_id == "LD/LLN0$BR$brcb02"
    taken(subscription, report(1, 0, rpt_id=subscription.report_id))
    subscription.disconnected()
    for each in server.blocks.values():
        each["RptEna"] = False
    await enable(subscription, server)
    assert subscription.report_id == "LD/LLN0$BR$brcb02"


async def test_while_its_buffer_holds_what_we_lack_no_other_instance_is_taken() -> None:
    block = ReportBlock(name=BLOCK.name, instances=("01", "02"), data_set=DATA_SET)
    server, told = buffered(2), Told()
    subscription = Subscription(block, told)
    await enable(subscription, server)
    taken(subscription, report(1, 0, rpt_id=subscription.report_id))
    subscription.disconnected()
    with pytest.raises(UnusableError, match="brcb01: another client"):
        await enable(subscription, server)
    assert not server.blocks["LLN0$BR$brcb02"]["RptEna"]


@pytest.mark.parametrize("attribute", ["ResvTms", "OptFlds", "RptEna"])
async def test_a_block_that_refuses_is_unusable_and_says_what_it_refused(attribute: str) -> None:
    server, told = buffered(), Told()
    server.refuses.add(attribute)
    subscription = Subscription(BLOCK, told)
    with pytest.raises(UnusableError, match=f"{attribute} cannot be written: access denied"):
        await enable(subscription, server)
    assert not subscription.is_enabled


async def test_a_block_whose_attributes_are_fixed_is_taken_as_it_is() -> None:
    options = Bits.of({int(OptFld.REASON), int(OptFld.ENTRY_ID)}, 10)
    server, told = buffered(OptFlds=options, TrgOps=Bits.of({int(TrgOp.DATA_CHANGE)}, 6), BufTm=20, IntgPd=5_000), Told()
    server.refuses |= {"OptFlds", "TrgOps", "BufTm", "IntgPd"}
    subscription = Subscription(dataclasses.replace(BLOCK, integrity_s=1, buffer_time_s=1), told)
    await enable(subscription, server)
    assert subscription.is_enabled
    assert [text for kind, _, text in told.events if kind == "model_differs"] == [
        "LD/LLN0$BR$brcb keeps its own OptFlds, TrgOps, BufTm, IntgPd"
    ]
    assert not subscription.is_silent(100.0)
    subscription.has_integrity = True
    assert not subscription.is_silent(110.0), "the period that counts is the device's: 5 s"
    assert subscription.is_silent(120.0)


async def test_a_block_that_would_not_report_changes_is_unusable() -> None:
    server = buffered(TrgOps=Bits.of({int(TrgOp.INTEGRITY)}, 6))
    server.refuses.add("TrgOps")
    with pytest.raises(UnusableError, match="TrgOps cannot be written"):
        await enable(Subscription(BLOCK, Told()), server)


async def test_what_was_reserved_and_cannot_be_used_is_given_back() -> None:
    block = ReportBlock(name=Name(LD, "LLN0$RP$urcb"), data_set=DATA_SET)
    unbuffered = Server({"LLN0$RP$urcb": FRESH | {"Resv": False}}, {"LLN0$RP$urcb": structure(UNBUFFERED)})
    for server, taken_block in ((unbuffered, block), (buffered(), BLOCK), (buffered(ResvTms=-1), BLOCK)):
        (held,) = server.blocks.values()
        before = dict(held)
        server.refuses.add("RptEna")
        with pytest.raises(UnusableError):
            await enable(Subscription(taken_block, Told()), server)
        assert [held.get(each) for each in ("Resv", "ResvTms")] == [before.get(each) for each in ("Resv", "ResvTms")]


async def test_a_buffer_that_holds_what_we_lack_stays_reserved() -> None:
    server = buffered()
    subscription = Subscription(BLOCK, Told(), reservation_s=60)
    await enable(subscription, server)
    taken(subscription, report(1, 0))
    subscription.disconnected()
    server.blocks["LLN0$BR$brcb"]["RptEna"] = False
    server.refuses.add("RptEna")
    with pytest.raises(UnusableError):
        await enable(subscription, server)
    assert server.blocks["LLN0$BR$brcb"]["ResvTms"] == 60


async def test_a_refused_general_interrogation_is_told_and_the_rest_works() -> None:
    server, told = buffered(), Told()
    server.refuses.add("GI")
    subscription = Subscription(BLOCK, told)
    await enable(subscription, server)
    assert subscription.is_enabled
    assert told.kinds == ["request_refused"]


async def test_a_block_without_a_data_set_gets_the_one_that_was_expected() -> None:
    server, told = buffered(DatSet=""), Told()
    await enable(Subscription(BLOCK, told), server)
    assert ("DatSet", str(DATA_SET)) in server.written


async def test_a_block_with_another_data_set_is_told_and_taken_as_it_is() -> None:
    server, told = buffered(DatSet="LD/LLN0$Other"), Told()
    server.data_sets[Name(LD, "LLN0$Other")] = [MEMBERS[1]]
    subscription = Subscription(BLOCK, told)
    await enable(subscription, server)
    assert subscription.data_set == Name(LD, "LLN0$Other")
    assert told.kinds == ["model_differs"]


async def test_members_more_and_fewer_and_another_revision_are_told() -> None:
    block = ReportBlock(name=BLOCK.name, data_set=DATA_SET, members=(MEMBERS[0], Name(LD, "GGIO1$ST$Ind9")), conf_rev=4)
    server, told = buffered(), Told()
    await enable(Subscription(block, told), server)
    texts = " ".join(text for _, _, text in told.events)
    assert "revision 1, where 4" in texts
    assert "lacks 1 members: LD/GGIO1$ST$Ind9" in texts
    assert "1 members more: LD/GGIO1$ST$Ind2" in texts


async def test_a_made_data_set_is_used_again_where_it_is_right_and_made_anew_where_not() -> None:
    block = ReportBlock(name=BLOCK.name)
    server, told = buffered(DatSet=""), Told()
    subscription = Subscription(block, told)
    await enable(subscription, server, tuple(MEMBERS))
    assert subscription.data_set is not None
    assert server.data_sets[subscription.data_set] == MEMBERS
    assert told.kinds == ["data_set_made"]
    for to_cover, made in ((tuple(MEMBERS), 1), ((MEMBERS[0],), 2)):
        subscription.disconnected()
        server.blocks["LLN0$BR$brcb"]["RptEna"] = False
        await enable(subscription, server, to_cover)
        assert server.data_sets[subscription.data_set] == list(to_cover)
        assert len(told.kinds) == made


async def test_nothing_to_cover_makes_no_data_set() -> None:
    with pytest.raises(UnusableError, match="nothing"):
        await enable(Subscription(ReportBlock(name=BLOCK.name), Told()), buffered(DatSet=""))


async def test_what_another_block_reports_is_not_taken_from_this_one() -> None:
    server, told = buffered(), Told()
    subscription = Subscription(BLOCK, told)
    await enable(subscription, server, claimed=frozenset({0}))
    assert [member.rows for member in subscription.members] == [(), (1,)]
    brought = subscription.take(report(1, 0))
    assert brought is not None
    assert len(brought.columns.value_row) == 0


async def test_a_block_that_is_not_there_is_unusable() -> None:
    block = ReportBlock(name=Name(LD, "LLN0$BR$nothing"), data_set=DATA_SET)
    with pytest.raises(RemoteError, match="no such report control block"):
        await enable(Subscription(block, Told()), buffered())
