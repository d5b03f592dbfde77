# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Frames of all kinds, honest and forged, each with a secret in it."""

import logging

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from scapy.contrib.lacp import LACP, SlowProtocol  # noqa: E402
from scapy.contrib.mpls import MPLS  # noqa: E402
from scapy.layers.inet import (  # noqa: E402
    GRE, ICMP, IP, TCP, UDP, IPOption_Router_Alert)
from scapy.layers.inet6 import (  # noqa: E402
    ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA,
    ICMPv6ND_Redirect, ICMPv6NDOptDstLLAddr, ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr, IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop)
from scapy.layers.l2 import (  # noqa: E402
    ARP, Dot1AD, Dot1Q, Dot3, Ether, LLC, STP)
from scapy.layers.vxlan import VXLAN  # noqa: E402
from scapy.packet import Raw  # noqa: E402

LAN, SERVICE = "192.168.0.10", "192.168.0.100"
LAN6, SERVICE6 = "fe80::192.168.0.10", "fe80::192.168.0.100"
BROADCAST = "ff:ff:ff:ff:ff:ff"
NOBODY = "02:00:00:00:00:99"

# Where a frame must arrive, of those that must: "ip" is what the LAN and the
# service port exchange, "ipv6" what the LAN and the native port do.  What has
# NOWHERE must not arrive anywhere, and what has MAYBE may in either place.
IP_PORT, IPV6_PORT, NOWHERE, MAYBE = "ip", "ipv6", "nowhere", "maybe"


