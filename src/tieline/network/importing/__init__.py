"""Begins `network/` of a utility folder from what is known elsewhere: a NetBox, or the communication section of an SCL file."""

from tieline.network.importing.described import Imported, write_import
from tieline.network.importing.netbox import import_netbox
from tieline.network.importing.netbox_export import read_export
from tieline.network.importing.scl import import_scl

__all__ = ["Imported", "import_netbox", "import_scl", "read_export", "write_import"]
