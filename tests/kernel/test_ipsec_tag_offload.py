# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""ipsec_tag in the kernel, and what is left to the hardware."""

import struct

import pytest

from frames import checksum
from test_packets import Bridge, segment
from tap import gso, GSO_TCPV4, GSO_TCPV6, NEEDS_CSUM, partial


@pytest.fixture(scope="module")
def bridge(lab):
    return Bridge(lab)


@pytest.mark.parametrize("version", [4, 6])
def test_offload(bridge, version):
    """Super-packets stay whole, and what is left to the hardware stays that:
    the sum of the pseudo header is that of the new addresses."""
    to = "nw_dst" if version == 4 else "ipv6_dst"
    bridge.flows("in_port=1,%s,actions=ipsec_tag(n=1,to=%s[0..7]),output:2"
                 % ("ip" if version == 4 else "ipv6", to))
    headers = 14 + (20 if version == 4 else 40)
    kind = GSO_TCPV4 if version == 4 else GSO_TCPV6
    for length, header in ((100, None), (100, partial(headers)),
                           (5000, gso(headers, headers + 32, 1000, kind))):
        bridge.send(segment(version, length, complete=header is None),
                    header=header)
        fields, frame = bridge.receive()
        assert len(frame) == headers + 32 + length
        assert bool(fields[0] & NEEDS_CSUM) == (header is not None)
        # The last byte of the address was 2 and is 0.
        expected = bytearray(segment(version, length, header is None))
        expected[headers - 1] = 0
        if version == 4:
            ip = bytes(expected[14:24]) + bytes(2) + bytes(expected[26:34])
            expected[24:26] = struct.pack("!H", checksum(ip))
        at = headers + 16
        old, = struct.unpack_from("!H", expected, at)
        new = ((old + 2) if header is None else (old - 2)) % 0xffff
        assert struct.unpack_from("!H", frame, at)[0] % 0xffff == new
        expected[at:at + 2] = frame[at:at + 2]
        assert frame == bytes(expected)
