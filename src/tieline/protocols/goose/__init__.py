"""GOOSE (IEC 61850-8-1) and sampled values (IEC 61850-9-2) for monitoring and simulation, without any I/O.

Nothing here takes part in protection: frames are read, supervised and, in the simulator, published.
"""

from tieline.protocols.goose.data import (
    Array,
    BinaryTime,
    BitString,
    Boolean,
    Data,
    Float32,
    Float64,
    Integer,
    Leaf,
    LeafPlace,
    MmsString,
    OctetString,
    Structure,
    Uninterpreted,
    Unsigned,
    VisibleString,
)
from tieline.protocols.goose.errors import FrameError
from tieline.protocols.goose.ethernet import ETHERTYPE_GOOSE, ETHERTYPE_SV, Address, parse_mac
from tieline.protocols.goose.expected import EntryType, Expected, LeafType, Path
from tieline.protocols.goose.findings import Finding, FindingKind
from tieline.protocols.goose.message import GooseFrame, GooseMessage, decode_goose, encode_goose
from tieline.protocols.goose.publisher import Publisher, PublisherSettings
from tieline.protocols.goose.reading import Columns, FrameReader, Layout, Reading, StreamKey, read_columns
from tieline.protocols.goose.sampled_values import Asdu, SvBlock, SvFrame, SvKey, SvReader, decode_sv, encode_sv
from tieline.protocols.goose.subscriber import Expired, StreamStatus, Subscriber, SubscriberSettings, Trust, Update
from tieline.protocols.goose.sv_supervision import ExpectedSv, SvStatus, SvSubscriber
from tieline.protocols.goose.timing import UtcTime

__all__ = [
    "ETHERTYPE_GOOSE",
    "ETHERTYPE_SV",
    "Address",
    "Array",
    "Asdu",
    "BinaryTime",
    "BitString",
    "Boolean",
    "Columns",
    "Data",
    "EntryType",
    "Expected",
    "ExpectedSv",
    "Expired",
    "Finding",
    "FindingKind",
    "Float32",
    "Float64",
    "FrameError",
    "FrameReader",
    "GooseFrame",
    "GooseMessage",
    "Integer",
    "Layout",
    "Leaf",
    "LeafPlace",
    "LeafType",
    "MmsString",
    "OctetString",
    "Path",
    "Publisher",
    "PublisherSettings",
    "Reading",
    "StreamKey",
    "StreamStatus",
    "Structure",
    "Subscriber",
    "SubscriberSettings",
    "SvBlock",
    "SvFrame",
    "SvKey",
    "SvReader",
    "SvStatus",
    "SvSubscriber",
    "Trust",
    "Uninterpreted",
    "Unsigned",
    "Update",
    "UtcTime",
    "VisibleString",
    "decode_goose",
    "decode_sv",
    "encode_goose",
    "encode_sv",
    "parse_mac",
    "read_columns",
]
