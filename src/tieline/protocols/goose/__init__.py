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
from tieline.protocols.goose.message import GooseFrame, GooseMessage, decode_goose, encode_goose
from tieline.protocols.goose.reading import Columns, FrameReader, Layout, Reading, StreamKey, read_columns
from tieline.protocols.goose.timing import Now, UtcTime

__all__ = [
    "ETHERTYPE_GOOSE",
    "ETHERTYPE_SV",
    "Address",
    "Array",
    "BinaryTime",
    "BitString",
    "Boolean",
    "Columns",
    "Data",
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
    "MmsString",
    "Now",
    "OctetString",
    "Reading",
    "StreamKey",
    "Structure",
    "Uninterpreted",
    "Unsigned",
    "UtcTime",
    "VisibleString",
    "decode_goose",
    "encode_goose",
    "parse_mac",
    "read_columns",
]
