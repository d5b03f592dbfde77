# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""nat64 in the kernel datapath: what it takes from userspace, what comes out
for packets of every shape, and what is still left to the hardware."""

import collections
import errno
import os
import random
import re
import struct
import time

import pytest

import ovsnl
from frames import (checksum, ETH_ARP, ETH_IP, ETH_IP6, ICMP, ICMP6,
                    Nat64Frames, pseudo_header, TCP, UDP)
from model import Nat64Model, TOP
from ovsnl import (attr, Datapath, Error, nat64, NAT64_4TO6, NAT64_6TO4,
                   output, tasuki, tcp_offset, TASUKI_NAT64)
from tap import (gso, GSO_TCPV4, GSO_TCPV6, GSO_UDP, HEADER, MAX_FRAME,
                 NEEDS_CSUM, partial, Tap)

SEED = int(os.environ.get("TASUKI_SEED", "1"))
ROUNDS = int(os.environ.get("TASUKI_ROUNDS", "12"))
BATCH = 250

ETH_TEST = 0x88b5
DIRECTIONS = {4: NAT64_4TO6, 6: NAT64_6TO4}


def act(direction, **arguments):
    return tasuki(nat64(direction, **arguments), TASUKI_NAT64)


TO6, TO4 = act(NAT64_4TO6), act(NAT64_6TO4)


def match(eth_type, in_port=1, recirc_id=0, vlans=()):
    """Returns the key and the mask of all packets of that type, with tags of
    'vlans', the innermost first."""
    layer3 = {ETH_IP: (ovsnl.KEY_IPV4, 12), ETH_IP6: (ovsnl.KEY_IPV6, 40),
              ETH_ARP: (ovsnl.KEY_ARP, 24)}
    key = (attr(ovsnl.KEY_IN_PORT, struct.pack("=I", in_port))
           + attr(ovsnl.KEY_ETHERNET, bytes(12))
           + attr(ovsnl.KEY_RECIRC_ID, struct.pack("=I", recirc_id)))
    mask = (attr(ovsnl.KEY_IN_PORT, b"\xff" * 4)
            + attr(ovsnl.KEY_ETHERNET, bytes(12))
            + attr(ovsnl.KEY_RECIRC_ID, b"\xff" * 4))
    inner_key = attr(ovsnl.KEY_ETHERTYPE, struct.pack("!H", eth_type))
    inner_mask = attr(ovsnl.KEY_ETHERTYPE, b"\xff" * 2)
    if eth_type in layer3:
        kind, length = layer3[eth_type]
        inner_key += attr(kind, bytes(length))
        inner_mask += attr(kind, bytes(length))
    for tag in vlans:
        inner_key = (attr(ovsnl.KEY_ETHERTYPE, b"\x81\x00")
                     + attr(ovsnl.KEY_VLAN, struct.pack("!H", tag | 0x1000))
                     + attr(ovsnl.KEY_ENCAP, inner_key))
        inner_mask = (attr(ovsnl.KEY_ETHERTYPE, b"\xff\xff")
                      + attr(ovsnl.KEY_VLAN, b"\xff\xff")
                      + attr(ovsnl.KEY_ENCAP, inner_mask))
    return key + inner_key, mask + inner_mask


class Bridge:
    """A datapath with three interfaces: port 1 is the way in, 2 takes packets
    as they are, 3 is a network card that can do nothing by itself."""

    def __init__(self, lab):
        self.lab = lab
        self.netns = str(os.getpid())
        lab.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                "net.ipv6.conf.default.disable_ipv6=1")
        self.datapath = Datapath("nat64")
        self.taps = {}
        for number, name in enumerate(("in", "out", "plain"), 1):
            self.taps[name] = Tap(self, name, name == "in", name != "plain")
            lab.run("ip", "link", "set", name, "mtu", "65521")
            self.datapath.add_port(number, name)

    # What Tap needs of a Namespace.

    def run(self, *argv):
        return self.lab.run(*argv)

    def ip(self, *argv):
        return self.lab.run("ip", *argv)

    def close(self):
        for tap in self.taps.values():
            tap.close()
        self.datapath.__exit__()

    def flows(self, *flows):
        """Replaces all flows by some, each actions and the arguments of
        match()."""
        self.datapath.delete()
        for actions, *arguments in flows:
            key, mask = match(*arguments)
            self.datapath.put(actions, key, mask)
        for tap in self.taps.values():
            while tap.read(timeout=0):
                pass

    def send(self, frame, cuts=(), header=bytes(HEADER.size)):
        self.taps["in"].write(frame, cuts, header)

    def receive(self, name="out", timeout=2):
        """Returns the next frame, with its offload header."""
        got = self.taps[name].read(timeout)
        assert got, "no frame came out"
        return got

    def quiet(self, *names):
        """True if no frame comes out."""
        return not any(self.taps[name].read(timeout=0.2)
                       for name in names or self.taps)


@pytest.fixture(scope="module")
def the_bridge(lab):
    bridge = Bridge(lab)
    yield bridge
    bridge.close()


@pytest.fixture
def bridge(the_bridge):
    yield the_bridge
    assert the_bridge.quiet(), "a frame that nobody expected"


@pytest.fixture(scope="module")
def model(lab):
    return Nat64Model(lab.directory)


def counters():
    names = [name[6:] for name in os.listdir(
        "/sys/module/openvswitch/parameters") if name.startswith("nat64_")]
    return collections.Counter({name: ovsnl.parameter("nat64_" + name)
                                for name in names})


# Netlink.

good = nat64(NAT64_4TO6, mtu=1500)


@pytest.mark.parametrize("payload", [
    b"", good[:-1], good + b"\0", good + bytes(4)],
    ids=["none", "short", "a byte long", "long"])
def test_length(dp, payload):
    with pytest.raises(Error) as error:
        dp.put(tasuki(payload, TASUKI_NAT64))
    assert (error.value.errno, error.value.message) == (
        errno.EINVAL, "nat64: wrong length")
    assert error.value.offset
    assert dp.dump() == []


@pytest.mark.parametrize("bad", [
    nat64(0), nat64(3), nat64(255), nat64(1, prefix_len=0),
    nat64(1, prefix_len=95), nat64(1, prefix_len=128),
    nat64(1, prefix_len=64, prefix="fe80::1"),
    nat64(1, prefix_len=96, prefix="2001:db8:0:0:100::"),
    nat64(1, prefix="ff02::"), nat64(1, mtu=1279), nat64(2, mtu=67)])
def test_bad_arguments(dp, model, bad):
    """What the arithmetic does not take is refused with its reason."""
    reason = model.check(bad)
    assert reason
    with pytest.raises(Error) as error:
        dp.put(tasuki(bad, TASUKI_NAT64))
    assert (error.value.errno, error.value.message) == (errno.EINVAL, reason)
    assert error.value.offset


@pytest.mark.parametrize("length", [32, 40, 48, 56, 64, 96])
@pytest.mark.parametrize("mtu", [0, 1280, 1500, 65535])
def test_good_arguments(dp, length, mtu):
    actions = act(NAT64_4TO6, prefix="2001:db8::", prefix_len=length, mtu=mtu)
    dp.put(actions + output(0), *match(ETH_IP))
    assert dp.dump() == [actions + output(0)]


@pytest.mark.parametrize("actions, eth_type, message", [
    (TO6, ETH_IP, None),
    (TO6, ETH_ARP, None),
    (TO6, ETH_IP6, "nat64: the flow must match IPv4 or ARP"),
    (TO6, ETH_TEST, "nat64: the flow must match IPv4 or ARP"),
    (TO4, ETH_IP6, None),
    (TO4, ETH_IP, "nat64: the flow must match IPv6"),
    (TO4, ETH_ARP, "nat64: the flow must match IPv6"),
], ids=["4to6 IPv4", "4to6 ARP", "4to6 IPv6", "4to6 other", "6to4 IPv6",
        "6to4 IPv4", "6to4 ARP"])
def test_match(dp, actions, eth_type, message):
    key, mask = match(eth_type)
    if not message:
        dp.put(actions, key, mask)
        assert dp.dump() == [actions]
        return
    with pytest.raises(Error) as error:
        dp.put(actions, key, mask)
    assert (error.value.errno, error.value.message) == (errno.EINVAL, message)


def set_ttl(ttl):
    """Returns the action that sets the TTL of an IPv4 packet."""
    return attr(ovsnl.ACTION_SET, attr(ovsnl.KEY_IPV4, struct.pack(
        "!4s4sBBBB", bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)), TCP, 0, ttl,
        0)))


@pytest.mark.parametrize("behind, refused", [
    (set_ttl(9), True),
    (TO4, True),
    (TO6, True),
    (tasuki(tcp_offset(seq=1)), True),
    (attr(ovsnl.ACTION_PUSH_MPLS, struct.pack("!IHH", 0x12340, 0x8847, 0)),
     True),
    (output(0), False),
    (attr(ovsnl.ACTION_PUSH_VLAN, struct.pack("!HH", 0x8100, 0x1001)), False),
    (attr(ovsnl.ACTION_RECIRC, struct.pack("=I", 1)), False),
    (attr(ovsnl.ACTION_CT), False),
], ids=["set", "6to4", "4to6", "tcp_offset", "push_mpls", "output",
        "push_vlan", "recirc", "ct"])
def test_nothing_behind_relies_on_the_type(dp, behind, refused):
    """Of what kind a packet is now is not known before there is one."""
    dp.put(behind if behind == set_ttl(9) else output(0), ovsnl.key())
    dp.delete()
    if refused:
        with pytest.raises(Error) as error:
            dp.put(TO6 + behind, ovsnl.key())
        assert error.value.errno == errno.EINVAL
    else:
        dp.put(TO6 + behind, ovsnl.key())
        assert len(dp.dump()) == 1


def test_parameters():
    """There is a counter for each reason in the arithmetic's list."""
    with open(os.path.join(TOP, "lib/nat64.h")) as f:
        names = re.findall(r"^ +X\(\w+, (\w+)\)", f.read(), re.M)
    assert len(names) > 15
    assert set(counters()) == set(names) - {"pull"}


