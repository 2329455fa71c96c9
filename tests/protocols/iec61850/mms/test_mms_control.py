"""What is written to operate an object, and what comes back."""

from __future__ import annotations

import random

import pytest
from open61850 import data as peer
from open61850.mms import control as peer_control

from tieline.model import LocalError, RemoteError
from tieline.protocols.iec61850.mms import library
from tieline.protocols.iec61850.mms.control import (
    ADD_CAUSES,
    Command,
    ControlModel,
    OriginCategory,
    check_selected,
    command_values,
    control_informed,
    control_value,
)
from tieline.protocols.iec61850.mms.names import Name
from tieline.protocols.iec61850.mms.session import Informed
from tieline.protocols.iec61850.mms.types import Component, MmsType, Simple, Structure
from tieline.protocols.iec61850.mms.values import Bits, decode_values

ORIGIN = Structure((Component("orCat", Simple("integer", 8)), Component("orIdent", Simple("octet-string", -64))))
LAST, OPER = Name("", "LastApplError"), Name("LD", "CSWI1$CO$Pos$Oper")


def oper_type(value: MmsType, *, is_timed: bool = False) -> Structure:
    parts = [Component("ctlVal", value)]
    parts += [Component("operTm", Simple("utc-time"))] if is_timed else []
    parts += [Component("origin", ORIGIN), Component("ctlNum", Simple("unsigned", 8)), Component("T", Simple("utc-time"))]
    parts += [Component("Test", Simple("boolean")), Component("Check", Simple("bit-string", -2))]
    return Structure(tuple(parts))


@pytest.mark.parametrize("interlock", [False, True])
@pytest.mark.parametrize("synchro", [False, True])
def test_a_command_is_the_octets_that_another_implementation_writes(interlock: bool, synchro: bool) -> None:
    mms_type = oper_type(Simple("boolean"))
    command = Command(
        value=1.0,
        category=OriginCategory.MAINTENANCE,
        identity=b"me",
        test=True,
        interlock_check=interlock,
        synchro_check=synchro,
    )
    ours = library.encode(command_values(mms_type, command, number=9, time_us=1_700_000_000_250_000), mms_type)
    theirs = peer_control.oper_value(
        True,
        origin=peer_control.Origin(7, b"me"),
        ctl_num=9,
        test=True,
        interlock_check=interlock,
        synchro_check=synchro,
        t=peer.decode_utc_time((1_700_000_000).to_bytes(4, "big") + b"\x40\x00\x00\x0a")[0],
        time_quality=0x0A,
    )
    assert ours == peer.encode_data(theirs)


def test_a_command_has_a_time_of_operation_where_the_object_wants_one() -> None:
    mms_type = oper_type(Simple("boolean"), is_timed=True)
    values = decode_values(library.encode(command_values(mms_type, Command(value=0.0), number=1, time_us=0), mms_type))
    assert isinstance(values[0], tuple)
    assert len(values[0]) == 7


def test_an_object_that_wants_what_nobody_knows_is_not_operated() -> None:
    with pytest.raises(LocalError, match="magic"):
        command_values(Structure((Component("magic", Simple("boolean")),)), Command(value=1.0), number=1, time_us=0)
    with pytest.raises(LocalError):
        command_values(Simple("boolean"), Command(value=1.0), number=1, time_us=0)


FLOAT, INT = Simple("float", 32), Simple("integer", 32)


@pytest.mark.parametrize(
    ("mms_type", "value", "expected"),
    [
        (Simple("boolean"), 1.0, True),
        (INT, -5.0, -5),
        (Simple("unsigned", 8), 7.0, 7),
        (FLOAT, 2.5, 2.5),
        (Simple("bit-string", 2), 2.0, Bits(2, 2)),
        (Structure((Component("f", FLOAT),)), 2.5, (2.5,)),
        (Structure((Component("i", INT), Component("f", FLOAT))), 2.5, (2, 2.5)),
    ],
)
def test_a_number_becomes_what_the_object_takes(mms_type: MmsType, value: float, expected: object) -> None:
    assert control_value(mms_type, value) == expected


