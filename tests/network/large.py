"""A large utility with a network, made up by a rule: sites with switches in a ring, each with its VLANs, joined by a backbone.

Every site is a zone with `vlans_a_site` VLANs and a firewall that routes between them; its first switch is the one that joins the
backbone. Half of a switch's ports have a device. Nothing is random: the same numbers give the same files.
"""

from __future__ import annotations

from pathlib import Path

_PORTS = 20
"""Of each switch: 16 of copper, 4 cages."""


def write_large(
    folder: Path,
    *,
    switches: int = 500,
    vlans: int = 200,
    switches_a_site: int = 20,
    devices_a_switch: int = 8,
    is_busy: bool = False,
) -> Path:
    """Writes it: `switches` switches of 20 ports, `vlans` VLANs, a firewall and a gateway a site.

    In a busy one every device is polled by its site's gateway, through the firewall where it is in another VLAN, and in each VLAN two
    devices send GOOSE to two others; otherwise one device of each site is polled.
    """
    sites = max(1, switches // switches_a_site)
    vlans_a_site = max(1, vlans // sites)
    made = _Made(sites, vlans_a_site, is_busy=is_busy)
    for site in range(sites):
        made.site(site, switches_a_site, devices_a_switch)
    made.backbone()
    made.write(folder)
    return folder


class _Made:
    def __init__(self, sites: int, vlans_a_site: int, *, is_busy: bool) -> None:
        self.sites = sites
        self.is_busy = is_busy
        self.vlans_a_site = vlans_a_site
        self.nodes = ["name,site,rack,model,addresses,vlans,supplies,description"]
        self.ports = ["node,port,mode,vlan,allowed"]
        self.links = ["name,a,b,medium,cable,length_m,splices,connectors,sfp_a,sfp_b,ducts"]
        self.acls = ["node,interface,direction,from,to,protocol,ports,reply,action"]
        self.supplies = ["name,site,kind,voltage_v,capacity_w,fed_by,cell,cells,capacity_ah,autonomy_h"]
        self.zones: list[str] = []
        self.sections = [
            "[defaults]\nnative_vlan = 1\nfiber_margin_db = 2.0\n",
            '[[classes]]\nname = "protection"\npcp = [6, 7]\nqueue = 3\n',
        ]
        self.names = [f"s{site:03d}" for site in range(sites)]

    def vlan(self, site: int, number: int) -> int:
        return 100 + site * self.vlans_a_site + number

    def subnet(self, vlan: int) -> str:
        return f"10.{vlan // 256}.{vlan % 256}"

    def site(self, site: int, switches: int, devices: int) -> None:
        name = self.names[site]
        own = [self.vlan(site, number) for number in range(self.vlans_a_site)]
        every = " ".join(map(str, own))
        self.zones.append(
            f'[[zones]]\nname = "{name}"\nkind = "substation"\nsites = ["{name}"]\nvlans = [{", ".join(map(str, own))}]\n'
            "subnets = [" + ", ".join(f'"{self.subnet(vlan)}.0/24"' for vlan in own) + "]\n\n"
            f'[[conduits]]\nsource = "{name}"\ntarget = "dmz"\nreason = "telemetry"\n'
        )
        for vlan in own:
            self.sections.append(
                f'[[vlans]]\nid = {vlan}\nname = "v{vlan}"\nzone = "{name}"\n'
                f'subnet = "{self.subnet(vlan)}.0/24"\ngateway = "{self.subnet(vlan)}.1"\n'
            )
        self.supplies.append(f"{name}-battery,{name},battery,48,,,example-vrla,24,4000,1")
        gateways = " ".join(f"{self.subnet(vlan)}.1" for vlan in own)
        self.nodes.append(f"{name}-fw,{name},r1,generic-firewall-6t-2sfp,{gateways},{every},{name}-battery,")
        self.ports.append(f"{name}-fw,1,trunk,,{every}")
        for other in own[1:]:
            self.acls.append(f"{name}-fw,vlan{own[0]},in,v{own[0]},v{other},tcp,502,,permit")
        self.links.append(f"{name}-fw,{name}-fw/1,{name}-sw00/16,copper,cat5e,5,,,,,")
        self.nodes.append(f"{name}-gw,{name},r1,generic-gateway,{self.subnet(own[0])}.2,,{name}-battery,")
        self.ports.append(f"{name}-sw00,15,access,{own[0]},")
        self.links.append(f"{name}-gw,{name}-gw/eth0,{name}-sw00/15,copper,cat5e,5,,,,,")
        units: list[tuple[str, int]] = []
        for number in range(switches):
            switch = f"{name}-sw{number:02d}"
            vlan = own[number % len(own)]
            self.nodes.append(f"{switch},{name},r{number // 4},generic-ie-16t-4sfp,,{every},{name}-battery,")
            self.ports.append(f"{switch},1-14,access,{vlan},")
            self.ports.append(f"{switch},17-20,trunk,,{every}")
            if number == 0:
                self.ports.append(f"{switch},16,trunk,,{every}")
            following = f"{name}-sw{(number + 1) % switches:02d}"
            if switches > 1 and (switches > 2 or number == 0):
                self.links.append(f"{switch}-ring,{switch}/17,{following}/18,fiber,om3,40,0,2,1000base-sx,1000base-sx,")
            for device in range(devices):
                units.append((f"{switch}-d{device}", vlan))
                unit = f"{switch}-d{device}"
                host = 10 + (number // len(own)) * devices + device
                self.nodes.append(f"{unit},{name},r{number // 4},generic-controller,{self.subnet(vlan)}.{host},,{name}-battery,")
                self.links.append(f"{unit},{unit}/1,{switch}/{device + 1},copper,cat5e,20,,,,,")
        members = ", ".join(f'"{name}-sw{number:02d}"' for number in range(switches))
        if switches > 1:
            self.sections.append(f'[[rings]]\nname = "{name}"\nprotocol = "rstp"\nmembers = [{members}]\nroot = "{name}-sw00"\n')
        self.services(name, own, {vlan: [unit for unit, its in units if its == vlan] for vlan in own})

    def services(self, site: str, vlans: list[int], units: dict[int, list[str]]) -> None:
        def listed(names: list[str]) -> str:
            return "[" + ", ".join(f'"{name}"' for name in names) + "]"

        polled = units[vlans[0]] if self.is_busy else [f"{site}-sw00-d0"]
        self.sections.append(
            f'[[services]]\nname = "poll-{site}"\nkind = "modbus"\nfrom = "{site}-gw"\nto = {listed(polled)}\n'
            f'vlan = {vlans[0]}\nqos = "protection"\ntransfer_class = "TT3"\n'
        )
        for vlan in vlans if self.is_busy else ():
            self.sections.append(
                f'[[services]]\nname = "trip-{vlan}"\nkind = "goose"\nfrom = {listed(units[vlan][:2])}\n'
                f'to = {listed(units[vlan][2:4])}\nvlan = {vlan}\nqos = "protection"\ntransfer_class = "TT4"\n'
            )
            if vlan != vlans[0]:
                self.sections.append(
                    f'[[services]]\nname = "poll-{vlan}"\nkind = "modbus"\nfrom = "{site}-gw"\nto = {listed(units[vlan])}\n'
                    "max_delay_ms = 500\n"
                )

    def backbone(self) -> None:
        """Firewalls in a ring, with subnets of their own."""
        addresses: dict[str, list[str]] = {name: [] for name in self.names}
        for site, name in enumerate(self.names):
            if self.sites == 1 or (self.sites == 2 and site == 1):
                break
            following = self.names[(site + 1) % self.sites]
            base = site * 4
            addresses[name].append(f"172.16.{base // 256}.{base % 256 + 1}/30@7")
            addresses[following].append(f"172.16.{base // 256}.{base % 256 + 2}/30@8")
            self.sections.append(f'[[ducts]]\nname = "duct-{site}"\n')
            self.links.append(
                f"wan-{site},{name}-fw/7,{following}-fw/8,fiber,g652d,4000,4,2,1000base-lx10,1000base-lx10,duct-{site}"
            )
        for number, line in enumerate(self.nodes):
            name = line.partition(",")[0].removesuffix("-fw")
            if line.startswith(f"{name}-fw,") and addresses.get(name):
                cells = line.split(",")
                cells[4] += " " + " ".join(addresses[name])
                self.nodes[number] = ",".join(cells)

    def write(self, folder: Path) -> None:
        files = {
            "network/network.toml": "\n".join(self.sections),
            "network/nodes.csv": "\n".join(self.nodes) + "\n",
            "network/ports.csv": "\n".join(self.ports) + "\n",
            "network/links.csv": "\n".join(self.links) + "\n",
            "network/acls.csv": "\n".join(self.acls) + "\n",
            "network/supplies.csv": "\n".join(self.supplies) + "\n",
            "utility.toml": 'name = "Large"\n\n[[zones]]\nname = "dmz"\nkind = "dmz"\n\n[[zones]]\nname = "center"\n'
            'kind = "control_center"\n\n[[conduits]]\nsource = "center"\ntarget = "dmz"\nreason = "telemetry"\n\n'
            + "\n".join(self.zones),
        }
        for name in self.names:
            files[f"sites/{name}/site.toml"] = (
                f'title = "{name}"\nkind = "substation"\n\n[[devices]]\nname = "unit"\nprotocol = "modbus"\n\n'
                f'[devices.connection]\ntransport = "tcp"\nhost = "{self.subnet(self.vlan(self.names.index(name), 0))}.10"\n\n'
                "[devices.polls]\nnormal = 1.0\n"
            )
            files[f"sites/{name}/points/unit.csv"] = (
                "name,kind,unit,low,high,table,address,type,poll\nvoltage,analog,kV,0,24,holding_register,0,float32,normal\n"
            )
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
