# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Memory of tasukid by what its connections are doing."""

import json
import os
import re

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
        # Makes it necessary to read heads to their end.
        ctl("add-rule", "web", "server2", "header:X-Crowd=two")
        ctl("set", "Tasuki", ".", "max_connections=200000",
            "max_held_bytes=100000000")

    def run(self, *argv, timeout=300):
        """Runs crowd.py and returns what it says."""
        done = self.crowd.run(
            CROWD, "--client", "clients", "--server", "servers", "--timeout",
            timeout, *argv, timeout=timeout + 30)
        return json.loads(done.stdout)


def measure(lab, count, stage, requests):
    """Brings 'count' connections to 'stage', with each of 'requests' in equal
    parts.  Returns the bytes that tasukid has grown by for each, and its size
    after."""
    site = CrowdSite(lab)
    # What the first connections cost is not for them alone.
    site.run("--count", 100, "--stage", stage, "--request", requests[0],
             "--first", "10.0.99.1")
    before = site.controller.memory()
    for i, request in enumerate(requests):
        report = site.run(
            "--count", count // len(requests), "--stage", stage, "--request",
            request, "--first", "10.0.%d.1" % (i + 1))
        if report.get("done", 0) != count // len(requests):
            raise LabError("not all got to be %s: %s" % (stage, report))
    after = site.controller.memory()
    state = "INSPECT" if stage == "inspecting" else "KEPT|MOVED"
    tracked = len([line for line in site.controller.connections()
                   if re.search(state, line)])
    if tracked < count:
        raise LabError("%d of %d connections are %s" % (tracked, count, stage))
    return (after - before) / count, after


def per_inspected(lab, count):
    """Of connections that have sent an ordinary request, but for its end."""
    request = (r"GET /index.html HTTP/1.1\r\nHost: www.example.com\r\n"
               r"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0)\r\n"
               r"Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"
               r"Accept-Language: en-US,en;q=0.5\r\n"
               r"Cookie: session=0123456789abcdef0123456789abcdef")
    grown, total = measure(lab, count, "inspecting", [request])
    return grown - len(request.encode().decode("unicode_escape")), total


def per_tracked(lab, count):
    """Of connections that the switch forwards, half of them moved."""
    return measure(lab, count, "served",
                   [r"GET / HTTP/1.1\r\nHost: crowd.example\r\n\r\n",
                    r"GET /two/ HTTP/1.1\r\nHost: crowd.example\r\n\r\n"])
