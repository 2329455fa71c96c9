"""A small right folder with a network, to plant mistakes into."""

from __future__ import annotations

from pathlib import Path

from tests.config.folders import UTILITY, write

NETWORK = """\
[defaults]
native_vlan = 1

[[places]]
name = "hill"
title = "Repeater on the hill"

[[vlans]]
id = 11
name = "control"
zone = "stations"
subnet = "10.1.0.0/24"
gateway = "10.1.0.1"

[[vlans]]
id = 12
name = "cameras"
zone = "stations"
subnet = "10.1.1.0/24"
gateway = "10.1.1.1"

[[classes]]
name = "protection"
pcp = [6, 7]
queue = 3

[[classes]]
name = "video"
pcp = [1]
queue = 0
weight = 1.0

[[services]]
name = "poll"
kind = "modbus"
from = "gw"
to = ["rtu-1"]
vlan = 11
qos = "protection"
transfer_class = "TT3"

[[ducts]]
name = "north-duct"

[[rings]]
name = "tree"
protocol = "rstp"
members = ["sw-1", "sw-2"]
root = "sw-1"

[[routes]]
node = "fw"
to = "default"
via = "10.1.0.254"
"""

NODES = """\
name,site,rack,kind,model,addresses,vlans,supplies,devices,outdoor,description
sw-1,alpha,r1,,generic-ie-8p-2sfp,10.1.0.11,all,dc48,,,station switch
sw-2,alpha,r1,,generic-ie-8p-2sfp,10.1.0.12,11-12,dc48,,,
fw,alpha,r1,,generic-firewall-6t-2sfp,10.1.0.1 10.1.1.1,all,dc24,,,
gw,alpha,r1,,generic-gateway,10.1.0.2,,dc24,,,
rtu-1,alpha,r2,,generic-rtu,10.1.0.3,,dc24,rtu-1,,
cam-1,alpha,,,generic-camera-fixed,10.1.1.21,,,,true,gate
"""

PORTS = """\
node,port,mode,vlan,allowed,speed_mbps,lag,poe,poe_priority,description
sw-1,1-2,,11,,,,,,
sw-1,3,,12,,,,3,high,camera
sw-1,9-10,trunk,,11-12,,up,,,
sw-2,9-10,trunk,,11-12,,up,,,
sw-1,8,trunk,,11 12,,,,,
fw,1,trunk,,11 12,,,,,
"""

LINKS = """\
name,a,b,medium,cable,length_m,splices,connectors,db_per_km,extra_db,sfp_a,sfp_b,ducts,speed_mbps,delay_us,description
gw-sw1,gw/eth0,sw-1/1,copper,cat5e,3,,,,,,,,,,
rtu-sw1,rtu-1/1,sw-1/2,copper,cat5e,8,,,,,,,,,,
cam-sw1,cam-1/1,sw-1/3,copper,cat6,60,,,,,,,north-duct,,,
sw1-sw2-a,sw-1/9,sw-2/9,fiber,om3,120,0,2,,,1000base-sx,1000base-sx,,,,
sw1-sw2-b,sw-1/10,sw-2/10,fiber,om3,120,,,,,1000base-sx,1000base-sx,north-duct,,,
fw-sw1,fw/1,sw-1/8,copper,cat5e,2,,,,,,,,,,
"""

ACLS = """\
node,interface,direction,from,to,protocol,ports,reply,action,description
fw,vlan12,in,cameras,gw,tcp,554,,permit,pictures
fw,vlan12,in,any,any,,,,deny,
"""

SUPPLIES = """\
name,site,kind,voltage_v,capacity_w,fed_by,efficiency,cell,cells,capacity_ah,autonomy_h,duty,temperature_c,design_margin,aging_factor,description
battery,alpha,battery,110,,,,example-vrla,55,200,8,100A:1min 10A:60min,15,,,
dc48,alpha,converter,48,500,battery,0.9,,,,,,,,,
dc24,alpha,converter,24,200,battery,0.88,,,,,,,,,
"""

SITE = """\
title = "Alpha"
kind = "substation"

[[devices]]
name = "rtu-1"
protocol = "modbus"

[devices.connection]
transport = "tcp"
host = "10.1.0.3"

[devices.polls]
normal = 1.0
"""

POINTS = "name,kind,unit,low,high,table,address,type,poll\nvoltage,analog,kV,0,24,holding_register,0,float32,normal\n"


def network_folder(folder: Path) -> Path:
    utility = UTILITY.replace('sites = ["alpha"]', 'sites = ["alpha"]\nvlans = [11, 12]\nsubnets = ["10.1.0.0/16"]', 1)
    return write(
        folder,
        {
            "utility.toml": utility,
            "sites/alpha/site.toml": SITE,
            "sites/alpha/points/rtu-1.csv": POINTS,
            "network/network.toml": NETWORK,
            "network/nodes.csv": NODES,
            "network/ports.csv": PORTS,
            "network/links.csv": LINKS,
            "network/acls.csv": ACLS,
            "network/supplies.csv": SUPPLIES,
        },
    )


WATCH = "\n[watch]\nperiod_s = 20\ntrap_port = 1162\n"


def watched_folder(folder: Path, watch: str = WATCH) -> Path:
    """Two switches in link aggregation, a camera on PoE, a firewall whose agent is at one of its two addresses."""
    network_folder(folder)
    top = folder / "network" / "network.toml"
    top.write_text(top.read_text() + watch)
    nodes = folder / "network" / "nodes.csv"
    header, *rows = nodes.read_text().splitlines()
    written = {"fw": ",10.1.0.1,", "sw-2": ",,7.1.3", "gw": ",,"}
    lines = [row + written.get(row.partition(",")[0], ",,") for row in rows]
    nodes.write_text("\n".join([f"{header},watch,firmware", *lines]) + "\n")
    return folder
