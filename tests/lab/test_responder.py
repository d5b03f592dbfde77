# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The responder as hosts see it, next to a service and a tenant: all three on
one bridge, and each as if it were alone."""

import os
import re
import subprocess

import pytest

from lab import Namespace
from lab.lab import wait_for
from lab.namespace import connect
from lab.tenants import IPV6, LAN, LAN_MAC, SERVICE, SERVICE_MAC
from labsite import Site

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

# The tenant's service has the second one, too.
ADDRESS, SHARED, ADDRESS6 = "10.0.0.254", SERVICE, "fd00::254"
MAC = "02:54:0a:00:00:fe"

# The example's flows, in whatever table it gets.
TALKERS = "cookie=0xe000000000000000/0xff00000000000000"


def tenant(site):
    """Plugs in a tenant, and returns its host."""
    host, service = (Namespace(site.lab, name, **IPV6)
                     for name in ("lan", "service"))
    connect(host, "eth0", site.switch.namespace, "lan1")
    connect(service, "eth0", site.switch.namespace, "vnet1")
    for end, mac, address in ((host, LAN_MAC, LAN + "/24"),
                              (service, SERVICE_MAC, "fe80::%s/64" % SERVICE)):
        end.ip("link", "set", "eth0", "address", mac)
        end.ip("address", "add", address, "dev", "eth0")
    site.controller.ctl("add-tenant", "acme", "lan=lan1", "service=vnet1")
    wait_for(lambda: ": up" in site.controller.ctl("show-tenants", "acme"),
             "the tenant")
    return host


@pytest.fixture(scope="module")
def site(shared_lab):
    site = Site(shared_lab, sysctls={"client": IPV6})
    shared_lab.sites.append(site)
    site.dpid = site.controller.ctl("--columns=datapath_id", "--no-headings",
                                    "--bare", "list", "Switch").strip()
    site.controller.ctl(
        "set", "Switch", site.dpid,
        "applications=forward,handover,responder,tenant",
        'other_config:responder-addresses="%s,%s,%s"'
        % (ADDRESS, SHARED, ADDRESS6))
    wait_for(lambda: "table=11" in "".join(site.switch.dump_flows()),
             "flows of the responder")
    site.client.ip("address", "add", "192.168.0.9/24", "dev", "eth0")
    site.client.ip("address", "add", "fd00::9/64", "dev", "eth0")
    site.tenant = tenant(site)
    return site


def mac_of(host, address):
    """Returns the MAC address that 'host' has found for 'address'."""
    found = re.search("lladdr ([0-9a-f:]+)",
                      host.ip("neighbor", "show", address))
    return found and found.group(1)


@pytest.mark.parametrize("address", (ADDRESS, SHARED, ADDRESS6))
@pytest.mark.parametrize("size", (0, 1400))
def test_ping(site, address, size):
    out = site.client.run("ping", "-c", 5, "-i", 0.2, "-W", 2, "-s", size,
                          address).stdout
    assert "5 received, 0% packet loss" in out
    assert out.count("ttl=255") == 5
    assert mac_of(site.client, address) == MAC


def test_address_of_nobody(site):
    done = site.client.run("ping", "-c", 1, "-W", 1, "10.0.0.253", check=False)
    assert done.returncode == 1


def test_address_is_taken(site):
    """Who wants one of the addresses learns that he cannot have it."""
    site.client.sysctl({"net.ipv6.conf.eth0.accept_dad": 1})
    site.client.ip("address", "add", ADDRESS6 + "/64", "dev", "eth0")
    wait_for(lambda: "dadfailed" in site.client.ip("address", "show", "eth0"),
             "duplicate address detection to fail")
    site.client.ip("address", "del", ADDRESS6 + "/64", "dev", "eth0")


def test_tenant_with_the_same_address(site):
    """A tenant's packets reach its service, not the responder."""
    before = site.controller.appctl("responder/show")
    out = site.tenant.run("ping", "-c", 3, "-i", 0.2, "-W", 2, SHARED).stdout
    assert "3 received, 0% packet loss" in out
    assert mac_of(site.tenant, SHARED) == SERVICE_MAC
    assert site.controller.appctl("responder/show") == before
    # And what the service does not have, nobody has.
    done = site.tenant.run("ping", "-c", 1, "-W", 1, "192.168.0.101",
                           check=False)
    assert done.returncode == 1


@pytest.fixture
def talkers(site):
    """A stage that looks at packets whose way is decided, which none does
    otherwise: the example of an application that is not part of Tasuki, built
    with the headers of this tree."""
    include = site.lab.path("include", "")
    os.symlink(os.path.join(TOP, "utilities/tasukid/core"),
               include + "tasukid")
    os.mkdir(site.controller.app_dir)
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-I" + include,
         "-I" + os.path.join(TOP, "build/src/openvswitch/include"),
         "-I" + os.path.join(TOP, "build/ovs/include"),
         os.path.join(TOP, "docs/examples/talkers.c"), "-o",
         os.path.join(site.controller.app_dir, "talkers.so")], check=True)
    site.controller.ctl("add", "Switch", site.dpid, "applications", "talkers")
    wait_for(lambda: site.switch.dump_flows(TALKERS),
             "the flow of the example")
    yield
    site.controller.ctl("remove", "Switch", site.dpid, "applications",
                        "talkers")


def n_seen(site):
    """Returns how many IPv4 packets "talkers" has seen."""
    flow, = [flow for flow in site.switch.ofctl(
        "dump-flows", site.switch.bridge, TALKERS).splitlines()
        if ",ip actions=" in flow]
    return int(re.search(r"n_packets=(\d+)", flow).group(1))


def test_service(site, talkers):
    """A connection is handed over, and all of it comes by a stage behind the
    service's: what tasukid sends itself, too, such as the request that it says
    again to the second server."""
    site.curl("/")      # Now it is known where everybody is.
    site.wait_no_connections()
    before = n_seen(site)
    captures = site.capture()
    response = site.curl("/two/")
    assert (response.status, response.server) == (200, "server2")
    captured = site.captured(captures)
    delivered = sum(segment.mac_dst == site.hosts[name].mac
                    for name, segments in captured.items()
                    for segment in segments)
    assert delivered > 10
    wait_for(lambda: n_seen(site) - before >= delivered,
             "all segments to be counted")
