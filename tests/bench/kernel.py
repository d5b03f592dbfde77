#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Speed of the kernel's datapath with our module, in User Mode Linux.

The benchmark starts this program in a guest, once for each part, and reads the
figures that it leaves.  In the guest there is one CPU, so that times add up:
what a packet takes is the time from the making of one to the making of the
next."""

import argparse
import fcntl
import json
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(REPOSITORY, "utilities", "labs")]

from lab import Lab, LabError, Switch  # noqa: E402
from lab import guest, throughput  # noqa: E402
from lab.lab import wait_for  # noqa: E402
from lab.switch import programs  # noqa: E402
from dpdk import frame  # noqa: E402
from tenants import guest_tenants  # noqa: E402
from turns import CpuTimes, cpu_time, rounds  # noqa: E402

class Case(NamedTuple):
    """What the datapath does to each segment before it goes out, in the words
    of dpctl, and the cases that it is compared with: each with the ratio of
    the packet rates that is wanted, or None.  A value that an action leaves
    takes one more pass through the datapath."""

    actions: str = ""
    compared: tuple = ()
    leaves_value: bool = False


REWRITE = "set(eth(dst=02:00:00:00:00:03)),set(ipv4(dst=10.0.0.3))"
OFFSET = "tcp_offset(seq=16909060,ack=-5)"
CASES = {
    "output": Case(),
    "IP+MAC rewriting": Case(REWRITE, (("output", None),)),
    "tcp_offset": Case(OFFSET, (("output", 0.95), ("IP+MAC rewriting", 1))),
    "IP+MAC rewriting + tcp_offset": Case(
        REWRITE + "," + OFFSET, (("IP+MAC rewriting", None),)),
    "nat64": Case("nat64(4to6,prefix=fe80::/96)", (("output", 0.8),)),
    # Half of the flows are inside.
    "check_tcp_seq": Case("check_tcp_seq(ack,start=0,len=32000000)",
                          (("output", 0.85),), leaves_value=True),
    # What a group does whose bucket a hash of the datapath selects, without
    # the buckets' own actions.
    "select group": Case("hash(hash_l4(0))", (("output", None),),
                         leaves_value=True),
    "ipsec_tag": Case("ipsec_tag(n=8,to=NXM_NX_PKT_MARK[0..7])",
                      (("output", 0.93), ("select group", 1))),
}
GENERATOR = "generator alone"
N_FLOWS = 32

# What the switch does to iperf3's connection, and what it is compared with.
KINDS = {
    "plain": (None, None),
    "rewrite": ("plain", None),
    "offset": ("plain", 0.98),
    "moved": ("rewrite", None),
}

# Connections in the flow table, and what is done to them.
INSTALLED = (1, 1000, 50000)
CONNECTIONS = {
    "output": lambda i: "",
    "tcp_offset": lambda i: "tcp_offset(seq=%d,ack=%d)" % (
        i * 40503 % (1 << 31) + 1, -i - 1),
}


class Generator:
    """The kernel module in generator/, loaded."""

    DEVICE = "/dev/tasuki-generator"
    RUN = struct.Struct("=IIIIIIQ")
    IOCTL = 3 << 30 | RUN.size << 16 | ord("T") << 8 | 1

    def __init__(self, lab, frames):
        lab.run("insmod", os.environ["TASUKI_GENERATOR"])
        self.file = os.open(self.DEVICE, os.O_WRONLY)
        self.len = len(frames[0])
        os.write(self.file, b"".join(frames))

    def run(self, interface, packets, first=0, count=1):
        """Receives 'packets' on 'interface', of 'count' frames in turn.
        Returns the nanoseconds that each has taken."""
        data = bytearray(self.RUN.pack(
            socket.if_nametoindex(interface) if interface else 0, self.len,
            first, count, packets, 0, 0))
        fcntl.ioctl(self.file, self.IOCTL, data)
        return self.RUN.unpack(data)[-1] / packets


class Datapath:
    """A datapath of the kernel with two ports, 'input' and 'drain', which are
    interfaces of its own.  No ovs-vswitchd looks after it."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.input, self.drain = name + "-in", name + "-out"
        self.n_flows = self.n_packets = 0
        self.passes = 1         # Of a packet.
        self.dpctl("add-dp", name)
        for interface in (self.input, self.drain):
            lab.run("ip", "link", "add", interface, "type", "dummy")
            # What IPv6 says by itself would be counted, too.
            lab.run("sysctl", "-q", "net.ipv6.conf.%s.disable_ipv6=1"
                    % interface)
            lab.run("ip", "link", "set", interface, "up")
            self.dpctl("add-if", name, interface)

    def dpctl(self, *argv):
        return self.lab.run(os.path.join(programs(), "ovs-dpctl"), *argv,
                            timeout=300).stdout

    def install(self, actions, leave_value=False):
        """Adds for each of 'actions' a flow that is exactly the connection of
        that number, as frame() makes them; if they leave a value, a bit, then
        also one for each of its values."""
        path = self.lab.path(self.name + "-flows")
        self.passes = 2 if leave_value else 1
        with open(path, "w") as f:
            for i, action in enumerate(actions):
                self.n_flows += 1
                f.write("recirc_id(0),in_port(1),"
                        "eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),"
                        "eth_type(0x0800),"
                        "ipv4(src=10.0.0.100,dst=10.0.0.1,proto=6,frag=no),"
                        "tcp(src=%d,dst=80),tcp_flags(0/0) %s%s\n"
                        % (10000 + i, action and action + ",",
                           "recirc(%d)" % (i + 1) if leave_value else "2"))
                # As ovs-vswitchd makes them.
                for value in range(2) if leave_value else ():
                    self.n_flows += 1
                    f.write("recirc_id(%d),dp_hash(%d/1),in_port(1),"
                            "eth(),eth_type(0x0800),ipv4(frag=no) 2\n"
                            % (i + 1, value))
        self.dpctl("add-flows", self.name, path)

    def check(self, action):
        """Makes sure that all packets went through the flows, in the kernel,
        which did 'action' to them, and came out."""
        flows = self.dpctl("dump-flows", self.name).splitlines()
        if len(flows) != self.n_flows:
            raise LabError("%d of %d flows" % (len(flows), self.n_flows))
        counted = sum(int(re.search(r"packets:(\d+)", line).group(1))
                      for line in flows)
        missed = re.search(r"missed:(\d+)", self.dpctl("show", self.name))
        with open("/sys/class/net/%s/statistics/tx_packets"
                  % self.drain) as f:
            sent = int(f.read())
        if (counted != self.n_packets * self.passes or sent != self.n_packets
                or int(missed.group(1))
                or any("userspace" in line for line in flows)
                or not any(action in line.partition("actions:")[2]
                           for line in flows)):
            raise LabError("of %d packets the flows have seen %d, %d came out "
                           "and %s missed; flow: %s" % (
                               self.n_packets, counted, sent,
                               missed.group(1), flows[0]))


