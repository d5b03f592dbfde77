# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""ipsec_tag in both datapaths: out of them come the same bytes, whatever comes
in, and the same marks and values."""

import os
import random
import struct

import pytest

from frames import checksum, ETH_IP, ETH_IP6, Frames
from lab import LabError
from test_differential import Pair

SEED = int(os.environ.get("TASUKI_SEED", "1"))
BATCH = 200

FIELDS4 = ("nw_src[0..7]", "nw_dst[5..13]", "eth_dst[0..7]", "nw_dst[24..31]")
FIELDS6 = ("ipv6_src[0..7]", "ipv6_dst[60..70]", "eth_dst[1..9]",
           "ipv6_label[4..11]", "ipv6_dst[120..127]")


class TunnelFrames(Frames):
    """Frames, many of them in tunnels."""

    def outer(self, proto, body):
        """Returns an IP packet and its type."""
        rng = self.rng
        if rng.random() < 0.5:
            head = struct.pack("!BBHHHBBH8s", 0x45, 0, 20 + len(body), 1,
                               0x2000 if self.chance(5) else 0, 64, proto, 0,
                               rng.randbytes(8))
            head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
            return ETH_IP, head + body
        return ETH_IP6, struct.pack("!IHBB32s", 6 << 28, len(body), proto, 64,
                                    rng.randbytes(32)) + body

    def wrap(self, kind, packet):
        rng = self.rng
        ethernet = rng.randbytes(12) + struct.pack("!H", kind) + packet
        how = rng.randrange(4)
        if how == 0:
            return self.outer(4 if kind == ETH_IP else 41, packet)
        if how == 1:
            return self.outer(47, struct.pack("!HHI", 0x2000, 0x6558,
                                              rng.getrandbits(32)) + ethernet)
        if how == 2:
            return self.outer(47, struct.pack("!HH", 0, kind) + packet)
        body = bytes((8, 0, 0, 0)) + rng.randbytes(4) + ethernet
        return self.outer(17, struct.pack("!HHHH", rng.getrandbits(16), 4789,
                                          8 + len(body), 0) + body)

    def frame(self, number, hostile=20):
        rng = self.rng
        kind = rng.choice((ETH_IP, ETH_IP6))
        packet = self.ip4() if kind == ETH_IP else self.ip6()
        for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
            kind, packet = self.wrap(kind, packet)
        if self.chance(hostile):
            packet = self.damage(packet)
        data = (b"\2\0\0\0\0\1" + b"\2" + number.to_bytes(5, "big")
                + struct.pack("!H", kind) + packet)
        return data[:1514].ljust(14, b"\0")


@pytest.fixture(scope="module")
def pair(lab):
    pair = Pair(lab)
    assert "IPsec tag action: Yes" in pair.features()
    return pair


def install(pair, flows):
    path = pair.switch.lab.path("flows")
    with open(path, "w") as f:
        f.write("\n".join(flows) + "\n")
    for bridge in ("br-kernel", "br-user"):
        pair.switch.ofctl("--bundle", "replace-flows", bridge, path)
    pair.switch.appctl("revalidator/purge")


def exchange(pair, frames, rng):
    """Sends 'frames', and returns what they have become, by number."""
    for frame in frames:
        cuts = sorted(rng.sample(range(14, len(frame)), min(
            rng.choice((0, 0, 1, 3)), len(frame) - 14)))
        pair.send(frame, cuts)
    kernel = pair.receive("kernel-out", len(frames))
    assert kernel == pair.receive("user-out", len(frames))
    assert len(kernel) == len(frames)
    return kernel


def in_kernel(pair):
    """True if the kernel's datapath has no flow that asks userspace."""
    flows = pair.switch.appctl("dpctl/dump-flows", "system@ovs-system")
    return "userspace" not in flows


@pytest.mark.parametrize("seed", range(6))
def test_same_frames(pair, seed):
    rng = random.Random(SEED * 100 + seed)
    arguments = "n=200,to=%%s,hash=%s,basis=%d" % (
        rng.choice(("symmetric_l4", "l4", "l3")), rng.getrandbits(32))
    if rng.random() < 0.5:
        arguments += ",map=" + "-".join(str(rng.randrange(200))
                                        for _ in range(64))
    install(pair, ["in_port=1,ip,actions=ipsec_tag(%s),output:2"
                   % (arguments % rng.choice(FIELDS4)),
                   "in_port=1,ipv6,actions=ipsec_tag(%s),output:2"
                   % (arguments % rng.choice(FIELDS6)),
                   "priority=1,in_port=1,actions=output:2"])
    frames = [TunnelFrames(rng).frame(i) for i in range(BATCH)]
    got = exchange(pair, frames, rng)
    assert sum(got[i] != frame for i, frame in enumerate(frames)) > BATCH / 2
    assert in_kernel(pair)


