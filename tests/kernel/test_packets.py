# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Single packets through the kernel datapath: what comes out, byte for byte,
and what is still left to the hardware."""

import random
import struct

import pytest

from frames import checksum, ETH_IP, ETH_IP6, pseudo_header
from lab import Switch
from lab.lab import wait_for
from model import Model
from tap import (GSO_TCPV4, GSO_TCPV6, gso, largest, MAX_FRAME, NEEDS_CSUM,
                 partial, Tap)

ETHERNET = bytes.fromhex("020000000001" "020000000002")
MOVE = "tcp_offset(seq=0x01020304,ack=-5,tsval=77,tsecr=-99,wscale=-2)"


class Bridge:
    """A bridge with a way in, port 1, and two ways out: port 2 takes frames
    as they are, port 3 is a network card that can do nothing by itself."""

    def __init__(self, lab):
        self.lab = lab
        self.switch = Switch(lab, datapath="system")
        self.taps = {}
        for number, name in enumerate(("in", "out", "plain"), 1):
            self.taps[name] = Tap(self.switch.namespace, name, name == "in",
                                  name == "out")
            self.switch.add_port(name, number)
        # Super-packets, and some.
        for name in self.taps:
            self.switch.namespace.ip("link", "set", name, "mtu", "65521")

    def flows(self, *flows):
        path = self.lab.path("flows")
        with open(path, "w") as f:
            f.writelines(flow + "\n" for flow in flows)
        self.switch.ofctl("--bundle", "replace-flows", "br0", path)
        self.switch.appctl("revalidator/purge")

    def send(self, frame, cuts=(), header=None):
        if header:
            self.taps["in"].write(frame, cuts, header)
        else:
            self.taps["in"].write(frame, cuts)

    def receive(self, name="out"):
        """Returns the next frame of ours, with its offload header."""
        while True:
            got = self.taps[name].read()
            assert got, "no frame came out"
            if got[1][:12] == ETHERNET:
                return got

    def in_kernel(self):
        """True if the kernel itself has executed the action."""
        return all("userspace" not in line for line in
                   self.switch.appctl("dpctl/dump-flows").splitlines()
                   if "tcp_offset" in line)


@pytest.fixture(scope="module")
def the_bridge(lab):
    bridge = Bridge(lab)
    assert "TCP offset action: Yes" in bridge.switch.appctl(
        "dpif/show-dp-features", "br0")
    return bridge


@pytest.fixture
def bridge(the_bridge):
    yield the_bridge
    assert the_bridge.in_kernel()


@pytest.fixture(scope="module")
def model(lab):
    return Model(lab.directory)


OPTIONS = bytes.fromhex("0101080a" "0000abcd" "00001234")


def segment(version, length, complete=True, flags=0x18):
    """Returns a frame with 'length' bytes of user data; unless 'complete', its
    TCP checksum is that of the pseudo header."""
    data = random.Random(length).randbytes(length)
    tcp = struct.pack("!HHIIBBHHH", 40000, 80, 0xfffffff0, 7, 0x80, flags,
                      0x4000, 0, 0) + OPTIONS + data
    if version == 4:
        source, target = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0x4000,
                         64, 6, 0, source, target)
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        kind = ETH_IP
    else:
        source, target = bytes(15) + b"\1", bytes(15) + b"\2"
        ip = struct.pack("!IHBB16s16s", 6 << 28, len(tcp), 6, 64, source,
                         target)
        kind = ETH_IP6
    pseudo = pseudo_header(source, target, len(tcp))
    value = checksum(pseudo + tcp) if complete else ~checksum(pseudo) & 0xffff
    return (ETHERNET + struct.pack("!H", kind) + ip + tcp[:16]
            + struct.pack("!H", value) + tcp[18:])


def tcp_of(frame):
    """Returns the addresses and the TCP segment in 'frame'."""
    if frame[12:14] == b"\x08\x00":
        return frame[26:30], frame[30:34], frame[34:]
    return frame[22:38], frame[38:54], frame[54:]


# The paper's figures, on top of an Ethernet header.

FIGURE_6 = bytes.fromhex(
    "4500003cd48140004006e2e6c0a80101c0a8010282d2abcd5ec762a5"
    "00000000a002390883820000020405b40402080a0007b62400000000"
    "01030305")
FIGURE_7 = bytes.fromhex(
    "4500003cd48140004006e2e6c0a80101c0a8010282d2abcd5fc965a9"
    "00000000a0023908e1670000020405b40402080a0007b62400000000"
    "01030305")
# 64 of 152 bytes are printed.  The data counts 1234567890; if it goes on like
# that, the TCP checksum in figure 11 is right.  Its IP checksum, 159d, is not.
FIGURE_10 = bytes.fromhex(
    "45000098a16f40004006159dc0a80101c0a8010282e0abcd2b75f8e3"
    "2293cf64801801c983de00000101080a000f84a1000f5910") + b"1234567890" * 10
FIGURE_11 = bytes.fromhex(
    "45000098a16f40004006159cc0a80101c0a8010382e0abcd2b75f8e3"
    "b7401e0d801801c986dc00000101080a000f84a1000f5910") + b"1234567890" * 10


@pytest.mark.parametrize("actions, figure, result", [
    ("tcp_offset(seq=0x01020304)", FIGURE_6, FIGURE_7),
    ("mod_nw_dst:192.168.1.3,tcp_offset(ack=0x94ac4ea9)", FIGURE_10,
     FIGURE_11),
    ("tcp_offset(ack=0x94ac4ea9),mod_nw_dst:192.168.1.3", FIGURE_10,
     FIGURE_11),
], ids=["6 to 7", "10 to 11", "10 to 11 in the other order"])
def test_paper(bridge, actions, figure, result):
    """The checksums of figures 6 and 10 are those of the pseudo header: they
    were captured before a network card would have filled them in.  Figures 7
    and 11 are what one that cannot sends."""
    bridge.flows("tcp,in_port=1,actions=%s,output:3" % actions)
    head = ETHERNET + b"\x08\x00"
    for _ in range(2):          # By way of ovs-vswitchd, and not.
        bridge.send(head + figure, header=partial(34))
        header, frame = bridge.receive("plain")
        assert frame.hex() == (head + result).hex()
        assert header[0] == 0


def cuts_of(frame):
    """Returns ways to cut up 'frame', at interesting places."""
    th = 34 if frame[12:14] == b"\x08\x00" else 54
    return ((), (14,), (th,), (th + 1, th + 19), (th + 20,), (th + 25, th + 27),
            (th + 32,), (20, th + 4, th + 8, th + 16, th + 30))


@pytest.mark.parametrize("version", [4, 6])
def test_super_packet(bridge, model, version):
    """64 KB go through as one, with all that is left to the hardware."""
    th = 34 if version == 4 else 54
    header = gso(th, th + 32, 1448, GSO_TCPV4 if version == 4 else GSO_TCPV6)
    bridge.flows("in_port=1,%s,actions=%s,output:2"
                 % ("tcp" if version == 4 else "tcp6", MOVE))
    # The first comes in pieces: ovs-vswitchd gets no super-packets.
    bridge.send(segment(version, 10))
    bridge.receive()
    sizes = set()
    for cuts in cuts_of(segment(version, 0)):
        frame = segment(version, largest(cuts) - th - 32, complete=False)
        sizes.add(len(frame))
        moved, _ = model(MOVE_DECIMAL, frame)
        expected = moved[:th + 16] + frame[th + 16:th + 18] + moved[th + 18:]
        bridge.send(frame, cuts, header)
        (flags, kind, _, size, start, offset), out = bridge.receive()
        assert (flags, size, start, offset) == (NEEDS_CSUM, 1448, th, 16)
        assert kind == (GSO_TCPV4 if version == 4 else GSO_TCPV6)
        assert out == expected
    assert MAX_FRAME in sizes


@pytest.mark.parametrize("version", [4, 6])
def test_super_packet_to_plain_card(bridge, model, version):
    """Cut up behind the switch, each segment is as if it had been moved
    itself."""
    th = 34 if version == 4 else 54
    n, size = 20, 1000
    frame = segment(version, n * size, complete=False)
    header = gso(th, th + 32, size, GSO_TCPV4 if version == 4 else GSO_TCPV6)
    bridge.flows("in_port=1,%s,actions=%s,output:3"
                 % ("tcp" if version == 4 else "tcp6", MOVE))
    moved, _ = model(MOVE_DECIMAL, frame)
    seq, = struct.unpack_from("!I", moved, th + 4)
    for _ in range(2):
        bridge.send(frame, (th + 32,), header)
        for i in range(n):
            _, out = bridge.receive("plain")
            source, target, tcp = tcp_of(out)
            assert checksum(pseudo_header(source, target, len(tcp))
                            + tcp) == 0
            assert struct.unpack_from("!I", tcp, 4)[0] == (
                seq + i * size) & 0xffffffff
            assert tcp[8:12] == moved[th + 8:th + 12]
            assert tcp[14:16] == moved[th + 14:th + 16]
            assert tcp[20:32] == moved[th + 20:th + 32]
            assert tcp[32:] == frame[th + 32 + i * size:][:size]


@pytest.mark.parametrize("version", [4, 6])
def test_partial_checksum(bridge, model, version):
    """A checksum that is still to be filled in stays to be filled in; the
    field holds the pseudo header's, which does not change."""
    th = 34 if version == 4 else 54
    frame = segment(version, 100, complete=False)
    bridge.flows("in_port=1,%s,actions=%s,output:2,output:3"
                 % ("tcp" if version == 4 else "tcp6", MOVE))
    moved, _ = model(MOVE_DECIMAL, frame)
    whole, _ = model(MOVE_DECIMAL, segment(version, 100))
    for i, cuts in enumerate(cuts_of(frame)):
        bridge.send(frame, cuts, partial(th))
        (flags, *_), out = bridge.receive()
        if i:                   # ovs-vswitchd completes the first.
            assert flags == NEEDS_CSUM
            assert out == (moved[:th + 16] + frame[th + 16:th + 18]
                           + moved[th + 18:])
        assert bridge.receive("plain")[1] == whole


