"""Configurations of switches, routers and firewalls, made from the description and the intent for VLANs of the zones.

One module for each target; what they have in common is settled in `device`. The same folder gives the same bytes. What a target cannot
express is reported, never left out in silence.
"""

from tieline.config.network.catalog import Style
from tieline.network.rendering.device import Device, DevicePort, NotRendered
from tieline.network.rendering.rendered import STYLES, Rendered, render_network

__all__ = ["STYLES", "Device", "DevicePort", "NotRendered", "Rendered", "Style", "render_network"]
