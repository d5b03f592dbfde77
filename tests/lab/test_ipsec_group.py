# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""IPsec groups that are rebalanced under real TCP.  The tag is in the IPv6 flow
label, of which the receiver's stack makes nothing.  What comes with a tag is what
its SA would have to carry."""

import ipaddress
import random
import selectors
import socket
import threading
import time

import pytest

from lab.controller import Controller
from lab.lab import wait_for
from lab.switch import Switch
from lab.tenants import IPV6

CLIENT, ROUTER = "fd00::1", "fd00::2"
PORT = 5001
TAGS, BUCKETS = 4, 256

# In seconds.  The switch drops packets, as it would not elsewhere, if it gets
# no CPU for as long as a hundred of them take.
TICK = 0.03
CHUNK = bytes(1200)             # A segment.


def fmix64(h):
    """The finalizer of MurmurHash3."""
    h = (h ^ h >> 33) * 0xff51afd7ed558ccd % 2**64
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53 % 2**64
    return h ^ h >> 33


def bucket(sport):
    """The bucket of a connection from port 'sport', as lib/ipsec-tag.h defines
    the hash symmetric_l4 of TCP over IPv6."""
    (src, sp), (dst, dp) = sorted([
        (int(ipaddress.ip_address(CLIENT)), sport),
        (int(ipaddress.ip_address(ROUTER)), PORT)])
    h = 0x9e3779b97f4a7c15
    for word in (src >> 64, src % 2**64, dst >> 64, dst % 2**64,
                 sp << 48 | dp << 32 | 6 << 8 | 6):
        h = (h ^ word) * 0x9e3779b97f4a7c15 % 2**64
        h ^= h >> 32
    return fmix64(h) % 2**32 % BUCKETS


def ports_of(tag, n):
    """'n' ports whose connections are in different buckets of 'tag' at first,
    when tags take turns."""
    found = {}
    for port in range(20000, 60000):
        if bucket(port) % TAGS == tag:
            found.setdefault(bucket(port), port)
    return list(found.values())[:n]


class Receiver(threading.Thread):
    """Accepts connections and reads what comes."""

    def __init__(self, host):
        super().__init__(daemon=True)
        self.selector = selectors.DefaultSelector()
        self.listener = host.socket(socket.AF_INET6)
        self.listener.bind((ROUTER, PORT))
        self.listener.listen(100)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.ending = False

    def run(self):
        while not self.ending:
            for key, _ in self.selector.select(0.1):
                if key.fileobj is self.listener:
                    self.selector.register(self.listener.accept()[0],
                                           selectors.EVENT_READ)
                elif not key.fileobj.recv(1 << 16):
                    self.selector.unregister(key.fileobj)
                    key.fileobj.close()


class Sender(threading.Thread):
    """Sends on connections from 'ports'.  'rate' says how many segments a
    connection, given by its number, sends in a tick, on average."""

    def __init__(self, host, ports, rate):
        super().__init__(daemon=True)
        self.rate = rate
        self.sockets = []
        for port in ports:
            s = host.socket(socket.AF_INET6)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.bind((CLIENT, port))
            s.connect((ROUTER, PORT))
            self.sockets.append(s)
        self.ending = False

    def run(self):
        chance = random.Random(1)
        begin, tick = time.monotonic(), 0
        while not self.ending:
            for i, s in enumerate(self.sockets):
                n = self.rate(i, tick)
                for _ in range(int(n) + (chance.random() < n % 1)):
                    s.sendall(CHUNK)
            tick += 1
            time.sleep(max(0, begin + tick * TICK - time.monotonic()))


class Counter(threading.Thread):
    """Counts the bytes of TCP that come in with each tag."""

    def __init__(self, host):
        super().__init__(daemon=True)
        self.socket = host.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
        self.socket.bind(("eth0", 0x86dd))
        self.socket.settimeout(0.1)
        self.bytes = [0] * TAGS
        self.ending = False

    def run(self):
        while not self.ending:
            try:
                packet, (_, _, kind, _, _) = self.socket.recvfrom(2048)
            except TimeoutError:
                continue
            if kind == 0 and packet[6] == 6:    # PACKET_HOST, TCP
                self.bytes[packet[3] % TAGS] += len(packet)

    def loads(self, seconds):
        """How many there are in so many seconds."""
        before = list(self.bytes)
        time.sleep(seconds)
        return [b - a for a, b in zip(before, self.bytes)]


class Site:
    def __init__(self, lab):
        self.switch = Switch(lab)
        self.client = self.switch.attach("client", CLIENT + "/64",
                                         sysctls=IPV6)
        self.router = self.switch.attach("router", ROUTER + "/64",
                                         sysctls=IPV6)
        self.controller = Controller(self.switch, ("forward", "ipsec"))
        wait_for(lambda: self.client.run("ping", "-c1", "-W1", ROUTER,
                                         check=False).returncode == 0,
                 "the router")

    def add(self, *arguments):
        self.controller.ctl(
            "add-ipsec-group", "vpn", "match=ipv6,ipv6_dst=" + ROUTER,
            "n=%d" % TAGS, "to=ipv6_label[0..1]", *arguments)
        wait_for(lambda: ": up" in self.controller.ctl("show-ipsec-groups"),
                 "the group")

    def show(self, key):
        """A number that ipsec/show prints."""
        for line in self.controller.appctl("ipsec/show", "vpn").splitlines():
            if line.startswith("  %s: " % key):
                return float(line.split()[1].rstrip(","))
        raise AssertionError(key)


@pytest.fixture
def site(lab):
    site = Site(lab)
    lab.sites.append(site)
    return site


@pytest.fixture
def talk(site):
    """Starts traffic, and ends it at the end of the test."""
    threads = []

    def start(ports, rate):
        for thread in (Receiver(site.router), Counter(site.router),
                       Sender(site.client, ports, rate)):
            thread.start()
            threads.insert(0, thread)
        return threads[1].loads
    yield start
    for thread in threads:
        thread.ending = True
        thread.join()


def out_of_order(host):
    """How many segments a host has got before those that they follow: none if
    none was lost, and none overtaken."""
    names, values = [line.split() for line in host.run(
        "cat", "/proc/net/netstat").stdout.splitlines()
                     if line.startswith("TcpExt:")]
    return int(values[names.index("TCPOFOQueue")])


def skew(loads):
    return max(loads) * len(loads) / sum(loads)


def test_skewed(site, talk):
    """Four connections, each in another bucket of one tag, carry 80 %."""
    site.add("rebalance=on")
    heavy = ports_of(2, 4)
    light = [port for tag in range(TAGS) for port in ports_of(tag, 14)[4:]]
    began = time.monotonic()
    loads = talk(heavy + light, lambda i, tick: 2 if i < 4 else 0.05)
    before = loads(1)
    assert skew(before) > 2.5 and before[2] == max(before), before
    time.sleep(max(0, began + 10 - time.monotonic()))
    after = loads(3)
    assert skew(after) <= 1.3, after
    assert site.show("moves") >= 3
    assert out_of_order(site.router) == 0

    # A tasukid that is started again has the map.
    tags = site.controller.appctl("ipsec/show", "vpn").split("map: ")[1]
    site.controller.restart()
    wait_for(lambda: tags in site.controller.appctl("ipsec/show", "vpn"),
             "the map")
    again = loads(2)
    assert skew(again) <= 1.3, again
    assert out_of_order(site.router) == 0


def test_idle_only(site, talk):
    """Eight connections of one tag send for 0.5 s of every 2 s, each at another
    time.  Only those that are silent move, and nothing is sent twice."""
    site.add("rebalance=idle", "rebalance-idle=200", "rebalance-interval=1")
    loads = talk(ports_of(1, 8),
                 lambda i, tick: 3 if (tick + 8 * i) % 64 < 16 else 0)
    wait_for(lambda: site.show("moves") >= 3, "moves", 20)
    log = site.switch.lab.path("switch", "run", "tasukid.log")
    with open(log) as f:
        moves = [line for line in f if "gets tag" in line]
    assert len(moves) >= 3
    assert all(", idle, " in line for line in moves), moves
    assert out_of_order(site.router) == 0
    used = loads(3)
    assert sum(load > 0 for load in used) >= 3, used
