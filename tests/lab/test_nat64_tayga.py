# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""nat64 against TAYGA: the same packets, the same bytes.

Where they differ on purpose:

 * TAYGA is a router and decrements TTL and hop limit: it gets one more.
 * It follows RFC 6145, of before RFC 7915: a packet with DF clear gets a
   fragment header, and a small IPv6 packet becomes one with DF set.
 * It verifies the checksum of ICMP messages, it drops fragments of lengths
   that nobody makes, and it knows neither Parameter Problem nor errors about
   echo replies.
"""

import os
import random
import subprocess
import sys

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from nat64core import Core
from test_nat64_oracle import (ERRORS, ONE_WAY, Spec, embed, error4, host,
                               packet4, packet6, same)

HERE = os.path.dirname(os.path.abspath(__file__))
PREFIX = "2001:db8::/96"
ROUNDS = 100


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    return Core(tmp_path_factory.mktemp("nat64"))


@pytest.fixture(scope="module")
def tayga(tmp_path_factory):
    with subprocess.Popen(
            ["unshare", "--net", sys.executable,
             os.path.join(HERE, "tayga_exchange.py"),
             str(tmp_path_factory.mktemp("tayga")), PREFIX],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        def exchange(packet):
            child.stdin.write(packet.hex() + "\n")
            child.stdin.flush()
            return bytes.fromhex(child.stdout.readline())
        yield exchange
        child.stdin.close()


@pytest.fixture
def rng():
    seed = random.randrange(1 << 32)
    print("seed", seed)
    return random.Random(seed)


def make(rng, *protos):
    """A random packet between two hosts."""
    while True:
        spec = Spec(rng)
        if (spec.group or spec.proto not in (protos or (spec.proto,))
                or "169.254." in spec.src + spec.dst):
            continue
        spec.prefix, spec.ttl = PREFIX, rng.randrange(1, 255)
        if spec.proto == "echo":
            spec.off_by = 0
        return spec


def one_more_hop(frame):
    packet = Ether(frame)
    if IP in packet:
        packet[IP].ttl += 1
        del packet[IP].chksum
    else:
        packet[IPv6].hlim += 1
    return bytes(packet)[14:]


def agree(core, tayga, direction, frame):
    name, out = core.translate(direction, PREFIX, frame)
    theirs = tayga(one_more_hop(frame))
    assert (name, len(out)) == ("ok", 1)
    assert theirs, "dropped by TAYGA: " + frame[:150].hex(" ", 2)
    ours = out[0][14:]
    if direction == "6to4" and len(ours) <= 1260 \
            and b"\x2c" != frame[20:21]:
        assert theirs[6:8] == b"\x40\0" and ours[6:8] == b"\0\0"
        packet = IP(ours)
        packet.flags, packet.id = "DF", 0
        del packet.chksum
        ours = bytes(packet)
    same(ours, theirs, frame)


def test_4to6(core, tayga, rng):
    for _ in range(ROUNDS):
        spec = make(rng)
        agree(core, tayga, "4to6", packet4(spec, spec.payload(4), flags="DF",
                                           id=rng.getrandbits(16)))


def test_6to4(core, tayga, rng):
    for _ in range(ROUNDS):
        spec = make(rng)
        agree(core, tayga, "6to4", packet6(spec, spec.payload(6)))


def test_fragments(core, tayga, rng):
    for _ in range(ROUNDS):
        spec = make(rng, "tcp", "udp")
        spec.data = b""
        spec.data = rng.randbytes(1232 - len(spec.payload(4)))
        ofs = 8 * rng.randrange(0, 2000)
        more, ident = rng.random() < 0.5 or not ofs, rng.getrandbits(16)
        agree(core, tayga, "4to6", packet4(
            spec, spec.payload(4), id=ident, frag=ofs // 8,
            flags="MF" if more else ""))
        agree(core, tayga, "6to4", packet6(
            spec, spec.payload(6), [IPv6ExtHdrFragment(
                offset=ofs // 8, m=more, id=rng.getrandbits(32))]))


def test_errors(core, tayga, rng):
    for _ in range(ROUNDS):
        inner, outer = make(rng, "udp", "tcp", "echo"), make(rng)
        inner.src, inner.dst, inner.off_by = outer.dst, host(rng), 0
        inner.data, inner.reply = rng.randbytes(1300), False
        kind, code, rest, error6 = rng.choice(
            [error for error in ERRORS
             if error[:2] not in ONE_WAY and error[0] != 12])
        four = bytes(inner.header(4, id=0, flags="DF") / inner.transport(4))
        six = bytes(inner.header(6) / inner.transport(6))
        length = rng.randrange(28, 400)
        agree(core, tayga, "4to6", bytes(outer.ether(4) / IP(
            src=outer.src, dst=outer.dst, tos=outer.tos, ttl=outer.ttl,
            proto=1, flags="DF")
            / Raw(error4(kind, code, rest, four[:20 + length]))))
        agree(core, tayga, "6to4", bytes(outer.ether(6) / IPv6(
            src=embed(PREFIX, outer.src), dst=embed(PREFIX, outer.dst),
            tc=outer.tos, hlim=outer.ttl) / error6()
            / Raw(six[:40 + length])))
