"""A server made of libiec61850, run as a process of its own (its licence is GPL); it hears JSON lines and answers each with one.

    python libiec_server.py PORT [--tls CERTIFICATE KEY AUTHORITY] [--shape full|poor]

Logical device `T1LD0`: LLN0, GGIO1 (SPCSO1..4 of the four control models, Ind1), XCBR1 (Pos), MMXU1 (TotW, Hz), MMTR1 (TotWh).
`poor` is another engineer's idea of the same device: no data set `Measured`, one member less in `States`, another revision.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from typing import Any

import pyiec61850.pyiec61850 as lib

NAME = "T1"
MODELS = {
    "SPCSO1": lib.CDC_CTL_MODEL_DIRECT_NORMAL,
    "SPCSO2": lib.CDC_CTL_MODEL_SBO_NORMAL | lib.CDC_CTL_MODEL_HAS_CANCEL,
    "SPCSO3": lib.CDC_CTL_MODEL_DIRECT_ENHANCED,
    "SPCSO4": lib.CDC_CTL_MODEL_SBO_ENHANCED | lib.CDC_CTL_MODEL_HAS_CANCEL,
}
TRIGGERS = (
    lib.TRG_OPT_DATA_CHANGED | lib.TRG_OPT_QUALITY_CHANGED | lib.TRG_OPT_DATA_UPDATE | lib.TRG_OPT_INTEGRITY | lib.TRG_OPT_GI
)
OPTIONS = lib.RPT_OPT_SEQ_NUM | lib.RPT_OPT_TIME_STAMP
STATES = ("GGIO1$ST$Ind1", "XCBR1$ST$Pos", "GGIO1$ST$SPCSO1", "GGIO1$ST$SPCSO4")
MEASURED = ("MMXU1$MX$TotW$mag$f", "MMXU1$MX$TotW$q", "MMXU1$MX$TotW$t", "MMXU1$MX$Hz")
WIDE = 64

behavior: dict[str, str] = {}
seen: list[dict[str, Any]] = []
held: list[Any] = []
say_lock = threading.Lock()
answers = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the bindings print what they do


def say(message: dict[str, Any]) -> None:
    with say_lock:
        answers.write(json.dumps(message) + "\n")
        answers.flush()


class Check(lib.CheckHandlerForPython):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def trigger(self) -> None:
        action = self._libiec61850_control_action
        seen.append(
            {
                "object": self.name,
                "category": lib.ControlAction_getOrCat(action),
                "number": lib.ControlAction_getCtlNum(action),
                "interlock": bool(lib.ControlAction_getInterlockCheck(action)),
                "synchro": bool(lib.ControlAction_getSynchroCheck(action)),
                "select": bool(lib.ControlAction_isSelect(action)),
                "test": bool(self._libiec61850_test),
            }
        )
        refused = behavior.get(self.name) == "refuse"
        if refused:
            lib.ControlAction_setAddCause(action, lib.ADD_CAUSE_BLOCKED_BY_INTERLOCKING)
        self._libiec61850_check_handler_result = lib.CONTROL_OBJECT_ACCESS_DENIED if refused else lib.CONTROL_ACCEPTED


class Wait(lib.WaitForExecutionHandlerForPython):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def trigger(self) -> None:
        self._libiec61850_control_handler_result = lib.CONTROL_RESULT_OK


class Control(lib.ControlHandlerForPython):
    def __init__(self, name: str, status: Any) -> None:
        super().__init__()
        self.name = name
        self.status = status

    def trigger(self) -> None:
        how = behavior.get(self.name)
        if how == "never":
            self._libiec61850_control_handler_result = lib.CONTROL_RESULT_WAITING
        elif how == "fail":
            lib.ControlAction_setAddCause(self._libiec61850_control_action, lib.ADD_CAUSE_BLOCKED_BY_PROCESS)
            self._libiec61850_control_handler_result = lib.CONTROL_RESULT_FAILED
        else:
            self._libiec61850_control_handler_result = lib.CONTROL_RESULT_OK
            lib.IedServer_updateBooleanAttributeValue(
                self._libiec61850_ied_server, self.status, lib.MmsValue_getBoolean(self._libiec61850_mms_value)
            )


def data_set(name: str, node: Any, members: tuple[str, ...]) -> None:
    made = lib.DataSet_create(name, node)
    for member in members:
        held.append(lib.DataSetEntry_create(made, member, -1, ""))


def report(name: str, node: Any, members: str, *, buffered: bool, revision: int = 1, identity: str = "") -> None:
    held.append(lib.ReportControlBlock_create(name, node, identity or name, buffered, members, revision, TRIGGERS, OPTIONS, 0, 0))


def make_model(shape: str) -> Any:
    model = lib.IedModel_create(NAME)
    device = lib.LogicalDevice_create("LD0", model)
    zero = lib.LogicalNode_create("LLN0", device)
    lib.CDC_ENS_create("Mod", lib.toModelNode(zero), 0)
    io = lib.LogicalNode_create("GGIO1", device)
    for name, control_model in MODELS.items():
        lib.CDC_SPC_create(name, lib.toModelNode(io), 0, control_model | lib.CDC_CTL_OPTION_ORIGIN | lib.CDC_CTL_OPTION_CTL_NUM)
    lib.CDC_SPS_create("Ind1", lib.toModelNode(io), 0)
    wide = lib.LogicalNode_create("MMXN1", device)
    for number in range(WIDE):
        lib.CDC_MV_create(f"A{number}", lib.toModelNode(wide), 0, False)
    breaker = lib.LogicalNode_create("XCBR1", device)
    lib.CDC_DPC_create("Pos", lib.toModelNode(breaker), 0, lib.CDC_CTL_MODEL_NONE)
    meter = lib.LogicalNode_create("MMXU1", device)
    lib.CDC_MV_create("TotW", lib.toModelNode(meter), 0, False)
    lib.CDC_MV_create("Hz", lib.toModelNode(meter), 0, False)
    energy = lib.LogicalNode_create("MMTR1", device)
    lib.CDC_BCR_create("TotWh", lib.toModelNode(energy), 0)
    is_poor = shape == "poor"
    data_set("States", zero, STATES[:-1] if is_poor else STATES)
    if not is_poor:
        data_set("Measured", zero, MEASURED)
    data_set("Wide", zero, tuple(f"MMXN1$MX$A{number}" for number in range(WIDE)))
    revision = 7 if is_poor else 1
    for instance in ("01", "02"):
        report(f"brStates{instance}", zero, "States", buffered=True, revision=revision)
        if not is_poor:
            report(f"urMeasured{instance}", zero, "Measured", buffered=False)
    report("urWide01", zero, "Wide", buffered=False)
    report("brWide01", zero, "Wide", buffered=True)
    report("urSpare01", zero, None, buffered=False)
    return model


def node(model: Any, reference: str) -> Any:
    found = lib.IedModel_getModelNodeByObjectReference(model, reference)
    if found is None:
        raise KeyError(reference)
    return lib.toDataAttribute(found)


def update(server: Any, model: Any, command: dict[str, Any]) -> None:
    """{"object": "T1LD0/MMXU1.TotW", "value": 1.5, "quality": 0, "time_ms": ...}; the value's attribute is found by its type."""
    reference = command["object"]
    lib.IedServer_lockDataModel(server)
    if "time_ms" in command:
        stamp = lib.Timestamp_create()
        lib.Timestamp_setTimeInMilliseconds(stamp, command["time_ms"])
        lib.Timestamp_setLeapSecondKnown(stamp, True)
        lib.Timestamp_setSubsecondPrecision(stamp, 10)
        lib.Timestamp_setClockNotSynchronized(stamp, bool(command.get("unsynchronized")))
        lib.Timestamp_setClockFailure(stamp, bool(command.get("clock_failure")))
        lib.IedServer_updateTimestampAttributeValue(server, node(model, f"{reference}.t"), stamp)
    if "quality" in command:
        lib.IedServer_updateQuality(server, node(model, f"{reference}.q"), command["quality"])
    value = command.get("value")
    match command.get("as", "float"):
        case "float":
            lib.IedServer_updateFloatAttributeValue(server, node(model, f"{reference}.mag.f"), value)
        case "bool":
            lib.IedServer_updateBooleanAttributeValue(server, node(model, f"{reference}.stVal"), value)
        case "dbpos":
            lib.IedServer_updateDbposValue(server, node(model, f"{reference}.stVal"), value)
        case "counter":
            lib.IedServer_updateInt64AttributeValue(server, node(model, f"{reference}.actVal"), value)
        case "none":
            pass
    lib.IedServer_unlockDataModel(server)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--tls", nargs=3)
    parser.add_argument("--shape", default="full")
    options = parser.parse_args()
    model = make_model(options.shape)
    if options.tls:
        certificate, key, authority = options.tls
        tls = lib.TLSConfiguration_create()
        lib.TLSConfiguration_setOwnKeyFromFile(tls, key, None)
        lib.TLSConfiguration_setOwnCertificateFromFile(tls, certificate)
        lib.TLSConfiguration_addCACertificateFromFile(tls, authority)
        lib.TLSConfiguration_setChainValidation(tls, True)
        lib.TLSConfiguration_setAllowOnlyKnownCertificates(tls, False)
        server = lib.IedServer_createWithTlsSupport(model, tls)
    else:
        server = lib.IedServer_create(model)
    for name in MODELS:
        target = lib.IedModel_getModelNodeByObjectReference(model, f"{NAME}LD0/GGIO1.{name}")
        subscriber = lib.ControlSubscriberForPython()
        subscriber.setIedServer(server)
        subscriber.setControlObject(lib.toDataObject(target))
        handlers = Check(name), Wait(name), Control(name, node(model, f"{NAME}LD0/GGIO1.{name}.stVal"))
        subscriber.setCheckHandler(handlers[0])
        subscriber.setWaitHandler(handlers[1])
        subscriber.setControlHandler(handlers[2])
        for handler in handlers:
            handler.__disown__()
        subscriber.subscribe()
        held.extend([subscriber, *handlers])
    lib.IedServer_setLocalIpAddress(server, "127.0.0.1")
    lib.IedServer_start(server, options.port)
    say({"running": bool(lib.IedServer_isRunning(server))})
    for line in sys.stdin:
        command = json.loads(line)
        match command["do"]:
            case "update":
                update(server, model, command)
                say({})
            case "ramp":
                for number in range(command["count"]):
                    update(server, model, {**command, "value": command["first"] + number, "time_ms": command["time_ms"] + number})
                say({})
            case "wide":
                targets = [node(model, f"{NAME}LD0/MMXN1.A{number}.mag.f") for number in range(WIDE)]
                for turn in range(command["count"]):
                    lib.IedServer_lockDataModel(server)
                    for number, target in enumerate(targets):
                        lib.IedServer_updateFloatAttributeValue(server, target, float(turn * WIDE + number + command["first"]))
                    lib.IedServer_unlockDataModel(server)
                say({})
            case "behave":
                behavior[command["object"]] = command["how"]
                say({})
            case "seen":
                say({"seen": seen})
                seen.clear()
            case "connections":
                say({"count": lib.IedServer_getNumberOfOpenConnections(server)})
    os._exit(0)


if __name__ == "__main__":
    main()
