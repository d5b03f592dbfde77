# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Tunnels that carry packets, are left half-way, and are refused."""

import json
import os
import signal
import subprocess

import pytest

from lab.lab import wait_for
from routers import FIRST_PORT, PROGRAM

ADDRESSES = {
    side: {"addresses": ["192.0.2.%d" % last
                         for last in range(number, 64, 16)]}
    for number, side in ((1, "a"), (2, "b"))}
IPV6 = {side: {"addresses": ["2001:db8::%d" % number]}
        for number, side in ((1, "a"), (2, "b"))}
KINDS = {
    "spi": {},
    "address": {"wire": "address", **ADDRESSES},
    "port": {"wire": "port"},
    "ipv6": {"cipher": "aes128-sha1", **IPV6},
    "ipv6-port": {"wire": "port", "cipher": "aes256gcm128", **IPV6},
    "sha256": {"cipher": "aes256-sha256", "esn": False, "replay_window": 32},
    "chacha": {"cipher": "chacha20poly1305", "replay_window": 4096,
               "copy_dscp": False},
}


def listen(routers):
    for side in "ab":
        routers.start(side, PROGRAM, "listen", routers.tunnel)
        wait_for(lambda side=side: ":4500 " in routers.routers[side].run(
            "ss", "-uan").stdout, "UDP port 4500")


@pytest.mark.parametrize("kind", KINDS)
def test_tags(lab, routers, kind):
    """Each tag's packets are its SA's, both ways, and nothing leaves in
    clear."""
    routers.describe(**KINDS[kind])
    for side in "ab":
        routers.mark(side)
    if KINDS[kind].get("wire") == "port":
        listen(routers)
    routers.up()
    capture = lab.path("clear")
    log = "tcpdump-%s.log" % kind
    tcpdump = routers.start(
        "a", "tcpdump", "-Q", "out", "-n", "-U", "-i", "wan", "-w", capture,
        "net 10.0.0.0/8 or net fd00::/16", log=log)
    wait_for(lambda: "listening" in open(lab.path(log)).read(), "tcpdump")
    assert routers.ping() and routers.ping(version=6)
    before = routers.packets("a", "out")
    assert sum(before[1:]) == 0 and before[0] >= 2
    for side in "ab":
        for tag in range(4):
            assert routers.send(side, FIRST_PORT + tag, 10 + tag) == 10 + tag
    # A tag that the tunnel does not have goes with tag 0.
    assert routers.send("a", FIRST_PORT + 9, 5) == 5
    sent = routers.packets("a", "out")
    assert [n - m for n, m in zip(sent, before)] == [15, 11, 12, 13]
    assert routers.packets("b", "in") == sent
    assert routers.packets("a", "in") == routers.packets("b", "out")
    lab.stop(tcpdump)
    assert lab.run("tcpdump", "-n", "-r", capture).stdout == ""


def test_tcp(routers):
    """TCP over all tags at once: nothing late, replayed or forged."""
    routers.describe()
    for side in "ab":
        routers.mark(side)
    routers.up()
    clients = []
    for tag in range(4):
        routers.hosts["b"].start("iperf3", "-s", "-1", "-p", FIRST_PORT + tag)
    for tag in range(4):
        wait_for(lambda tag=tag: ":%d " % (FIRST_PORT + tag) in
                 routers.hosts["b"].run("ss", "-tln").stdout, "iperf3")
    for tag in range(4):
        clients.append(routers.hosts["a"].start(
            "iperf3", "-c", "10.2.0.2", "-p", FIRST_PORT + tag, "-n", "4M",
            "-M", "1300", "-J", stdout=subprocess.PIPE))
    rates = []
    for client in clients:
        output = json.loads(client.communicate(timeout=60)[0])
        assert client.returncode == 0, output
        rates.append(output["end"]["sum_received"]["bits_per_second"])
    sent = routers.packets("a", "out")
    assert min(sent) > (4 << 20) / 65536
    assert routers.packets("b", "in") == sent
    print("Mbit/s:", sum(rates) / 1e6)


