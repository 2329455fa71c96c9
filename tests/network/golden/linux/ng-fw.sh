#!/bin/sh
# ng-fw in Ridgeway Electric, made by `tieline network render`; do not edit.
# ports are called as in the description; a name that is a number becomes port9: rename the interfaces of the computer (systemd.link).
# it takes the network away before it puts it back: start it from the console or as a service, not over a connection through it.
# LLDP and SNMP are services of their own (lldpd, snmpd), which the script does not set up.
# the kernel's own spanning tree is the slow one of IEEE 802.1D-1998; for RSTP run mstpd, which takes over where stp_state is 1.
# frames that leave without a tag wait in the lowest class: their priority code point is gone with the tag.
set -eu

nft -f "$(dirname "$0")/ng-fw.nft"
ip link delete dev br0 2>/dev/null || true
ip link add name br0 type bridge vlan_filtering 1 vlan_default_pvid 0 vlan_protocol 802.1Q

# to ng-acc/16: to ng-acc
ip link set dev port1 master br0
ip link set dev port1 alias 'to ng-acc/16: to ng-acc'
bridge vlan add dev port1 vid 11
ip link set dev port1 up

# to ng-cam-sw/8: to ng-cam-sw
ip link set dev port2 master br0
ip link set dev port2 alias 'to ng-cam-sw/8: to ng-cam-sw'
bridge vlan add dev port2 vid 101
ip link set dev port2 up
bridge vlan add dev br0 vid 11 self
ip link add link br0 name vlan11 type vlan id 11
ip address replace 10.41.1.1/24 dev vlan11
ip link set dev vlan11 up
bridge vlan add dev br0 vid 101 self
ip link add link br0 name vlan101 type vlan id 101
ip address replace 10.41.101.1/24 dev vlan101
ip link set dev vlan101 up
ip address replace 10.255.0.2/30 dev port7
ip link set dev port7 up
ip address replace 10.255.0.5/30 dev port8
ip link set dev port8 up

for port in port1 port2 port7 port8; do
  tc qdisc delete dev $port root 2>/dev/null || true
  tc qdisc add dev $port root handle 1: ets bands 4 strict 2 quanta 4542 1514 priomap 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3
  tc filter add dev $port parent 1: protocol 802.1Q flower vlan_prio 6 classid 1:1
  tc filter add dev $port parent 1: protocol 802.1Q flower vlan_prio 7 classid 1:1
  tc filter add dev $port parent 1: protocol 802.1Q flower vlan_prio 4 classid 1:2
  tc filter add dev $port parent 1: protocol 802.1Q flower vlan_prio 5 classid 1:2
  tc filter add dev $port parent 1: protocol 802.1Q flower vlan_prio 2 classid 1:3
  tc filter add dev $port parent 1: protocol 802.1Q flower vlan_prio 3 classid 1:3
  tc filter add dev $port parent 1: protocol 802.1Q flower vlan_prio 0 classid 1:4
  tc filter add dev $port parent 1: protocol 802.1Q flower vlan_prio 1 classid 1:4
done

# Nobody uses these.
ip link set dev port3 nomaster down
ip link set dev port4 nomaster down
ip link set dev port5 nomaster down
ip link set dev port6 nomaster down

ip link set dev br0 up
sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
