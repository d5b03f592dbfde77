# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Selective mirrors of HTTP, judged by mirrorcheck.py: every framing, right and
wrong, on cables good and bad."""

import os
import random
import socket
import subprocess
import threading
import time

import pytest

import mirrorcheck
from lab import Nginx
from lab.lab import wait_for
from mirrorsite import MirrorSite, SERVER

THRESHOLD = 20000
# Of a kernel's datapath, tested in a guest that has one CPU, not how much it
# leaves out: what comes before the switch knows is copied, chunk by chunk, and
# whole if the server leaves it to the switch to cut it.
PRECISE = os.environ.get("TASUKI_DATAPATH") != "system"

# Each framing that there is, with short bodies and long ones.
FRAMINGS = [
    "GET /length/5", "GET /length/3000000", "HEAD /length/4000000",
    "GET /chunked/200000/5", "GET /chunked/2000000/70000",
    "GET /chunked/100/7", "PUT /length/100000", "PUT /expect/2000000",
    "PUT /chunked/100000/900", "PUT /length/9", "GET /early/100000",
    "GET /status/304/7000000", "GET /status/204/0", "GET /length/0"]
PIPELINED = ["GET /length/500000", "GET /length/3", "HEAD /length/100000",
             "GET /chunked/100000/3000", "GET /length/300000"]


@pytest.fixture(scope="module")
def shared_site(shared_lab):
    site = MirrorSite(shared_lab)
    site.serve()
    return site


@pytest.fixture
def site(shared_site):
    yield shared_site
    for name in shared_site.policies():
        shared_site.controller.ctl("del-mirror", name)


def excess(start):
    """How many segments of a body that is skipped may be there: in mode copy,
    those that arrive before the switch knows are."""
    return 2 if start == "inline" and PRECISE else None


@pytest.mark.parametrize("start", ("inline", "copy"))
def test_framings(site, start):
    site.mirror(start=start, threshold=THRESHOLD, events=site.events(start))
    site.watch()
    for _ in range(3):
        client = site.talk()
        client.ask(FRAMINGS)
        client.ask(PIPELINED, len(PIPELINED))
        client.ask(["GET /close/400000"])
        client.close()
    report = site.judge(threshold=THRESHOLD, excess=excess(start),
                        told=lambda: site.told(start),
                        exactly=start == "inline" and PRECISE)
    n = len(FRAMINGS) + len(PIPELINED) + 1
    ways = [way for way, _ in report.heads]
    # 103 and 100 are heads of their own.
    assert (ways.count(mirrorcheck.UP), ways.count(mirrorcheck.DOWN)) == (
        3 * n, 3 * (n + 2))
    assert report.skipped > (3 * 3000000 if PRECISE else 1000000)
    if start == "inline" and PRECISE:
        assert report.skipped > 3 * 8000000
        assert report.bodies == 3 * 10


def test_stats(site):
    """The paper's way: the switch's counters say when a body should end.  They
    lag, so it takes a body that lasts."""
    site.mirror(start="stats", threshold=THRESHOLD)
    site.watch()
    client = site.talk()
    client.ask(["GET /length/5"])
    client.send("GET /length/40000000")
    while len(client.reader.data) < 40000000:
        client.reader.more()
        time.sleep(0.005 if len(client.reader.data) < 39000000 else 0.2)
    client.receive("GET /length/40000000")
    client.ask(["GET /length/7", "GET /length/30"])
    client.close()
    report = site.judge(threshold=THRESHOLD, excess=None)
    assert len(report.heads) == 8
    assert report.skipped > 20000000


def request(rng):
    """Returns a request for something that one may ask for in between."""
    size = int(10 ** rng.uniform(0, 4 if rng.random() < 0.8 else 5.5))
    return rng.choice((
        "GET /length/%d" % size, "GET /length/%d" % size,
        "GET /chunked/%d/%d" % (size, rng.choice((4000, 60000))),
        "HEAD /length/%d" % size, "GET /early/%d" % size,
        "GET /cut/%d/%d" % (rng.randrange(1, 60), size),
        "GET /status/304/%d" % size, "GET /status/204/0",
        "PUT /length/%d" % size, "PUT /chunked/%d/5000" % size))


@pytest.mark.parametrize("start", ("inline", "copy"))
def test_thousand_on_bad_cables(lab, start):
    """1 000 responses on one connection, one after the other and several at
    once, and segments that are lost, doubled, late and sent again."""
    bad = ["--loss", "0.004", "--duplicate", "0.004", "--reorder", "0.01"]
    site = MirrorSite(lab, cables={"client": bad + ["--seed", "1"],
                                   "server": bad + ["--seed", "2"]})
    site.serve()
    site.mirror(start=start, threshold=THRESHOLD, events=site.events())
    rng = random.Random(5)
    site.watch("tcp")
    client = site.talk()
    left = 1000
    while left:
        n = min(left, rng.choice((1, 1, 1, 2, 5, 9)))
        client.ask([request(rng) for _ in range(n)], n)
        left -= n
    client.close()
    # What follows a head that is lost is copied until that comes again.
    report = site.judge(threshold=THRESHOLD, settle=1, told=site.told,
                        excess=64 if start == "inline" else None,
                        exactly=False)
    assert len([way for way, _ in report.heads
                if way == mirrorcheck.UP]) == 1000
    assert report.bodies > (25 if start == "inline" else 10)


@pytest.mark.parametrize("start", ("inline", "copy"))
def test_heads_cut_everywhere(site, start):
    """Heads that come in two segments, for each byte where they can be cut."""
    site.mirror(start=start, threshold=THRESHOLD)
    site.watch()
    client = site.talk()
    n = len("HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n")
    client.ask(["GET /cut/%d/30000" % i for i in range(1, n + 2)])
    head = b"GET /length/30000 HTTP/1.1\r\nHost: a\r\n\r\n"
    for i in range(1, len(head)):
        client.sock.sendall(head[:i])
        time.sleep(0.005)
        client.sock.sendall(head[i:])
        client.receive("GET /length/30000")
    client.close()
    report = site.judge(threshold=THRESHOLD, excess=excess(start))
    assert len(report.heads) == 2 * (n + len(head))
    if start == "inline":
        assert report.bodies == n + len(head)


@pytest.mark.parametrize("start", ("inline", "copy"))
def test_lies(site, start):
    """Whatever Content-Length says: the next head is there."""
    site.mirror(start=start, threshold=THRESHOLD)
    site.watch()
    client = site.talk()
    for promised in (100000, 150000, 3, 10 ** 11, (1 << 64) + 60000, 10 ** 30):
        client.ask(["GET /lie/%d/150000" % promised, "GET /length/100000",
                    "GET /length/10"])
    client.close()
    report = site.judge(threshold=THRESHOLD, excess=None, trust_acks=True)
    assert len(report.heads) == 2 * 3 * 6


def test_two_lengths(site):
    """Who reads such a head differently than somebody else smuggles requests:
    nothing is left out any more."""
    site.mirror(start="inline", threshold=THRESHOLD)
    site.watch()
    client = site.talk()
    client.ask(["GET /length/100000", "GET /twice/100000",
                "GET /length/200000"])
    client.close()
    report = site.judge(threshold=THRESHOLD, excess=None)
    assert report.bodies == 1
    assert report.skipped < 100000


def test_chunked_whole(site):
    site.mirror(start="inline", threshold=THRESHOLD, chunked="whole")
    site.watch()
    client = site.talk()
    client.ask(["GET /chunked/100000/4000", "GET /length/100000",
                "PUT /chunked/100000/4000"])
    client.close()
    report = site.judge(threshold=THRESHOLD, chunked_whole=True)
    assert report.bodies == 1


def test_five_gigabytes(lab, tmp_path):
    """More than a window has room for, and more than there are sequence
    numbers."""
    # Room for many packets of that size, until ovs-vswitchd reads them.
    lab.set("/proc/sys/net/core/rmem_default", 16 << 20)
    site = MirrorSite(lab, mtu=32000)
    path = tmp_path / "big.bin"
    with open(path, "wb") as f:
        f.truncate(5 << 30)
    Nginx(site.server, {"small.html": "small\n", "big.bin": path})
    site.mirror(start="inline", events=site.events())
    site.watch("tcp", snaplen=600)
    urls = ["http://%s/%s" % (SERVER, name)
            for name in ("small.html", "big.bin", "small.html")]
    site.client.run("curl", "-sSf", "--max-time", 60, "-o", "/dev/null",
                    urls[0], "-o", "/dev/null", urls[1], "-o", "/dev/null",
                    urls[2], timeout=70)
    report = site.judge(threshold=10 << 20, told=site.told)
    assert len(report.heads) == 6 and report.bodies == 1
    assert report.skipped > (5 << 30) - (1 << 20)
    assert report.packets < 40


def test_one_copy_for_each_target(site):
    """Policies that overlap: a target gets what one of them wants, once."""
    other = site.another_sensor("other")
    site.mirror("a", threshold=THRESHOLD, start="inline")
    site.mirror("b", threshold=10 * THRESHOLD, match="tcp", start="copy")
    site.mirror("c", match="ip,nw_src=10.0.0.100", threshold=4294967295,
                to="other")
    site.mirror("d", match="ip", threshold=4294967295, to="other")
    site.watch("tcp or icmp", sensors={"sensor": (site.sensor, "eth0"),
                                       "other": (other, "eth0")})
    client = site.talk()
    client.ask(["GET /length/3000000", "GET /length/100000", "GET /length/5",
                "PUT /length/1000000"])
    client.close()
    site.client.run("ping", "-c", 3, "-i", 0.2, SERVER)
    seen = site.seen()
    report = mirrorcheck.check(seen["truth"], [
        p for p in seen["sensor"] if p.flow], threshold=10 * THRESHOLD,
        excess=None)
    assert not report.problems
    assert report.bodies == 2
    assert sorted(p.frame for p in seen["other"]) == sorted(
        p.frame for p in seen["truth"])


def test_up_is_up(site):
    """Whoever waits until a mirror is up misses nothing from then on, though
    the datapath knew the packets before."""
    monitor = site.switch.start("ovsdb-client", "monitor", "Tasuki",
                                "Mirror_Policy", "name,status",
                                stdout=subprocess.PIPE, text=True)
    sent, over, pause = [0], threading.Event(), threading.Event()

    def talk():
        while not over.wait(0.0003):
            if pause.is_set():
                continue
            sock.send(b"number %09d" % sent[0])
            sent[0] += 1
    with site.server.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, \
            site.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        server.bind((SERVER, 5000))
        sock.connect((SERVER, 5000))
        thread = threading.Thread(target=talk)
        thread.start()
        try:
            for i in range(3):
                site.watch("udp")
                name = "up%d" % i
                site.controller.ctl("add-mirror", name, "to=sensor",
                                    "match=udp", "keep-packets=1000000")
                for line in monitor.stdout:
                    if name in line and "state=up" in line:
                        break
                first = sent[0] + 1
                time.sleep(0.2)
                last = sent[0] - 1
                # A capture is complete when nothing comes any more.
                pause.set()
                there = {int(p.frame[-9:]) for p in site.seen()["sensor"]
                         if p.frame[42:49] == b"number "}
                assert last > first
                assert not set(range(first, last)) - there
                site.controller.ctl("del-mirror", name)
                pause.clear()
        finally:
            over.set()
            thread.join()
            site.lab.stop(monitor)


def test_datapath_that_lags(site):
    """A request that ends a body waits until the switch does what it was told,
    however long that takes: its response is there."""
    site.mirror(start="inline", threshold=THRESHOLD)
    site.watch()
    client = site.talk()
    # Whatever was told before is done by then.
    client.ask(["GET /length/5"])
    client.ask(["GET /chunked/1000000/70000"])
    site.switch.appctl("revalidator/pause")
    try:
        client.send("GET /length/5")
        client.sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.sock.recv(1, socket.MSG_PEEK)
    finally:
        site.switch.appctl("revalidator/resume")
    client.sock.settimeout(60)
    client.receive("GET /length/5")
    client.close()
    report = site.judge(threshold=THRESHOLD)
    assert len(report.heads) == 2 * 3


def test_sensor_is_not_heard(site):
    """What comes in on a mirror's port goes nowhere, and nothing else than
    copies goes there."""
    site.mirror()
    site.watch()
    sock = site.sensor.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind(("eth0", 0))
    for target in b"\xff" * 6, bytes.fromhex(site.client.mac.replace(":", "")):
        for _ in range(20):
            sock.send(target + b"\2\0\0\0\0\x99\x08\0from the sensor")
    sock.close()
    # Flooded, but not to the sensor.
    site.client.run("ping", "-c", 1, "-W", 1, "10.0.0.200", check=False)
    site.client.run("ping", "-c", 1, "-W", 1, SERVER)
    seen = site.seen()
    assert not [p for p in seen["truth"] if b"the sensor" in p.frame]
    assert [p for p in seen["truth"] if p.frame[12:14] == b"\x08\x06"]
    # Its own, as it sent them.
    assert not [p for p in seen["sensor"] if b"the sensor" not in p.frame]


def test_policy_comes_and_goes(site):
    """A policy that is gone leaves nothing behind, and the connection goes
    on."""
    client = site.talk()
    flows = len(site.switch.dump_flows())
    for _ in range(2):
        site.mirror(start="inline", threshold=THRESHOLD)
        site.watch()
        talk = site.talk()
        talk.ask(["GET /length/1000000"])
        client.ask(["GET /length/1000000"])
        site.controller.ctl("del-mirror", "m")
        wait_for(lambda: len(site.switch.dump_flows()) == flows,
                 "no flows of the mirror")
        client.ask(["GET /length/1000000"])
        talk.ask(["GET /length/1000000"])
        talk.close()
        seen = site.seen()
        assert [p for p in seen["sensor"] if p.flow and p.flags & 2]
        assert sum(len(p.frame) for p in seen["sensor"]) < 2000000
    client.close()