# Bytes.

def number_of(frame):
    return int.from_bytes(frame[7:12], "big")


def receive_all(bridge, name):
    """Returns the frames up to the marker by number, and whether others came
    first."""
    frames = collections.defaultdict(list)
    while True:
        _, frame = bridge.receive(name, timeout=10)
        if frame[12:14] == b"\x88\xb5":
            return frames
        frames[number_of(frame)].append(frame)


@pytest.mark.parametrize("version", [4, 6])
def test_differential(bridge, model, version):
    """Thousands of frames, good and hostile, come out as the arithmetic alone
    would have them, or do not, and are counted."""
    rng = random.Random(SEED + version)
    direction = DIRECTIONS[version]
    types = (ETH_IP, ETH_ARP) if version == 4 else (ETH_IP6,)
    seen = collections.Counter()
    marker = bytes(12) + b"\x88\xb5" + bytes(46)
    for turn in range(ROUNDS):
        prefix = rng.choice(("fe80::", "fe80::", "2001:db8:1:2::"))
        mtu = rng.choice((0, 1280, 1400)) if turn % 3 == 0 else 0
        arguments = nat64(direction, prefix=prefix, mtu=mtu)
        bridge.flows(*((tasuki(arguments, TASUKI_NAT64) + output(2), kind)
                       for kind in types),
                     (output(2), ETH_TEST))
        frames = Nat64Frames(rng, version, prefix)
        sent = {}
        before = counters()
        for number in range(BATCH):
            frame = frames.frame(number)
            cuts = sorted({rng.randrange(14, len(frame) + 1)
                           for _ in range(rng.randrange(6))})
            sent[number] = frame
            bridge.send(frame, cuts)
        bridge.send(marker)
        got = receive_all(bridge, "out")
        expected = collections.Counter()
        for number, frame in sent.items():
            result, out = model(arguments, frame)
            expected[result] += 1
            what = "%d: %s: %s" % (number, result, frame.hex())
            if result == "too_big":
                answers = out
                out = []
                for answer in answers:
                    assert bridge.receive("in")[1].hex() == answer.hex(), what
            assert [f.hex() for f in got[number]] == [
                f.hex() for f in out], what
        counted = counters()
        counted.subtract(before)
        assert +counted == +expected
        seen += expected
    # Most of it was no waste of time.
    assert seen["ok"] > ROUNDS * BATCH / 3
    assert len(seen) > 8