def test_vlan(pair):
    rng = random.Random(SEED)
    install(pair, [
        "in_port=1,ip,actions=push_vlan:0x8100,set_field:0x1aaa->vlan_vid,"
        "ipsec_tag(n=16,to=vlan_vid[4..7]),output:2",
        "in_port=1,ipv6,actions=output:2",
        "priority=40000,in_port=1,vlan_tci=0x1000/0x1000,"
        "actions=ipsec_tag(n=16,to=vlan_vid[4..7]),output:2"])
    frames = [TunnelFrames(rng).frame(i, hostile=0) for i in range(40)]
    tagged = [frame[:12] + struct.pack("!HH", 0x8100, 0x6123) + frame[12:]
              for frame in frames]
    got = exchange(pair, frames, rng)
    tags = set()
    for i, frame in enumerate(frames):
        if frame[12:14] == b"\x08\x00":
            assert got[i][12:14] == b"\x81\x00"
            vid, = struct.unpack_from("!H", got[i], 14)
            assert vid & 0xff0f == 0x0a0a
            tags.add(vid >> 4 & 15)
    assert len(tags) > 4
    got = exchange(pair, tagged, rng)
    for i, frame in enumerate(tagged):
        vid, = struct.unpack_from("!H", got[i], 14)
        assert vid & 0xff0f == 0x6103
        assert got[i][:14] + got[i][16:] == frame[:14] + frame[16:]


def outputs(pair, flows, frames, rng, kernel_only=False):
    """Returns which frames leave, of a flow that drops some."""
    install(pair, flows)
    for frame in frames:
        pair.send(frame, ())
    kernel = pair.receive("kernel-out", len(frames))
    assert kernel_only or kernel == pair.receive("user-out", len(frames))
    return set(kernel)


def test_register_and_mark(pair):
    """A value and a mark say the same as bits of the packet."""
    rng = random.Random(SEED)
    frames = [TunnelFrames(rng).frame(i, hostile=0) for i in range(60)]
    frames = [frame for frame in frames if frame[12:14] == b"\x08\x00"]
    action = "table=0,in_port=1,ip,actions=ipsec_tag(n=2,to=%s),resubmit(,1)"
    left = [outputs(pair, [action % to, "table=1,%s,actions=output:2" % match],
                    frames, rng, to.startswith("pkt_mark"))
            for to, match in (("reg1[3]", "reg1=8/8"),
                              ("eth_dst[0]",
                               "dl_dst=00:00:00:00:00:01/00:00:00:00:00:01"))]
    # The userspace datapath refuses a mark.
    flows = [action % "pkt_mark[31]",
             "table=1,pkt_mark=0x80000000/0x80000000,actions=output:2"]
    path = pair.switch.lab.path("flows")
    with open(path, "w") as f:
        f.write("\n".join(flows) + "\n")
    with pytest.raises(LabError) as error:
        pair.switch.ofctl("--bundle", "replace-flows", "br-user", path)
    assert "OFPBAC_BAD_SET_TYPE" in str(error.value)
    pair.switch.ofctl("--bundle", "replace-flows", "br-kernel", path)
    pair.switch.appctl("revalidator/purge")
    for frame in frames:
        pair.taps["kernel-in"].write(frame)
    left.append(set(pair.receive("kernel-out", len(frames))))
    assert left[0] == left[1] == left[2]
    assert 5 < len(left[0]) < len(frames) - 5


def test_refused(pair):
    """With the kernel's reason."""
    ip = "in_port(0),eth(),eth_type(0x0800),ipv4(proto=17,frag=no),udp()"
    with pytest.raises(LabError) as error:
        pair.switch.appctl("dpctl/add-flow", "system@ovs-system", ip,
                           "ipsec_tag(n=4,to=ipv6_dst[0..7])")
    assert "ipsec_tag: the flow must match the type" in str(error.value)
