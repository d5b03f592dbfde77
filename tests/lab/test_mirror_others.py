# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Selective mirrors on a switch that does other things with the same
connections: it moves them to other servers, or translates them for tenants."""

import hashlib

import pytest

import mirrorcheck
from lab import Capture
from lab.mirror import wait_up
from lab.tenants import SERVICE, Site as TenantSite
from labsite import PATHS

THRESHOLD = 20000
APPLICATIONS = ("forward", "handover", "tenant", "mirror")


class Watch:
    """What comes to places, a dictionary of (namespace, interface) by name."""

    def __init__(self, **places):
        self.captures = {name: Capture(*place, "tcp") for name, place
                         in places.items()}

    def seen(self):
        result = {}
        for name, capture in self.captures.items():
            result[name] = mirrorcheck.read(capture.stop(0.3))
            assert capture.dropped() == 0
        return result


@pytest.mark.parametrize("start", ("inline", "copy"))
def test_moved(make_site, big, start):
    """A moved connection is one connection, the client's: with one server's
    numbers, and nothing of how it was moved."""
    site = make_site(applications=APPLICATIONS)
    site.publish("big.bin", big.data)
    sensor = site.switch.attach("sensor")
    site.controller.ctl("add-mirror", "m", "to=sensor", "match=tcp,tp_dst=80",
                        "start=" + start, "threshold=%d" % THRESHOLD)
    wait_up(site.controller)
    watch = Watch(truth=(site.switch.namespace, "client"),
                  sensor=(sensor, "eth0"))
    for name, path in PATHS.items():
        response = site.curl(path + "big.bin")
        assert (response.server, response.digest()) == (name, big.digest)
        response = site.curl(path + "upload", "-H", "Expect:",
                             "--data-binary", "@" + big.path)
        assert (response.server, response.uploaded()) == (name, big.digest)
    site.wait_no_connections()
    seen = watch.seen()
    report = mirrorcheck.check(seen["truth"], seen["sensor"],
                               threshold=THRESHOLD,
                               excess=2 if start == "inline" else None,
                               ingress=True)
    assert not report.problems, report.problems[:9]
    assert len(report.connections) == 6 and len(report.heads) == 12
    assert report.bodies == 6


def test_tenants(lab):
    """Each tenant on the side that its policy says: LANs with the same
    addresses, whose packets look different at the service."""
    site = TenantSite(lab, 3, APPLICATIONS)
    site.serve()
    data = "0123456789abcdef" * 60000
    for tenant in site.tenants:
        site.apache.write(tenant.service + "/big.bin", data)
    sensors = {name: site.switch.attach(name) for name in ("s-lan", "s-svc")}
    for tenant, side, sensor, match in ((1, "lan", "s-lan", "tcp"),
                                        (2, "service", "s-svc", "tcp6")):
        site.controller.ctl(
            "add-mirror", "m%d" % tenant, "to=" + sensor, "match=" + match,
            "tenant=tenant%d" % tenant, "side=" + side, "start=inline",
            "threshold=%d" % THRESHOLD)
    wait_up(site.controller)
    # It looks the same in the LAN as where it comes out of its tunnel.
    places = {"lan": (site.tenants[0].host, "eth0"),
              "service": (site.switch.namespace, site.tenants[1].service)}
    watch = Watch(**places, **{name: (host, "eth0") for name, host
                               in sensors.items()})
    for tenant in site.tenants:
        done = tenant.host.run(
            "curl", "-sSf", "--max-time", 20, "http://%s/" % SERVICE,
            "http://%s/big.bin" % SERVICE, "http://%s/big.bin" % SERVICE)
        assert (hashlib.sha256(done.stdout.encode()).digest()
                == hashlib.sha256((tenant.page("ipv4") + 2 * data).encode()
                                  ).digest())
    seen = watch.seen()
    for truth, sensor in (("lan", "s-lan"), ("service", "s-svc")):
        report = mirrorcheck.check(seen[truth], seen[sensor],
                                   threshold=THRESHOLD, ingress=True)
        assert not report.problems, report.problems[:9]
        assert len(report.heads) == 6 and report.bodies == 2
        # Nobody else's.
        assert len(report.connections) == 1
