# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""A LAN behind a tunnel hears from nat64 what is too big, and sends less."""

import re

import pytest

from lab import Namespace, Switch
from lab.underlay import Underlay

LAN, SERVICE = "192.168.0.1", "192.168.0.100"
SERVICE6 = "fe80::" + SERVICE
IPV6 = {"net.ipv6.conf.default.disable_ipv6": 0,
        "net.ipv6.conf.all.disable_ipv6": 0}
MTU = 1280
KEYS = {"gre": 0xfffffffe, "vxlan": 0xfffffe}


class Site:
    """A LAN host behind a tunnel to the switch, of each kind, and a service
    that takes packets of MTU bytes."""

    def __init__(self, lab):
        self.switch = Switch(lab, datapath="system")
        self.underlay = Underlay(self.switch)
        self.service = self.switch.attach("service", sysctls=IPV6)
        self.service.ip("address", "flush", "dev", "eth0")
        self.service.ip("address", "add", SERVICE6 + "/64", "dev", "eth0",
                        "nodad")
        self.lans = {}
        for number, (kind, key) in enumerate(KEYS.items(), 10):
            remote = "10.0.0.%d" % number
            lan = self.lans[kind] = Namespace(lab, kind)
            self.underlay.tunnel(lan, kind, remote, key)
            # The same for both, so that nobody has to notice a change.
            lan.ip("link", "set", "eth0", "address", "02:00:00:00:00:0a")
            lan.ip("address", "add", LAN + "/24", "dev", "eth0")
            lan.port = number
            # A port for whoever uses that kind of tunnel, and one for one.
            self.switch.vsctl(
                "add-port", "br0", kind, "--", "set", "interface", kind,
                "type=" + kind, "ofport_request=%d" % number,
                *(["options:remote_ip=flow", "options:key=flow"]
                  if kind == "vxlan" else
                  ["options:remote_ip=" + remote, "options:key=%d" % key]))

    def connect(self, kind):
        """Leads 'kind' to the service, and no other."""
        port, service = self.lans[kind].port, self.service.port
        back = "output:%d" % port
        if kind == "vxlan":
            back = ("set_field:%d->tun_id,set_field:10.0.0.%d->tun_dst,%s"
                    % (KEYS[kind], port, back))
        self.switch.ofctl("del-flows", "br0")
        for flow in (
                "in_port=%d,ip,actions=nat64(4toll6,mtu=%d),output:%d"
                % (port, MTU, service),
                "in_port=%d,arp,actions=nat64:4toll6,output:%d"
                % (port, service),
                "in_port=%d,ipv6,actions=nat64:ll6to4,%s" % (service, back)):
            self.switch.ofctl("add-flow", "br0", flow)

    def close(self):
        self.switch.vsctl("del-br", "br0")


@pytest.fixture(scope="module")
def site(lab):
    site = Site(lab)
    yield site
    site.close()


@pytest.fixture(params=(True, False), ids=("kernel", "slow-path"))
def slow(site, request):
    """The second time, the datapath is said to lack the action."""
    site.switch.appctl("dpif/set-dp-features", "br0", "nat64",
                       str(request.param).lower())
    yield
    site.switch.appctl("dpif/set-dp-features", "br0", "nat64", "true")


def learned(lan):
    """Returns the MTU that a host has learned of the path to the service."""
    found = re.search(r"\bmtu (\d+)", lan.ip("route", "get", SERVICE))
    return found and int(found.group(1))


@pytest.mark.parametrize("kind", KEYS)
def test_too_big(site, kind, slow):
    site.connect(kind)
    lan = site.lans[kind]
    lan.ip("route", "flush", "cache")
    assert not learned(lan)
    ping = ("ping", "-n", "-c", 1, "-M", "do", "-W", 5)
    lan.run(*ping, SERVICE)
    # IPv4's header is 20 bytes shorter, and ping's 28 bytes count.
    fits = MTU - 20 - 28
    done = lan.run(*ping, "-s", fits + 1, SERVICE, check=False)
    assert ("From %s icmp_seq=1 Frag needed and DF set (mtu = %d)"
            % (SERVICE, MTU - 20)) in done.stdout
    assert learned(lan) == MTU - 20
    lan.run(*ping, "-s", fits, SERVICE)
    for line in site.switch.appctl("dpctl/dump-flows").splitlines():
        if "answer=" in line:
            assert "tunnel(" in line