@pytest.mark.parametrize("kind", [*KINDS, "tag_in", "if_id"])
def test_dry_run(routers, kind):
    """What --dry-run prints makes the same in a kernel as tasuki-ipsec."""
    routers.describe(**{
        "tag_in": {"tag_in": "address", "tags": 2},
        "if_id": {"if_id": 7, "mark_mask": "0xff00"}, **KINDS}[kind])
    script = routers.ipsec("a", "--dry-run", "up", routers.tunnel).stdout
    assert routers.dump("a") == {"state": [""], "policy": [""]}
    variables = {}
    with open(routers.keys) as f:
        for words in map(str.split, f):
            if words and words[0] in ("a", "b"):
                for name, key in zip(("enc", "auth"), words[2:]):
                    variables["%s%s_%s" % (*words[:2], name)] = "0x" + key
                    assert key not in script
    routers.up("a")
    ours = routers.dump("a")
    assert len(ours["state"]) == 2 * (2 if kind == "tag_in" else 4)
    script_down = routers.ipsec("a", "--dry-run", "down",
                                routers.tunnel).stdout
    routers.ipsec("a", "down", routers.tunnel)
    assert routers.dump("a") == {"state": [""], "policy": [""]}
    routers.routers["a"].run("sh", "-e", input=script,
                             env={**os.environ, **variables})
    assert routers.dump("a") == ours
    # There is nothing left to be done, keys included.
    assert "up already" in routers.ipsec("a", "up", routers.tunnel).stdout
    routers.routers["a"].run("sh", "-e", input=script_down)
    assert routers.dump("a") == {"state": [""], "policy": [""]}