@pytest.mark.parametrize(
    ("mms_type", "value"),
    [
        (Simple("boolean"), 2.0),
        (Simple("boolean"), 0.5),
        (Simple("boolean"), float("nan")),
        (FLOAT, float("inf")),
        (INT, 1.5),
        (Simple("bit-string", 2), 4.0),
        (Simple("visible-string", 20), 1.0),
        (Structure((Component("a", INT), Component("b", INT))), 1.0),
    ],
)
def test_a_number_that_does_not_fit_is_refused(mms_type: MmsType, value: float) -> None:
    with pytest.raises(LocalError):
        control_value(mms_type, value)


def last_error(cause: int, *, target: str = "LD/CSWI1$CO$Pos$Oper", number: int = 3) -> bytes:
    origin = peer.StructureData([peer.IntData(3), peer.OctetStringData(b"me")])
    parts = [peer.VisibleStringData(target), peer.IntData(0), origin, peer.UIntData(number), peer.IntData(cause)]
    return peer.encode_data(peer.StructureData(parts))


@pytest.mark.parametrize("cause", ADD_CAUSES)
def test_each_additional_cause_has_words_of_its_own(cause: int) -> None:
    informed = control_informed(Informed("", (LAST,), last_error(cause)))
    assert informed is not None
    assert informed.error is not None
    assert not informed.is_termination
    assert informed.error.words == ADD_CAUSES[cause]
    assert len(set(ADD_CAUSES.values())) == len(ADD_CAUSES) == 28


@pytest.mark.parametrize("last", ["Oper", "SBOw", "Cancel"])
def test_the_reason_of_a_refusal_names_its_object(last: str) -> None:
    informed = control_informed(Informed("", (LAST,), last_error(10, target=f"LD/CSWI1$CO$Pos${last}")))
    assert informed is not None
    assert informed.control_object == Name("LD", "CSWI1$CO$Pos")
    assert informed.control_number == 3


def test_a_termination_is_good_alone_and_bad_with_a_reason() -> None:
    oper = peer.encode_data(peer_control.oper_value(True, ctl_num=5))
    good = control_informed(Informed("", (OPER,), oper))
    bad = control_informed(Informed("", (LAST, OPER), last_error(16, number=5) + oper))
    assert good is not None
    assert bad is not None
    assert (good.is_termination, good.error, good.control_number) == (True, None, 5)
    assert bad.is_termination
    assert bad.error is not None
    assert bad.error.add_cause == 16


def test_what_is_about_something_else_is_nothing() -> None:
    assert control_informed(Informed("RPT", (), b"")) is None
    assert control_informed(Informed("", (Name("LD", "LLN0$ST$Mod"),), b"\x83\x01\x00")) is None


@pytest.mark.parametrize("results", [b"", b"\x83\x01\x00", b"\xa2\x00", b"\x83\x01\x00\x83\x01\x00"])
def test_a_reason_that_makes_no_sense_is_an_error(results: bytes) -> None:
    with pytest.raises(RemoteError):
        control_informed(Informed("", (LAST,), results))


def test_damaged_reasons_are_reasons_or_an_error_and_nothing_else() -> None:
    generator = random.Random(20)
    whole = last_error(10) + peer.encode_data(peer_control.oper_value(True, ctl_num=5))
    for _ in range(10_000):
        damaged = bytearray(whole)
        for _ in range(generator.randrange(1, 4)):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        try:
            control_informed(Informed("", (LAST, OPER), bytes(damaged)))
        except RemoteError:
            continue


def test_models_say_whether_they_select_and_terminate() -> None:
    assert [model for model in ControlModel if model.is_selected] == [ControlModel.SBO_NORMAL, ControlModel.SBO_ENHANCED]
    assert [model for model in ControlModel if model.is_enhanced] == [ControlModel.DIRECT_ENHANCED, ControlModel.SBO_ENHANCED]


def test_an_object_is_selected_when_the_answer_bears_a_name() -> None:
    assert check_selected(["LD/CSWI1$CO$Pos"])
    assert not check_selected([""])
    assert not check_selected([None])


def test_a_whole_number_may_be_off_by_what_taking_out_a_scale_costs() -> None:
    integer = Simple("integer", 32)
    assert [control_value(integer, tenths / 10 / 0.1) for tenths in (3, 17, 23, -23)] == [3, 17, 23, -23]
    assert control_value(Simple("boolean"), 0.3 / 0.1 - 2) is True
    for value in (2.5, 23.001, 1e-6):
        with pytest.raises(LocalError, match="whole number"):
            control_value(integer, value)
