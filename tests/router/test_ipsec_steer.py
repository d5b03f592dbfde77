# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""tasuki-ipsec steer: packets of each SA are decrypted on a CPU of their own.

Two routers, in namespaces, and a veth pair with queues.  The SAs are made with
ip xfrm, so that nothing but the steering is ours.
"""

import json
import os
import socket
import subprocess

import pytest

from lab.lab import REPOSITORY

PROGRAM = os.path.join(REPOSITORY, "build", "bin", "tasuki-ipsec")
TAGS = 4
PACKETS = 200
A, B = "192.0.2.1", "198.51.100.1"
KEY = "0x" + "0123456789abcdef" * 2 + "00112233"


def run(*argv, check=True):
    done = subprocess.run(argv, check=check, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout


def inside(name, *argv):
    return run("ip", "netns", "exec", name, *argv)


def packets_by_cpu():
    """Returns how many packets each CPU has taken from its queue."""
    with open("/proc/net/softnet_stat") as f:
        return [int(line.split()[0], 16) for line in f]


def add_sas(name, src, dst, spi):
    """A tunnel for each tag, chosen by the mark."""
    for tag in range(TAGS):
        tmpl = ("src", src, "dst", dst, "proto", "esp", "reqid", str(tag + 1),
                "mode", "tunnel")
        inside(name, "ip", "xfrm", "state", "add", *tmpl[:6], "spi",
               hex(spi + tag), *tmpl[6:], "replay-window", "64", "aead",
               "rfc4106(gcm(aes))", KEY, "128")
        if name == "sender":
            inside(name, "ip", "xfrm", "policy", "add", "src", "10.1.0.0/16",
                   "dst", "10.2.0.0/16", "dir", "out", "mark", str(tag),
                   "mask", "0xff", "tmpl", *tmpl)
    if name == "receiver":
        inside(name, "ip", "xfrm", "policy", "add", "src", "10.1.0.0/16",
               "dst", "10.2.0.0/16", "dir", "in", "tmpl", "src", src, "dst",
               dst, "proto", "esp", "mode", "tunnel", "level", "use")


@pytest.fixture(scope="module", name="routers")
def _routers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("steer")
    run("modprobe", "-a", "veth", "esp4", "xfrm_user", "sch_ingress",
        "cls_u32", "act_skbedit", "gcm")
    for name in "sender", "receiver":
        run("ip", "netns", "add", name)
        inside(name, "ip", "link", "set", "lo", "up")
    queues = str(TAGS + 1)
    run("ip", "link", "add", "wan", "netns", "sender", "numtxqueues", queues,
        "numrxqueues", queues, "type", "veth", "peer", "name", "wan",
        "netns", "receiver", "numtxqueues", queues, "numrxqueues", queues)
    for name, address, peer, lan, far in (
            ("sender", A, B, "10.1.0.1/16", "10.2.0.0/16"),
            ("receiver", B, A, "10.2.0.1/16", "10.1.0.0/16")):
        inside(name, "ip", "addr", "add", lan, "dev", "lo")
        inside(name, "ip", "addr", "add", address, "peer", peer, "dev", "wan")
        inside(name, "ip", "link", "set", "wan", "up")
        inside(name, "ip", "route", "add", far, "via", peer, "dev", "wan",
               "src", lan.split("/")[0])
        add_sas(name, A, B, 0x2000)
    tunnel = folder / "t.json"
    tunnel.write_text(json.dumps({
        "name": "t", "tags": TAGS, "cipher": "aes128gcm128",
        "a": {"addresses": [A], "networks": ["10.1.0.0/16"]},
        "b": {"addresses": [B], "networks": ["10.2.0.0/16"], "spi": 0x2000}}))
    yield str(tunnel)
    for name in "sender", "receiver":
        run("ip", "netns", "del", name)


# Run in the sender's namespace: so many packets of each of the tags.
SEND = """
import socket, sys
n, tags = int(sys.argv[1]), [int(a) for a in sys.argv[2:]]
socks = []
for tag in tags:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, %d, tag)
    s.bind(("10.1.0.1", 0))
    socks.append(s)
for i in range(n):
    for s in socks:
        s.sendto(b"x" * 64, ("10.2.0.1", 9))
""" % socket.SO_MARK


def send(*tags):
    """Returns what each CPU had to do with it."""
    before = packets_by_cpu()
    inside("sender", "/usr/bin/python3", "-c", SEND, str(PACKETS),
           *map(str, tags))
    return [b - a for a, b in zip(before, packets_by_cpu())]


def decrypted():
    """Returns the SAs' counters of packets at the receiver."""
    lines = inside("receiver", "ip", "-s", "xfrm", "state").splitlines()
    found = []
    for i, line in enumerate(lines):
        if line.strip() == "lifetime current:":
            found.append(int(lines[i + 1].split("(packets)")[0].split()[-1]))
    return sorted(found)


def steer(name, *argv):
    print(run("ip", "netns", "exec", name, PROGRAM, *argv))


def test_steer(routers):
    assert os.cpu_count() >= TAGS

    # As it is: of what comes from one CPU, all stays on one.
    plain = send(*range(TAGS))
    assert decrypted() == TAGS * [PACKETS]

    steer("receiver", "--side=b", "steer", "wan", routers)
    steer("sender", "--side=a", "--sender", "steer", "wan", routers)
    try:
        for tag in range(TAGS):
            load = send(tag)
            # Once as ESP, once as what was in it; other CPUs have a few
            # packets of other kinds.
            assert load[tag] >= 2 * PACKETS, load
            assert sum(load) - load[tag] < PACKETS / 5, load

        load = send(*range(TAGS))
        print("packets by CPU before %s, steered %s" % (plain, load))
        assert max(load) <= 1.15 * sum(load) / TAGS
        assert decrypted() == TAGS * [3 * PACKETS]
    finally:
        steer("sender", "--undo", "steer", "wan")
        steer("receiver", "--undo", "steer", "wan")
    assert "clsact" not in inside("sender", "tc", "qdisc", "show")
    for queue in range(TAGS):
        assert not int(inside(
            "receiver", "cat",
            "/sys/class/net/wan/queues/rx-%d/rps_cpus" % queue), 16)
