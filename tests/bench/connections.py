# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""New connections to a server, by several ways: through a service, moved or
not, and through what does without one."""

import json
import os
import random
import re
import sys
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(REPOSITORY, "utilities", "labs"),
                os.path.join(REPOSITORY, "tests", "lab"), HERE]

from lab import Haproxy, LabError, Switch  # noqa: E402
from lab.lab import wait_for  # noqa: E402
from lab.namespace import connect  # noqa: E402
from labsite import Site  # noqa: E402


class Way(NamedTuple):
    """Where to ask for what, and who answers; which host asks."""

    address: str
    path: str
    server: str
    host: str = "client"


STRAIGHT = "straight, on a plain switch"
HAPROXY = "by way of HAProxy, on a plain switch"
KEPT = "kept on the first server"
MOVED = "moved to another server"
BYSTANDER = "straight, on the switch of the service"

WAYS = {
    STRAIGHT: Way("10.0.1.3", "/three/", "server3"),
    HAPROXY: Way("10.0.1.50", "/three/", "server3"),
    KEPT: Way("10.0.0.1", "/", "server1"),
    MOVED: Way("10.0.0.1", "/three/", "server3"),
    BYSTANDER: Way("10.0.0.3", "/three/", "server3", "bystander"),
}


class Connections:
    """The site of the lab tests, on a switch that tasukid controls; and for
    what it is compared with another switch, with a process of its own, that
    has no controller and but one flow, NORMAL.  Client and server have a
    cable to both, so that it is the same two programs that talk."""

    def __init__(self, lab):
        self.site = Site(lab)
        self.client = self.site.client
        self.plain = Switch(lab, "plain", "br-plain")
        self.plain.ofctl("add-flow", "br-plain", "actions=NORMAL")
        self._cable(self.client, "10.0.1.100/24", 1)
        self._cable(self.site.hosts["server3"], "10.0.1.3/24", 2)
        # Somebody who does not use the service, on its switch.
        self.hosts = {"client": self.client, "bystander":
                      self.site.switch.attach("bystander", "10.0.0.102/24")}
        proxy = self.plain.attach("haproxy", "10.0.1.50/24")
        Haproxy(proxy, {"server3": "10.0.1.3:80"}, {}, "server3")
        # A userspace datapath polls all its ports: as many here as there.
        while len(self.plain.hosts) < len(self.site.switch.hosts):
            self.plain.attach("idle%d" % len(self.plain.hosts))

    def _cable(self, host, address, number):
        connect(host, "eth1", self.plain.namespace, host.name)
        host.ip("address", "add", address, "dev", "eth1")
        # plug() counts hosts, and gives the next one the next number.
        self.plain.add_port(host.name, number)
        self.plain.hosts[host.name] = host

    def first_byte(self, count):
        """Returns lists of milliseconds from connect() to the first byte of
        the response, by way, of connections one after the other."""
        done = self.client.run(
            os.path.join(HERE, "ttfb.py"), "--count", count,
            *["%s;%s;%s;%s" % (name, *way[:3]) for name, way in WAYS.items()
              if way.host == "client"], timeout=300)
        return json.loads(done.stdout)

    def rates(self, runs, seconds):
        """Returns lists of new connections a second, by way."""
        measured = {way: [] for way in WAYS}
        # The first round, for what happens the first time only, is not
        # counted.  Those by way of the service come last in each: the switch
        # forgets them some ten seconds later, and that is not the others'
        # affair.
        for i in range(runs + 1):
            for ways in (set(WAYS) - {KEPT, MOVED}, {KEPT, MOVED}):
                for way in random.sample(sorted(ways), len(ways)):
                    rate = self._rate(way, seconds)
                    if i:
                        measured[way].append(rate)
            self._wait_forgotten()
        return measured

    def _wait_forgotten(self):
        def n_records():
            text = self.site.controller.appctl("service/stats")
            return int(re.search(r"records +(\d+)", text)[1])
        # Of those that wrk gave up at the end some last longer.
        wait_for(lambda: n_records() < 100, "the end of connections", 120,
                 interval=1)

    def _rate(self, name, seconds):
        """wrk keeps 32 connections going, each with one request."""
        way = WAYS[name]
        done = self.hosts[way.host].run(
            "wrk", "-t1", "-c32", "-d%d" % seconds, "-H", "Connection: close",
            "http://%s%s" % (way.address, way.path), timeout=seconds + 30)
        rate = re.search(r"Requests/sec: +([0-9.]+)", done.stdout)
        if not rate or re.search("Socket errors|Non-2xx", done.stdout):
            raise LabError("wrk, %s: %s" % (name, done.stdout + done.stderr))
        return float(rate[1])
