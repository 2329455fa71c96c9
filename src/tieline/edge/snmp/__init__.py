"""Nodes of the communications network as agents of SNMP: what they say, against what the design says of them."""