@pytest.mark.parametrize("actions, expected", [
    ("{0},{0},output:2", [2]),
    ("{0},output:2,{0},output:2", [1, 2]),
    ("output:2,{0},output:2", [0, 1]),
    ("clone({0},output:2),output:2", [1, 0]),
    ("clone({0},{0},output:2),{0},output:2", [2, 1]),
    ("{0},resubmit(,1)", [2]),
    ("ct(table=1)", [1]),
    ("{0},ct(table=1)", [2]),
    ("{0},ct(commit,table=1)", [2]),
    ("push_vlan:0x8100,set_field:4100->vlan_vid,{0},pop_vlan,output:2", [1]),
    ("push_mpls:0x8847,pop_mpls:0x0800,resubmit(,1)", [1]),
    ("check_pkt_larger(100)->reg0[0],resubmit(,2)", [1]),
    ("group:1", [1, 2]),
    ("mod_tp_dst:80,mod_nw_ttl:64,{0},output:2", [1]),
    ("dec_ttl,{0},mod_nw_ttl:64,output:2", [1]),
])
def test_among_others(bridge, model, actions, expected):
    """With other actions around it: 'expected' is how often each frame that
    comes out was moved."""
    bridge.switch.ofctl(
        "--may-create", "mod-group", "br0", "group_id=1,type=all,bucket=actions=%s,output:2,"
        "bucket=actions=%s,%s,output:2" % (MOVE, MOVE, MOVE))
    bridge.flows(
        "tcp,in_port=1,actions=" + actions.format(MOVE),
        "table=1,tcp,actions=%s,output:2" % MOVE,
        "table=2,tcp,reg0=1/1,actions=%s,output:2" % MOVE,
        "table=2,tcp,reg0=0/1,actions=output:2")
    frames = [segment(4, 500)]
    for _ in range(2):
        frames.append(model(MOVE_DECIMAL, frames[-1])[0])
    for cuts in cuts_of(frames[0]):
        bridge.send(frames[0], cuts)
        assert [bridge.receive()[1].hex() for _ in expected] == [
            frames[n].hex() for n in expected]


# The same as MOVE, for the model.
MOVE_DECIMAL = MOVE.replace("0x01020304", str(0x01020304))