# Shapes and offload.

ETHERNET = bytes.fromhex("020000000001" "020000000002")
OPTIONS = bytes.fromhex("0101080a" "0000abcd" "00001234")
HOSTS = {4: (bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)))}
PREFIX = bytes.fromhex("fe80") + bytes(10)
HOSTS[6] = tuple(PREFIX + host for host in HOSTS[4])
TH = {4: 34, 6: 54}
KINDS = {4: GSO_TCPV4, 6: GSO_TCPV6}
OTHER = {4: 6, 6: 4}
FLOWS = {4: (TO6, ETH_IP), 6: (TO4, ETH_IP6)}


def packet(version, proto, body, fragment=0x4000):
    source, target = HOSTS[version]
    if version == 4:
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, fragment,
                         64, proto, 0, source, target)
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        return ETHERNET + b"\x08\x00" + ip + body
    return ETHERNET + b"\x86\xdd" + struct.pack(
        "!IHBB16s16s", 6 << 28, len(body), proto, 64, source, target) + body


def summed(version, proto, body, at, complete=True):
    """Returns 'body' with a checksum at 'at', or with that of the pseudo
    header alone."""
    pseudo = pseudo_header(*HOSTS[version], len(body), proto)
    value = (checksum(pseudo + body) if complete
             else ~checksum(pseudo) & 0xffff)
    return body[:at] + struct.pack("!H", value) + body[at + 2:]


