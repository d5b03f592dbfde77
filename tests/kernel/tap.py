# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Network interfaces whose other end is the test: what it writes the kernel
receives, in the shape that the test chose, and what is sent to them it reads,
with what was left to the hardware."""

import fcntl
import os
import select
import struct

TUNSETIFF, TUNSETOFFLOAD = 0x400454ca, 0x400454d0
IFF_TAP, IFF_NAPI, IFF_NAPI_FRAGS = 0x2, 0x10, 0x20
IFF_NO_PI, IFF_VNET_HDR = 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6 = 1, 2, 4

NEEDS_CSUM = 1                  # VIRTIO_NET_HDR_F_NEEDS_CSUM
GSO_TCPV4, GSO_UDP, GSO_TCPV6 = 1, 3, 4     # VIRTIO_NET_HDR_GSO_*

PAGE = 4096                     # As large as a fragment can be,
MAX_FRAGS = 17                  # as many as there can be,
MAX_FRAME = 65535 - 64 - 2      # and all together.

HEADER = struct.Struct("=BBHHHH")


class Tap:
    """Interface 'name' in namespace 'where', a Namespace.

    'frags' lets write() choose what part of a frame is linear and how the rest
    is divided; 'offload' has frames that are read come as they are, whole and
    without checksums."""

    def __init__(self, where, name, frags=False, offload=False):
        self.name = name
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
        if frags:
            flags |= IFF_NAPI | IFF_NAPI_FRAGS
        fcntl.ioctl(self.fd, TUNSETIFF,
                    struct.pack("16sH22x", name.encode(), flags))
        fcntl.ioctl(self.fd, TUNSETOFFLOAD,
                    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 if offload else 0)
        where.lab.run("ip", "link", "set", name, "netns", where.netns)
        where.run("ethtool", "-K", name, "gro", "off")
        where.ip("link", "set", name, "up")

    def close(self):
        os.close(self.fd)

    def write(self, frame, cuts=(), header=bytes(HEADER.size)):
        """Has the kernel receive 'frame', cut at offsets 'cuts': the first
        piece is linear, the others are fragments."""
        ends = list(cuts) + [len(frame)]
        pieces = [frame[start:end] for start, end in zip([0] + ends, ends)]
        fragments = [piece[i:i + PAGE] for piece in pieces[1:]
                     for i in range(0, len(piece), PAGE)]
        os.writev(self.fd, [header, pieces[0]] + fragments)

    def read(self, timeout=2):
        """Returns (header fields, frame), or None if none comes."""
        if not select.select([self.fd], [], [], timeout)[0]:
            return None
        data = os.read(self.fd, 1 << 17)
        return HEADER.unpack(data[:HEADER.size]), data[HEADER.size:]


def gso(frame_th_ofs, header_len, mss, kind=GSO_TCPV4):
    """Returns the header of a super-packet whose TCP header is at
    'frame_th_ofs'."""
    return HEADER.pack(NEEDS_CSUM, kind, header_len, mss, frame_th_ofs, 16)


def partial(frame_th_ofs):
    """Returns the header of a frame without a TCP checksum."""
    return HEADER.pack(NEEDS_CSUM, 0, 0, 0, frame_th_ofs, 16)


def largest(cuts):
    """Returns how long a frame that is cut up at 'cuts' can be."""
    if not cuts:
        return MAX_FRAME
    return min(MAX_FRAME, cuts[-1] + (MAX_FRAGS + 1 - len(cuts)) * PAGE)
