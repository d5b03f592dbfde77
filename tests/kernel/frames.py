# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Random frames with TCP segments, good and hostile."""

import struct

ETH_IP, ETH_IP6, ETH_VLAN = 0x0800, 0x86dd, 0x8100


def checksum(data):
    """Returns the Internet checksum of 'data' (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def pseudo_header(source, target, length):
    """Returns the bytes that TCP's checksum covers besides the segment."""
    return source + target + struct.pack("!II" if len(source) == 16
                                         else "!HH", *((length, 6)
                                                       if len(source) == 16
                                                       else (6, length)))


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