def guest_packets(lab, quick):
    """Nanoseconds per packet by action."""
    generator = Generator(lab, [frame(i) for i in range(N_FLOWS)])
    datapaths = {}
    for i, (name, case) in enumerate(CASES.items()):
        datapaths[name] = Datapath(lab, "dp%d" % i)
        datapaths[name].install([case.actions] * N_FLOWS, case.leaves_value)

    def measure(name):
        dp = datapaths.get(name)
        for packets in (256, 1024):     # The first warm the caches.
            ns = generator.run(dp and dp.input, packets, 0, N_FLOWS)
            if dp:
                dp.n_packets += packets
        return ns
    measured = rounds([GENERATOR, *CASES], 1000 if quick else 5000, measure)
    for name, dp in datapaths.items():
        dp.check(CASES[name].actions)
    return measured


def guest_connections(lab, quick):
    """Nanoseconds per packet by action, connections in the flow table, and
    how many of them the traffic belongs to: one, any, or all."""
    generator = Generator(lab, [frame(i) for i in range(INSTALLED[-1])])
    datapaths, cases = {}, []
    for name, actions in CONNECTIONS.items():
        for n in INSTALLED:
            dp = datapaths[name, n] = Datapath(lab, "%s%d" % (name[:3], n))
            dp.install(map(actions, range(n)))
            cases += [(name, n, busy) for busy in sorted({1, n})]

    def measure(case):
        name, n, busy = case
        dp = datapaths[name, n]
        first = random.randrange(n - busy + 1)
        for packets in (busy + 256, max(busy, 4096)):
            ns = generator.run(dp.input, packets, first, busy)
            dp.n_packets += packets
        return ns
    measured = rounds(cases, 50 if quick else 150, measure)
    for (name, _), dp in datapaths.items():
        dp.check("" if name == "output" else name)
    return [case + (ns,) for case, ns in measured.items()]