def segment(version, length, complete=True, fragment=0x4000):
    data = random.Random(length).randbytes(length)
    tcp = struct.pack("!HHIIBBHHH", 40000, 80, 0xfffffff0, 7, 0x80, 0x18,
                      0x4000, 0, 0) + OPTIONS + data
    return packet(version, TCP, summed(version, TCP, tcp, 16, complete),
                  fragment)


def datagram(version, data, complete=True, csum=True, fragment=0x4000):
    udp = struct.pack("!HHHH", 40000, 53, 8 + len(data), 0) + data
    if csum:
        udp = summed(version, UDP, udp, 6, complete)
    return packet(version, UDP, udp, fragment)


def is_right(version, frame):
    """True if the transport checksum in the packet is right."""
    body = frame[TH[version]:]
    proto = frame[23 if version == 4 else 20]
    addresses = (frame[26:30], frame[30:34]) if version == 4 else (
        frame[22:38], frame[38:54])
    return checksum(pseudo_header(*addresses, len(body), proto) + body) == 0


def without_id(version, frame):
    """Returns an IPv4 packet without its identification, which is made from
    whatever the checksum fields are."""
    if version == 6:
        return frame
    return frame[:18] + frame[20:24] + frame[26:]


def cuts_of(th):
    """Returns ways to cut up a frame with a TCP header at 'th'."""
    return ((), (14,), (th,), (th + 1, th + 19), (th + 20,), (th + 25, th + 27),
            (th + 32,), (20, th + 4, th + 8, th + 16, th + 30))


@pytest.mark.parametrize("version", [4, 6])
def test_super_packet(bridge, model, version):
    """64 KB go through as one, in the other family's kind."""
    actions, kind = FLOWS[version]
    other = OTHER[version]
    bridge.flows((actions + output(2), kind))
    th = TH[version]
    for cuts in cuts_of(th):
        size = min(MAX_FRAME, (cuts[-1] if cuts else 0) + 12 * 4096)
        frame = segment(version, size - th - 32, complete=False)
        result, (expected,) = model(nat64(DIRECTIONS[version]), frame,
                                    partial=True)
        assert result == "ok"
        bridge.send(frame, cuts, gso(th, th + 32, 1400, KINDS[version]))
        (flags, kind, _, size, start, offset), out = bridge.receive()
        assert (flags, kind, size, start, offset) == (
            NEEDS_CSUM, KINDS[other], 1400, TH[other], 16)
        assert out == expected
        assert out[TH[other] + 20:] == frame[th + 20:]


@pytest.mark.parametrize("version", [4, 6])
def test_super_packet_to_plain_card(bridge, version):
    """Cut up behind the switch, each segment is right."""
    actions, kind = FLOWS[version]
    other, th, n, size = OTHER[version], TH[version], 20, 1000
    bridge.flows((actions + output(3), kind))
    frame = segment(version, n * size, complete=False)
    bridge.send(frame, (th + 32,), gso(th, th + 32, size, KINDS[version]))
    for i in range(n):
        _, out = bridge.receive("plain")
        assert is_right(other, out)
        tcp = out[TH[other]:]
        assert struct.unpack_from("!I", tcp, 4)[0] == (
            0xfffffff0 + i * size) & 0xffffffff
        assert tcp[32:] == frame[th + 32 + i * size:][:size]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("make, csum_offset", [(segment, 16), (None, 6)],
                         ids=["tcp", "udp"])
def test_partial_checksum(bridge, model, version, make, csum_offset):
    """A checksum that is still to be filled in stays to be filled in."""
    actions, kind = FLOWS[version]
    other, th = OTHER[version], TH[version]
    bridge.flows((actions + output(2) + output(3), kind))

    def build(complete):
        return make(version, 100, complete) if make else datagram(
            version, bytes(100), complete)

    result, (expected,) = model(nat64(DIRECTIONS[version]), build(False),
                                partial=True)
    _, (whole,) = model(nat64(DIRECTIONS[version]), build(True))
    assert result == "ok"
    for cuts in cuts_of(th):
        bridge.send(build(False), cuts, HEADER.pack(
            NEEDS_CSUM, 0, 0, 0, th, csum_offset))
        (flags, _, _, _, start, offset), out = bridge.receive()
        assert (flags, start, offset) == (NEEDS_CSUM, TH[other], csum_offset)
        assert out == expected
        out = bridge.receive("plain")[1]
        assert without_id(other, out) == without_id(other, whole)
        assert is_right(other, out)


