"""The data of an IEC 61850 server as a tree, made from an SCL file that has been read (IEC 61850-8-1).

The tree is `open61850`'s: functional constraints below a logical node, data objects below these, and attributes with values below
them. Report and GOOSE control blocks are part of it, as the standard maps them. Setting groups and logs are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from open61850.data import BitStringData, IECData, RawData, TimestampData, VisibleStringData
from open61850.mms.pdu import ObjectName
from open61850.mms.types import ArrayType, PrimitiveType, StructureType
from open61850.server.model import IedModel, Node, default_value, to_data

from tieline.protocols.iec61850.mms.names import name_of
from tieline.protocols.iec61850.scl import DataAttribute, Scl, data_model
from tieline.protocols.iec61850.scl.control_blocks import Fcda, ReportControl
from tieline.protocols.iec61850.scl.ied import Ied, LogicalDevice, LogicalNode
from tieline.protocols.iec61850.scl.templates import AttributeType, DataObjectType, Templates

_ORDER = ("MX", "ST", "CO", "CF", "DC", "SP", "SG", "RP", "BR", "GO", "SV", "SE", "EX", "SR", "OR", "BL")
_TYPES: Mapping[str, tuple[str, int | None]] = {
    "BOOLEAN": ("boolean", None),
    "INT8": ("integer", 8),
    "INT16": ("integer", 16),
    "INT24": ("integer", 32),
    "INT32": ("integer", 32),
    "INT64": ("integer", 64),
    "INT128": ("integer", 64),
    "INT8U": ("unsigned", 8),
    "INT16U": ("unsigned", 16),
    "INT24U": ("unsigned", 32),
    "INT32U": ("unsigned", 32),
    "INT64U": ("unsigned", 64),
    "FLOAT32": ("float", 32),
    "FLOAT64": ("float", 64),
    "Enum": ("integer", 8),
    "Dbpos": ("bit-string", 2),
    "Tcmd": ("bit-string", 2),
    "Check": ("bit-string", -2),
    "Quality": ("bit-string", -13),
    "TrgOps": ("bit-string", -6),
    "OptFlds": ("bit-string", -10),
    "Timestamp": ("utc-time", None),
    "EntryTime": ("binary-time", None),
    "EntryID": ("octet-string", 8),
    "Octet6": ("octet-string", -6),
    "Octet16": ("octet-string", -16),
    "Octet64": ("octet-string", -64),
    "PhyComAddr": ("octet-string", 6),
    "Currency": ("visible-string", -3),
    "ObjRef": ("visible-string", -129),
    "Unicode255": ("mms-string", -255),
    **{f"VisString{length}": ("visible-string", -length) for length in (32, 64, 65, 129, 255)},
}
"""How a basic type of SCL is mapped (IEC 61850-8-1)."""
_OTHER = ("visible-string", -255)
_STATES = {"intermediate-state": 0, "off": 1, "on": 2, "bad-state": 3}
_MOST_ELEMENTS = 4096
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ACCURACY = 0x0A  # significant bits of the fraction

_ADDRESS = (("Addr", "PhyComAddr"), ("PRIORITY", "INT8U"), ("VID", "INT16U"), ("APPID", "INT16U"))
_BUFFERED = (
    ("RptID", "VisString129"),
    ("RptEna", "BOOLEAN"),
    ("DatSet", "ObjRef"),
    ("ConfRev", "INT32U"),
    ("OptFlds", "OptFlds"),
    ("BufTm", "INT32U"),
    ("SqNum", "INT16U"),
    ("TrgOps", "TrgOps"),
    ("IntgPd", "INT32U"),
    ("GI", "BOOLEAN"),
    ("PurgeBuf", "BOOLEAN"),
    ("EntryID", "EntryID"),
    ("TimeOfEntry", "EntryTime"),
    ("ResvTms", "INT16"),
    ("Owner", "Octet64"),
)
_UNBUFFERED = (
    ("RptID", "VisString129"),
    ("RptEna", "BOOLEAN"),
    ("Resv", "BOOLEAN"),
    ("DatSet", "ObjRef"),
    ("ConfRev", "INT32U"),
    ("OptFlds", "OptFlds"),
    ("BufTm", "INT32U"),
    ("SqNum", "INT8U"),
    ("TrgOps", "TrgOps"),
    ("IntgPd", "INT32U"),
    ("GI", "BOOLEAN"),
    ("Owner", "Octet64"),
)
_GOOSE = (
    ("GoEna", "BOOLEAN"),
    ("GoID", "VisString129"),
    ("DatSet", "ObjRef"),
    ("ConfRev", "INT32U"),
    ("NdsCom", "BOOLEAN"),
)
_GOOSE_TIMES = (("MinTime", "INT32U"), ("MaxTime", "INT32U"), ("FixedOffs", "BOOLEAN"))

_Tree: TypeAlias = dict[str, "_Tree | DataAttribute"]


def server_data(scl: Scl, ied: Ied) -> IedModel:
    """Everything that a client of this IED can read: logical devices, nodes, attributes, data sets and control blocks."""
    model = IedModel(ied.name)
    trees: dict[str, dict[str, _Tree]] = {}
    for attribute in data_model(scl, ied):
        leaf = attribute.leaf
        place = trees.setdefault(attribute.logical_node, {}).setdefault(leaf.fc, {})
        *outer, last = leaf.path.split(".")
        for name in outer:
            below = place.setdefault(name, {})
            if not isinstance(below, dict):
                break
            place = below
        else:
            place.setdefault(last, attribute)
    editions = _Edition(scl, ied)
    for device in ied.devices():
        nodes = model.logical_devices.setdefault(device.name, {})
        for node in device.nodes:
            made = nodes[node.name] = _logical_node(device, node, trees.get(f"{device.name}/{node.name}", {}), editions)
            _inherit_triggers(made, scl.templates, node.type)
            for data_set in node.data_sets:
                members = [member for each in data_set.members if (member := _member(ied, each)) is not None]
                model.data_sets[ObjectName(f"{node.name}${data_set.name}", device.name)] = members
    return model


def object_name(reference: str, fc: str) -> ObjectName:
    """The MMS name of an attribute or data object: `LD/CSWI1.Pos.stVal` and `ST` give `CSWI1$ST$Pos$stVal` in `LD`."""
    name = name_of(reference, fc)
    return ObjectName(name.item, name.domain)


def find(model: IedModel, reference: str, fc: str) -> Node | None:
    """The node of an attribute or data object; None where there is none."""
    return model.node(object_name(reference, fc))


def time_stamp(us: int) -> TimestampData:
    """A time stamp of a clock that is right to a millisecond; `us` since 1970."""
    return TimestampData(datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000), _ACCURACY)


def unix_us(stamp: TimestampData) -> int:
    """The microseconds since 1970 of a time stamp."""
    since = stamp.value - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


class _Edition:
    """What the edition of the file and the services of the IED say about its report control blocks."""

    def __init__(self, scl: Scl, ied: Ied) -> None:
        settings = ied.service("ReportSettings")
        self._is_first = scl.edition == "1"
        self._has_owner = settings is not None and settings.get("owner") == "true"
        self._has_reservation = not self._is_first or (settings is not None and settings.get("resvTms") == "true")

    def attributes(self, *, buffered: bool) -> tuple[tuple[str, str], ...]:
        """Names and types of the attributes of a report control block, in order."""
        missing = set[str]()
        if self._is_first or not self._has_owner:
            missing.add("Owner")
        if not self._has_reservation:
            missing.add("ResvTms")
        spelled = {"TimeOfEntry": "TimeofEntry"} if self._is_first else {}
        return tuple(
            (spelled.get(name, name), kind) for name, kind in (_BUFFERED if buffered else _UNBUFFERED) if name not in missing
        )


def _logical_node(device: LogicalDevice, node: LogicalNode, trees: Mapping[str, _Tree], edition: _Edition) -> Node:
    blocks = dict[str, dict[str, Node]]()
    for report in node.reports:
        attributes = edition.attributes(buffered=report.is_buffered)
        values = _report_values(device, node, report)
        for name in report.instance_names:
            fc = "BR" if report.is_buffered else "RP"
            own = {"RptID": VisibleStringData(report.report_id or f"{device.name}/{node.name}${fc}${name}")}
            blocks.setdefault(fc, {})[name] = _block(name, fc, attributes, values | own)
    for goose in node.gooses:
        if goose.is_goose:
            set_name = VisibleStringData(f"{device.name}/{node.name}${goose.data_set}" if goose.data_set else "")
            about: dict[str, object] = {"GoID": goose.go_id, "DatSet": set_name, "ConfRev": goose.conf_rev}
            block = _block(goose.name, "GO", _GOOSE, about)
            _attach(block, {"DstAddress": _block("DstAddress", "GO", _ADDRESS, {})})
            _attach(block, _block(goose.name, "GO", _GOOSE_TIMES, {}).children)
            blocks.setdefault("GO", {})[goose.name] = block
    root = Node(node.name, StructureType([]))
    for fc in sorted({*trees, *blocks}, key=lambda fc: (_ORDER.index(fc) if fc in _ORDER else len(_ORDER), fc)):
        branch = Node(fc, StructureType([]), root, fc)
        _attach(branch, {name: _build(name, each, branch, fc) for name, each in trees.get(fc, {}).items()})
        _attach(branch, blocks.get(fc, {}))
        _attach(root, {fc: branch})
    return root


def _build(name: str, tree: _Tree | DataAttribute, parent: Node, fc: str) -> Node:
    if isinstance(tree, dict):
        node = Node(name, StructureType([]), parent, fc)
        _attach(node, {below: _build(below, each, node, fc) for below, each in tree.items()})
        return node
    leaf = tree.leaf
    mms_type = PrimitiveType(*_TYPES.get(leaf.b_type, _OTHER))
    if leaf.count:
        node = Node(name, ArrayType(min(leaf.count, _MOST_ELEMENTS), mms_type), parent, fc)
        for number in range(min(leaf.count, _MOST_ELEMENTS)):
            element = Node(str(number), mms_type, node, fc)
            element.value = default_value(mms_type)
            element.triggers = leaf.triggers
            node.children[element.name] = element
        return node
    node = Node(name, mms_type, parent, fc)
    node.triggers = leaf.triggers
    configured = _parse(tree, mms_type)
    node.value = default_value(mms_type) if configured is None else configured
    return node


def _inherit_triggers(node: Node, templates: Templates, ln_type: str) -> None:
    """Parts of a structured attribute have the trigger options of the attribute: `mag.f` those of `mag`."""
    for fc in node.children.values():
        for leaf in fc.leaves():
            path = leaf.item.split("$")[2:]
            outer: AttributeType | DataObjectType | None = None
            for depth in range(2, len(path)):
                outer = templates.resolve(ln_type, ".".join(path[:depth])) if not isinstance(outer, AttributeType) else outer
                if isinstance(outer, AttributeType):
                    leaf.triggers = leaf.triggers | outer.triggers


def _attach(node: Node, children: Mapping[str, Node]) -> None:
    assert isinstance(node.mms_type, StructureType)
    for name, child in children.items():
        child.parent = node
        node.children[name] = child
        node.mms_type.components.append((name, child.mms_type))


def _block(name: str, fc: str, attributes: tuple[tuple[str, str], ...], values: Mapping[str, object]) -> Node:
    block = Node(name, StructureType([]), None, fc)
    for attribute, kind in attributes:
        mms_type = PrimitiveType(*_TYPES[kind])
        child = Node(attribute, mms_type, block, fc)
        child.value = to_data(mms_type, values[attribute]) if attribute in values else default_value(mms_type)
        if kind == "EntryTime":
            child.value = RawData(0x8C, bytes(6))
        _attach(block, {attribute: child})
    return block


def _report_values(device: LogicalDevice, node: LogicalNode, report: ReportControl) -> dict[str, object]:
    triggers, fields = report.triggers, report.optional_fields
    return {
        "DatSet": f"{device.name}/{node.name}${report.data_set}" if report.data_set else "",
        "ConfRev": report.conf_rev,
        "BufTm": report.buffer_time_ms,
        "IntgPd": report.integrity_ms,
        "TrgOps": _bits(
            False,
            triggers.data_change,
            triggers.quality_change,
            triggers.data_update,
            triggers.integrity,
            triggers.general_interrogation,
        ),
        "OptFlds": _bits(
            False,
            fields.sequence_number,
            fields.time_stamp,
            fields.reason_code,
            fields.data_set,
            fields.data_reference,
            fields.buffer_overflow,
            fields.entry_id,
            fields.config_revision,
            False,
        ),
    }


def _bits(*flags: bool) -> BitStringData:
    unused = -len(flags) % 8
    number = sum(flag << place for place, flag in enumerate(reversed(flags)))
    return BitStringData((number << unused).to_bytes((len(flags) + 7) // 8, "big"), unused)


def _member(ied: Ied, member: Fcda) -> ObjectName | None:
    device = ied.device(member.ld_inst)
    if device is None or member.index is not None or "(" in member.do_name:
        return None
    path = [part for part in f"{member.do_name}.{member.da_name}".split(".") if part]
    return ObjectName("$".join([member.ln_name, member.fc, *path]), device.name)


def _parse(attribute: DataAttribute, mms_type: PrimitiveType) -> IECData | None:
    """The configured value; None where the file has none, or one that makes no sense."""
    text = (attribute.value or "").strip()
    if not text:
        return None
    enum = attribute.leaf.enum
    if enum is not None:
        number = next((ordinal for ordinal, word in enum.values if word == text), None)
        if number is not None:
            return to_data(mms_type, number)
    try:
        match mms_type.kind:
            case "boolean":
                return to_data(mms_type, text.lower() in {"true", "1"})
            case "integer" | "unsigned":
                return to_data(mms_type, int(text))
            case "float":
                return to_data(mms_type, float(text))
            case "bit-string" if text in _STATES and mms_type.size == 2:
                return to_data(mms_type, _STATES[text])
            case "visible-string" | "mms-string":
                return to_data(mms_type, text)
            case _:
                return None
    except ValueError:
        return None
