# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""No frame of a tenant's is ever seen anywhere but in its LAN and at its own
service ports, whatever else runs on the switch: a service of the application
"handover" has the very addresses that tenants use.  Every frame here holds a
secret of its sender's (see tenantwatch.py); all LANs, all of the service's
interfaces, the hosts that belong to no tenant, the switch's own port and the
underlay are watched."""

import contextlib
import re
import socket
import threading
import time

import pytest

import tenantframes
from lab.lab import wait_for
from lab.tenants import LAN_MAC, SERVICE_MAC, Site, Tenant
from tenantframes import (ARP, GRE, IP, IP_PORT, IPV6_PORT, NOWHERE, UDP,
                          VXLAN, Ether, IPv6, Raw)
from tenantwatch import Watch, new_secret

# A gateway with several tunnels, two gateways with the same key, two kinds of
# tunnels with the same key, and no tunnel.
TENANTS = (("gre", "10.0.0.11", 101), ("gre", "10.0.0.11", 102),
           ("gre", "10.0.0.13", 101), ("vxlan", "10.0.0.11", 101), ("port",))


class Origin:
    """An interface that sends frames: 'frames' of them, each with 'secret'.
    'ip' and 'ipv6' are the places that they must reach, each the name of an
    interface or "", and 'others' more that they may."""

    def __init__(self, name, namespace, interface, make, mac, peer, ip="",
                 ipv6="", others=()):
        self.name = name
        self.secret = new_secret()
        self.namespace, self.interface = namespace, interface
        self.frames = make(self.secret, mac, peer)
        self.where = {IP_PORT: ip, IPV6_PORT: ipv6}
        self.allowed = {interface_name for interface_name in (
            name, ip, ipv6, *others) if interface_name}
        self.socket = None

    def send(self, frame):
        """Sends 'frame' out of the interface, which may be busy."""
        if not self.socket:
            self.socket = self.namespace.socket(socket.AF_PACKET,
                                                socket.SOCK_RAW)
            self.socket.bind((self.interface, 0))
        while True:
            try:
                self.socket.send(frame)
                return
            except OSError:     # No buffer space: the queue is full.
                time.sleep(0.001)

    def send_all(self, copies=1):
        for _ in range(copies):
            for _, frame, _ in self.frames:
                self.send(frame)


EVERYTHING = ("tenant", "handover", "forward")


class Isolation:
    """A site whose tenants and bystanders all have an Origin."""

    def __init__(self, lab, applications=EVERYTHING):
        self.site = Site(lab, 0, applications)
        self.site.switch.namespace.ip("link", "set", "br0", "up")
        for i, arguments in enumerate(TENANTS):
            self.site.add(Tenant(i + 1, *arguments))
        self.site.wait_up()
        self.bystanders = []
        if "forward" in applications:
            self.bystanders = [
                self.site.switch.attach(name, "192.168.0.%d/24" % (200 + i))
                for i, name in enumerate(("alice", "bob"))]
            self.bystanders[0].run("ping", "-c", 3, "-i", "0.2",
                                   "192.168.0.201")
        if "handover" in applications:
            self.add_service()
        self.origins = []
        for tenant in self.site.tenants:
            self.add_tenant(tenant)
        hosts = [host.name for host in self.bystanders]
        for host in self.bystanders:
            self.origins.append(Origin(
                host.name, host, "eth0", tenantframes.of_bystander, host.mac,
                SERVICE_MAC, others=[*hosts, "br0"]))

    def add_service(self):
        """A service at the tenants' service's address, with a server at their
        hosts' address that is nowhere, and one that bob is."""
        ctl = self.site.controller.ctl
        ctl("add-service", "web", tenantframes.SERVICE + ":80")
        ctl("add-server", "web", "lan", "address=" + tenantframes.LAN)
        ctl("add-server", "web", "bob", "mac=" + self.bystanders[1].mac,
            "ofport=bob")
        wait_for(lambda: "arp_tpa=" + tenantframes.SERVICE in "".join(
            self.site.switch.dump_flows()), "flows of the service")

    def handover(self):
        """Returns what the application "handover" has seen: its counters, what
        it knows of hosts, and where the servers are."""
        appctl = self.site.controller.appctl
        return (appctl("service/stats"), appctl("service/connections"),
                re.findall("neighbours:[0-9]+", appctl("memory/show")),
                appctl("service/show"))

    def add_tenant(self, tenant):
        lan, underlay = tenant.name, tenant.lan
        service = self.site.service
        self.origins += [
            Origin(lan, tenant.host, "eth0", tenantframes.of_lan, LAN_MAC,
                   SERVICE_MAC, tenant.service, tenant.native6, [underlay]),
            Origin(tenant.service, service, tenant.service,
                   tenantframes.of_service, SERVICE_MAC, LAN_MAC, lan,
                   others=[underlay]),
            Origin(tenant.native6, service, tenant.native6,
                   tenantframes.of_native6, SERVICE_MAC, LAN_MAC, ipv6=lan,
                   others=[underlay])]

    def watch(self, *more):
        """Starts to watch everything; 'more' are other owners' secrets."""
        watch = Watch({origin.secret: origin.name for origin in self.origins}
                      | {secret: name for name, secret in more})
        for origin in self.origins:
            watch.add(origin.name, origin.namespace, origin.interface)
        watch.add("br0", self.site.switch.namespace, "br0")
        # Its end at the switch: that of the gateways may be a switch's, too.
        watch.add("underlay", self.site.switch.namespace, "underlay",
                  tunnel_of)
        return watch

    def check(self, watch, arrived=True):
        """Asserts that nothing was seen where it should not be; and with
        'arrived' that all was seen where it should be."""
        allowed = {origin.name: origin.allowed for origin in self.origins}
        assert not watch.leaks(allowed)
        if arrived:
            assert not self.missing(watch)

    def missing(self, watch):
        """Returns the frames that are not where they should be, or are where
        that kind of frame should not be, by origin."""
        wrong = []
        for origin in self.origins:
            seen = watch.places(origin.name)
            for number, (name, _, to) in enumerate(origin.frames):
                if name.startswith(("arp", "nd")):
                    continue    # Of these, the secret is all that is left.
                for kind, place in origin.where.items():
                    if place and to in (IP_PORT, IPV6_PORT, NOWHERE) and (
                            bool(seen.get(place, {}).get(number))
                            != (to == kind)):
                        wrong.append("%s at %s: %s" % (origin.name, place,
                                                       name))
        return wrong


