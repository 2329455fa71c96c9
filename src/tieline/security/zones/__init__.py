"""Zones and conduits (IEC 62443-3-2): described once in the folder, and enforced and proven from that."""

from tieline.security.zones.plan import Conduit, FieldDevice, Host, Member, Plan, Zone, plan_of

__all__ = ["Conduit", "FieldDevice", "Host", "Member", "Plan", "Zone", "plan_of"]