@pytest.mark.parametrize("version", [4, 6])
def test_partial_checksum_elsewhere(bridge, model, version):
    """What asks for a checksum of anything else gets it before."""
    actions, kind = FLOWS[version]
    bridge.flows((actions + output(2), kind))
    th = TH[version]
    kind = 8 if version == 4 else 128
    echo = struct.pack("!BBHHH", kind, 0, 0, 1, 2) + bytes(range(56))
    covered = b"" if version == 4 else pseudo_header(*HOSTS[6], len(echo),
                                                     ICMP6)
    proto = ICMP if version == 4 else ICMP6
    value = checksum(covered + echo)
    whole = packet(version, proto, echo[:2] + struct.pack("!H", value)
                   + echo[4:])
    field = ~checksum(covered) & 0xffff if covered else 0
    frame = packet(version, proto, echo[:2] + struct.pack("!H", field)
                   + echo[4:])
    bridge.send(frame, (), HEADER.pack(NEEDS_CSUM, 0, 0, 0, th, 2))
    header, out = bridge.receive()
    assert header[0] == 0
    assert [out] == model(nat64(DIRECTIONS[version]), whole)[1]

    # In the IP header, behind its end, at the end of all: whatever comes out,
    # the kernel survives it.
    n_sent = 0
    for start in (20, 24, th - 2, th + 4, len(whole) - 4):
        for offset in (0, 2, 16):
            if start + offset + 2 <= len(whole):
                bridge.send(whole, (), HEADER.pack(NEEDS_CSUM, 0, 0, 0, start,
                                                   offset))
                n_sent += 1
    assert n_sent > 10
    time.sleep(0.2)
    while bridge.taps["out"].read(timeout=0):
        pass


@pytest.mark.parametrize("version", [4, 6])
def test_super_packet_of_something_else(bridge, version):
    """A super-packet whose checksum to fill in is not the one of its TCP header
    is dropped, counted, and nothing to warn of."""
    actions, kind = FLOWS[version]
    bridge.flows((actions + output(2), kind))
    th = TH[version]
    tcp = segment(version, 3000, complete=False)
    udp = datagram(version, bytes(3000), complete=False)
    frames = [(tcp, start) for start in (14, 20, th - 4, th + 4, th + 32, 900)]
    frames += [(udp, th)]
    before = counters()
    for frame, start in frames:
        bridge.send(frame, (), gso(start, th + 32, 1000, KINDS[version]))
    assert bridge.quiet()
    assert counters() - before == {"bad_header": len(frames)}


def test_ufo(bridge):
    """A datagram that is to become IPv4 fragments is cut up before each is
    translated."""
    bridge.flows((TO6 + output(2), ETH_IP))
    data = random.Random(1).randbytes(4000)
    frame = datagram(4, data, complete=False, fragment=0)
    bridge.send(frame, (), HEADER.pack(NEEDS_CSUM, GSO_UDP, 42, 1480, 34, 6))
    parts = {}
    while sum(map(len, parts.values())) < 8 + len(data):
        header, out = bridge.receive()
        assert header[0] != NEEDS_CSUM and header[1] == 0
        assert out[12:14] == b"\x86\xdd" and out[20] == 44 and out[54] == 17
        parts[struct.unpack_from("!H", out, 56)[0] & ~7] = out[62:]
        more = struct.unpack_from("!H", out, 56)[0] & 1
    assert not more and len(parts) == 3
    udp = b"".join(parts[ofs] for ofs in sorted(parts))
    assert udp[8:] == data
    assert checksum(pseudo_header(*HOSTS[6], len(udp), UDP) + udp) == 0


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("tags", [1, 2])
def test_vlan(bridge, model, version, tags):
    """Tags stay, whoever has them: the outer one is with the packet, an inner
    one in it."""
    actions, kind = FLOWS[version]
    vlans = (7, 8)[:tags]
    bridge.flows((actions + output(2), kind, 1, 0, vlans))
    tag = b"".join(struct.pack("!HH", 0x8100, vlan)
                   for vlan in reversed(vlans))
    for frame in (segment(version, 100), datagram(version, b"x" * 31)):
        tagged = frame[:12] + tag + frame[12:]
        _, (expected,) = model(nat64(DIRECTIONS[version]), tagged,
                               14 + 4 * tags)
        for cuts in ((), (20,), (40, 60)):
            bridge.send(tagged, cuts)
            assert bridge.receive()[1].hex() == expected.hex()


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("tags", [0, 1, 2])
def test_8023(bridge, model, version, tags):
    """A packet in an 802.3 frame leaves in Ethernet II, in pieces too, and so
    does the answer."""
    mtu = {4: 1280, 6: 576}[version]
    kind = FLOWS[version][1]
    vlans = (7, 8)[:tags]
    tag = b"".join(struct.pack("!HH", 0x8100, vlan)
                   for vlan in reversed(vlans))
    bridge.flows((act(DIRECTIONS[version], mtu=mtu) + output(2), kind, 1, 0,
                  vlans))
    arguments = nat64(DIRECTIONS[version], mtu=mtu)
    seen = set()
    for frame in (datagram(version, b"x" * 31),
                  datagram(version, b"x" * 1200, fragment=0),
                  datagram(version, b"x" * 1300, fragment=0),
                  datagram(version, b"x" * 1300)):
        expected = model(arguments, frame[:12] + tag + frame[12:],
                         14 + 4 * tags)
        snap = struct.pack("!H", len(frame) - 14 + 8) + b"\xaa\xaa\3\0\0\0"
        frame = frame[:12] + tag + snap + frame[12:]
        assert model(arguments, frame, 22 + 4 * tags) == expected
        result, outs = expected
        seen.add(result)
        for cuts in ((), (20,), (40, 60)):
            bridge.send(frame + bytes(9), cuts)
            for out in outs:
                assert bridge.receive("in" if result == "too_big" else "out")[
                    1].hex() == out.hex()
    assert seen >= {"ok", "too_big"}


