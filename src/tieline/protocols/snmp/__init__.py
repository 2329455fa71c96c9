"""SNMPv3 with authentication and privacy: messages and their security, and what an agent's tables say of a switch; no sockets, no clock.

`messages` and `security` stand on pysnmp, which takes a while to be imported; what stands here does not.
"""

from tieline.protocols.snmp.errors import ResponseError, SnmpAccessError, SnmpStatusError
from tieline.protocols.snmp.values import Oid, SnmpKeys, Table, Value, dotted, oid

__all__ = ["Oid", "ResponseError", "SnmpAccessError", "SnmpKeys", "SnmpStatusError", "Table", "Value", "dotted", "oid"]
