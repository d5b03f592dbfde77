# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The same frames through both datapaths: out come the same bytes, and they
are what the header arithmetic says."""

import os
import random
import struct

from frames import ETH_IP, ETH_IP6, Frames
from lab import Switch
from model import Model
from tap import Tap

SEED = int(os.environ.get("TASUKI_SEED", "1"))
ROUNDS = int(os.environ.get("TASUKI_ROUNDS", "24"))
BATCH = 250


class Pair:
    """A bridge in each datapath, with a way in and a way out."""

    def __init__(self, lab):
        self.switch = Switch(lab, datapath="system", bridge="br-kernel")
        self.switch.add_bridge("br-user", datapath="netdev")
        self.taps = {}
        for bridge in ("br-kernel", "br-user"):
            for number, end in ((1, "in"), (2, "out")):
                name = "%s-%s" % (bridge[3:], end)
                self.taps[name] = Tap(self.switch.namespace, name,
                                      frags=name == "kernel-in")
                self.switch.add_port(name, number, bridge)

    def flows(self, action):
        """Has both move TCP, and forward all else as it is."""
        path = self.switch.lab.path("flows")
        with open(path, "w") as f:
            f.write("priority=2,in_port=1,tcp,actions=%s,output:2\n"
                    "priority=2,in_port=1,tcp6,actions=%s,output:2\n"
                    "priority=1,in_port=1,actions=output:2\n"
                    % (action, action))
        for bridge in ("br-kernel", "br-user"):
            self.switch.ofctl("--bundle", "replace-flows", bridge, path)
        self.switch.appctl("revalidator/purge")

    def send(self, frame, cuts):
        self.taps["kernel-in"].write(frame, cuts)
        self.taps["user-in"].write(frame)

    def receive(self, name, n):
        """Returns what comes out, by frame number."""
        frames = {}
        while len(frames) < n:
            got = self.taps[name].read(timeout=2)
            if not got:
                break
            if got[1][6] == 2:
                frames[int.from_bytes(got[1][7:12], "big")] = got[1]
        return frames

    def features(self):
        return self.switch.appctl("dpif/show-dp-features", "br-kernel")


def random_action(rng):
    arguments = {name: rng.getrandbits(32)
                 for name in ("seq", "ack", "tsval", "tsecr")}
    arguments["wscale"] = rng.randint(-14, 14)
    names = rng.sample(sorted(arguments), rng.randint(1, 5))
    return "tcp_offset(%s)" % ",".join("%s=%d" % (name, arguments[name])
                                       for name in names)


def eth_type(frame):
    return struct.unpack_from("!H", frame, 12)[0]


def is_labelled_right(frame):
    """True unless the Ethernet header says something else than the IP
    header."""
    version = frame[14] >> 4 if len(frame) > 14 else 0
    return version == {ETH_IP: 4, ETH_IP6: 6}.get(eth_type(frame))


def user_sees_ip(frame):
    """True unless the userspace datapath does not look into the IP packet
    because it is longer, by its header, than the frame; the kernel does (see
    ipv4_sanity_check() and ipv6_sanity_check() in Open vSwitch's
    lib/flow.c)."""
    size = len(frame) - 14
    if eth_type(frame) == ETH_IP and size >= 20:
        header = (frame[14] & 15) * 4
        total, = struct.unpack_from("!H", frame, 16)
        return header <= total <= size
    if eth_type(frame) == ETH_IP6 and size >= 40:
        return struct.unpack_from("!H", frame, 18)[0] + 40 <= size
    return True


def test_differential(lab):
    pair = Pair(lab)
    model = Model(lab.directory)
    assert "TCP offset action: Yes" in pair.features()
    rng = random.Random(SEED)
    frames = Frames(rng)
    n_sent = n_changed = n_apart = 0
    for _ in range(ROUNDS):
        action = random_action(rng)
        pair.flows(action)
        sent = {}
        for number in range(n_sent, n_sent + BATCH):
            frame = sent[number] = frames.frame(number)
            cuts = sorted({rng.randrange(14, len(frame) + 1)
                           for _ in range(rng.randrange(6))})
            pair.send(frame, cuts)
        n_sent += BATCH
        kernel = pair.receive("kernel-out", BATCH)
        user = pair.receive("user-out", BATCH)
        assert sorted(kernel) == sorted(user) == sorted(sent)
        for number, frame in sent.items():
            what = "%d: %s: %s" % (number, action, frame.hex())
            expected, _ = model(action, frame)
            if not is_labelled_right(frame):
                assert kernel[number] == user[number], what
                assert kernel[number] in (frame, expected), what
            elif user_sees_ip(frame):
                assert kernel[number].hex() == expected.hex(), what
                assert user[number].hex() == expected.hex(), what
            else:
                n_apart += 1
                assert kernel[number] in (frame, expected), what
                assert user[number] == frame, what
            n_changed += kernel[number] != frame
    # Much of it was no waste of time.
    assert n_changed > n_sent / 4
    assert n_apart < n_sent / 4
