# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""What up to ten tenants get when all transfer at the same time, with and
without translation (the tenant paper's figure 8)."""

import concurrent.futures
import os
import socket
import sys
import time
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(REPOSITORY, "utilities", "labs")]

from lab import LabError  # noqa: E402
from lab.tenants import SERVICE, SERVICE6, Site  # noqa: E402
from turns import cpu_time, rounds  # noqa: E402

N_TENANTS = 10
KINDS = ("IPv6 straight", "nat64")
WAYS = ("to the service", "to the LAN")

PORT = 8000
CHUNK = 1 << 20


class Connection(NamedTuple):
    """Its ends in the tenant's LAN and in the service."""

    lan: socket.socket
    service: socket.socket


class Tenants:
    """Ten tenants behind GRE, each with a connection of each kind to the
    service, that stay.  IPv6 goes through the switch and the tunnel as it is,
    link-local."""

    def __init__(self, lab):
        self.site = Site(lab, N_TENANTS)
        self.listener = self.site.service.socket(socket.AF_INET6,
                                                 socket.SOCK_STREAM)
        self.listener.bind(("::", PORT))
        self.listener.listen()
        self.threads = concurrent.futures.ThreadPoolExecutor(2 * N_TENANTS)
        self.connections = {
            kind: [self._connect(tenant, kind) for tenant in self.site.tenants]
            for kind in KINDS}

    def _connect(self, tenant, kind):
        if kind == "nat64":
            lan = tenant.host.socket(socket.AF_INET, socket.SOCK_STREAM)
            address = (SERVICE, PORT)
        else:
            lan = tenant.host.socket(socket.AF_INET6, socket.SOCK_STREAM)
            index = tenant.host.ip("-o", "link", "show", "dev", "eth0")
            address = (SERVICE6, PORT, 0, int(index.partition(":")[0]))
        lan.settimeout(60)
        lan.connect(address)
        service, peer = self.listener.accept()
        service.settimeout(60)
        expected = tenant.service if kind == "nat64" else tenant.native6
        interfaces = self.site.service.ip("-o", "link", "show", "dev",
                                          expected)
        if not interfaces.startswith("%d:" % peer[3]):
            raise LabError("%s of %s is not the tenant's" % (kind, peer))
        return Connection(lan, service)

    def run(self, n, kind, way, megabytes):
        """Has 'n' tenants transfer 'megabytes' in all.  Returns Mbit/s, and
        megabits for each second of CPU time of the guest."""
        size = megabytes * 1000000 // n
        cpu, took = -cpu_time(), -time.monotonic()
        jobs = []
        for ends in self.connections[kind][:n]:
            source, sink = ends if way == "to the service" else ends[::-1]
            jobs += [self.threads.submit(send, source, size),
                     self.threads.submit(receive, sink, size)]
        for job in jobs:
            job.result()
        took += time.monotonic()
        cpu += cpu_time()
        self.check(kind, n)
        return 8 * megabytes / took, 8 * megabytes / cpu

    def check(self, kind, n):
        """Makes sure that the kernel did what 'kind' stands for, by itself."""
        flows = self.site.switch.appctl("dpctl/dump-flows").splitlines()
        busy = [line for line in flows if "tunnel(" in line
                and "eth_type(%s)" % ("0x0800" if kind == "nat64" else
                                      "0x86dd") in line
                and ("nat64(" in line) == (kind == "nat64")]
        if len(busy) < n or "userspace" in "".join(busy):
            raise LabError("%s: not what the kernel should do: %s"
                           % (kind, "\n".join(flows)))


def send(end, size):
    data = bytes(CHUNK)
    while size:
        sent = min(size, CHUNK)
        end.sendall(memoryview(data)[:sent])
        size -= sent


def receive(end, size):
    data = bytearray(CHUNK)
    while size:
        got = end.recv_into(data, min(size, CHUNK), socket.MSG_WAITALL)
        if not got:
            raise LabError("a connection ended")
        size -= got


def guest_tenants(lab, quick):
    """What tenants get in all, by their number, kind and direction: Mbit/s,
    and megabits for each second of CPU time."""
    tenants = Tenants(lab)
    counts = (1, 2, 5, 10) if quick else range(1, N_TENANTS + 1)
    megabytes = 500

    for kind in KINDS:          # Fills caches, and opens windows.
        for way in WAYS:
            tenants.run(N_TENANTS, kind, way, megabytes)
    # What is compared is measured next to each other.
    measured = {}

    def measure(case):
        n, way = case
        for kind, values in rounds(KINDS, 1, lambda kind: tenants.run(
                n, kind, way, megabytes)).items():
            measured.setdefault((n, kind, way), []).extend(values)
    rounds([(n, way) for n in counts for way in WAYS], 4 if quick else 20,
           measure)
    return [[n, kind, way, *zip(*measured[n, kind, way])]
            for way in WAYS for n in counts for kind in KINDS]
