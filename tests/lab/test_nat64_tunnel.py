# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Connections of a LAN behind a tunnel, to a service for which what they send
first is too big."""

import re

import pytest

from lab import Namespace, Switch
from lab.underlay import Underlay
from test_nat64 import fetch, IPV6, LAN, ping, serve, SERVICE, SERVICE6

MTU = 1280
KEYS = {"gre": 5, "vxlan": 6}


@pytest.mark.parametrize("kind", KEYS)
def test_upload(lab, kind, tmp_path):
    switch = Switch(lab)
    service = switch.attach("service", sysctls=IPV6)
    service.ip("address", "flush", "dev", "eth0")
    service.ip("address", "add", SERVICE6 + "/64", "dev", "eth0", "nodad")
    lan = Namespace(lab, "lan")
    Underlay(switch).tunnel(lan, kind, "10.0.0.10", KEYS[kind])
    lan.ip("address", "add", LAN + "/24", "dev", "eth0")
    switch.vsctl("add-port", "br0", "tunnel", "--", "set", "interface",
                 "tunnel", "type=" + kind, "ofport_request=9",
                 "options:remote_ip=10.0.0.10",
                 "options:key=%d" % KEYS[kind])
    for flow in ("in_port=9,ip,actions=nat64(4toll6,mtu=%d),output:1" % MTU,
                 "in_port=9,arp,actions=nat64:4toll6,output:1",
                 "in_port=1,ipv6,actions=nat64:ll6to4,output:9"):
        switch.ofctl("add-flow", "br0", flow)
    assert ping(lan, SERVICE) >= 3

    # The service fetches, so that the LAN host is the one that sends.
    data = tmp_path / "data"
    data.write_bytes(bytes(5000000))
    serve(lan, str(tmp_path))
    assert fetch(service, "fe80::c0a8:1%eth0", "data")
    route = lan.ip("route", "get", SERVICE)
    assert re.search(r"\bmtu %d\b" % (MTU - 20), route), route
