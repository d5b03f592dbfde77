# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""check_tcp_seq in the kernel: which segments are inside the window, also those
of super-packets, and what reaches the receiver."""

import pytest

from lab import LabError
from lab.lab import wait_for
from test_packets import ETHERNET, Bridge, segment
from tap import (GSO_TCPV4, GSO_TCPV6, gso, Tap)

# What segment() numbers its first byte.
SEQ = 0xfffffff0
HEADERS = {4: 14 + 20 + 20 + 12, 6: 14 + 40 + 20 + 12}
GSO = {4: GSO_TCPV4, 6: GSO_TCPV6}
# Of the segments of a super-packet.
MSS = 1000


@pytest.fixture(scope="module")
def bridge(lab):
    """What is inside the window goes to "out" and what is outside to "plain",
    both of which take super-packets as they are."""
    bridge = Bridge(lab)
    assert "TCP sequence check action: Yes" in bridge.switch.appctl(
        "dpif/show-dp-features", "br0")
    bridge.taps["also"] = Tap(bridge.switch.namespace, "also", False, True)
    bridge.switch.add_port("also", 4)
    bridge.switch.namespace.ip("link", "set", "also", "mtu", "65521")
    return bridge


def install(bridge, start, length, number="seq"):
    check = "check_tcp_seq(%s,start=%d,len=%d)->reg0[3]" % (
        number, start % 2 ** 32, length)
    bridge.flows("table=0,in_port=1,tcp actions=%s,resubmit(,1)" % check,
                 "table=0,in_port=1,tcp6 actions=%s,resubmit(,1)" % check,
                 "table=1,reg0=8/8 actions=output:2",
                 "table=1,reg0=0/8 actions=output:4")
    # ovs-vswitchd, which has to see the first of a kind, gets no
    # super-packets.
    for version in (4, 6):
        bridge.send(segment(version, 1))
        wait_for(lambda: any(arrived(bridge, name) for name in ("out", "also")),
                 "the first segment")


def arrived(bridge, name):
    got = bridge.taps[name].read(0.05)
    return got and got[1][:12] == ETHERNET


def pieces(bridge, name, version, n_bytes):
    """Returns the sequence numbers at which what 'name' receives starts and
    ends, until it has 'n_bytes' of user data."""
    found = []
    while n_bytes > 0:
        frame = bridge.receive(name)[1]
        at = HEADERS[version] - 32 + 4
        seq = int.from_bytes(frame[at:at + 4], "big")
        size = len(frame) - HEADERS[version]
        found.append(((seq - SEQ) % 2 ** 32, size))
        n_bytes -= size
    assert n_bytes == 0
    return found


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("start, length, inside", [
    (0, 100, True), (-5, 105, True), (0, 99, False), (1, 1000, False),
    (100, 1000, False), (-2 ** 31 + 100, 2 ** 31 - 1, False)])
def test_segment(bridge, version, start, length, inside):
    install(bridge, SEQ + start, length)
    bridge.send(segment(version, 100))
    assert pieces(bridge, "out" if inside else "also", version,
                  100) == [(0, 100)]


@pytest.mark.parametrize("flags", [0x02, 0x11, 0x14, 0x38])
def test_flags(bridge, flags):
    install(bridge, SEQ, 1000)
    bridge.send(segment(4, 100, flags=flags))
    assert pieces(bridge, "also", 4, 100) == [(0, 100)]


def super_packet(bridge, version, length, flags=0x18):
    bridge.send(segment(version, length, complete=False, flags=flags),
                header=gso(HEADERS[version] - 32, HEADERS[version], MSS,
                           GSO[version]))


@pytest.mark.parametrize("version", [4, 6])
def test_super_packet_stays_whole(bridge, version):
    """On one side of the edges, it costs no more than before."""
    install(bridge, SEQ, 10 * MSS)
    super_packet(bridge, version, 10 * MSS)
    assert pieces(bridge, "out", version, 10 * MSS) == [(0, 10 * MSS)]
    install(bridge, SEQ + 10 * MSS, 10 * MSS)
    super_packet(bridge, version, 10 * MSS)
    assert pieces(bridge, "also", version, 10 * MSS) == [(0, 10 * MSS)]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("start, end", [
    (2500, 7000), (0, 3500), (3000, 2 ** 31 - 1), (-7, 9999), (1, 999)])
def test_super_packet_straddles(bridge, version, start, end):
    """Each of its segments is judged by itself."""
    install(bridge, SEQ + start, end - start)
    super_packet(bridge, version, 10 * MSS)
    segments = [(i * MSS, MSS) for i in range(10)]
    inside = [(at, size) for at, size in segments
              if at >= start and at + size <= end]
    outside = [s for s in segments if s not in inside]
    for name, expected in ("out", inside), ("also", outside):
        # The first of a kind go by way of ovs-vswitchd, and may be late.
        assert sorted(pieces(bridge, name, version,
                             MSS * len(expected))) == expected


def test_super_packet_with_fin(bridge):
    """Only its last segment has it."""
    install(bridge, SEQ, 10 * MSS)
    super_packet(bridge, 4, 10 * MSS, flags=0x11)
    assert sorted(pieces(bridge, "out", 4, 9 * MSS)) == [(i * MSS, MSS)
                                                         for i in range(9)]
    assert pieces(bridge, "also", 4, MSS) == [(9 * MSS, MSS)]


def test_acknowledgment(bridge):
    # segment() acknowledges 7.
    for start, inside in ((7, True), (8, False), (-2 ** 31 + 9, True),
                          (-2 ** 31 + 8, False)):
        install(bridge, start, 2 ** 31 - 1, "ack")
        bridge.send(segment(4, 0))
        frame = bridge.receive("out" if inside else "also")[1]
        assert len(frame) >= HEADERS[4]
        bridge.send(segment(4, 1))
        assert pieces(bridge, "also", 4, 1) == [(0, 1)]


def test_datapath_flows(bridge):
    """One to compute the value, and one for each value that occurs."""
    install(bridge, SEQ, 1000)
    for i in range(5):
        for length, name in ((i + 1, "out"), (1001 + i, "also")):
            bridge.send(segment(4, length))
            assert pieces(bridge, name, 4, length) == [(0, length)]
    flows = [line for line in
             bridge.switch.appctl("dpctl/dump-flows").splitlines()
             if "eth_type(0x0800)" in line]
    assert len(flows) == 3
    assert sum("check_tcp_seq" in line for line in flows) == 1
    assert not any("userspace" in line for line in flows)


def test_refused(bridge):
    """With the kernel's reason."""
    udp = "in_port(0),eth(),eth_type(0x0800),ipv4(proto=17,frag=no),udp()"
    with pytest.raises(LabError) as error:
        bridge.switch.appctl("dpctl/add-flow", "system@ovs-system", udp,
                             "check_tcp_seq(seq,start=1,len=1)")
    assert "check_tcp_seq: the flow must match TCP" in str(error.value)