def tunnel_of(frame):
    """Returns which tunnel a frame of the underlay belongs to, in tasuki-ctl's
    words, or "underlay"."""
    if frame[12:15] != b"\x08\x00\x45":
        return "underlay"
    if frame[23] == 1 and frame[34] == 3:
        # "Unreachable": a tunnel that is not there goes back to who sent it.
        return tunnel_of(frame[:14] + frame[42:])
    addresses = {socket.inet_ntoa(frame[26:30]),
                 socket.inet_ntoa(frame[30:34])} - {"10.0.0.1"}
    if frame[23] == 47 and frame[34:38] == b"\x20\x00\x65\x58":
        kind, key = "gre", int.from_bytes(frame[38:42], "big")
    elif frame[23] == 17 and frame[36:38] == b"\x12\xb5":
        kind, key = "vxlan", int.from_bytes(frame[46:49], "big")
    else:
        return "underlay"
    return "%s:%s:%d" % (kind, addresses.pop(), key)


@pytest.fixture
def isolation(lab):
    return Isolation(lab)


@pytest.fixture(scope="module")
def shared_isolation(shared_lab):
    """For tests that leave it as it was."""
    return Isolation(shared_lab)


@pytest.mark.parametrize("applications", (("tenant",), EVERYTHING),
                         ids=",".join)
def test_frames(lab, applications):
    """All kinds of frames, from everywhere.  Those that should arrive do, at
    the right port: so the watch would have seen the others, too."""
    isolation = Isolation(lab, applications)
    before = isolation.handover()
    watch = isolation.watch()
    bystanders = [origin for origin in isolation.origins
                  if origin.name in ("alice", "bob")]
    for origins in ([o for o in isolation.origins if o not in bystanders],
                    bystanders):
        for _ in range(2):
            for origin in origins:
                origin.send_all()
                time.sleep(0.02)    # Not to flood: nothing may be lost.
        if origins is not bystanders:
            wait_quiet(watch)
            assert isolation.handover() == before
    watch.stop()
    isolation.check(watch)
    for tenant in isolation.site.tenants:
        # Of ARP nothing is left but the sender's secret.
        assert None in watch.places(tenant.name)[tenant.service]
    if isolation.bystanders:
        assert set(watch.places("alice")) >= {"alice", "bob"}
        assert set(watch.places("bob")) >= {"alice", "bob"}
        # Who is no tenant gets what the others must not get.
        assert isolation.handover() != before


