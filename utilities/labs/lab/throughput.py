# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Throughput of one TCP connection through the switch, by what the switch does
to each of its segments."""

import json
import os
import random
import re
import statistics
from typing import NamedTuple

from .errors import LabError
from .lab import wait_for
from .servers import Iperf

SERVICE = "10.1.0.1"
SERVICE_MAC = "02:00:00:00:01:01"
SERVER = "10.1.0.2"
CLIENT = "10.1.0.100"

# A moved connection as the client sees it: its server's sequence numbers and
# timestamps are the real ones less and plus these.  Any numbers will do, as
# long as both directions agree from the first segment on.
SEQ_OFFSET = 0x01020304
TS_OFFSET = 123456789


class Kind(NamedTuple):
    """What the switch does to a connection: the actions before "output", in
    either direction, and the address that the client connects to."""

    text: str
    to_server: tuple = ()
    to_client: tuple = ()
    address: str = SERVER


_REWRITE = (("set_field:{server.mac}->eth_dst",
             "set_field:%s->ip_dst" % SERVER),
            ("set_field:%s->eth_src" % SERVICE_MAC,
             "set_field:%s->ip_src" % SERVICE))
_OFFSET = (("tcp_offset(ack=%d,tsecr=%d)" % (SEQ_OFFSET, -TS_OFFSET),),
           ("tcp_offset(seq=%d,tsval=%d)" % (-SEQ_OFFSET, TS_OFFSET),))

KINDS = {
    "plain": Kind("plain switching"),
    "rewrite": Kind("IP+MAC rewriting", *_REWRITE, SERVICE),
    "offset": Kind("tcp_offset", *_OFFSET),
    "moved": Kind("IP+MAC rewriting + tcp_offset",
                  _REWRITE[0] + _OFFSET[0], _REWRITE[1] + _OFFSET[1],
                  SERVICE),
}

# The paper's ratios, of an action that was encoded in two others.
PAPER = {"plain": 1.0, "rewrite": 0.95, "moved": 0.40}


class Throughput:
    """Measures on a bridge and two hosts of its own, in 'switch'.  'cpu_time'
    returns the CPU time of what is measured, in seconds, by default of
    ovs-vswitchd."""

    def __init__(self, switch, bridge="br-iperf", cpu_time=None):
        self.switch = switch
        self.cpu_time = cpu_time or self._vswitchd_cpu_time
        self.bridge = bridge
        switch.add_bridge(bridge)
        self.client = switch.attach("iperf-client", CLIENT + "/24", bridge)
        self.server = switch.attach("iperf-server", SERVER + "/24", bridge)
        for host, address, mac in ((self.client, SERVER, self.server.mac),
                                   (self.client, SERVICE, SERVICE_MAC),
                                   (self.server, CLIENT, self.client.mac)):
            host.ip("neighbor", "replace", address, "lladdr", mac,
                    "dev", "eth0", "nud", "permanent")
        Iperf(self.server)

    def flows(self, kind):
        """Returns the flow entries of 'kind', a key of KINDS."""
        return ["tcp,in_port=%d,actions=%s"
                % (source.port, ",".join(
                    [action.format(server=self.server) for action in actions]
                    + ["output:%d" % target.port]))
                for source, target, actions
                in ((self.client, self.server, KINDS[kind].to_server),
                    (self.server, self.client, KINDS[kind].to_client))]

    def run(self, kind, seconds=2, megabytes=None, reverse=True,
            length=None):
        """Returns the Mbit/s that the receiver of one connection saw in
        'seconds', or of that many megabytes, and the seconds of CPU time for
        each GB.  Data flows from server to client if 'reverse'."""
        flows = self.switch.lab.path("throughput-flows")
        with open(flows, "w") as f:
            f.write("\n".join(self.flows(kind)) + "\n")
        self.switch.ofctl("del-flows", self.bridge)
        self.switch.ofctl("add-flows", self.bridge, flows)
        cpu = -self.cpu_time()
        done = self.client.run(
            "iperf3", "--client", KINDS[kind].address,
            "--json", *(["--bytes", megabytes * 1000000] if megabytes else
                        ["--time", seconds]),
            *(["--reverse"] if reverse else []),
            *(["--set-mss", length] if length else []),
            check=False, timeout=120 if megabytes else seconds + 20)
        cpu += self.cpu_time()
        try:
            result = json.loads(done.stdout)
            received = result["end"]["sum_received"]
        except (ValueError, KeyError):
            raise LabError("iperf3: " + done.stdout + done.stderr) from None
        self._check_used(received["bytes"])
        return (received["bits_per_second"] / 1e6,
                cpu / result["end"]["sum_sent"]["bytes"] * 1e9)

    def _vswitchd_cpu_time(self):
        with open("/proc/%d/stat" % self.switch.vswitchd.pid) as f:
            fields = f.read().rpartition(")")[2].split()
        return ((int(fields[11]) + int(fields[12]))
                / os.sysconf("SC_CLK_TCK"))

    def _check_used(self, n_bytes):
        """Makes sure that the connection went the way that was meant.  The
        datapath's counters reach the flow entries a little later."""
        def counted():
            text = self.switch.ofctl("dump-flows", self.bridge)
            return sum(map(int, re.findall(r"n_bytes=(\d+)", text)))
        wait_for(lambda: counted() >= n_bytes,
                 "the flow entries to have seen %d bytes" % n_bytes,
                 interval=0.1)

    def compare(self, kinds=tuple(PAPER), runs=5, progress=None, **kwargs):
        """Returns two dictionaries of lists by kind, of Mbit/s and of CPU
        time, of 'runs' runs that take turns, each time in another order, so
        that whatever else the machine does is shared fairly.  'progress' is
        called before each run with its number from 0."""
        speed = {kind: [] for kind in kinds}
        cpu = {kind: [] for kind in kinds}
        for i in range(runs):
            order = random.sample(kinds, len(kinds))
            for j, kind in enumerate(order):
                if progress:
                    progress(i * len(kinds) + j)
                mbps, seconds = self.run(kind, **kwargs)
                speed[kind].append(mbps)
                cpu[kind].append(seconds)
        return speed, cpu


def table(results):
    """Returns the lines of a table of what compare() returned."""
    base = statistics.median(next(iter(results.values())))
    lines = ["%-31s %8s %8s %8s %8s %8s" % (
        "one TCP connection, Mbit/s", "median", "min", "max", "ratio",
        "paper")]
    for kind, values in results.items():
        median = statistics.median(values)
        lines.append("%-31s %8.0f %8.0f %8.0f %8.2f %8.2f" % (
            KINDS[kind].text, median, min(values), max(values), median / base,
            PAPER[kind]))
    return lines
