# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Segments that come in IP fragments (RFC 791), because a router cut them."""

import os
import socket
import struct
import time

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from lab import Capture
from lab.lab import wait_for
from lab.segment import ACK, SYN, ones_complement_sum, segments
from labsite import PATHS, SERVICE, SERVERS, Site, file_digest

# Routers may cut what these send: no "don't fragment".
MAY_CUT = {"net.ipv4.ip_no_pmtu_disc": 1}
SIZE = 2 << 20
SEGMENTS = SIZE // 1460
SYSTEM = os.environ.get("TASUKI_DATAPATH") == "system"


@pytest.fixture(scope="module")
def site(shared_lab):
    """Everybody is behind a router."""
    names = ("client", *SERVERS)
    site = Site(shared_lab, routers=names,
                sysctls=dict.fromkeys(names, MAY_CUT))
    shared_lab.sites.append(site)
    return site


def fragments_made(site, name):
    return site.routers[name].counters()["IpFragCreates"]


def stats(site):
    """Returns the counters of the service."""
    lines = site.controller.appctl("service/stats", "web").splitlines()
    return {words[0]: int(words[1]) for words in map(str.split, lines)
            if words[1].isdigit()}


@pytest.mark.parametrize("target", PATHS)
def test_upload(site, big, target):
    """The switch forwards it, not tasukid."""
    path = site.lab.path("upload")
    with open(path, "wb") as f:
        f.write(big.data[:SIZE])
    made, before = fragments_made(site, "client"), stats(site)
    response = site.curl(PATHS[target] + "upload", "-H", "Expect:",
                         "--data-binary", "@" + path, timeout=20)
    assert (response.status, response.server) == (200, target)
    assert response.uploaded() == file_digest(path)
    assert fragments_made(site, "client") - made > SEGMENTS
    late = stats(site).get("late_client", 0) - before.get("late_client", 0)
    assert late < SEGMENTS / 2


@pytest.mark.parametrize("target", PATHS)
def test_download(site, big, target):
    site.publish("data.bin", big.data[:SIZE])
    made, before = fragments_made(site, target), stats(site)
    response = site.curl(PATHS[target] + "data.bin", timeout=20)
    assert (response.status, response.server) == (200, target)
    assert open(response.body_path, "rb").read() == big.data[:SIZE]
    assert fragments_made(site, target) - made > SEGMENTS
    late = stats(site).get("late_server", 0) - before.get("late_server", 0)
    assert late < SEGMENTS / 2


@pytest.mark.parametrize("target", PATHS)
def test_request(site, target):
    """What a rule looks at is in fragments, too."""
    made = fragments_made(site, "client")
    response = site.curl(PATHS[target], "-H", "X-Filler: " + 1300 * "x",
                         timeout=20)
    assert (response.status, response.server) == (200, target)
    assert fragments_made(site, "client") - made >= 2


