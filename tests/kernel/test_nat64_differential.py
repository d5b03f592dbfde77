# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The same frames through nat64 in both datapaths: out come the same bytes, of
the same frames, on the same side."""

import collections
import os
import random

import pytest

from frames import Nat64Frames
from model import Nat64Model
from ovsnl import nat64, NAT64_4TO6, NAT64_6TO4
from test_differential import Pair, SEED

ROUNDS = int(os.environ.get("TASUKI_ROUNDS", "12"))
BATCH = 250
MARKER = bytes(12) + b"\x88\xb5" + bytes(46)
MTU = 9000                      # So that what grows still fits.


class Nat64Pair(Pair):
    def __init__(self, lab):
        super().__init__(lab)
        for name in self.taps:
            self.switch.namespace.ip("link", "set", name, "mtu", str(MTU))

    def flows(self, action):
        """Has both translate 'action's direction, and forward markers."""
        kinds = ("ip", "arp") if "4to6" in action else ("ipv6",)
        path = self.switch.lab.path("flows")
        with open(path, "w") as f:
            for kind in kinds:
                f.write("priority=2,in_port=1,%s,actions=%s,output:2\n"
                        % (kind, action))
            f.write("priority=1,in_port=1,actions=output:2\n")
        for bridge in ("br-kernel", "br-user"):
            self.switch.ofctl("--bundle", "replace-flows", bridge, path)
        self.switch.appctl("revalidator/purge")

    def receive_all(self, name):
        """Returns what comes out, by frame number.  The marker may overtake
        some: packets of different flows are handled batch by batch."""
        frames = collections.defaultdict(list)
        marked = False
        while True:
            got = self.taps[name].read(timeout=0.3 if marked else 10)
            if not got:
                assert marked, "no marker came out of " + name
                return frames
            if got[1][12:14] == b"\x88\xb5":
                marked = True
            elif got[1][6] == 2:
                frames[int.from_bytes(got[1][7:12], "big")].append(got[1])


@pytest.fixture(scope="module")
def pair(lab):
    pair = Nat64Pair(lab)
    assert "NAT64 action: Yes" in pair.features()
    return pair


@pytest.mark.parametrize("version", [4, 6])
def test_differential(lab, pair, version):
    direction = {4: NAT64_4TO6, 6: NAT64_6TO4}[version]
    model = Nat64Model(lab.directory)
    rng = random.Random(SEED + version)
    seen = collections.Counter()
    for _ in range(ROUNDS):
        prefix = rng.choice(("fe80::", "2001:db8:1:2::"))
        pair.flows("nat64(%s,prefix=%s/96)" % (
            {4: "4to6", 6: "6to4"}[version], prefix))
        frames = Nat64Frames(rng, version, prefix)
        sent = {}
        for number in range(BATCH):
            frame = sent[number] = frames.frame(number)
            cuts = sorted({rng.randrange(14, len(frame) + 1)
                           for _ in range(rng.randrange(6))})
            pair.send(frame, cuts)
        pair.send(MARKER, ())
        kernel = pair.receive_all("kernel-out")
        user = pair.receive_all("user-out")
        for number, frame in sent.items():
            result, out = model(nat64(direction, prefix, mtu=MTU), frame)
            seen[result] += 1
            what = "%d: %s: %s" % (number, result, frame.hex())
            expected = [each.hex() for each in out]
            assert [each.hex() for each in kernel[number]] == expected, what
            assert [each.hex() for each in user[number]] == expected, what
    assert seen["ok"] > ROUNDS * BATCH / 3
    assert len(seen) > 8
