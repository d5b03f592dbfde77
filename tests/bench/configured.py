# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""What tenants cost that are only configured: flows, memory, and the time that
one more takes."""

import glob
import re
import time

from lab import Controller, LabError, Switch
from lab.lab import wait_for

COUNTS = (1, 20, 100, 1000)
N_FLOWS = 5
N_PORTS = 3
DAEMONS = ("tasukid", "ovs-vswitchd", "ovsdb-server")

# Tenants in a transaction, when many are to be there.
AT_A_TIME = 100


def columns(i):
    """The arguments of "tasuki-ctl add-tenant" for tenant 'i'."""
    return ["t%d" % i, "lan=gre:192.0.2.1:%d" % i, "service=s%d" % i,
            "native6=n%d" % i]


def log_time(line):
    """Returns when a line was logged, in seconds of the day in UTC."""
    hours, minutes, seconds = re.match(r"\S+T(\d+):(\d+):([\d.]+)Z",
                                       line).groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


class Configured:
    """A switch with tasukid and the userspace datapath, and network devices
    for all tenants there will be."""

    def __init__(self, lab):
        self.lab = lab
        self.switch = Switch(lab, datapath="netdev")
        self.controller = Controller(self.switch, ("tenant",))
        self.n = 0
        self.pids = {}
        for name in DAEMONS:
            with open("%s/%s.pid" % (self.switch.rundir, name)) as f:
                self.pids[name] = int(f.read())
        self._make_devices(max(COUNTS) + 100)
        # Tells of flows as they come.
        monitor = lab.path("monitor.txt")
        self.switch.start("ovs-ofctl", "monitor", "br0",
                          "watch:!initial,table=10", log="monitor.txt")
        self.monitor = open(monitor)
        wait_for(self.monitor.read, "ovs-ofctl monitor")

    def _make_devices(self, n):
        path = self.lab.path("devices.txt")
        with open(path, "w") as f:
            for i in range(1, n + 1):
                # Each is the other end of the other, as there is nothing to
                # send.
                f.write("link add s%d type veth peer name n%d\n"
                        "link set s%d up\nlink set n%d up\n" % (i, i, i, i))
        self.switch.namespace.ip("-batch", path)

    def n_flows(self):
        return int(re.search(r"flow_count=(\d+)", self.switch.ofctl(
            "dump-aggregate", "br0", "table=10")).group(1))

    def memory(self, name):
        """Returns the resident memory of a daemon, in MB."""
        with open("/proc/%d/status" % self.pids[name]) as f:
            return int(re.search(r"VmRSS:\s*(\d+)", f.read()).group(1)) / 1024

    def cpu_time(self, name):
        """Returns the CPU time that a daemon has taken, in ms."""
        total = 0
        for path in glob.glob("/proc/%d/task/*/schedstat" % self.pids[name]):
            with open(path) as f:
                total += int(f.read().split()[0])
        return total / 1e6

    def grow(self, n):
        """Adds tenants until there are 'n'."""
        while self.n < n:
            last = min(n, self.n + AT_A_TIME)
            argv = []
            for i in range(self.n + 1, last + 1):
                argv += ["--", "add-tenant", *columns(i)]
            self.controller.ctl(*argv[1:], timeout=120)
            self.n = last
            # One is for br0 itself, which is no tenant's.
            wait_for(lambda: self.n_flows() == 1 + N_FLOWS * self.n,
                     "the flows of %d tenants" % self.n, timeout=300)

    def settle(self):
        """Waits until nobody has anything left to do."""
        def idle():
            before = sum(map(self.cpu_time, DAEMONS))
            time.sleep(0.5)
            # Looking at thousands of ports, one after the other, is all.
            return sum(map(self.cpu_time, DAEMONS)) - before < 40
        wait_for(idle, "the switch to be idle", timeout=60)
        self.monitor.read()

    def add_one(self):
        """Adds one tenant.  Returns when, in ms from the beginning, tasuki-ctl
        was done ("tasuki-ctl"), the switch had the ports ("ports") and the
        flows ("flows"), and the CPU time that each daemon took till it was
        idle again."""
        self.settle()
        self.n += 1
        cpu = {name: -self.cpu_time(name) for name in DAEMONS}
        start = time.time()
        self.controller.ctl("add-tenant", *columns(self.n))
        told = time.time()
        n = 0
        while n < N_FLOWS:
            time.sleep(0.0005)
            n += self.monitor.read().count("event=ADDED")
            if time.time() > start + 60:
                raise LabError("tenant %d has only %d flows" % (self.n, n))
        done = time.time()
        self.settle()
        for name in DAEMONS:
            cpu[name] += self.cpu_time(name)
        return {"tasuki-ctl": (told - start) * 1000,
                "ports": self._ports_added(start % 86400),
                "flows": (done - start) * 1000, **cpu}

    def _ports_added(self, start):
        with open(self.switch.rundir + "/ovs-vswitchd.log") as f:
            lines = [line for line in f if "added interface" in line]
        return (log_time(lines[-1]) - start) * 1000


def configured(lab, count_runs):
    """Yields, for each of COUNTS, the number, the flows, the memory of each
    daemon in MB, and what 'count_runs' times add_one() returns."""
    site = Configured(lab)
    for n in COUNTS:
        site.grow(n)
        site.settle()
        yield (n, site.n_flows() - 1,
               {name: site.memory(name) for name in DAEMONS},
               [site.add_one() for _ in range(count_runs)])