def guest_throughput(lab, quick):
    """What one TCP connection gets, by kind: Mbit/s, and megabits for each
    second of CPU time of the guest, which is what it would be on a machine
    that does nothing else.  And bytes in a packet, which are more than the
    wire allows where segmentation is left to the end."""
    switch = Switch(lab)
    bench = throughput.Throughput(switch, cpu_time=cpu_time)
    packet_sizes = []

    def measure(kind):
        speed, cpu = bench.run(kind, megabytes=500 if quick else 1000)
        packet_sizes.append(check_offloaded(switch, kind))
        return speed, 8000 / cpu
    measure("plain")            # Warms up.
    measured = rounds(KINDS, 8 if quick else 20, measure)
    return {"speed": {kind: [pair[0] for pair in pairs]
                      for kind, pairs in measured.items()},
            "CPU": {kind: [pair[1] for pair in pairs]
                    for kind, pairs in measured.items()},
            "packet": packet_sizes}


def check_offloaded(switch, kind):
    """Makes sure that the kernel did what 'kind' stands for, by itself, and
    returns the bytes in a packet of the direction that carries data."""
    flows = [line for line in switch.appctl("dpctl/dump-flows").splitlines()
             if "eth_type(0x0800)" in line]
    for name, there in (("userspace", False),
                        ("tcp_offset(", "offset" in kind or kind == "moved"),
                        ("set(ipv4(", kind in ("rewrite", "moved"))):
        if len(flows) < 2 or [line for line in flows
                              if (name in line) != there]:
            raise LabError("%s: not what the kernel should do: %s"
                           % (kind, "\n".join(flows)))
    packets, size = max(
        ([int(n) for n in re.search(r"packets:(\d+), bytes:(\d+)",
                                    line).groups()] for line in flows),
        key=lambda pair: pair[1])
    return size / packets


# The tenant paper's LAN and service, here with one pair of link-local addresses
# for both: what IPv6 straight is to nat64 is the translation alone.
LAN, SERVICE = "192.168.0.1", "192.168.0.100"
LAN6, SERVICE6 = "fe80::c0a8:1", "fe80::c0a8:64"
NAT64 = {
    "IPv6 straight": ("ipv6,in_port=1,actions=output:2",
                      "ipv6,in_port=2,actions=output:1"),
    "nat64": ("ip,in_port=1,actions=nat64:4toll6,output:2",
              "arp,in_port=1,actions=nat64:4toll6,output:2",
              "ipv6,in_port=2,actions=nat64:ll6to4,output:1"),
}
NAT64_DIRECTIONS = {"to the service": (), "to the LAN": ("--reverse",)}


