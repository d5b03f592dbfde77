# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Selective mirrors when something fails: the client never notices, and
whatever is missing is said."""

import pytest

from lab.lab import wait_for
from mirrorsite import MirrorSite

THRESHOLD = 20000


@pytest.fixture
def site(lab):
    site = MirrorSite(lab)
    site.serve()
    return site


class Slow:
    """A download that goes on for as long as the test wants."""

    SIZE = 30000000

    def __init__(self, client):
        self.client = client
        client.send("GET /length/%d" % self.SIZE)
        self.some()

    def some(self, n=300000):
        reader = self.client.reader
        before = len(reader.data)
        while len(reader.data) < before + n:
            assert reader.more()

    def rest(self):
        self.client.receive("GET /length/%d" % self.SIZE)


@pytest.mark.parametrize("start", ("inline", "copy"))
def test_restart_inside_a_body(site, start):
    """tasukid dies and comes back while a body is skipped.  The connection
    goes on; from the next request on, everything is as it was."""
    site.mirror(start=start, threshold=THRESHOLD)
    client = site.talk()
    client.ask(["GET /length/5"])
    slow = Slow(client)
    site.controller.kill()
    slow.some()
    site.controller.start()
    site.controller.wait_connected()
    site.wait_up()
    slow.rest()
    site.watch()
    client.ask(["GET /length/7", "GET /length/3000000", "GET /length/8"])
    client.close()
    other = site.talk()
    other.ask(["GET /length/3000000", "GET /length/9"])
    other.close()
    seen = site.seen()
    shown = b"".join(p.payload for p in seen["sensor"] if p.flow)
    for n in 7, 3000000, 8, 9:
        assert b"GET /length/%d HTTP" % n in shown
        assert b"Content-Length: %d\r\n" % n in shown
    if start == "inline":
        assert len(shown) < 20000


@pytest.mark.parametrize("start", ("inline", "copy"))
def test_tasukid_is_away(site, start):
    """A body ends while tasukid is away.  Nothing is lost for the client, and
    the next heads are there."""
    site.mirror(start=start, threshold=THRESHOLD)
    client = site.talk()
    slow = Slow(client)
    site.watch()
    site.controller.kill()
    if start == "copy":
        slow.rest()
    site.controller.start()
    site.controller.wait_connected()
    site.wait_up()
    if start == "inline":
        slow.rest()
    client.ask(["GET /length/7", "GET /length/8"])
    client.close()
    seen = site.seen()
    shown = b"".join(p.payload for p in seen["sensor"] if p.flow)
    for n in 7, 8:
        assert b"GET /length/%d HTTP" % n in shown
        assert b"Content-Length: %d\r\n" % n in shown


def test_port_is_down(site):
    """Nobody waits for a sensor."""
    site.mirror(start="inline", threshold=THRESHOLD)
    site.sensor.ip("link", "set", "eth0", "down")
    wait_for(lambda: site.status().get("state") == "down", "word of it")
    assert site.status()["reason"]
    client = site.talk()
    client.ask(["GET /length/3000000"] * 3)
    client.close()
    site.sensor.ip("link", "set", "eth0", "up")
    site.wait_up()
    site.watch()
    client = site.talk()
    client.ask(["GET /length/3000000"] * 3)
    client.close()
    assert site.judge(threshold=THRESHOLD).bodies == 3


def test_port_is_missing(site):
    site.controller.ctl("add-mirror", "m", "to=nowhere", "match=tcp")
    wait_for(lambda: site.status().get("state") == "down", "word of it")
    assert "nowhere" in site.status()["reason"]
    client = site.talk()
    client.ask(["GET /length/100000"])
    client.close()


def test_switch_restarts(site):
    """The switch forgets everything, even what it skipped."""
    site.mirror(start="inline", threshold=THRESHOLD)
    slow = Slow(site.talk())
    site.switch.kill()
    site.switch.start_vswitchd()
    site.controller.wait_connected()
    site.wait_up()
    slow.rest()
    site.watch()
    slow.client.ask(["GET /length/8", "GET /length/3000000", "GET /length/9"])
    slow.client.close()
    seen = site.seen()
    shown = b"".join(p.payload for p in seen["sensor"] if p.flow)
    for n in 8, 3000000, 9:
        assert b"GET /length/%d HTTP" % n in shown
        assert b"Content-Length: %d\r\n" % n in shown
    assert len(shown) < 20000
