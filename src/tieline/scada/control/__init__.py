"""Supervisory control: the only way from the center to a device that acts."""

from tieline.scada.control.service import ControlService
from tieline.scada.control.topology import Switching, SwitchingState

__all__ = ["ControlService", "Switching", "SwitchingState"]
