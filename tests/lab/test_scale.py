# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Many connections: one after another, at once, and never meant to be."""

import json
import os
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "bench"))

import memory  # noqa: E402


def test_one_thousand_in_sequence(site):
    report = site.load("/", "/two/", "/three/", "/two/x", "--count", "1000")
    assert not report["errors"]
    assert report["servers"] == {
        "/ server1": 250, "/two/ server2": 250, "/three/ server3": 250,
        "/two/x server2": 250}
    site.wait_no_connections()


def test_two_hundred_at_once(make_site, big):
    # They overrun the switch, which has no queue to speak of: as on any
    # congested link it takes a few attempts to get a SYN through.
    site = make_site(service=("connect-timeout=10000",))
    site.publish("big.bin", big.data[:200000])
    report = site.load("/two/big.bin", "/three/big.bin", "/big.bin", "/two/",
                       "--count", "800", "--at-once", "200")
    assert not report["errors"]
    assert report["servers"] == {
        "/two/big.bin server2": 200, "/three/big.bin server3": 200,
        "/big.bin server1": 200, "/two/ server2": 200}
    assert len(report["digests"]) == 4
    site.wait_no_connections()


def test_tracked(lab):
    """100 000 tracked connections, half of them moved, take less than 200 MB.
    A fifth of them will do here; the benchmark makes them all."""
    grown, total = memory.per_tracked(lab, 20000)
    assert total + 80000 * grown < 200e6


def test_one_kilobyte_in_progress(lab):
    grown, _ = memory.per_inspected(lab, 20000)
    assert grown <= 1024


def test_syn_flood(make_site):
    """SYNs without end, from addresses that do not exist, while others go
    on being served."""
    site = make_site(service=("max-connections=5000",))
    crowd = site.switch.attach("crowd")
    before = site.controller.memory()
    reports = []

    def flood():
        done = crowd.run(
            os.path.join(HERE, "crowd.py"), "--client", "eth0", "--server",
            "lo", "--stage", "syn", "--count", "30000", "--window", "100",
            "--first", "10.0.0.150", timeout=100)
        reports.append(json.loads(done.stdout))
    thread = threading.Thread(target=flood)
    thread.start()
    during = site.load("/", "/two/", "--count", "20", "--timeout", "30")
    thread.join()
    assert reports and reports[0]["launched"] == 30000
    after = site.load("/", "/two/", "--count", "100")
    assert not after["errors"]
    # Those that came while the table was full had to try again.
    assert not during["errors"], during
    assert site.controller.memory() - before < 50e6
    lines = site.controller.connections()
    assert len([x for x in lines if "SYN_" in x]) <= 5000
