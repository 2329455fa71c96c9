"""A client made of libiec61850, run as a process of its own (its licence is GPL); it hears JSON lines and answers each with one.

    python libiec_client.py [--tls CERTIFICATE KEY AUTHORITY]

Reports are kept in the process until they are asked for: `{"do": "reports", "count": 3}` waits for three.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from typing import Any

import pyiec61850.pyiec61850 as lib

LIMIT_S = 15.0
TRIGGERS = lib.TRG_OPT_DATA_CHANGED | lib.TRG_OPT_QUALITY_CHANGED | lib.TRG_OPT_GI
OPTIONS = lib.RPT_OPT_SEQ_NUM | lib.RPT_OPT_TIME_STAMP | lib.RPT_OPT_REASON_FOR_INCLUSION | lib.RPT_OPT_ENTRY_ID

held: list[Any] = []
entries: dict[str, Any] = {}
reports: list[dict[str, Any]] = []
terminations: list[str] = []
controls: dict[str, Any] = {}
news = threading.Condition()
answers = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the bindings print what they do


def say(message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def plain(value: Any) -> Any:
    if value is None:
        return None
    match lib.MmsValue_getTypeString(value):
        case "array" | "structure":
            return [plain(lib.MmsValue_getElement(value, number)) for number in range(lib.MmsValue_getArraySize(value))]
        case "boolean":
            return bool(lib.MmsValue_getBoolean(value))
        case "bit-string":
            return "".join(
                str(int(lib.MmsValue_getBitStringBit(value, bit))) for bit in range(lib.MmsValue_getBitStringSize(value))
            )
        case "integer" | "unsigned-integer" | "unsigned":
            return lib.MmsValue_toInt64(value)
        case "float":
            return lib.MmsValue_toDouble(value)
        case "octet-string":
            return octets(value)
        case "utc-time":
            return lib.MmsValue_getUtcTimeInMs(value)
        case "visible-string" | "mms-string":
            return lib.MmsValue_toString(value)
        case kind:
            return kind


def octets(value: Any) -> str:
    return bytes(lib.MmsValue_getOctetStringOctet(value, place) for place in range(lib.MmsValue_getOctetStringSize(value))).hex()


class Reports(lib.RCBHandler):
    def trigger(self) -> None:
        report = self._client_report
        values = lib.ClientReport_getDataSetValues(report)
        included = {}
        for number in range(lib.MmsValue_getArraySize(values)):
            reason = lib.ClientReport_getReasonForInclusion(report, number)
            if reason != lib.IEC61850_REASON_NOT_INCLUDED:
                included[number] = [reason, plain(lib.MmsValue_getElement(values, number))]
        entry = lib.ClientReport_getEntryId(report)
        name = octets(entry) if entry else ""
        if entry:
            entries[name] = lib.MmsValue_clone(entry)
        with news:
            reports.append({"sequence": lib.ClientReport_getSeqNum(report), "entry": name, "values": included})
            news.notify_all()


class Termination(lib.CommandTermHandler):
    def trigger(self) -> None:
        control = self._libiec61850_control_object_client
        cause = lib.ControlObjectClient_getLastApplError(control).addCause
        with news:
            terminations.append("done" if not lib.ControlObjectClient_getLastError(control) and not cause else str(cause))
            news.notify_all()


def connect(port: int, tls: list[str] | None) -> Any:
    for _ in range(10):  # a first connection of a fresh process dies now and then
        if tls:
            certificate, key, authority = tls
            configuration = lib.TLSConfiguration_create()
            lib.TLSConfiguration_setOwnKeyFromFile(configuration, key, None)
            lib.TLSConfiguration_setOwnCertificateFromFile(configuration, certificate)
            lib.TLSConfiguration_addCACertificateFromFile(configuration, authority)
            held.append(configuration)
            connection = lib.IedConnection_createWithTlsSupport(configuration)
        else:
            connection = lib.IedConnection_create()
        _, error = lib.IedConnection_connect(connection, "127.0.0.1", port)
        if error == lib.IED_ERROR_OK and lib.IedConnection_getLogicalDeviceList(connection)[1] == lib.IED_ERROR_OK:
            return connection
        lib.IedConnection_destroy(connection)
    raise ConnectionError(error)


def strings(linked: Any) -> list[str]:
    found = []
    element = lib.LinkedList_getNext(linked)
    while element:
        found.append(lib.toCharP(lib.LinkedList_getData(element)))
        element = lib.LinkedList_getNext(element)
    return found


def browse(connection: Any) -> dict[str, Any]:
    devices, _ = lib.IedConnection_getLogicalDeviceList(connection)
    found = {}
    for device in strings(devices):
        nodes, _ = lib.IedConnection_getLogicalDeviceDirectory(connection, device)
        found[device] = {}
        for node in strings(nodes):
            objects, _ = lib.IedConnection_getLogicalNodeDirectory(connection, f"{device}/{node}", lib.ACSI_CLASS_DATA_OBJECT)
            found[device][node] = strings(objects)
    return {"devices": found}


def enable(connection: Any, command: dict[str, Any]) -> dict[str, Any]:
    name = command["block"]
    block = lib.ClientReportControlBlock_create(name)
    _, error = lib.IedConnection_getRCBValues(connection, name, block)
    if error:
        return {"error": error}
    handler, subscriber = Reports(), lib.RCBSubscriber()
    subscriber.setIedConnection(connection)
    subscriber.setRcbReference(name.replace(".BR.", ".").replace(".RP.", "."))
    subscriber.setRcbRptId(lib.ClientReportControlBlock_getRptId(block))
    subscriber.setEventHandler(handler)
    subscriber.subscribe()
    held.extend((handler, subscriber, block))
    mask = lib.RCB_ELEMENT_TRG_OPS | lib.RCB_ELEMENT_OPT_FLDS
    lib.ClientReportControlBlock_setTrgOps(block, TRIGGERS)
    lib.ClientReportControlBlock_setOptFlds(block, OPTIONS)
    if command.get("entry"):
        lib.ClientReportControlBlock_setEntryId(block, entries[command["entry"]])
        mask |= lib.RCB_ELEMENT_ENTRY_ID
    _, error = lib.IedConnection_setRCBValues(connection, block, mask, True)
    if not error:
        lib.ClientReportControlBlock_setRptEna(block, True)
        _, error = lib.IedConnection_setRCBValues(connection, block, lib.RCB_ELEMENT_RPT_ENA, True)
    if not error and command.get("gi"):
        lib.ClientReportControlBlock_setGI(block, True)
        _, error = lib.IedConnection_setRCBValues(connection, block, lib.RCB_ELEMENT_GI, True)
    return {"error": error}


def operate(connection: Any, command: dict[str, Any]) -> dict[str, Any]:
    control = controls.get(command["object"])
    if control is None:
        control = controls[command["object"]] = lib.ControlObjectClient_create(command["object"], connection)
    model = lib.ControlObjectClient_getControlModel(control)
    lib.ControlObjectClient_setOrigin(control, "peer", lib.CONTROL_ORCAT_REMOTE_CONTROL)
    lib.ControlObjectClient_setInterlockCheck(control, command.get("interlock", False))
    lib.ControlObjectClient_setTestMode(control, command.get("test", False))
    is_enhanced = model in (lib.CONTROL_MODEL_DIRECT_ENHANCED, lib.CONTROL_MODEL_SBO_ENHANCED)
    if is_enhanced:
        handler, subscriber = Termination(), lib.CommandTermSubscriber()
        subscriber.setLibiec61850ControlObjectClient(control)
        subscriber.setEventHandler(handler)
        subscriber.subscribe()
        held.extend((handler, subscriber))
    terminations.clear()
    value = lib.MmsValue_newBoolean(command["value"])
    is_selected = True
    if command.get("select", True):
        if model == lib.CONTROL_MODEL_SBO_NORMAL:
            is_selected = lib.ControlObjectClient_select(control)
        elif model == lib.CONTROL_MODEL_SBO_ENHANCED:
            is_selected = lib.ControlObjectClient_selectWithValue(control, value)
    is_accepted = bool(is_selected) and bool(lib.ControlObjectClient_operate(control, value, 0))
    answer = {
        "model": model,
        "selected": bool(is_selected),
        "accepted": is_accepted,
        "cause": lib.ControlObjectClient_getLastApplError(control).addCause,
    }
    if is_accepted and is_enhanced:
        with news:
            news.wait_for(lambda: terminations, LIMIT_S)
            answer["termination"] = terminations[0] if terminations else "none"
    return answer


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", nargs=3)
    options = parser.parse_args()
    connection: Any = None
    say({"running": True})
    for line in sys.stdin:
        command = json.loads(line)
        match command["do"]:
            case "connect":
                try:
                    connection = connect(command["port"], options.tls)
                    say({"connected": True})
                except ConnectionError as error:
                    say({"connected": False, "error": str(error)})
            case "close":
                lib.IedConnection_close(connection)
                lib.IedConnection_destroy(connection)
                say({})
            case "browse":
                say(browse(connection))
            case "read":
                constraint = getattr(lib, f"IEC61850_FC_{command['fc']}")
                value, error = lib.IedConnection_readObject(connection, command["object"], constraint)
                say({"value": plain(value), "error": error})
            case "enable":
                say(enable(connection, command))
            case "reports":
                with news:
                    news.wait_for(lambda: len(reports) >= command["count"], LIMIT_S)  # noqa: B023
                    say({"reports": reports[:]})
                    reports.clear()
            case "operate":
                say(operate(connection, command))
            case "quit":
                break
    os._exit(0)


if __name__ == "__main__":
    main()
