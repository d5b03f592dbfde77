# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""What selective mirrors let through, and what they cost: those whose traffic
is mirrored in each of the ways that there are, those whose traffic is not, and
those on a switch that has no mirrors."""

import json
import os
import random
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(REPOSITORY, "utilities", "labs"),
                os.path.join(REPOSITORY, "tests", "lab"), HERE]

import mirrorcheck  # noqa: E402
from lab import Capture, Controller, LabError, Switch  # noqa: E402
from lab import mirror  # noqa: E402
from lab.namespace import connect  # noqa: E402

NONE = "on a switch without mirrors"
BYSTANDER = "matched by no mirror"
COPY, INLINE, STATS = "copy", "inline", "stats"

# Where to ask: the server has an address for each way.
ADDRESSES = {NONE: "10.0.1.1", BYSTANDER: "10.0.0.1", COPY: "10.0.0.2",
             INLINE: "10.0.0.3", STATS: "10.0.0.4"}
MODES = (INLINE, COPY, STATS)


class Mirrors:
    """The demo's site, with a mirror for each mode on one switch; and another
    switch that joins the same hosts, with a tasukid that only forwards."""

    def __init__(self, lab, quick):
        # How many bytes a download has whose speed is measured, and how many
        # downloads there are at a time.
        self.long = (64 if quick else 256) << 20
        self.n_at_once = 25 if quick else 100
        self.site = mirror.Site(lab, sensors=["sensor"], configuration=[
            "add-mirror %s match=tcp,nw_dst=%s to=sensor start=%s"
            % (mode, ADDRESSES[mode], mode) for mode in MODES])
        self.client, self.server = self.site.client, self.site.server
        self.sensor = self.site.sensors["sensor"]
        for mode in MODES:
            self.server.ip("address", "add", ADDRESSES[mode] + "/24", "dev",
                           "eth0")
        self._other_switch(lab)
        www = os.path.join(self.site.nginx.directory, "www")
        for name, size in ("kilobyte.html", 1024), ("long.bin", self.long):
            with open(os.path.join(www, name), "wb") as f:
                f.truncate(size)

    def _other_switch(self, lab):
        plain = Switch(lab, "plain", "br-plain")
        for host, address in ((self.client, "10.0.1.100"),
                              (self.server, ADDRESSES[NONE])):
            connect(host, "eth1", plain.namespace, host.name)
            host.ip("address", "add", address + "/24", "dev", "eth1")
            plain.add_port(host.name, len(plain.hosts) + 1)
            plain.hosts[host.name] = host
        # As many ports as there.
        plain.attach("idle")
        Controller(plain, ("forward",))
        self.plain = plain

    def url(self, way, name):
        return "http://%s/%s" % (ADDRESSES[way], name)

    def curl(self, *argv, timeout=60):
        return self.client.run("curl", "-sSf", "--max-time", timeout, *argv,
                               timeout=timeout + 10).stdout

    def mirrored(self, mode, *names):
        """Returns the packets that the sensor gets when the client asks for
        'names' on one connection, and how many heads are missing."""
        capture = Capture(self.sensor, "eth0")
        self.curl(*sum([["-o", "/dev/null", self.url(mode, name)]
                        for name in names], []))
        packets = mirrorcheck.read(capture.stop(0.5))
        if capture.dropped():
            raise LabError("tcpdump was too slow")
        heads = sum(1 for p in packets if p.flow and re.match(
            rb"GET |HTTP/1.1 200", p.payload))
        missing = 2 * len(names) - heads
        # Counters that lag cannot do better.
        if missing and mode != STATS:
            raise LabError("%s: %d heads are missing" % (mode, missing))
        return packets, missing

    def _received(self, host):
        text = host.ip("-s", "-j", "link", "show", "dev", "eth0")
        return json.loads(text)[0]["stats64"]["rx"]["bytes"]

    def at_once(self, mode):
        """Downloads many files at the same time.  Returns which share of the
        bytes the sensor got and how many CPUs tasukid took."""
        hosts = (self.sensor, self.client)
        before = [self._received(host) for host in hosts]
        cpu = -_cpu_time(self.site.controller.process)
        started = time.monotonic()
        self.curl("-Z", "--parallel-immediate", "--parallel-max",
                  self.n_at_once,
                  "-o", "/dev/null", self.url(
                      mode, "big.bin?[1-%d]" % self.n_at_once), timeout=120)
        seconds = time.monotonic() - started
        cpu += _cpu_time(self.site.controller.process)
        time.sleep(0.3)
        copied, all_of_it = (self._received(host) - n for host, n
                             in zip(hosts, before))
        if all_of_it < self.n_at_once * mirror.BIG:
            raise LabError("the client got %d bytes" % all_of_it)
        return copied / all_of_it, cpu / seconds

    def speed(self, way):
        """Returns the Mbit/s of a download and the seconds of the switch's CPU
        time for each GB."""
        switch = self.plain if way == NONE else self.site.switch
        cpu = -_cpu_time(switch.vswitchd)
        text = self.curl("-o", "/dev/null", "-w", "%{speed_download}",
                         self.url(way, "long.bin"))
        cpu += _cpu_time(switch.vswitchd)
        return int(text) * 8 / 1e6, cpu / self.long * 1e9

    def speeds(self, runs):
        """Returns two dictionaries of lists by way."""
        speed, cpu = ({way: [] for way in ADDRESSES} for _ in range(2))
        for i in range(runs + 1):
            for way in random.sample(list(ADDRESSES), len(ADDRESSES)):
                mbps, seconds = self.speed(way)
                # The first round fills caches.
                if i:
                    speed[way].append(mbps)
                    cpu[way].append(seconds)
        return speed, cpu

    def first_byte(self, count):
        """Returns lists of milliseconds to the first byte, by way."""
        done = self.client.run(
            os.path.join(HERE, "ttfb.py"), "--count", count,
            *["%s;%s;/kilobyte.html;server" % item
              for item in ADDRESSES.items()], timeout=300)
        return json.loads(done.stdout)


def _cpu_time(process):
    """Returns the seconds of CPU time that a program has taken."""
    with open("/proc/%d/stat" % process.pid) as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