class Forger:
    """A host on the switch that has a connection, and sends what it likes on
    it."""

    def __init__(self, site, name, address):
        self.host = site.switch.attach(name, address + "/24")
        # What it did not send itself, its kernel would contradict.
        self.host.run("nft", "add table ip t; add chain ip t out { type "
                      "filter hook output priority 0; }; add rule ip t out "
                      "tcp flags & (syn | ack) == ack drop")
        capture = Capture(self.host, "eth0", "tcp")
        self.socket = self.host.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect((SERVICE, 80))
        time.sleep(0.2)
        self.syn_ack = next(s for s in segments(capture.stop())
                            if s.has(SYN | ACK))
        self.raw = self.host.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.raw.bind(("eth0", 0))
        self.id = 1
        self.send(self.packet(b""))

    def packet(self, payload):
        """Returns the first segment, with this payload."""
        s = self.syn_ack
        options = [("NOP", None), ("NOP", None),
                   ("Timestamp", (s.tsecr, s.tsval))]
        return (Ether(src=self.host.mac, dst=s.mac_src)
                / IP(src=self.host.address, dst=SERVICE, id=self.next_id())
                / TCP(sport=s.dport, dport=80, seq=s.ack,
                      ack=s.seq + 1 & 0xffffffff, flags="PA", window=1000,
                      options=options) / payload)

    def next_id(self):
        self.id += 1
        return self.id

    def send(self, frame):
        self.raw.send(bytes(frame))

    def fragment(self, packet, start, end):
        """Returns bytes 'start' to 'end' of what is in IP."""
        data = bytes(IP(bytes(packet[IP])).payload)
        ip = packet[IP]
        return (Ether(src=packet.src, dst=packet.dst)
                / IP(src=ip.src, dst=ip.dst, id=ip.id, proto=6,
                     frag=start // 8, flags="MF" if end < len(data) else 0)
                / data[start:end])


def request(path, length=1400):
    head = b"GET %s HTTP/1.1\r\nHost: a\r\nX-Filler: " % path.encode()
    return head + (length - len(head) - 4) * b"x" + b"\r\n\r\n"


def served(site, name, path):
    return [line for line in site.nginx[name].log() if path in line]


def test_overlap_and_gap(site):
    """Nothing but what a whole segment says is acted upon."""
    forger = Forger(site, "forger", "10.0.0.110")
    good, evil = "/two/good", "/three/evil"

    # A gap.
    other = forger.packet(request(evil))
    forger.send(forger.fragment(other, 0, 600))
    forger.send(forger.fragment(other, 1200, 1432))

    # The same place twice, and a part of it.
    whole = forger.packet(request(good))
    other = forger.packet(request(evil))
    other[IP].id = whole[IP].id
    forger.send(forger.fragment(whole, 0, 800))
    forger.send(forger.fragment(other, 0, 800))
    forger.send(forger.fragment(other, 400, 1200))
    time.sleep(0.5)
    for name in site.nginx:
        assert not served(site, name, evil)
        assert not served(site, name, good)

    # What TCP would do then.
    whole = forger.packet(request(good))
    forger.send(forger.fragment(whole, 800, 1432))
    forger.send(forger.fragment(whole, 0, 800))
    wait_for(lambda: served(site, "server2", good), "the request")
    assert not any(served(site, name, evil) for name in site.nginx)


def test_longest(site):
    """A segment that fits no OpenFlow message: the switch and its controller
    stay together."""
    forger = Forger(site, "longforger", "10.0.0.113")
    before = connected(site)
    # The longest packet that there is: 20 bytes of IP, 32 of TCP.
    packet = forger.packet(request("/two/long", 65535 - 52))
    for start in range(0, 65535 - 20, 1480):
        forger.send(forger.fragment(packet, start,
                                    min(start + 1480, 65535 - 20)))
    packet = forger.packet(request("/two/long"))
    for start in (0, 800):
        forger.send(forger.fragment(packet, start, min(start + 800, 1432)))
    wait_for(lambda: served(site, "server2", "/two/long"), "the short one")
    assert connected(site) == before


def connected(site):
    """Returns how often the switch has found its controller."""
    with open(site.switch.rundir + "/ovs-vswitchd.log") as f:
        return f.read().count(": connected")


def test_flood(site, big):
    """Of first fragments, in vain.  Others go on: those without fragments, and
    fragments that are none of a service's business."""
    flooder = site.switch.attach("flooder", "10.0.0.111/24")
    other = site.switch.attach("other", "10.0.0.112/24")
    raw = flooder.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind(("eth0", 0))
    frame = bytearray(bytes(
        Ether(src=flooder.mac, dst=mac_of_service(site, other))
        / IP(src=flooder.address, dst=SERVICE, proto=6, flags="MF", id=0)
        / TCP(sport=5, dport=80, flags="A") / (940 * b"x")))
    before = resident(site.switch.vswitchd)
    start = time.monotonic()
    sent = 0
    while time.monotonic() - start < 2:
        for _ in range(100):
            sent += 1
            frame[18:20] = struct.pack("!H", sent & 0xffff)
            frame[24:26] = b"\0\0"
            frame[24:26] = struct.pack(
                "!H", 0xffff - ones_complement_sum(frame[14:34]))
            raw.send(frame)
    assert sent > 2000
    # Neither datapath keeps more than a few megabytes.
    assert resident(site.switch.vswitchd) - before < 32 << 20
    assert kernel_memory(site.switch.namespace) < 5 << 20

    done = other.run("curl", "-sS", "--max-time", "10", "http://%s/two/"
                     % SERVICE)
    assert done.stdout == "server2\n"
    other.run("ping", "-c", "2", "-i", "0.2", "-s", "3000", "-W", "2",
              flooder.address)
    if not SYSTEM:
        # The kernel has no room for other fragments before the flood's expire.
        assert site.curl("/two/", "-H", "X-Filler: " + 1300 * "x",
                         timeout=20).server == "server2"


def mac_of_service(site, host):
    host.run("ping", "-c", "1", "-W", "1", SERVICE, check=False)
    return host.ip("neighbor", "show", SERVICE).split("lladdr ")[1].split()[0]


def kernel_memory(namespace):
    """Returns how many bytes its kernel keeps of fragments."""
    text = namespace.run("cat", "/proc/net/sockstat").stdout
    return int(text.split("FRAG:")[1].split()[3])


def resident(process):
    with open("/proc/%d/status" % process.pid) as f:
        return next(int(line.split()[1]) * 1024 for line in f
                    if line.startswith("VmRSS:"))
