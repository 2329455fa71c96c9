#!/bin/sh
# mb-s1 in Ridgeway Electric, made by `tieline network render`; do not edit.
# ports are called as in the description; a name that is a number becomes port9: rename the interfaces of the computer (systemd.link).
# it takes the network away before it puts it back: start it from the console or as a service, not over a connection through it.
# two tags are looked at (vlan-limit 2), as the catalogue has it.
# SNMP is a service of its own (snmpd), which the script does not set up.
set -eu

ovs-vsctl set Open_vSwitch . other_config:vlan-limit=2
ovs-vsctl \
  -- --if-exists del-br mb-s1 \
  -- add-br mb-s1 \
  -- set bridge mb-s1 fail_mode=standalone \
  -- set port mb-s1 vlan_mode=trunk trunks=4095 \
  -- set bridge mb-s1 rstp_enable=true other_config:rstp-priority=4096 other_config:rstp-max-age=20 other_config:rstp-forward-delay=15 \
  -- add-port mb-s1 port1 \
  -- set port port1 vlan_mode=access tag=12 'external_ids:description="to mb-gw/eth0"' \
  -- set port port1 other_config:rstp-port-admin-edge=true other_config:rstp-port-auto-edge=false \
  -- set interface port1 lldp:enable=true \
  -- add-port mb-s1 port15 \
  -- set port port15 vlan_mode=native-untagged tag=12 trunks=12,20 'external_ids:description="to mb-gw/eth1: gateway: listens to GOOSE"' \
  -- set port port15 other_config:rstp-port-admin-edge=true other_config:rstp-port-auto-edge=false \
  -- set interface port15 lldp:enable=true \
  -- add-port mb-s1 port16 \
  -- set port port16 vlan_mode=trunk trunks=12 'external_ids:description="to mb-fw/1: to mb-fw"' \
  -- set interface port16 lldp:enable=true \
  -- add-port mb-s1 port17 \
  -- set port port17 vlan_mode=trunk trunks=12,20,21 'external_ids:description="to mb-s2/18: ring"' \
  -- set interface port17 lldp:enable=true \
  -- add-port mb-s1 port18 \
  -- set port port18 vlan_mode=trunk trunks=12,20,21 'external_ids:description="to mb-s6/17: ring"' \
  -- set interface port18 lldp:enable=true \
  -- add-port mb-s1 port19 \
  -- set port port19 vlan_mode=native-untagged tag=12 trunks=12,20,21 'external_ids:description="to mb-q01/1: bay unit"' \
  -- set port port19 other_config:rstp-port-admin-edge=true other_config:rstp-port-auto-edge=false \
  -- set interface port19 lldp:enable=true \
  -- add-port mb-s1 vlan12 tag=12 -- set interface vlan12 type=internal
ip address replace 10.41.2.241/24 dev vlan12
ip link set dev vlan12 up
sysctl -q -w net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
ip route replace default via 10.41.2.1