class Frames:
    """A list of (name, bytes, where to) of frames with 'secret', sent by 'mac'
    to 'peer', two MAC addresses."""

    def __init__(self, secret, mac, peer):
        self.secret = secret
        self.lladdr = ":".join("%02x" % byte for byte in secret)
        self.mac = mac
        self.peer = peer
        self.list = []

    def add(self, name, frame, to):
        """'frame' may hold a function, of the payload, in place of it."""
        number = len(self.list)
        payload = Raw((self.secret + b"#" + bytes([number])) * 6)
        frame = frame(payload) if callable(frame) else frame
        self.list.append((name, bytes(frame), to))

    def ether(self, dst=None, **kwargs):
        return Ether(src=self.mac, dst=dst or self.peer, **kwargs)

    def ipv4(self, to):
        """From a LAN to the service; as the rest of Internet may be."""
        udp = UDP(sport=9, dport=9)

        def ip(name, l3, dst=None, l4=udp, src=None, to=to):
            ether = Ether(src=src or self.mac, dst=dst or self.peer)
            self.add("ipv4 " + name, lambda payload: ether / l3 / l4 / payload,
                     to)
        honest = IP(src=LAN, dst=SERVICE)
        ip("to the service", honest)
        ip("to an unknown MAC", honest, NOBODY)
        ip("to all MACs", honest, BROADCAST)
        ip("to a reserved MAC", honest, "01:80:c2:00:00:00")
        ip("to a reserved MAC of LACP", honest, "01:80:c2:00:00:02")
        ip("of the service's MAC", honest, src=self.peer)
        ip("of the service's IP", IP(src=SERVICE, dst=LAN))
        ip("of an unknown IP", IP(src="10.9.9.9", dst="192.168.0.11"))
        ip("broadcast", IP(src=LAN, dst="255.255.255.255"), BROADCAST)
        ip("mDNS", IP(src=LAN, dst="224.0.0.251", ttl=255),
           "01:00:5e:00:00:fb")
        ip("SSDP", IP(src=LAN, dst="239.255.255.250"), "01:00:5e:7f:ff:fa")
        ip("to the tunnel's end", IP(src=LAN, dst="10.0.0.1"))
        ip("SYN", honest, l4=TCP(sport=9, dport=81, flags="S"))
        # To a service of another application's, and from its server.
        for flags in "S", "PA", "F", "R":
            ip("handover " + flags, honest, l4=TCP(sport=9, dport=80,
                                                   flags=flags))
            ip("handover server " + flags, honest,
               l4=TCP(sport=80, dport=9, flags=flags))
        back = IP(src=SERVICE, dst=LAN) / TCP(sport=80, dport=9)
        ip("unreachable", honest, l4=ICMP(type=3, code=3) / back)
        ip("fragmentation needed", honest,
           l4=ICMP(type=3, code=4, nexthopmtu=1400) / back)
        ip("time exceeded", honest, l4=ICMP(type=11) / back)
        ip("echo", honest, l4=ICMP())
        ip("with options", IP(src=LAN, dst=SERVICE,
                              options=[IPOption_Router_Alert()]))
        ip("first fragment", IP(src=LAN, dst=SERVICE, flags="MF", id=7))
        ip("later fragment", IP(src=LAN, dst=SERVICE, frag=64, id=8, proto=17),
           l4=Raw(b""))
        # A tunnel inside the tunnel, which pretends to be another tenant's.
        inside = Ether(src=self.mac, dst=BROADCAST) / honest
        ip("GRE inside", IP(src="10.0.0.12", dst="10.0.0.1"),
           l4=GRE(key_present=1, key=102, proto=0x6558) / inside)
        ip("VXLAN inside", IP(src="10.0.0.12", dst="10.0.0.1"),
           l4=UDP(sport=4789, dport=4789, chksum=0) / VXLAN(vni=102) / inside)

    def arp(self, to):
        def arp(name, dst, **kwargs):
            for kind, src in (("arp ", self.mac), ("arp from ", self.lladdr)):
                self.add(kind + name, Ether(src=src, dst=dst)
                         / ARP(hwsrc=self.lladdr, **kwargs), to)
        arp("request", BROADCAST, psrc=LAN, pdst=SERVICE)
        arp("unicast request", self.peer, psrc=LAN, pdst=SERVICE)
        arp("for another host", BROADCAST, psrc=LAN, pdst="192.168.0.11")
        arp("announcement of the service", BROADCAST, psrc=SERVICE,
            pdst=SERVICE)
        arp("reply", self.peer, op=2, psrc=LAN, pdst=SERVICE)
        arp("forged reply", NOBODY, op=2, psrc=SERVICE, pdst=LAN)
        arp("forged reply to all", BROADCAST, op=2, psrc=SERVICE,
            pdst=SERVICE)

    def ipv6(self, src, dst, to):
        """IPv6 from link-local address 'src' to 'dst', and as 'to' says."""
        udp = UDP(sport=9, dport=9)

        def ip(name, l3, mac=None, l4=udp, to=to):
            self.add("ipv6 " + name, lambda payload: self.ether(mac) / l3 / l4
                     / payload, to)
        honest = IPv6(src=src, dst=dst)
        ip("unicast", honest)
        ip("to an unknown MAC", honest, NOBODY)
        ip("to all MACs", honest, BROADCAST)
        ip("to a reserved MAC", honest, "01:80:c2:00:00:00")
        ip("of the other's IP", IPv6(src=dst, dst=src))
        ip("all nodes", IPv6(src=src, dst="ff02::1"), "33:33:00:00:00:01")
        ip("mDNS", IPv6(src=src, dst="ff02::fb"), "33:33:00:00:00:fb")
        ip("SYN", honest, l4=TCP(sport=9, dport=81, flags="S"))
        ip("echo", honest, l4=ICMPv6EchoRequest())
        ip("first fragment", honest, l4=IPv6ExtHdrFragment(m=1, id=7, nh=17)
           / udp)
        ip("later fragment", honest,
           l4=IPv6ExtHdrFragment(offset=64, id=8, nh=17))

    def ipv6_global(self, to):
        """What is not link-local: no LAN's address as the service sees it."""
        self.add("ipv6 global", lambda payload: self.ether()
                 / IPv6(src="2001:db8::1", dst="2001:db8::2")
                 / UDP(sport=9, dport=9) / payload, to)
        self.add("ipv6 hop by hop", lambda payload: self.ether()
                 / IPv6(src="2001:db8::1", dst="ff0e::1")
                 / IPv6ExtHdrHopByHop() / UDP(sport=9, dport=9) / payload, to)

    def nd(self, src, dst, to, routers):
        """Neighbor Discovery, and, going 'routers', what routers say."""
        def nd(name, message, option, ip=src, mac="33:33:00:00:00:01",
               to=to, group="ff02::1"):
            self.add("nd " + name, self.ether(mac)
                     / IPv6(src=ip, dst=group, hlim=255) / message / option,
                     to)
        source = ICMPv6NDOptSrcLLAddr(lladdr=self.lladdr)
        target = ICMPv6NDOptDstLLAddr(lladdr=self.lladdr)
        nd("solicitation", ICMPv6ND_NS(tgt=dst), source)
        nd("unicast solicitation", ICMPv6ND_NS(tgt=dst), source,
           mac=self.peer, group=dst)
        nd("advertisement", ICMPv6ND_NA(tgt=src, R=0, S=1, O=1), target,
           mac=self.peer, group=dst)
        nd("forged advertisement", ICMPv6ND_NA(tgt=dst, R=0, S=0, O=1), target,
           ip=dst)
        nd("router advertisement", ICMPv6ND_RA(routerlifetime=0), source
           / ICMPv6NDOptPrefixInfo(prefix="2001:db8:bad::", A=0, L=0),
           to=routers)
        nd("redirect", ICMPv6ND_Redirect(tgt=src, dst=dst), target,
           to=routers)

    def others(self):
        """What no tenant's flow entry is for."""
        ip = IP(src=LAN, dst=SERVICE) / UDP(sport=9, dport=9)
        ipv6 = (IPv6(src=LAN6, dst=SERVICE6) / UDP(sport=9, dport=9))
        arp = ARP(hwsrc=self.lladdr, psrc=LAN, pdst=SERVICE)

        def add(name, inner, dst=None):
            self.add(name, lambda payload: self.ether(dst) / inner / payload,
                     NOWHERE)
        for name, tag in (("802.1Q", Dot1Q(vlan=1)),
                          ("VLAN 10", Dot1Q(vlan=10)),
                          ("priority", Dot1Q(vlan=0, prio=5)),
                          ("priority 0", Dot1Q(vlan=0)),
                          ("802.1ad", Dot1AD(vlan=10)),
                          ("802.1ad priority", Dot1AD(vlan=0)),
                          ("Q in Q", Dot1AD(vlan=10) / Dot1Q(vlan=10))):
            add(name + " tag, ipv4", tag / ip)
            add(name + " tag, ipv4 to all", tag / ip, BROADCAST)
            add(name + " tag, ipv6", tag / ipv6, "33:33:00:00:00:01")
            add(name + " tag, arp", tag / arp, BROADCAST)
        add("MPLS", MPLS(label=100, ttl=64) / ip)
        add("STP", LLC() / STP(), "01:80:c2:00:00:00")
        for kind, name, dst in (
                (0x88cc, "LLDP", "01:80:c2:00:00:0e"),
                (0x8809, "slow protocols", "01:80:c2:00:00:02"),
                (0x888e, "EAPOL", "01:80:c2:00:00:03"),
                (0x8863, "PPPoE discovery", BROADCAST),
                (0x8864, "PPPoE", None), (0x8035, "RARP", BROADCAST),
                (0x88f7, "PTP", "01:1b:19:00:00:00"), (0x894f, "NSH", None),
                (0x6558, "Ethernet in Ethernet", None),
                (0x88b5, "experimental", BROADCAST),
                (0x88b5, "experimental, unknown unicast", NOBODY),
                (0x0842, "wake on LAN", BROADCAST),
                (0x8902, "CFM", "01:80:c2:00:00:30")):
            self.add(name, lambda payload: self.ether(dst, type=kind)
                     / payload, NOWHERE)
        self.add("LLC", lambda payload: Dot3(src=self.mac, dst=BROADCAST)
                 / LLC(dsap=0xf0, ssap=0xf0, ctrl=3) / payload, NOWHERE)
        self.add("STP", lambda payload: Dot3(src=self.mac,
                                             dst="01:80:c2:00:00:00")
                 / LLC(dsap=0x42, ssap=0x42, ctrl=3) / STP() / payload,
                 NOWHERE)
        self.add("LACP", lambda payload: self.ether("01:80:c2:00:00:02")
                 / SlowProtocol() / LACP() / payload, NOWHERE)


