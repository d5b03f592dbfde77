# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Memory of tasukid by what its connections are doing."""

import json
import os

from lab import Controller, LabError, Namespace, Switch
from lab.namespace import connect

CROWD = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "lab", "crowd.py")
SERVICE = "10.0.0.1"
MACS = {"server1": "02:00:00:00:00:01", "server2": "02:00:00:00:00:02"}


class CrowdSite:
    """A switch, and a namespace that plays all clients on one of its ports and
    all servers on the other."""

    def __init__(self, lab, service=()):
        self.switch = Switch(lab)
        self.crowd = Namespace(lab, "crowd")
        for number, name in enumerate(("clients", "servers"), 1):
            connect(self.crowd, name, self.switch.namespace, name)
            self.switch.add_port(name, number)
        self.controller = Controller(self.switch)
        ctl = self.controller.ctl
        # Connections that do nothing for as long as the measurement takes.
        ctl("add-service", "web", SERVICE + ":80", "inspect-timeout=600000",
            "idle-timeout=600", "max-connections=200000", *service)
        for name, mac in MACS.items():
            ctl("add-server", "web", name, "mac=" + mac, "ofport=servers")
        ctl("add-rule", "web", "server2", "path=/two/*")
        ctl("set", "Tasuki", ".", "max_connections=200000")

    def run(self, *argv, timeout=300):
        """Runs crowd.py and returns what it says."""
        done = self.crowd.run(
            CROWD, "--client", "clients", "--server", "servers", "--timeout",
            timeout, *argv, timeout=timeout + 30)
        return json.loads(done.stdout)


def measure(lab, count, stage, request):
    """Brings 'count' connections to 'stage' with 'request'.  Returns the bytes
    that tasukid has grown by for each, and its size after."""
    site = CrowdSite(lab)
    # What the first connections cost is not for them alone.
    site.run("--count", 100, "--stage", stage, "--request", request,
             "--first", "10.0.9.1")
    before = site.controller.memory()
    report = site.run("--count", count, "--stage", stage, "--request", request)
    after = site.controller.memory()
    tracked = len(site.controller.connections())
    if report.get("done", 0) != count or tracked < count:
        raise LabError("%d connections of %d got to be %s, %d are tracked: %s"
                       % (report.get("done", 0), count, stage, tracked,
                          report))
    return (after - before) / count, after


def per_inspected(lab, count):
    request = "GET /"
    grown, total = measure(lab, count, "inspecting", request)
    return grown - len(request), total


def per_kept(lab, count):
    return measure(lab, count, "served",
                   r"GET / HTTP/1.1\r\nHost: crowd.example\r\n\r\n")


def per_moved(lab, count):
    return measure(lab, count, "served",
                   r"GET /two/ HTTP/1.1\r\nHost: crowd.example\r\n\r\n")