def test_flood(shared_isolation):
    """The same from everywhere at once, as fast as it goes."""
    isolation = shared_isolation
    watch = isolation.watch()
    in_parallel([lambda o=origin: o.send_all(copies=10)
                 for origin in isolation.origins])
    watch.stop()
    # What a flood loses, it loses.
    isolation.check(watch, arrived=False)
    for origin in isolation.origins:
        assert set(origin.where.values()) - {""} <= set(
            watch.places(origin.name)), origin.name


def wait_quiet(watch, quiet=0.3):
    wait_for(lambda: time.monotonic() - watch.last > quiet, "the last frame",
             timeout=20)


@contextlib.contextmanager
def flooding(isolation):
    """Everybody sends all kinds of frames, over and over."""
    ended = threading.Event()

    def flood(origin):
        while not ended.is_set():
            for _, frame, _ in origin.frames:
                origin.send(frame)
                time.sleep(0.01)    # A guest has one CPU for all of them.
    threads = [threading.Thread(target=flood, args=(origin,))
               for origin in isolation.origins]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def wait_seen(watch, owners):
    """Waits until frames of all 'owners' have been seen where others are."""
    def count(owner):
        return sum(sum(numbers.values())
                   for place, numbers in watch.places(owner).items()
                   if place != owner)
    before = {owner: count(owner) for owner in owners}
    for owner in owners:
        wait_for(lambda: count(owner) > before[owner], owner, timeout=20)


def test_tenants_come_and_go(isolation):
    """While everybody floods, also those who are tenants now and then: there
    is no moment in which a port has lost its old flows, or has none yet, and
    somebody else's frames."""
    site = isolation.site
    guests = [Tenant(6, "gre", "10.0.0.16", 106), Tenant(7, "port")]
    for guest in guests:
        site.build(guest)
        isolation.add_tenant(guest)
    watch = isolation.watch()
    with flooding(isolation):
        for _ in range(5):
            for guest in guests:
                site.controller.ctl("add-tenant", *guest.columns())
            wait_seen(watch, [guest.service for guest in guests])
            for guest in guests:
                site.controller.ctl("del-tenant", guest.name)
    watch.stop()
    isolation.check(watch, arrived=False)


def test_restarts(isolation):
    """Nor while the switch or tasukid starts anew."""
    site = isolation.site
    watch = isolation.watch()
    with flooding(isolation):
        wait_seen(watch, [origin.name for origin in isolation.origins])
        site.controller.restart()
        time.sleep(0.5)
        site.switch.kill()
        site.switch.start_vswitchd()
        wait_for(lambda: "br-phy" in site.switch.namespace.ip("link")
                 or site.switch.datapath == "system", "br-phy")
        site.underlay.restore()
        wait_seen(watch, [origin.name for origin in isolation.origins])
    watch.stop()
    isolation.check(watch, arrived=False)


def test_leaks_are_seen(shared_isolation):
    """The watch itself: it reports what a switch does that leaks."""
    isolation = shared_isolation
    switch = isolation.site.switch
    number = {name: int(switch.vsctl("get", "interface", name, "ofport"))
              for name in ("vnet1-4", "vnet2-4", "alice")}
    switch.ofctl("add-flow", "br0", "table=0,priority=65000,in_port=%d,"
                 "actions=output:%d,output:%d" % (
                     number["vnet1-4"], number["vnet2-4"], number["alice"]))
    watch = isolation.watch()
    isolation.origins[1].send_all()
    watch.stop()
    switch.ofctl("--strict", "del-flows", "br0",
                 "table=0,priority=65000,in_port=%d" % number["vnet1-4"])
    allowed = {origin.name: origin.allowed for origin in isolation.origins}
    leaks = watch.leaks(allowed)
    assert [leak.partition(":")[0] for leak in leaks] == [
        "vnet1-4 at alice", "vnet1-4 at vnet2-4"]