def of_lan(secret, mac, peer):
    """What a host in a tenant's LAN may send."""
    frames = Frames(secret, mac, peer)
    frames.ipv4(IP_PORT)
    frames.arp(IP_PORT)
    frames.ipv6(LAN6, SERVICE6, IPV6_PORT)
    frames.ipv6_global(IPV6_PORT)
    frames.nd(LAN6, SERVICE6, IPV6_PORT, IPV6_PORT)
    frames.others()
    return frames.list


def of_service(secret, mac, peer):
    """What the service may send where it should be translated."""
    frames = Frames(secret, mac, peer)
    frames.ipv6(SERVICE6, LAN6, IP_PORT)
    frames.ipv6_global(NOWHERE)
    frames.nd(SERVICE6, LAN6, IP_PORT, NOWHERE)
    frames.ipv4(NOWHERE)
    frames.arp(NOWHERE)
    frames.others()
    return frames.list


def of_native6(secret, mac, peer):
    """What the service may send where it is not translated."""
    frames = Frames(secret, mac, peer)
    frames.ipv6(SERVICE6, LAN6, IPV6_PORT)
    frames.ipv6_global(IPV6_PORT)
    frames.nd(SERVICE6, LAN6, IPV6_PORT, IPV6_PORT)
    frames.ipv4(NOWHERE)
    frames.arp(NOWHERE)
    frames.others()
    return frames.list


def of_bystander(secret, mac, peer):
    """What a host that belongs to no tenant may send."""
    frames = of_lan(secret, mac, peer)
    return [(name, frame, MAYBE) for name, frame, _ in frames]
