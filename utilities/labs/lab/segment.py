# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""TCP segments as they were captured, decoded from RFC 791, 7323, 2018, 9293.

Written from the standards and sharing nothing with the switch, so that what it
says about the switch's work is a second opinion."""

import struct

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10

_PCAP_NANOSECONDS = 0xa1b23c4d
_PCAP_MICROSECONDS = 0xa1b2c3d4


class Segment:
    """One TCP segment over IPv4, captured at 'time' (seconds).

    Addresses and MACs are text; 'mss', 'wscale', 'tsval' and 'tsecr' are None
    where the option is absent, 'sack' is a list of (left, right) edges."""

    def __init__(self, time, frame):
        self.time = time
        self.frame = frame
        self.mac_dst = frame[0:6].hex(":")
        self.mac_src = frame[6:12].hex(":")
        ihl = (frame[14] & 0xf) * 4
        total, = struct.unpack_from("!H", frame, 16)
        self.ip = frame[14:14 + ihl]
        self.tcp = frame[14 + ihl:14 + total]
        self.ip_src = ".".join(map(str, self.ip[12:16]))
        self.ip_dst = ".".join(map(str, self.ip[16:20]))
        (self.sport, self.dport, self.seq, self.ack, offset, self.flags,
         self.window) = struct.unpack_from("!HHIIBBH", self.tcp)
        self.header_len = (offset >> 4) * 4
        self.payload = self.tcp[self.header_len:]
        self.mss = self.wscale = self.tsval = self.tsecr = None
        self.sack_permitted = False
        self.sack = []
        self.options = []
        self._parse_options(self.tcp[20:self.header_len])

    def _parse_options(self, options):
        i = 0
        while i < len(options) and options[i] != 0:
            kind = options[i]
            if kind == 1:
                i += 1
                continue
            length = options[i + 1]
            if length < 2 or i + length > len(options):
                raise ValueError("bad option length %d" % length)
            body = options[i + 2:i + length]
            self.options.append(kind)
            if kind == 2:
                self.mss, = struct.unpack("!H", body)
            elif kind == 3:
                self.wscale = body[0]
            elif kind == 4:
                self.sack_permitted = True
            elif kind == 5:
                edges = struct.unpack("!%dI" % (len(body) // 4), body)
                self.sack = list(zip(edges[0::2], edges[1::2]))
            elif kind == 8:
                self.tsval, self.tsecr = struct.unpack("!II", body)
            i += length

    def has(self, flags):
        """Returns True if all 'flags' are set."""
        return self.flags & flags == flags

    def checksum_errors(self, partial=False):
        """Returns the names of the checksums that are wrong.  With 'partial',
        one that is left to the network card is right: it covers the pseudo
        header only."""
        pseudo = self.ip[12:20] + struct.pack("!BBH", 0, 6, len(self.tcp))
        tcp = pseudo + self.tcp
        if partial and ones_complement_sum(pseudo) == struct.unpack_from(
                "!H", self.tcp, 16)[0]:
            tcp = b"\xff\xff"
        return [name for name, data in (("ip", self.ip), ("tcp", tcp))
                if ones_complement_sum(data) != 0xffff]

    def __str__(self):
        names = [name for bit, name in ((SYN, "SYN"), (FIN, "FIN"),
                                        (RST, "RST"), (ACK, "ACK"))
                 if self.flags & bit]
        return "%s:%d > %s:%d %s seq=%d ack=%d win=%d len=%d" % (
            self.ip_src, self.sport, self.ip_dst, self.dport, "+".join(names),
            self.seq, self.ack, self.window, len(self.payload))


def ones_complement_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return total


def after(a, b):
    """Returns a - b in sequence space: negative if 'a' comes before 'b'."""
    return (a - b + 0x80000000) % 0x100000000 - 0x80000000


def frames(path):
    """Yields (time in seconds, frame) from the capture file at 'path'."""
    with open(path, "rb") as f:
        data = f.read()
    if len(data) < 24:
        return
    for order in "<>":
        magic, = struct.unpack_from(order + "I", data)
        if magic in (_PCAP_NANOSECONDS, _PCAP_MICROSECONDS):
            break
    else:
        raise ValueError("%s: not a capture file" % path)
    fraction = 1e-9 if magic == _PCAP_NANOSECONDS else 1e-6
    header = struct.Struct(order + "IIII")
    position = 24
    while position + 16 <= len(data):
        seconds, part, captured, _ = header.unpack_from(data, position)
        position += 16
        if position + captured > len(data):
            break               # Cut short when tcpdump was ended.
        yield seconds + part * fraction, data[position:position + captured]
        position += captured


def segments(path):
    """Returns the TCP segments over IPv4 in the capture file at 'path'."""
    return [Segment(time, frame) for time, frame in frames(path)
            if frame[12:14] == b"\x08\x00" and frame[23] == 6
            and not struct.unpack_from("!H", frame, 20)[0] & 0x1fff]