class Intruder:
    """Somebody in the underlay who sends the switch what he likes, from any
    address but those of other gateways."""

    def __init__(self, site):
        self.namespace = site.underlay.namespace
        self.socket = self.namespace.socket(socket.AF_PACKET,
                                            socket.SOCK_RAW)
        self.socket.bind(("eth0", 0))
        self.secret = new_secret()
        switch = site.switch.namespace
        device = "underlay" if site.switch.datapath == "system" else "br-phy"
        mac = switch.run("cat", "/sys/class/net/%s/address"
                         % device).stdout.strip()
        self.ether = Ether(src="02:00:00:00:00:66", dst=mac)
        payload = Raw((self.secret + b"#") * 6)
        udp = UDP(sport=9, dport=9) / payload
        lan = Ether(src=LAN_MAC, dst=SERVICE_MAC)
        service = Ether(src=SERVICE_MAC, dst=LAN_MAC)
        self.inner = [
            lan / IP(src="192.168.0.10", dst="192.168.0.100") / udp,
            lan / IPv6(src="fe80::c0a8:a", dst="fe80::c0a8:64") / udp,
            Ether(src=LAN_MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(
                hwsrc=":".join("%02x" % byte for byte in self.secret),
                psrc="192.168.0.10", pdst="192.168.0.100"),
            service / IPv6(src="fe80::c0a8:64", dst="fe80::c0a8:a") / udp,
            service / IP(src="192.168.0.100", dst="192.168.0.10") / udp,
        ]

    def send(self, outer):
        """Sends all that an intruder would like to have inside, in 'outer', or
        in a function of it."""
        for inner in self.inner:
            packet = outer(inner) if callable(outer) else outer / inner
            self.socket.send(bytes(self.ether / packet))
            time.sleep(0.001)


def gre(remote, **kwargs):
    return IP(src=remote, dst="10.0.0.1", flags="DF") / GRE(
        **{"proto": 0x6558, **kwargs})


def vxlan(remote, vni, flags="Instance"):
    return IP(src=remote, dst="10.0.0.1") / UDP(
        sport=40000, dport=4789, chksum=0) / VXLAN(vni=vni, flags=flags)


FORGED = {
    "another gateway's key": gre("10.0.0.13", key_present=1, key=102),
    "a key of nobody's": gre("10.0.0.11", key_present=1, key=103),
    "a key of 0": gre("10.0.0.11", key_present=1, key=0),
    "a key with bits above it": gre("10.0.0.11", key_present=1,
                                    key=(1 << 31) + 101),
    "no key": gre("10.0.0.11"),
    "no key but a number": gre("10.0.0.11", seqnum_present=1,
                               sequence_number=101),
    "a stranger's gateway": gre("10.0.0.66", key_present=1, key=101),
    "another version": gre("10.0.0.11", key_present=1, key=101, version=1),
    "VXLAN with a key of GRE": vxlan("10.0.0.11", 102),
    "VXLAN with another gateway's key": vxlan("10.0.0.13", 101),
    "VXLAN without a key": vxlan("10.0.0.11", 101, flags=0),
    "Geneve": IP(src="10.0.0.11", dst="10.0.0.1") / UDP(
        sport=40000, dport=6081, chksum=0) / Raw(
            bytes.fromhex("0000655800006500")),
    "GRE in UDP": IP(src="10.0.0.11", dst="10.0.0.1") / UDP(
        sport=40000, dport=4754, chksum=0) / GRE(
            key_present=1, key=101, proto=0x6558),
    "nothing": IP(src="10.0.0.11", dst="10.0.0.1", proto=97),
    # Layer 3, without the Ethernet header that a tenant's frames have.
    "IPv4 in GRE": lambda inner: gre(
        "10.0.0.11", key_present=1, key=102, proto=inner.type) / inner.payload,
}


def test_forged_tunnels(shared_isolation):
    """What comes to the switch as no tenant's tunnel packet stays outside.
    One who can forge a tunnel's address can forge everything: against him it
    takes IPsec."""
    isolation = shared_isolation
    intruder = Intruder(isolation.site)
    watch = isolation.watch(("intruder", intruder.secret))
    for packet in FORGED.values():
        intruder.send(packet)
    time.sleep(0.5)
    places = set(watch.places("intruder"))
    # To send what is right is possible: nothing else was in the way.
    intruder.send(gre("10.0.0.11", key_present=1, key=101))
    watch.stop()
    assert not {place for place in places if not place.startswith(
        ("gre", "vxlan", "underlay"))}
    places = set(watch.places("intruder")) - places
    assert places >= {"vnet1-4", "vnet1-6"}
    # The service answers, "port unreachable".
    assert places <= {"vnet1-4", "vnet1-6", "tenant1",
                      "gre:10.0.0.11:101"}


def in_parallel(functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