def test_padding(bridge, model):
    """Padding does not become a part of a packet that is no longer short."""
    bridge.flows((TO6 + output(2), ETH_IP), (TO6 + output(2), ETH_ARP))
    frame = packet(4, TCP, summed(4, TCP, struct.pack(
        "!HHIIBBHHH", 1, 2, 3, 4, 0x50, 0x10, 5, 0, 0), 16))
    arp = ETHERNET + b"\x08\x06" + struct.pack(
        "!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 2, ETHERNET[6:], HOSTS[4][0],
        ETHERNET[:6], HOSTS[4][1])
    for each in (frame, arp):
        result, (expected,) = model(nat64(NAT64_4TO6), each)
        assert result == "ok"
        for pad in (0, 1, 60 - len(each), 100):
            for cuts in ((), (30,), (len(each),)):
                bridge.send(each + b"\xaa" * pad, cuts)
                assert bridge.receive()[1].hex() == expected.hex()


# Lists of actions.

def clone(actions):
    return attr(ovsnl.ACTION_CLONE, actions)


@pytest.mark.parametrize("version", [4, 6])
def test_shared(bridge, model, version):
    """Whoever shares a packet sees it as it was."""
    actions, kind = FLOWS[version]
    for cuts in cuts_of(TH[version]):
        frame = segment(version, 500)
        _, (expected,) = model(nat64(DIRECTIONS[version]), frame)
        for flow, old, new in (
                (output(2) + actions + output(3), "out", "plain"),
                (clone(actions + output(3)) + output(2), "out", "plain"),
                (clone(clone(output(3)) + actions + output(2)), "plain",
                 "out")):
            bridge.flows((flow, kind))
            bridge.send(frame, cuts)
            assert bridge.receive(old)[1].hex() == frame.hex()
            assert bridge.receive(new)[1].hex() == expected.hex()


def test_dropped_in_clone(bridge):
    """A packet that is dropped in a list inside of another leaves that to go
    on."""
    bridge.flows((clone(TO6 + output(3)) + output(2), ETH_IP))
    frame = packet(4, 2, bytes(8))
    before = counters()
    bridge.send(frame)
    assert bridge.receive()[1] == frame
    assert counters() - before == {"multicast_control": 1}


@pytest.mark.parametrize("version", [4, 6])
def test_fragments(bridge, model, version):
    """Each fragment goes through all of the list behind the action."""
    direction = DIRECTIONS[version]
    kind = FLOWS[version][1]
    mtu = 1280 if version == 4 else 576
    arguments = nat64(direction, mtu=mtu)
    if version == 4:
        frame = datagram(4, random.Random(2).randbytes(4000), fragment=0)
    else:
        # A fragment header means that it may be fragmented further.
        body = datagram(6, random.Random(2).randbytes(1100))[54:]
        frame = packet(6, 44, struct.pack("!BBHI", UDP, 0, 0, 77) + body)
    result, expected = model(arguments, frame)
    assert result == "fragment" and len(expected) >= 2
    act_ = tasuki(arguments, TASUKI_NAT64)
    for flow, outs in (
            (act_ + output(2) + output(3), ("out", "plain")),
            (act_ + clone(output(2)) + output(3), ("out", "plain")),
            (act_ + clone(clone(clone(clone(output(2))))), ("out",)),
            (act_ + attr(ovsnl.ACTION_RECIRC, struct.pack("=I", 5)),
             ("out",)),
            (act_, ())):
        other = ETH_IP6 if version == 4 else ETH_IP
        bridge.flows((flow, kind), (output(2), other, 1, 5))
        for cuts in ((), (60,), (100, 500)):
            bridge.send(frame, cuts)
            for name in outs:
                assert [bridge.receive(name)[1].hex() for _ in expected] == [
                    each.hex() for each in expected]