# Stands between the program and libc.  Message number $AT to the kernel is not
# sent: the program dies, or hears of an error.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    static int n;
    if (n++ == atoi(getenv("AT"))) {
        if (getenv("DIE")) {
            raise(SIGKILL);
        }
        errno = ENOBUFS;
        return -1;
    }
    return ((ssize_t (*)(int, const struct msghdr *, int))
            dlsym(RTLD_NEXT, "sendmsg"))(fd, m, flags);
}
ssize_t sendto(int fd, const void *buf, size_t n, int flags,
               const struct sockaddr *to, socklen_t len)
{
    struct iovec iov = { (void *) buf, n };
    struct msghdr m = { (void *) to, len, &iov, 1 };
    return sendmsg(fd, &m, flags);
}
"""


def shim(lab, at, **variables):
    """Returns an environment in which message number 'at' is not sent.  The
    first two messages ask for what is there."""
    path = lab.path("shim.so")
    if not os.path.exists(path):
        lab.run("cc", "-shared", "-fPIC", "-x", "c", "-", "-o", path, "-ldl",
                input=SHIM)
    return {**os.environ, "LD_PRELOAD": path, "AT": str(at + 2), **variables}


def small(routers):
    """Describes a tunnel that is made in 8 steps: two SAs each way, policies
    for in and fwd, and two for out."""
    return routers.describe(tags=2, a={"networks": ["10.1.0.0/16"]},
                            b={"networks": ["10.2.0.0/16"]})


def test_killed(lab, routers):
    """After each step that an end may be killed at, packets pass as before, or
    encrypted; another "up" completes it, another "down" leaves nothing."""
    small(routers)

    def die(verb, at):
        done = routers.ipsec("a", verb, routers.tunnel, check=False,
                             env=shim(lab, at, DIE="1"))
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode != 0

    def encrypts():
        return "dir out" in "".join(routers.dump("a")["policy"])

    n = 0
    while True:
        routers.new_keys()
        routers.up("b")
        if not die("up", n):
            break
        assert routers.ping(check=False) == encrypts(), n
        routers.up("a")
        assert routers.show("a")["state"] == "up"
        assert routers.ping()
        assert die("down", n)
        assert routers.ping(check=False) == encrypts(), n
        for side in "ab":
            routers.ipsec(side, "down", routers.tunnel)
            assert routers.dump(side) == {"state": [""], "policy": [""]}
        assert routers.ping()
        n += 1
    assert n == 8


def test_taken_back(lab, routers):
    """A step that fails takes those before it back, and says why."""
    small(routers)
    for n in range(8):
        done = routers.ipsec("a", "up", routers.tunnel, check=False,
                             env=shim(lab, n))
        assert done.returncode == 1
        assert "cannot be added: No buffer space available" in done.stderr
        assert routers.dump("a") == {"state": [""], "policy": [""]}
        routers.new_keys()


@pytest.mark.parametrize("sends", [4, 1])
def test_plain_peer(routers, sends):
    """A peer that ip(8) has configured, with a single SA to send with, and as
    many to receive as we send with."""
    routers.describe(a={"tags": sends}, b={"tags": 1})
    routers.mark("a")
    with open(routers.keys) as f:
        keys = {tuple(words[:2]): "0x" + words[2]
                for words in map(str.split, f) if words and words[0] in "ab"}
    peer = routers.routers["b"]

    def add(src, dst, spi, reqid, key):
        peer.ip("xfrm", "state", "add", "src", "192.0.2.%d" % src,
                "dst", "192.0.2.%d" % dst, "proto", "esp", "spi", spi,
                "reqid", reqid, "mode", "tunnel", "replay-window", 1024,
                "flag", "esn", "aead", "rfc4106(gcm(aes))", key, 128)

    for tag in range(sends):
        add(1, 2, 0x2000 + tag, 1, keys["a", str(tag)])
    add(2, 1, 0x1000, 2, keys["b", "0"])
    for direction, src, dst, reqid in (("in", 1, 2, 1), ("fwd", 1, 2, 1),
                                       ("out", 2, 1, 2)):
        peer.ip("xfrm", "policy", "add", "src", "10.%d.0.0/16" % src,
                "dst", "10.%d.0.0/16" % dst, "dir", direction, "tmpl",
                "src", "192.0.2.%d" % src, "dst", "192.0.2.%d" % dst,
                "proto", "esp", "reqid", reqid, "mode", "tunnel")
    routers.up("a")
    assert routers.ping()
    for tag in range(4):
        assert routers.send("a", FIRST_PORT + tag, 10) == 10
    assert routers.send("b", FIRST_PORT + 3, 10) == 10
    assert routers.packets("a", "out") == ([11, 10, 10, 10] if sends == 4
                                           else [41])
    assert routers.packets("a", "in") == [11]
    routers.no_errors("b")


def test_again(routers):
    """Nothing is made twice; what is missing or wrong is mended; keys are not
    used again."""
    routers.describe(reqid=5000)
    assert "8 SAs and 12 policies made" in \
        routers.ipsec("a", "up", routers.tunnel).stdout
    first = routers.dump("a")
    assert "up already" in routers.ipsec("a", "up", routers.tunnel).stdout

    # An SA that comes in is missing, and a policy is another one.
    router = routers.routers["a"]
    router.ip("xfrm", "state", "delete", "dst", "192.0.2.1", "proto", "esp",
              "spi", "0x1001")
    router.ip("xfrm", "policy", "update", "src", "10.2.0.0/16",
              "dst", "10.1.0.0/16", "dir", "in", "tmpl", "src", "192.0.2.2",
              "dst", "192.0.2.1", "proto", "esp", "reqid", "5001", "mode",
              "tunnel")
    assert routers.show("a")["state"] == "incomplete"
    routers.up("a")
    assert routers.dump("a") == first

    # An SA to send with would start from 1.
    router.ip("xfrm", "state", "delete", "dst", "192.0.2.2", "proto", "esp",
              "spi", "0x2001")
    before = routers.dump("a")
    done = routers.ipsec("a", "up", routers.tunnel, check=False)
    assert done.returncode == 1
    assert "has sent with these keys before" in done.stderr
    assert routers.dump("a") == before
    routers.ipsec("a", "--reuse-keys", "up", routers.tunnel)
    assert routers.dump("a") == first

    # Fewer tags: the others go.
    routers.describe(tags=2, reqid=5000)
    routers.up("a")
    assert len(routers.dump("a")["state"]) == 4
    assert len(routers.dump("a")["policy"]) == 8


def test_refused(routers):
    """What is in the way is named, and stays; nothing is half made."""
    routers.describe()
    router = routers.routers["a"]

    def refused(message):
        before = routers.dump("a")
        done = routers.ipsec("a", "up", routers.tunnel, check=False)
        assert done.returncode == 1 and message in done.stderr, done.stderr
        assert routers.dump("a") == before

    sa = ("src", "192.0.2.2", "dst", "192.0.2.1", "proto", "esp", "spi",
          "0x1002")
    router.ip("xfrm", "state", "add", *sa, "reqid", "9", "mode", "tunnel",
              "aead", "rfc4106(gcm(aes))", "0x" + "11" * 20, "128")
    refused("SPI 0x1002 to 192.0.2.1 is used by an SA that is not this "
            "tunnel's (reqid 9)")
    router.ip("xfrm", "state", "delete", *sa)

    policy = ("src", "10.0.0.0/8", "dst", "10.2.0.0/24", "dir", "out")
    router.ip("xfrm", "policy", "add", *policy, "action", "block")
    refused("policy 10.0.0.0/8 to 10.2.0.0/24 dir out priority 0 would come "
            "before, or in place of, this tunnel's 10.1.0.0/16 to 10.2.0.0/16 "
            "dir out")
    router.ip("xfrm", "policy", "delete", *policy)

    os.chmod(routers.keys, 0o640)
    refused("others may use it (mode 0640)")
    os.chmod(routers.keys, 0o600)

    done = router.run("setpriv", "--bounding-set", "-all", "--inh-caps",
                      "-all", PROGRAM, "up", routers.tunnel, check=False)
    assert done.returncode == 1
    assert "needs the privilege CAP_NET_ADMIN" in done.stderr
    # Still root's files, and nothing was made.
    assert routers.dump("a") == {"state": [""], "policy": [""]}