class Nat64:
    """An IPv4 LAN that is an IPv6 one, too, and an IPv6 service."""

    def __init__(self, lab):
        self.switch = Switch(lab)
        ipv6 = {"net.ipv6.conf.%s.disable_ipv6" % name: 0
                for name in ("all", "default")}
        self.lan = self.switch.attach("lan", LAN + "/24", sysctls=ipv6)
        self.service = self.switch.attach("service", sysctls=ipv6)
        for host, address in (self.lan, LAN6), (self.service, SERVICE6):
            host.ip("link", "set", "eth0", "addrgenmode", "none")
            host.ip("address", "flush", "dev", "eth0", "scope", "link")
            host.ip("address", "add", address + "/64", "dev", "eth0", "nodad")
        self.service.start("iperf3", "--server", log="iperf3.log")
        wait_for(lambda: ":5201 " in self.service.run("ss", "-Hltn").stdout,
                 "iperf3")

    def run(self, kind, options, megabytes):
        """Returns the Mbit/s of one connection of 'kind', and the megabits for
        each second of CPU time of the guest."""
        ofctl, bridge = self.switch.ofctl, self.switch.bridge
        ofctl("del-flows", bridge)
        for flow in NAT64[kind]:
            ofctl("add-flow", bridge, flow)
        cpu = -cpu_time()
        done = self.lan.run(
            "iperf3", "--json", "--bytes", megabytes * 1000000, *options,
            "--client", SERVICE if kind == "nat64" else SERVICE6 + "%eth0",
            check=False, timeout=120)
        cpu += cpu_time()
        result = json.loads(done.stdout)
        if "error" in result:
            raise LabError("iperf3: " + result["error"])
        for line in self.switch.appctl("dpctl/dump-flows").splitlines():
            if "userspace" in line:
                raise LabError("not in the kernel: " + line)
        received = result["end"]["sum_received"]
        return (received["bits_per_second"] / 1e6,
                received["bytes"] * 8e-6 / cpu)


def guest_nat64(lab, quick):
    """What one TCP connection gets with and without translation, by direction:
    Mbit/s, and megabits for each second of CPU time."""
    nat64 = Nat64(lab)
    cases = [(kind, way) for way in NAT64_DIRECTIONS for kind in NAT64]
    megabytes = 300 if quick else 1000

    def measure(case):
        return nat64.run(case[0], NAT64_DIRECTIONS[case[1]], megabytes)
    for case in cases:          # Finds out the path's MTU.
        measure(case)
    return [[*case, *zip(*pairs)] for case, pairs
            in rounds(cases, 6 if quick else 20, measure).items()]


PARTS = {"throughput": guest_throughput, "packets": guest_packets,
         "connections": guest_connections, "nat64": guest_nat64,
         "tenants": guest_tenants}


def build_generator(release, tree, *options):
    """Builds the generator for kernel 'release', whose headers are in 'tree',
    and returns its path."""
    build = os.path.join(REPOSITORY, "build", "generator", release)
    os.makedirs(build, exist_ok=True)
    for name in ("Kbuild", "tasuki-generator.c"):
        shutil.copy2(os.path.join(HERE, "generator", name), build)
    done = subprocess.run(["make", "-C", tree, "M=" + build, *options,
                           "modules"], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise LabError("the packet generator does not build: " + done.stdout)
    return os.path.join(build, "tasuki-generator.ko")


def run_in_guest(lab, part, quick):
    """Runs a part in a guest and returns what it found."""
    uml = guest.Uml(lab, memory="2G")
    log = lab.path("kernel-%s.log" % part)
    env = dict(os.environ, TASUKI_DATAPATH="system", TASUKI_OFFLOAD="on",
               TASUKI_GENERATOR=build_generator(
                   os.path.basename(uml.tree), uml.tree, "ARCH=um"),
               TASUKI_SHARE=uml.share)
    times = CpuTimes(uml)
    times.start()
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    cpus = os.sched_getaffinity(0)
    # What else the machine does is not what is measured, nor how its scheduler
    # moves the guest's processes, which take turns, from one CPU to another.
    os.setpriority(os.PRIO_PROCESS, 0, -15)
    os.sched_setaffinity(0, {max(cpus)})
    try:
        with open(log, "w") as f:
            outcome = uml.run(
                sys.executable, os.path.abspath(__file__), part,
                os.path.join(uml.share, "figures.json"),
                *(["--quick"] if quick else []), env=env, stdout=f,
                timeout=1800)
    finally:
        times.end.set()
        times.join()
        os.sched_setaffinity(0, cpus)
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    if not outcome.good:
        with open(log) as f:
            raise LabError("in the guest: %s%s" % (
                f.read(), "\n".join(outcome.complaints)))
    with open(os.path.join(uml.share, "figures.json")) as f:
        return json.load(f)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("output", metavar="FILE")
    args = parser.parse_args()
    with Lab() as lab:
        figures = PARTS[args.part](lab, args.quick)
    with open(args.output, "w") as f:
        json.dump(figures, f)


if __name__ == "__main__":
    main()
