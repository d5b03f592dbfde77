# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""nat64 against what scapy makes of the same random description of a packet in
the other family."""

import ipaddress
import os
import random
import socket

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.layers.inet6 import (
    ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA,
    ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr,
    ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded, IPv6,
    IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting, PadN)
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw
from scapy.utils import checksum

from nat64core import Core

ROUNDS = int(os.environ.get("TASUKI_ROUNDS", "400"))
PREFIXES = ["fe80::/96", "2001:db8::/32", "2001:db8:100::/40",
            "2001:db8:122::/48", "2001:db8:122:300::/56",
            "2001:db8:122:344::/64", "2001:db8:122:344::/96"]
MAC_A, MAC_B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
GROUPS = {"224.0.0.251": "ff02::fb", "239.255.255.250": "ff02::c",
          "224.0.0.252": "ff02::1:3", "224.0.0.1": "ff02::1"}


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    return Core(tmp_path_factory.mktemp("nat64"))


@pytest.fixture(params=range(4))
def rng(request):
    seed = random.randrange(1 << 32)
    print("seed", seed, "of", request.param)
    return random.Random(seed)


def embed(prefix, address):
    """RFC 6052 section 2.2 as arithmetic on numbers."""
    network = ipaddress.IPv6Network(prefix)
    ip4 = int(ipaddress.IPv4Address(address))
    length = network.prefixlen
    value = int(network.network_address)
    if length == 96:
        return str(ipaddress.IPv6Address(value | ip4))
    # The address in a string of 120 bits that leaves out bits 64 to 71.
    high, low = value >> 64, value & ((1 << 56) - 1)
    bits = (high << 56 | low) | ip4 << (120 - length - 32)
    return str(ipaddress.IPv6Address((bits >> 56) << 64
                                     | bits & ((1 << 56) - 1)))


def group(address):
    return GROUPS.get(address, "ff02::" + address)


def group_mac(address):
    packed = ipaddress.ip_address(address).packed
    if len(packed) == 16:
        return "33:33:%02x:%02x:%02x:%02x" % tuple(packed[12:])
    return "01:00:5e:%02x:%02x:%02x" % (packed[1] & 127, *packed[2:])


def host(rng):
    while True:
        address = rng.getrandbits(32)
        if 0 < address >> 24 < 224 and address >> 24 != 127:
            return str(ipaddress.IPv4Address(address))


class Spec:
    """A packet as both families can have it."""

    def __init__(self, rng):
        self.prefix = rng.choice(PREFIXES)
        self.src, self.dst = host(rng), host(rng)
        self.group = rng.random() < 0.1
        if self.group:
            self.dst = rng.choice([*GROUPS,
                                   "224.0.0.%d" % rng.randrange(2, 99),
                                   "239.1.%d.7" % rng.randrange(256)])
        self.tos = rng.randrange(256)
        self.ttl = rng.randrange(256)
        self.proto = rng.choice(["tcp", "udp", "echo", "other"])
        self.data = rng.randbytes(rng.choice([0, 1, 7, 64, rng.randrange(1400),
                                              rng.randrange(1230, 1400)]))
        self.ports = rng.randrange(65536), rng.randrange(65536)
        self.numbers = rng.getrandbits(32), rng.getrandbits(32)
        self.reply = rng.random() < 0.5
        self.other = rng.choice([33, 47, 50, 51, 89, 103, 132, 136, 250])
        self.tcp_options = rng.choice(
            [[], [("MSS", 1460), ("SAckOK", b""), ("WScale", 7)],
             [("NOP", None), ("NOP", None), ("Timestamp", (1, 2))]])
        self.off_by = rng.choice([0, 0, 0, rng.randrange(1, 65535)])

    def transport(self, version):
        if self.proto == "tcp":
            return TCP(sport=self.ports[0], dport=self.ports[1],
                       seq=self.numbers[0], ack=self.numbers[1],
                       flags="PA", options=self.tcp_options) / Raw(self.data)
        if self.proto == "udp":
            return UDP(sport=self.ports[0],
                       dport=self.ports[1]) / Raw(self.data)
        if self.proto == "echo":
            ident = {"id": self.ports[0], "seq": self.ports[1]}
            if version == 4:
                return (ICMP(type=0 if self.reply else 8, **ident)
                        / Raw(self.data))
            kind = ICMPv6EchoReply if self.reply else ICMPv6EchoRequest
            return kind(data=self.data, **ident)
        return Raw(self.data)

    def header(self, version, **fields):
        if version == 4:
            if self.proto == "other":
                fields["proto"] = self.other
            return IP(src=self.src, dst=self.dst, tos=self.tos, ttl=self.ttl,
                      **fields)
        if self.proto == "other":
            fields["nh"] = self.other
        dst = group(self.dst) if self.group else embed(self.prefix, self.dst)
        return IPv6(src=embed(self.prefix, self.src), dst=dst,
                    tc=self.tos, hlim=self.ttl, **fields)

    def ether(self, version):
        dst = MAC_B
        if self.group:
            dst = group_mac(self.dst if version == 4 else group(self.dst))
        return Ether(src=MAC_A, dst=dst,
                     type=0x800 if version == 4 else 0x86dd)

    def payload(self, version, header=None):
        """The bytes behind the IP header, with a checksum that is off."""
        packet = bytes((header or self.header(version))
                       / self.transport(version))
        data = bytearray(packet[20 if version == 4 else 40:])
        ofs = {"tcp": 16, "udp": 6, "echo": 2, "other": None}[self.proto]
        if ofs is not None and self.off_by:
            csum = int.from_bytes(data[ofs:ofs + 2], "big") + self.off_by
            # 0 and 65535 are the same, and 0 is none in UDP.
            data[ofs:ofs + 2] = ((csum - 1) % 65535 + 1).to_bytes(2, "big")
        return bytes(data)


def normal(spec, frame, l4):
    """The frame with its checksum as one of the two that mean the same, if it
    is off."""
    ofs = {"tcp": 16, "udp": 6, "echo": 2, "other": None}[spec.proto]
    if ofs is None or not spec.off_by:
        return frame
    at = l4 + ofs
    if frame[at:at + 2] == b"\0\0":
        frame = frame[:at] + b"\xff\xff" + frame[at + 2:]
    return frame


def agree(spec, core, direction, given, expected, l4):
    name, out = core.translate(direction, spec.prefix, given)
    assert (name, len(out)) == ("ok", 1), given[:150].hex(" ", 2)
    same(normal(spec, out[0], l4), normal(spec, expected, l4), given)


def same(frame, expected, given):
    if frame != expected:
        at = next((i for i, (a, b) in enumerate(zip(frame, expected))
                   if a != b), min(len(frame), len(expected)))
        pytest.fail("%s\nbecame, at %d of %d bytes,\n%s\nand not, of %d,\n%s"
                    % (given[:150].hex(" ", 2), at, len(frame),
                       frame[:150].hex(" ", 2), len(expected),
                       expected[:150].hex(" ", 2)))


def packet4(spec, payload, **fields):
    return bytes(spec.ether(4) / spec.header(
        4, **{"proto": {"tcp": 6, "udp": 17, "echo": 1}.get(
            spec.proto, spec.other), **fields}) / Raw(payload))


def packet6(spec, payload, extensions=None):
    number = {"tcp": 6, "udp": 17, "echo": 58}.get(spec.proto, spec.other)
    header = spec.header(6)
    if not extensions:
        header.nh = number
        return bytes(spec.ether(6) / header / Raw(payload))
    del header.nh
    extensions[-1].nh = number
    for extension in extensions:
        header = header / extension
    return bytes(spec.ether(6) / header / Raw(payload))


def ip_options(rng):
    """IPv4 options that may be skipped, a multiple of 4 bytes."""
    return rng.choice([
        [], [], [], [IPOption(b"\x01\x01\x01\x00")],
        [IPOption(b"\x07\x07\x04\x00\x00\x00\x00"), IPOption(b"\x00")],
        [IPOption(b"\x83\x07\x08\x0a\x00\x00\x01"), IPOption(b"\x01")],
        [IPOption(b"\x94\x04\x00\x00")]])


def test_4to6(core, rng):
    for _ in range(ROUNDS):
        spec = Spec(rng)
        given = packet4(spec, spec.payload(4), id=rng.getrandbits(16),
                        flags=rng.choice(["", "DF"]), options=ip_options(rng))
        agree(spec, core, "4to6", given, packet6(spec, spec.payload(6)), 54)


def extension_headers(rng):
    kinds = [lambda: IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)]),
             lambda: IPv6ExtHdrDestOpt(
                 options=[PadN(optdata=b"\0" * rng.choice([4, 12, 60]))]),
             lambda: IPv6ExtHdrRouting(segleft=0, addresses=["2001:db8::7"])]
    return [rng.choice(kinds)() for _ in range(rng.choice([0, 0, 0, 1, 2]))]


def test_6to4(core, rng):
    for _ in range(ROUNDS):
        spec = Spec(rng)
        header = spec.header(6)
        header.fl = rng.getrandbits(20)
        payload = spec.payload(6)
        given = packet6(spec, payload, extension_headers(rng))
        frame = bytearray(given)
        frame[15:18] = (frame[15] & 0xf0 | header.fl >> 16,
                        header.fl >> 8 & 255, header.fl & 255)
        size = 20 + len(payload)
        fields = {"id": 0, "flags": "DF"}
        if size <= 1260:
            # Any identification will do.
            _, out = core.translate("6to4", spec.prefix, bytes(frame))
            fields = {"id": int.from_bytes(out[0][18:20], "big")}
        agree(spec, core, "6to4", bytes(frame),
              packet4(spec, spec.payload(4), **fields), 34)


def test_fragments(core, rng):
    """A piece out of a packet is the same piece in the other family."""
    for _ in range(ROUNDS):
        spec = Spec(rng)
        while spec.proto == "echo" or spec.other == 51:
            spec = Spec(rng)
        spec.data = rng.randbytes(3000)
        ident = rng.getrandbits(16)
        whole4, whole6 = spec.payload(4), spec.payload(6)
        # The first fragment has all of the TCP header (RFC 7112), and so do
        # the others nothing of it.
        ofs = rng.choice([0, 64, 8 * rng.randrange(8, 300)])
        end = rng.choice([ofs + 8 * rng.randrange(8, 90), len(whole4)])
        if (ofs, end) == (0, len(whole4)):
            continue                # Not a fragment.
        more = end < len(whole4)
        four = packet4(spec, whole4[ofs:end], id=ident, frag=ofs // 8,
                       flags="MF" if more else "")
        six = packet6(spec, whole6[ofs:end], [IPv6ExtHdrFragment(
            offset=ofs // 8, m=more, id=ident)])
        agree(spec, core, "4to6", four, six, 62)
        agree(spec, core, "6to4", six, four, 34)


def test_fragmented_here(core, rng):
    """Cut because of the MTU, and put together again."""
    for _ in range(ROUNDS // 10):
        spec = Spec(rng)
        while spec.proto == "echo":
            spec = Spec(rng)
        spec.data = rng.randbytes(rng.randrange(1500, 9000))
        mtu = rng.randrange(1280, 1500)
        ident = rng.getrandbits(16)
        name, out = core.translate(
            "4to6", spec.prefix, packet4(spec, spec.payload(4), id=ident),
            mtu)
        assert name == "fragment" and len(out) > 1
        whole = b""
        for frame in out:
            packet = Ether(frame)
            fragment = packet[IPv6ExtHdrFragment]
            assert packet.plen == len(frame) - 54 <= mtu - 40
            assert fragment.offset * 8 == len(whole)
            assert fragment.m == (frame is not out[-1])
            assert fragment.id == ident
            whole += frame[62:]
        frame = packet6(spec, whole)
        expected = packet6(spec, spec.payload(6))
        assert normal(spec, frame, 54) == normal(spec, expected, 54)


# Errors: ICMP type, code, and the rest of the header, and the layer that says
# the same in ICMPv6.
ERRORS = [
    (3, 0, 0, lambda: ICMPv6DestUnreach(code=0)),
    (3, 1, 0, lambda: ICMPv6DestUnreach(code=0)),
    (3, 2, 0, lambda: ICMPv6ParamProblem(code=1, ptr=6)),
    (3, 3, 0, lambda: ICMPv6DestUnreach(code=4)),
    (3, 4, 1400, lambda: ICMPv6PacketTooBig(mtu=1420)),
    (3, 13, 0, lambda: ICMPv6DestUnreach(code=1)),
    (11, 0, 0, lambda: ICMPv6TimeExceeded(code=0)),
    (11, 1, 0, lambda: ICMPv6TimeExceeded(code=1)),
    (12, 0, 8 << 24, lambda: ICMPv6ParamProblem(code=0, ptr=7)),
    (12, 2, 16 << 24, lambda: ICMPv6ParamProblem(code=0, ptr=24)),
]
# Those that a translation back does not lead to again.
ONE_WAY = [(3, 0), (3, 13), (12, 2)]


def error4(kind, code, rest, quoted):
    icmp = bytes([kind, code, 0, 0]) + rest.to_bytes(4, "big") + quoted
    return icmp[:2] + checksum(icmp).to_bytes(2, "big") + icmp[4:]


def test_errors(core, rng):
    for _ in range(ROUNDS):
        inner, outer = Spec(rng), Spec(rng)
        outer.prefix = inner.prefix
        outer.group = inner.group = False
        outer.src, outer.dst = host(rng), host(rng)
        inner.src, inner.dst = outer.dst, host(rng)
        outer.proto, outer.off_by, inner.off_by = "icmp", 0, 0
        if inner.other == 51:
            inner.other = 47
        kind, code, rest, error6 = rng.choice(ERRORS)

        length = rng.choice([8, 28, len(inner.payload(4)), 2000])
        size = 20 + len(inner.payload(4))
        four = bytes(inner.header(
            4, id=0, flags="DF" if size > 1260 else "")
            / inner.transport(4))[:20 + length]
        six = bytes(inner.header(6) / inner.transport(6))[:40 + length]

        message = error4(kind, code, rest, four)
        given = bytes(outer.ether(4) / IP(
            src=outer.src, dst=outer.dst, tos=outer.tos, ttl=outer.ttl,
            proto=1, id=rng.getrandbits(16)) / Raw(message))
        expected = bytes(outer.ether(6) / IPv6(
            src=embed(outer.prefix, outer.src),
            dst=embed(outer.prefix, outer.dst), tc=outer.tos, hlim=outer.ttl)
            / error6() / Raw(six[:1280 - 48]))
        name, out = core.translate("4to6", outer.prefix, given)
        assert name == "ok", given[:150].hex(" ", 2)
        same(out[0], expected, given)

        if (kind, code) in ONE_WAY:
            continue
        message = error4(kind, code, rest, four[:576 - 28])
        back = bytes(outer.ether(4) / IP(
            src=outer.src, dst=outer.dst, tos=outer.tos, ttl=outer.ttl,
            proto=1, id=0) / Raw(message))
        name, out = core.translate("6to4", outer.prefix, expected)
        assert name == "ok", expected[:150].hex(" ", 2)
        same(out[0], back, expected)


def test_arp_and_neighbor_discovery(core, rng):
    for _ in range(ROUNDS // 5):
        prefix = rng.choice(PREFIXES)
        a, b = host(rng), host(rng)
        a6, b6 = embed(prefix, a), embed(prefix, b)
        node = socket.inet_pton(socket.AF_INET6, b6)[13:]
        solicited = "ff02::1:ff%02x:%02x%02x" % tuple(node)
        everyone = "ff:ff:ff:ff:ff:ff"
        slla, tlla = (ICMPv6NDOptSrcLLAddr(lladdr=MAC_A),
                      ICMPv6NDOptDstLLAddr(lladdr=MAC_A))
        pairs = [
            (everyone, ARP(op=1, hwsrc=MAC_A, psrc=a, pdst=b),
             group_mac(solicited), IPv6(src=a6, dst=solicited, hlim=255)
             / ICMPv6ND_NS(tgt=b6) / slla),
            (MAC_B, ARP(op=1, hwsrc=MAC_A, psrc=a, pdst=b),
             MAC_B, IPv6(src=a6, dst=b6, hlim=255)
             / ICMPv6ND_NS(tgt=b6) / slla),
            (everyone, ARP(op=1, hwsrc=MAC_A, psrc="0.0.0.0", pdst=b),
             group_mac(solicited), IPv6(src="::", dst=solicited, hlim=255)
             / ICMPv6ND_NS(tgt=b6)),
            (MAC_B, ARP(op=2, hwsrc=MAC_A, psrc=a, hwdst=MAC_B, pdst=b),
             MAC_B, IPv6(src=a6, dst=b6, hlim=255)
             / ICMPv6ND_NA(R=0, S=1, O=1, tgt=a6) / tlla),
            (everyone, ARP(op=1, hwsrc=MAC_A, psrc=a, pdst=a),
             group_mac("ff02::1"), IPv6(src=a6, dst="ff02::1", hlim=255)
             / ICMPv6ND_NA(R=0, S=0, O=1, tgt=a6) / tlla),
        ]
        for mac4, arp, mac6, nd in pairs:
            if a == b:
                continue
            four = bytes(Ether(src=MAC_A, dst=mac4) / arp)
            six = bytes(Ether(src=MAC_A, dst=mac6) / nd)
            assert core.translate("4to6", prefix, four) == ("ok", [six])
            assert core.translate("6to4", prefix, six) == ("ok", [four])


def test_there_and_back(core, rng):
    """4 -> 6 -> 4 is what it was, but for the identification of what was not
    fragmented, DF by the size, and options."""
    for _ in range(ROUNDS):
        spec = Spec(rng)
        payload = spec.payload(4)
        df = 20 + len(payload) > 1260
        given = packet4(spec, payload, id=0 if df else rng.getrandbits(16),
                        flags="DF" if df else "")
        name, six = core.translate("4to6", spec.prefix, given)
        assert name == "ok"
        name, four = core.translate("6to4", spec.prefix, six[0])
        assert name == "ok"
        expected = packet4(spec, payload, id=Ether(four[0])[IP].id,
                           flags="DF" if df else "")
        same(normal(spec, four[0], 34), normal(spec, expected, 34), given)
