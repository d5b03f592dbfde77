# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""What "strongswan" writes, given to Debian's strongSwan."""

import os
import re
import threading

import pytest

from lab.lab import wait_for
from routers import FIRST_PORT

CHARON = "/usr/sbin/charon-systemd"
CONF = """
charon-systemd {
    load_modular = yes
    install_routes = no
    plugins {
        include /etc/strongswan.d/charon/*.conf
        vici {
            socket = unix://%s
        }
    }
    filelog {
        log {
            path = %s
            default = 1
        }
    }
}
"""


class Swan:
    """A strongSwan on the router of 'side'."""

    def __init__(self, routers, side):
        self.lab, self.router = routers.lab, routers.routers[side]
        self.socket = self.lab.path(side, "vici")
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        self.log = self.lab.path(side, "charon.log")
        conf = self.lab.path(side, "strongswan.conf")
        with open(conf, "w") as f:
            f.write(CONF % (self.socket, self.log))
        self.conf = self.lab.path(side, "swanctl.conf")
        routers.ipsec(side, "strongswan", routers.tunnel, self.conf)
        assert os.stat(self.conf).st_mode & 0o777 == 0o600
        routers.start(side, CHARON, log=side + "/charon.out", env={
            **os.environ, "STRONGSWAN_CONF": conf})
        wait_for(lambda: os.path.exists(self.socket), "strongSwan",
                 timeout=60)
        self.swanctl("--load-all", "--noprompt", "--file", self.conf)

    def swanctl(self, *argv):
        return self.router.run("swanctl", *argv, "--uri",
                               "unix://" + self.socket).stdout

    def spis(self):
        """Those of the SAs that are installed, by name and direction."""
        found = {}
        for line in self.swanctl("--list-sas").splitlines():
            child = re.match(r"  (ab-\d+): .* INSTALLED", line)
            if re.match(r"  \S", line):
                name = child and child[1]
            spi = re.match(r"    (in|out)\s+(\w+)", line)
            if spi and name:
                found.setdefault((name, spi[1]), []).append(spi[2])
        return found


def counted(router):
    """Packets of each SA, by SPI."""
    states = router.ip("-s", "xfrm", "state", "list")
    return {int(spi, 16): int(n) for spi, n in re.findall(
        r"spi 0x(\w+)\(.*?lifetime current:\s+\d+\(bytes\), (\d+)\(packets\)",
        states, re.DOTALL)}


@pytest.fixture
def swans(routers):
    routers.describe()
    for side in "ab":
        routers.mark(side)
    # It begins, so the other one is to be there.
    b = Swan(routers, "b")
    a = Swan(routers, "a")
    wait_for(lambda: len(a.spis()) == len(b.spis()) == 8, "SAs", timeout=60)
    return {"a": a, "b": b}


def test_tags(routers, swans):
    """Each tag's packets are its connection's, both ways, and no SA sees
    others."""
    before = {side: counted(routers.routers[side]) for side in "ab"}
    for side in "ab":
        for tag in range(4):
            assert routers.send(side, FIRST_PORT + tag, 10 + tag) == 10 + tag
    for side, other in ("a", "b"), ("b", "a"):
        sent = counted(routers.routers[side])
        got = counted(routers.routers[other])
        for tag in range(4):
            spi, = swans[side].spis()["ab-%d" % tag, "out"]
            spi = int(spi, 16)
            assert sent[spi] - before[side].get(spi, 0) == 10 + tag
            assert got[spi] - before[other].get(spi, 0) == 10 + tag
        routers.no_errors(side)
    # As was written.
    states = routers.routers["a"].ip("xfrm", "state", "list")
    # Of those to receive with.
    assert states.count("replay_window 1024") == 4
    assert "rfc4106(gcm(aes))" in states and "esn" in states


def test_rekey(routers, swans):
    """1 000 packets/s while all SAs are made anew, one end and the other
    beginning: none is lost."""
    n, lost = 3000, []
    before = swans["a"].spis()

    def send():
        lost.append(n - routers.send("a", FIRST_PORT + 2, n, interval=0.001))

    thread = threading.Thread(target=send)
    thread.start()
    for tag in range(4):
        swans["ab"[tag % 2]].swanctl("--rekey", "--child", "ab-%d" % tag)
    wait_for(lambda: all(
        set(after).isdisjoint(before[name]) and len(after) == 1
        for name, after in swans["a"].spis().items()), "new SAs", timeout=60)
    rekeyed = thread.is_alive()
    thread.join()
    assert rekeyed, "the rekeying took longer than the packets"
    assert lost == [0]
    routers.no_errors("b")