def test_fragments_of_partial_checksum(bridge, model):
    """The checksum that was left to the hardware is computed over all of it
    before it is cut."""
    arguments = nat64(NAT64_4TO6, mtu=1280)
    bridge.flows((tasuki(arguments, TASUKI_NAT64) + output(2), ETH_IP))
    data = random.Random(3).randbytes(3000)
    _, expected = model(arguments, datagram(4, data, fragment=0))
    assert len(expected) == 3
    bridge.send(datagram(4, data, complete=False, fragment=0), (),
                HEADER.pack(NEEDS_CSUM, 0, 0, 0, 34, 6))
    for each in expected:
        header, out = bridge.receive()
        assert header[0] == 0 and out.hex() == each.hex()


def test_super_packet_that_outgrows(bridge):
    """Each segment of a super-packet is fragmented, or all of it is
    answered."""
    action = act(NAT64_4TO6, mtu=1280)
    bridge.flows((action + output(2), ETH_IP))
    frame = segment(4, 2500, complete=False, fragment=0)
    bridge.send(frame, (), gso(34, 66, 1248, GSO_TCPV4))
    total, first = 0, 0
    for _ in range(5):
        header, out = bridge.receive()
        assert header[1] == 0 and len(out) <= 14 + 1280
        if out[20] == 44:
            more = struct.unpack_from("!H", out, 56)[0]
            first += more == 1
            total += len(out) - 62
        else:
            total += len(out) - 54
            assert is_right(6, out)
    assert first == 2 and total == 2500 + 3 * 32

    frame = segment(4, 2500, complete=False)
    before = counters()
    bridge.send(frame, (), gso(34, 66, 1248, GSO_TCPV4))
    _, answer = bridge.receive("in")
    assert answer[:12] == ETHERNET[6:] + ETHERNET[:6]
    assert answer[34:36] == b"\3\4"
    assert struct.unpack_from("!H", answer, 40)[0] == 1260
    assert checksum(answer[34:]) == 0
    assert answer[42:62] == frame[14:34]
    assert counters() - before == {"too_big": 1}


@pytest.mark.parametrize("version", [4, 6])
def test_too_big(bridge, model, version):
    """The sender is told, on the port and in the VLAN that it is in."""
    arguments = nat64(DIRECTIONS[version], mtu=1280 if version == 4 else 1400)
    action = tasuki(arguments, TASUKI_NAT64)
    kind = FLOWS[version][1]
    frame = segment(version, 1400)
    for vlans in ((), (7,)):
        if vlans:
            frame = frame[:12] + b"\x81\x00\x00\x07" + frame[12:]
        bridge.flows((action + output(2), kind, 1, 0, vlans))
        result, (expected,) = model(arguments, frame, 14 + 4 * len(vlans))
        assert result == "too_big"
        for cuts in ((), (20,), (60, 300, 900)):
            bridge.send(frame, cuts)
            assert bridge.receive("in")[1].hex() == expected.hex()
    assert bridge.quiet("out")


def test_too_big_is_limited(bridge):
    """A flood gets no flood of answers."""
    bridge.flows((act(NAT64_4TO6, mtu=1280) + output(2), ETH_IP))
    frame = segment(4, 1400)
    before = counters()
    time.sleep(1.1)
    start = time.monotonic()
    for _ in range(1000):
        bridge.send(frame)
    took = time.monotonic() - start
    answers = 0
    while bridge.taps["in"].read(timeout=0.2):
        answers += 1
    assert 100 <= answers <= 100 * (took + 2)
    assert counters() - before == {"too_big": 1000}


# What comes after.

@pytest.mark.parametrize("version", [4, 6])
def test_recirculated(bridge, model, version):
    """Later flows see the new packet, and change it like any other."""
    actions, kind = FLOWS[version]
    other = ETH_IP6 if version == 4 else ETH_IP
    recirc = attr(ovsnl.ACTION_RECIRC, struct.pack("=I", 9))
    back = TO4 if version == 4 else TO6
    bridge.flows((actions + recirc, kind), (back + output(2), other, 1, 9))
    frame = segment(version, 300)
    _, (middle,) = model(nat64(DIRECTIONS[version]), frame)
    _, (expected,) = model(nat64(DIRECTIONS[OTHER[version]]), middle)
    for cuts in cuts_of(TH[version]):
        bridge.send(frame, cuts)
        assert bridge.receive()[1].hex() == expected.hex()


