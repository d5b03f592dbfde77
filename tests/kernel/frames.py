# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Random frames, good and hostile: TCP segments for tcp_offset, and all that
nat64 has a rule for."""

import ipaddress
import struct

ETH_IP, ETH_IP6, ETH_VLAN = 0x0800, 0x86dd, 0x8100
ETH_ARP = 0x0806
ICMP, IGMP, TCP, UDP, ICMP6 = 1, 2, 6, 17, 58


def checksum(data):
    """Returns the Internet checksum of 'data' (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def pseudo_header(source, target, length, proto=6):
    """Returns the bytes that a transport protocol's checksum covers besides
    its own."""
    return source + target + (struct.pack("!II", length, proto)
                              if len(source) == 16
                              else struct.pack("!HH", proto, length))


class Frames:
    """A source of frames, which draws from 'rng'."""

    def __init__(self, rng):
        self.rng = rng

    def chance(self, percent):
        return self.rng.random() * 100 < percent

    def options(self):
        """Returns a list of TCP options, a multiple of four bytes."""
        rng, data = self.rng, b""
        for _ in range(rng.randrange(5)):
            kind = rng.choice(("nop", "ts", "sack", "mss", "wscale", "md5",
                               "unknown", "eol", "bad"))
            data += {
                "nop": lambda: b"\1",
                "ts": lambda: b"\x08\x0a" + rng.randbytes(8),
                "sack": lambda: self._sack(rng.randrange(1, 5)),
                "mss": lambda: b"\2\4\5\xb4",
                "wscale": lambda: b"\3\3\7",
                "md5": lambda: b"\x13\x12" + rng.randbytes(16),
                "unknown": lambda: self._unknown(),
                "eol": lambda: b"\0",
                "bad": lambda: (rng.randbytes(rng.randrange(1, 6))
                                if self.chance(20) else b"\1"),
            }[kind]()
        data = data[:40]
        return data + bytes(-len(data) % 4)

    def _sack(self, blocks):
        return bytes((5, 2 + 8 * blocks)) + self.rng.randbytes(8 * blocks)

    def _unknown(self):
        length = self.rng.randrange(8)
        return bytes((self.rng.randrange(30, 255), 2 + length)
                     ) + self.rng.randbytes(length)

    def segment(self, source, target):
        """Returns a TCP segment, most often with a right checksum."""
        rng = self.rng
        options = self.options()
        doff = 5 + len(options) // 4
        if self.chance(3):
            doff = rng.randrange(16)
        flags = rng.choice((0x10, 0x18, 0x02, 0x12, 0x11, 0x04, 0x14, 0x00,
                            rng.randrange(256)))
        payload = rng.randbytes(rng.choice((0, 0, 1, 7, 100, 536, 1200)))
        data = struct.pack("!HHIIBBHHH", rng.getrandbits(16),
                           rng.getrandbits(16), rng.getrandbits(32),
                           rng.getrandbits(32), doff << 4 | rng.randrange(16),
                           flags, rng.getrandbits(16), 0, rng.getrandbits(16)
                           ) + options + payload
        value = checksum(pseudo_header(source, target, len(data)) + data)
        if self.chance(5):
            value = rng.choice((0, 0xffff, rng.getrandbits(16)))
        return data[:16] + struct.pack("!H", value) + data[18:]

    def ip4(self):
        rng = self.rng
        source, target = rng.randbytes(4), rng.randbytes(4)
        body = self.segment(source, target)
        extra = rng.randrange(11) if self.chance(10) else 0
        fragment = 0x4000 if self.chance(90) else rng.choice(
            (0x2000, 0x2001, 0x0001, 0x1fff, rng.getrandbits(16)))
        header = struct.pack(
            "!BBHHHBBH4s4s", 0x45 + extra, 0, 20 + 4 * extra + len(body),
            rng.getrandbits(16), fragment, 64, 6, 0, source, target
        ) + b"\1" * 4 * extra
        header = header[:10] + struct.pack("!H", checksum(header)
                                           ) + header[12:]
        return header + body

    def ip6(self):
        rng = self.rng
        source, target = rng.randbytes(16), rng.randbytes(16)
        body, kind = self.segment(source, target), 6
        while self.chance(15):
            header = rng.choice((0, 43, 60, 51, 44))
            if header == 44:
                body = struct.pack("!BBHI", kind, 0, rng.choice(
                    (0, 1, 1, 8, rng.getrandbits(16))), 7) + body
            else:
                length = rng.randrange(4)
                size = 4 * (length + 2) if header == 51 else 8 * (length + 1)
                body = bytes((kind, length)) + bytes(size - 2) + body
            kind = header
        return struct.pack("!IHBB16s16s", 0x60000000, len(body), kind, 64,
                           source, target) + body

    def damage(self, packet):
        """Returns 'packet', an IP one, with something wrong in its headers or
        its length."""
        rng = self.rng
        how = rng.randrange(5)
        if how == 0:
            return packet[:rng.randrange(len(packet))]
        if how == 1:
            return packet + rng.randbytes(rng.randrange(1, 40))
        data = bytearray(packet)
        for _ in range(rng.randrange(1, 3)):
            position = rng.randrange(min(len(data), 80))
            data[position] = rng.choice((0, 0xff, rng.getrandbits(8),
                                         data[position] ^ 1 << rng.randrange(
                                             8)))
        return bytes(data)

    def frame(self, number, hostile=30):
        """Returns a frame whose source address is 'number'; 'hostile' percent
        of the frames are damaged."""
        rng = self.rng
        kind = rng.choice((ETH_IP, ETH_IP6))
        packet = self.ip4() if kind == ETH_IP else self.ip6()
        if self.chance(hostile):
            packet = self.damage(packet)
        if self.chance(1):
            kind = rng.choice((ETH_IP, ETH_IP6, 0x0806, 0x88b5))
        data = (b"\2\0\0\0\0\1" + b"\2" + number.to_bytes(5, "big")
                + struct.pack("!H", kind) + packet)
        return data[:1514].ljust(14, b"\0")


class Nat64Frames(Frames):
    """Frames to go through nat64 in direction 'version', 4 or 6, with addresses
    in the 96 bits of 'prefix', most of the time."""

    GROUPS4 = ("224.0.0.1", "224.0.0.251", "224.0.0.252", "224.0.0.22",
               "239.255.255.250", "239.1.2.3", "255.255.255.255", "0.0.0.0",
               "127.0.0.1", "240.0.0.1")
    GROUPS6 = ("ff02::1", "ff02::fb", "ff02::c", "ff02::1:3", "ff02::2",
               "ff02::16", "ff02::224.0.0.9", "ff05::c", "ff02::1:ff00:1", "::",
               "::1", "2001:db8::1")

    def __init__(self, rng, version, prefix="fe80::"):
        super().__init__(rng)
        self.version = version
        self.prefix = ipaddress.IPv6Address(prefix).packed[:12]

    # Headers.

    def address(self, version, group=0):
        """Returns an address; that of a group, or otherwise odd, in 'group'
        percent of the cases."""
        if self.chance(group):
            return ipaddress.ip_address(self.rng.choice(
                self.GROUPS4 if version == 4 else self.GROUPS6)).packed
        host = bytes((10, 0)) + self.rng.randbytes(2)
        return host if version == 4 else self.prefix + host

    def packet(self, version, depth=0):
        """Returns an IP packet."""
        rng = self.rng
        source, target = self.address(version, 3), self.address(version, 15)
        if depth:
            source, target = self.address(version), self.address(version)
        kind = rng.choice(("tcp", "tcp", "udp", "udp", "echo", "icmp", "icmp",
                           "other"))
        proto, body = getattr(self, "_" + kind)(version, source, target, depth)
        make = self._header4 if version == 4 else self._header6
        return make(source, target, proto, body)

    def _header4(self, source, target, proto, body):
        rng = self.rng
        options = b""
        if self.chance(8):
            options = rng.choice((
                b"\1\1\1\1", b"\0\0\0\0", b"\x94\4\0\0",
                b"\x83\7\4\1\2\3\4\0", b"\x83\7\x08\1\2\3\4\0",
                b"\x89\7\4\1\2\3\4\0", b"\7\7\4\1\2\3\4\0",
                rng.randbytes(4)))
        fragment = rng.choice((0x4000, 0x4000, 0x4000, 0, 0))
        if self.chance(10):
            fragment = rng.choice((0x2000, 0x2001, 0x0001, 0x6000,
                                   rng.getrandbits(16)))
            body = body[:len(body) & ~7]
        header = struct.pack(
            "!BBHHHBBH4s4s", 0x45 + len(options) // 4, rng.getrandbits(8),
            20 + len(options) + len(body), rng.getrandbits(16), fragment,
            rng.choice((0, 1, 64, 255)), proto, 0, source, target) + options
        value = checksum(header)
        if self.chance(2):
            value ^= 1
        return header[:10] + struct.pack("!H", value) + header[12:] + body

    def _header6(self, source, target, proto, body):
        rng = self.rng
        while self.chance(12):
            kind = rng.choice((0, 43, 60, 51, 44, 44, 44))
            if kind == 44:
                body = struct.pack("!BBHI", proto, 0, rng.choice(
                    (0, 0, 1, 1, 8, rng.getrandbits(16))),
                    rng.getrandbits(32)) + body[:len(body) & ~7]
            else:
                length = rng.randrange(3)
                size = 4 * (length + 2) if kind == 51 else 8 * (length + 1)
                body = bytes((proto, length, 0, rng.randrange(2))) + bytes(
                    size - 4) + body
            proto = kind
        return struct.pack(
            "!IHBB16s16s", 6 << 28 | rng.getrandbits(28), len(body), proto,
            rng.choice((0, 1, 64, 255)), source, target) + body

    # What is in a packet: each returns the protocol and the bytes.

    def _payload(self):
        rng = self.rng
        return rng.randbytes(rng.choice((0, 0, 1, 7, 8, 100, 537, 1200, 1400)))

    def _tcp(self, version, source, target, depth):
        del version, depth
        return TCP, self.segment(source, target)

    def _udp(self, version, source, target, depth):
        del version, depth
        rng, data = self.rng, self._payload()
        length = 8 + len(data)
        if self.chance(3):
            length = rng.choice((0, 7, 8, length + 1, rng.getrandbits(16)))
        head = struct.pack("!HHHH", rng.getrandbits(16), rng.getrandbits(16),
                           length, 0)
        value = checksum(pseudo_header(source, target, len(head + data), UDP)
                         + head + data) or 0xffff
        if self.chance(20):
            value = 0
        return UDP, head[:6] + struct.pack("!H", value) + data

    def _message(self, version, source, target, kind, code, rest):
        """Returns an ICMP message of one family or the other."""
        head = struct.pack("!BBH", kind, code, 0)
        covered = b"" if version == 4 else pseudo_header(
            source, target, 4 + len(rest), ICMP6)
        value = checksum(covered + head + rest)
        if self.chance(3):
            value = self.rng.getrandbits(16)
        return (ICMP if version == 4 else ICMP6,
                head[:2] + struct.pack("!H", value) + rest)

    def _echo(self, version, source, target, depth):
        del depth
        kind = self.rng.choice((8, 0) if version == 4 else (128, 129))
        return self._message(version, source, target, kind, 0,
                             self.rng.randbytes(4) + self._payload())

    def _icmp(self, version, source, target, depth):
        """An error, or another message."""
        rng = self.rng
        if depth > 1 or self.chance(20):
            kinds = ((5, 9, 10, 13, 17, 30) if version == 4 else
                     (130, 131, 132, 133, 134, 137, 143, 139, 3, 127))
            return self._message(version, source, target, rng.choice(kinds),
                                 0, rng.randbytes(rng.choice((4, 20, 28))))
        kind, codes = rng.choice(((3, 16), (3, 6), (11, 3), (12, 3))
                                 if version == 4 else
                                 ((1, 8), (2, 2), (3, 3), (4, 4)))
        field = rng.choice((
            bytes(4), struct.pack("!I", rng.choice((
                0, 40, 68, 576, 1280, 1300, 1500, 9000, 0xffff))),
            bytes((rng.randrange(60), 0, 0, 0)), rng.randbytes(4)))
        inner = self.packet(version, depth + 1)
        inner = inner[:rng.choice((20, 28, 40, 48, 68, 128, 548, 1232))]
        return self._message(version, source, target, kind,
                             rng.randrange(codes), field + inner)

    def _other(self, version, source, target, depth):
        del depth
        if version == 6 and self.chance(60):
            return self._neighbor(source, target)
        return self.rng.choice((IGMP, 47, 50, 89, 132, 41, 4, 58, 1, 59)), (
            self._payload())

    def _neighbor(self, source, target):
        """Neighbor solicitation or advertisement."""
        rng = self.rng
        kind = rng.choice((135, 136))
        flags = bytes(4) if kind == 135 else bytes((rng.choice(
            (0, 0x20, 0x40, 0x60, 0xe0)), 0, 0, 0))
        options = b""
        while self.chance(60):
            options += rng.choice((
                b"\1\1" + rng.randbytes(6), b"\2\1" + rng.randbytes(6),
                b"\1\1" + rng.randbytes(6), b"\x0e\1" + bytes(6),
                b"\1\0" + bytes(6), b"\2\2" + bytes(14), b"\1\3"))
        return self._message(6, source, target, kind, 0,
                             flags + self.address(6, 10) + options)

    # Frames.

    def arp(self):
        """Returns an ARP message."""
        rng = self.rng
        sender, target = self.address(4, 10), self.address(4, 5)
        if self.chance(10):
            target = sender
        head = [1, 0x0800, 6, 4, rng.choice((1, 1, 2, 2, 3))]
        if self.chance(5):
            head[rng.randrange(5)] ^= 1 << rng.randrange(3)
        return struct.pack("!HHBBH", *head) + rng.randbytes(6) + sender + (
            rng.choice((bytes(6), rng.randbytes(6), b"\xff" * 6))) + target

    def frame(self, number, hostile=30):
        """Returns a frame whose source address is 'number'; 'hostile' percent
        of the frames are damaged."""
        rng = self.rng
        kind = ETH_IP if self.version == 4 else ETH_IP6
        if self.version == 4 and self.chance(20):
            kind = ETH_ARP
            packet = self.arp()
        else:
            packet = self.packet(self.version)
        if self.version == 6 and packet[6:7] == b"\x3a" and self.chance(80):
            packet = packet[:7] + b"\xff" + packet[8:]
        if self.chance(hostile):
            packet = self.damage(packet)
        target = rng.choice((b"\2\0\0\0\0\1", b"\2\0\0\0\0\1",
                             b"\xff" * 6, b"\x33\x33\0\0\0\xfb",
                             b"\1\0\x5e\0\0\xfb"))
        data = (target + b"\2" + number.to_bytes(5, "big")
                + struct.pack("!H", kind) + packet)
        if self.chance(20):
            data = data.ljust(60, b"\0")
        return data[:1514].ljust(14, b"\0")
