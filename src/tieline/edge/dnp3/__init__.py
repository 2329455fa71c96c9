"""DNP3's I/O: lines on channels of `tieline.io`, dialed or listening, and the outstations that a gateway is."""

from tieline.edge.dnp3.channels import StationChannel, TlsContext
from tieline.edge.dnp3.opening import StationChannels, open_station_channel
from tieline.edge.dnp3.stations import Station, StationOwner, make_station

__all__ = ["Station", "StationChannel", "StationChannels", "StationOwner", "TlsContext", "make_station", "open_station_channel"]
