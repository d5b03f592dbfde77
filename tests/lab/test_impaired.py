# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Loss, duplication and reordering on the way, before, during and after the
move."""

import pytest

from tcpcheck import check_moved, client_ports

# Name: (whose cable, what it does).
CASES = {
    "client-loss": ("client", "--loss 0.03"),
    "client-duplicates": ("client", "--duplicate 0.1"),
    "client-reorder": ("client", "--reorder 0.1 --reorder-by 3"),
    "client-all": ("client", "--loss 0.02 --duplicate 0.05 --reorder 0.05"),
    "first-loss": ("server1", "--loss 0.3"),
    "first-all": ("server1", "--loss 0.1 --duplicate 0.3 --reorder 0.3"),
    "final-loss": ("server2", "--loss 0.03"),
    "final-duplicates": ("server2", "--duplicate 0.1"),
    "final-reorder": ("server2", "--reorder 0.1 --reorder-by 3"),
    "final-all": ("server2", "--loss 0.02 --duplicate 0.05 --reorder 0.05"),
}


@pytest.mark.parametrize("case", CASES)
def test_transfer(make_site, big, case):
    host, options = CASES[case]
    site = make_site(cables={host: options.split() + ["--seed", "7"]})
    site.publish("big.bin", big.data)
    captures = site.capture()
    response = site.curl("/two/big.bin")
    captured = site.captured(captures)
    assert (response.server, response.digest()) == ("server2", big.digest)
    check_moved(captured, "server2", clean=False)

    captures = site.capture()
    response = site.curl("/two/upload", "-H", "Expect:", "--data-binary",
                         "@" + big.path)
    captured = site.captured(captures)
    assert (response.server, response.uploaded()) == ("server2", big.digest)
    check_moved(captured, "server2", clean=False)

    done = site.cable_report(host)
    for word in ("loss", "duplicate", "reorder"):
        if word in options and host != "server1":
            assert any(done[key] for key in done if key.startswith(word[:3])
                       ), done


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("host", ("client", "server1", "server2"))
def test_many_short(make_site, host, seed):
    """Handshakes, decisions and ends of connections on a very bad cable: what
    is lost here is what the state machine waits for."""
    site = make_site(cables={host: (
        "--loss 0.1 --duplicate 0.1 --reorder 0.2 --seed %d" % seed).split()},
        service=("connect-timeout=10000",))
    captures = site.capture()
    report = site.load("/two/", "/", "--count", "40", "--at-once", "20",
                       "--timeout", "40")
    captured = site.captured(captures)
    assert not report["errors"]
    assert report["servers"] == {"/two/ server2": 20, "/ server1": 20}
    moved = {s.dport for s in captured["server2"]
             if s.mac_src == "02:00:00:00:00:02"}
    for port in client_ports(captured["client"]):
        if port in moved:
            check_moved(captured, "server2", port, clean=False)
