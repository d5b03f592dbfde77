# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Two hosts, and two routers with a tunnel between them:

    host_a -- router_a == router_b -- host_b

A packet's tag is the UDP or TCP destination port modulo the number of tags, as
far as the rules of its router know it."""

import json
import os
import re
import socket
import time

from lab.lab import REPOSITORY, wait_for
from lab.namespace import Namespace, connect

PROGRAM = os.path.join(REPOSITORY, "build/bin/tasuki-ipsec")
UNDERLAY = "192.0.2."
FIRST_PORT = 5000


class Routers:
    def __init__(self, lab):
        self.lab = lab
        on = {"net.ipv6.conf.all.disable_ipv6": 0,
              "net.ipv6.conf.default.disable_ipv6": 0,
              "net.ipv6.conf.default.accept_dad": 0,
              "net.ipv6.conf.all.accept_dad": 0}
        forward = {"net.ipv4.ip_forward": 1,
                   "net.ipv6.conf.all.forwarding": 1}
        self.hosts, self.routers = {}, {}
        for number, side in (1, "a"), (2, "b"):
            host = self.hosts[side] = Namespace(lab, "host-" + side, **on)
            router = self.routers[side] = Namespace(lab, "router-" + side,
                                                    **on, **forward)
            connect(host, "eth0", router, "lan")
            for namespace, name, last in ((host, "eth0", 2),
                                          (router, "lan", 1)):
                namespace.ip("addr", "add", "10.%d.0.%d/16" % (number, last),
                             "dev", name)
                namespace.ip("addr", "add", "fd00:%d::%d/64" % (number, last),
                             "dev", name, "nodad")
            host.ip("route", "add", "default", "via", "10.%d.0.1" % number)
            host.ip("-6", "route", "add", "default", "via",
                    "fd00:%d::1" % number)
        connect(self.routers["a"], "wan", self.routers["b"], "wan")
        for number, side in (1, "a"), (2, "b"):
            router = self.routers[side]
            for last in range(number, 250, 16):
                router.ip("addr", "add", "%s%d/24" % (UNDERLAY, last),
                          "dev", "wan")
            router.ip("addr", "add", "2001:db8::%d/64" % number, "dev", "wan",
                      "nodad")
            router.ip("route", "add", "default", "via",
                      "%s%d" % (UNDERLAY, 3 - number))
            router.ip("-6", "route", "add", "default", "via",
                      "2001:db8::%d" % (3 - number))

        self.errors = {}
        self.programs = []

    def clean(self):
        """As after the routers were made, but for what they have counted."""
        for program in self.programs:
            self.lab.stop(program)
        self.programs = []
        for side, router in self.routers.items():
            router.ip("xfrm", "state", "flush")
            router.ip("xfrm", "policy", "flush")
            router.run("nft", "flush", "ruleset")
            self.errors[side] = self.count_errors(side)

    def start(self, side, *argv, **kwargs):
        """Starts a program on a router, until it is cleaned."""
        self.programs.append(self.routers[side].start(*argv, **kwargs))
        return self.programs[-1]

    def count_errors(self, side):
        lines = self.routers[side].run("cat", "/proc/net/xfrm_stat").stdout
        return {line.split()[0]: int(line.split()[1])
                for line in lines.splitlines()}

    def no_errors(self, side):
        """Fails if packets were dropped since the routers were cleaned."""
        assert self.count_errors(side) == self.errors[side]

    def describe(self, tags=4, **members):
        """Writes a description, 'members' over the usual ones, and its keys;
        keeps their names."""
        ends = {side: {"addresses": ["%s%d" % (UNDERLAY, number)],
                       "networks": ["10.%d.0.0/16" % number,
                                    "fd00:%d::/64" % number]}
                for number, side in ((1, "a"), (2, "b"))}
        for side, end in ends.items():
            end.update(members.pop(side, {}))
        self.tunnel = self.lab.path("ab.json")
        self.keys = self.lab.path("ab.keys")
        with open(self.tunnel, "w") as f:
            json.dump({"name": "ab", "tags": tags, **ends, **members}, f)
        self.new_keys()
        return self

    def new_keys(self):
        if os.path.exists(self.keys):
            os.unlink(self.keys)
        self.lab.run(PROGRAM, "genkey", self.tunnel)

    def mark(self, side, tags=4):
        """Has a router give packets their tags."""
        ports = ", ".join("%d : %d" % (FIRST_PORT + tag, tag)
                          for tag in range(tags))
        self.routers[side].run("nft", "-f", "-", input="""
table inet tags {
    chain prerouting {
        type filter hook prerouting priority mangle;
        iifname lan meta l4proto { tcp, udp } meta mark set th dport map { %s }
    }
}
""" % ports)

    def ipsec(self, side, *argv, **kwargs):
        """Runs tasuki-ipsec on the router of 'side'."""
        return self.routers[side].run(PROGRAM, *argv, **kwargs)

    def up(self, *sides):
        for side in sides or "ab":
            self.ipsec(side, "up", self.tunnel)

    def show(self, side):
        return json.loads(self.ipsec(side, "show", "--format=json",
                                     self.tunnel).stdout)

    def packets(self, side, direction):
        """How many packets each SA has carried, by tag; fails if any was
        dropped."""
        shown = self.show(side)
        assert shown["errors"] == {
            name: n for name, n in self.errors[side].items() if n}
        for sa in shown["sas"]:
            assert not sa.get("late") and not sa.get("replayed") \
                and not sa.get("forged"), sa
        return [sa.get("packets") for sa in shown["sas"]
                if sa["direction"] == direction]

    def dump(self, side):
        """What ip(8) says that the router's kernel has."""
        router = self.routers[side]
        return {kind: sorted(re.split(r"\n(?=src)", router.ip(
            "xfrm", kind, "list").strip())) for kind in ("state", "policy")}

    def ping(self, side="a", version=4, count=1, check=True):
        number = 2 if side == "a" else 1
        address = "10.%d.0.2" % number if version == 4 else \
            "fd00:%d::2" % number
        done = self.hosts[side].run(
            "ping", "-q", "-c", count, "-i", "0.05", "-W", "1", address,
            check=check)
        return done.returncode == 0

    def send(self, side, port, n, size=100, interval=0):
        """Sends datagrams to the other host, and returns how many arrive."""
        other = "b" if side == "a" else "a"
        address = "10.2.0.2" if side == "a" else "10.1.0.2"
        receiver = self.hosts[other].socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender = self.hosts[side].socket(socket.AF_INET, socket.SOCK_DGRAM)
        got = set()

        def drain():
            try:
                while True:
                    got.add(receiver.recv(2048, socket.MSG_DONTWAIT)[:8])
            except BlockingIOError:
                return len(got) == n

        with receiver, sender:
            receiver.bind((address, port))
            start = time.monotonic()
            for i in range(n):
                sender.sendto(i.to_bytes(8, "big") + bytes(size - 8),
                              (address, port))
                # It has room for some hundreds only.
                drain()
                time.sleep(max(0, start + (i + 1) * interval
                               - time.monotonic()))
            end = time.monotonic() + 3
            wait_for(lambda: drain() or time.monotonic() > end, "datagrams")
        return len(got)