def test_conntrack(bridge):
    """Fragments that conntrack has put together leave in fragments of the size
    that they came in, of the new family."""
    ct = attr(ovsnl.ACTION_CT)
    bridge.flows((ct + TO6 + output(2), ETH_IP))
    data = random.Random(4).randbytes(3000)
    body = datagram(4, data)[34:]
    for ofs in range(0, len(body), 1000):
        more = 0x2000 if ofs + 1000 < len(body) else 0
        bridge.send(packet(4, UDP, body[ofs:ofs + 1000], more | ofs // 8))
    parts = {}
    while sum(map(len, parts.values())) < len(body):
        _, out = bridge.receive()
        assert out[12:14] == b"\x86\xdd" and out[20] == 44
        assert len(out) <= 14 + 1280
        parts[struct.unpack_from("!H", out, 56)[0] & ~7] = out[62:]
    udp = b"".join(parts[ofs] for ofs in sorted(parts))
    assert udp[8:] == data
    assert checksum(pseudo_header(*HOSTS[6], len(udp), UDP) + udp) == 0


def test_conntrack_of_segments(bridge):
    """What a super-packet becomes has no connection, whichever packet of it:
    what conntrack found out is about another.  With one, it would not be
    tracked again."""
    ct = attr(ovsnl.ACTION_CT)
    recirc = [attr(ovsnl.ACTION_RECIRC, struct.pack("=I", number))
              for number in range(3)]
    bridge.flows((ct + act(NAT64_4TO6, mtu=1280) + recirc[1], ETH_IP),
                 (ct + recirc[2], ETH_IP6, 1, 1))
    tracked = struct.pack("=I", 0x20)
    for state, port in ((tracked, 2), (bytes(4), 3)):
        key, mask = match(ETH_IP6, 1, 2)
        bridge.datapath.put(output(port),
                            key + attr(ovsnl.KEY_CT_STATE, state),
                            mask + attr(ovsnl.KEY_CT_STATE, tracked))
    # Two segments that get fragmented, and one that does not.
    frame = segment(4, 2500, complete=False, fragment=0)
    bridge.send(frame, (), gso(34, 66, 1248, GSO_TCPV4))
    total = 0
    while total < 2500 + 3 * 32:
        _, out = bridge.receive()
        total += len(out) - (62 if out[20] == 44 else 54)
    assert bridge.quiet("plain")


def sample(actions):
    return attr(ovsnl.ACTION_SAMPLE, attr(1, struct.pack("=I", 0xffffffff))
                + attr(2, actions))


@pytest.mark.parametrize("wrap", [bytes, sample, clone],
                         ids=["alone", "sample", "clone"])
@pytest.mark.parametrize("version", [4, 6])
def test_upcall(bridge, model, version, wrap):
    """Userspace gets the key of the packet that it gets, and no other bytes."""
    netlink = ovsnl.Netlink()
    userspace = attr(ovsnl.ACTION_USERSPACE,
                     attr(1, struct.pack("=I", netlink.portid)))
    actions, kind = FLOWS[version]
    vlan = attr(ovsnl.ACTION_PUSH_VLAN, struct.pack("!HH", 0x8100, 0x1001))
    frame = datagram(version, b"x" * 31)
    (expected,) = model(nat64(DIRECTIONS[version]), frame)[1]
    ports = struct.pack("!HH", 40000, 53)
    layer3 = {4: (ovsnl.KEY_IPV6, expected[22:54]
                  + struct.pack("!IBBBB", 0, UDP, 0, 64, 0)),
              6: (ovsnl.KEY_IPV4, expected[26:34]
                  + struct.pack("!BBBB", UDP, 0, 64, 0))}[version]
    old = {4: ovsnl.KEY_IPV4, 6: ovsnl.KEY_IPV6}[version]
    for push in (b"", vlan):
        bridge.flows((actions + push + wrap(userspace) + output(2), kind))
        bridge.send(frame)
        packet, key = netlink.upcall()
        out = bridge.receive()[1]
        if push:
            assert packet == out
            assert key[ovsnl.KEY_ETHERTYPE] == b"\x81\x00"
            assert key[ovsnl.KEY_VLAN] == b"\x10\x01"
            key = dict(ovsnl.attrs(key[ovsnl.KEY_ENCAP]))
        else:
            assert packet == out == expected
        assert key[ovsnl.KEY_ETHERTYPE] == expected[12:14]
        assert key[layer3[0]].hex() == layer3[1].hex()
        assert key[ovsnl.KEY_UDP] == ports
        assert old not in key
    netlink.close()
