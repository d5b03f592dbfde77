# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Clients and servers whose TCP differs: timestamps, SACK, window scale, MSS.

Each case moves 10 MB in both directions and looks at every segment."""

import socket

import pytest

from lab.segment import SYN
from labsite import SERVICE
from tcpcheck import check_moved

NO_TIMESTAMPS = {"net.ipv4.tcp_timestamps": 0}
NO_SACK = {"net.ipv4.tcp_sack": 0}
NO_SCALE = {"net.ipv4.tcp_window_scaling": 0}
BARE = dict(NO_TIMESTAMPS, **NO_SACK, **NO_SCALE)
# Linux derives the window scale from the largest buffer it may use, or from
# the largest window that the route allows.
LARGE = {"net.ipv4.tcp_rmem": "4096 131072 536870912"}
SMALL = {"route": "window 65535"}

ALL = ("client", "server1", "server2", "server3")
TARGETS = {"server2": "/two/", "server3": "/three/"}

# Name: (settings by host, MTU by host).  The setting "route" is appended to
# the route to all others.
CASES = {
    "same": ({}, {}),
    "all-no-timestamps": (dict.fromkeys(ALL, NO_TIMESTAMPS), {}),
    "client-no-timestamps": ({"client": NO_TIMESTAMPS}, {}),
    "first-no-timestamps": ({"server1": NO_TIMESTAMPS}, {}),
    "all-no-sack": (dict.fromkeys(ALL, NO_SACK), {}),
    "client-no-sack": ({"client": NO_SACK}, {}),
    "first-no-sack": ({"server1": NO_SACK}, {}),
    "final-no-sack": (dict.fromkeys(TARGETS, NO_SACK), {}),
    "all-no-scale": (dict.fromkeys(ALL, NO_SCALE), {}),
    "client-no-scale": ({"client": NO_SCALE}, {}),
    "first-no-scale": ({"server1": NO_SCALE}, {}),
    "client-large-scale": ({"client": LARGE}, {}),
    "first-large-scale": ({"server1": LARGE}, {}),
    "first-small-scale": ({"server1": SMALL}, {}),
    "final-large-scale": (dict.fromkeys(TARGETS, LARGE), {}),
    "final-small-scale": (dict.fromkeys(TARGETS, SMALL), {}),
    "small-to-large": (dict({"server1": SMALL, "client": SMALL},
                            **dict.fromkeys(TARGETS, LARGE)), {}),
    "large-to-small": (dict({"server1": LARGE, "client": LARGE},
                            **dict.fromkeys(TARGETS, SMALL)), {}),
    "client-bare": ({"client": BARE}, {}),
    "first-bare": ({"server1": BARE}, {}),
    "client-small-mtu": ({}, {"client": 1300}),
    "first-small-mtu": ({}, {"server1": 1300}),
    "all-small-mtu": ({}, dict.fromkeys(ALL, 576)),
}


def transfer(site, big, target):
    site.publish("big.bin", big.data)
    captures = site.capture()
    response = site.curl(TARGETS[target] + "big.bin")
    captured = site.captured(captures)
    assert response.server == target
    assert response.digest() == big.digest
    check_moved(captured, target)

    captures = site.capture()
    response = site.curl(TARGETS[target] + "upload", "-H", "Expect:",
                         "--data-binary", "@" + big.path)
    captured = site.captured(captures)
    assert response.server == target
    assert response.uploaded() == big.digest
    return check_moved(captured, target)


@pytest.mark.parametrize("case", CASES)
def test_stacks(make_site, big, case):
    sysctls, mtu = CASES[case]
    # Half of the cases for each kind of server.
    target = sorted(TARGETS)[list(CASES).index(case) % 2]
    site = make_site(sysctls=sysctls, mtu=mtu)
    client, _, final = transfer(site, big, target)

    # The case is what its name says, or the test is worth nothing.
    for host, view in (("client", client.syn), ("server1", client.syn_ack)):
        settings = sysctls.get(host, {})
        if settings.get("net.ipv4.tcp_timestamps") == 0:
            assert view.tsval is None
        if settings.get("net.ipv4.tcp_sack") == 0:
            assert not view.sack_permitted
        if settings.get("net.ipv4.tcp_window_scaling") == 0:
            assert view.wscale is None
    if case == "same":
        assert client.agreed("tsval") and client.agreed("wscale")
        assert client.agreed("sack_permitted")
    if case in ("final-large-scale", "small-to-large", "first-small-scale"):
        assert final.syn_ack.wscale > client.syn_ack.wscale
    if case in ("final-small-scale", "large-to-small", "first-large-scale"):
        assert final.syn_ack.wscale < client.syn_ack.wscale


# What only the chosen server lacks, the client counts on already when that
# comes to light.  Timestamps then vanish, which RFC 7323 (3.2) does not like
# but most stacks bear, and a scale has to be made up for.  It must not happen
# twice: the next client is not offered what the chosen server lacks.
@pytest.mark.parametrize("lacking", (NO_TIMESTAMPS, NO_SCALE, BARE),
                         ids=("timestamps", "scale", "all"))
def test_chosen_server_lacks(make_site, big, lacking):
    site = make_site(sysctls={"server2": lacking})
    site.publish("big.bin", big.data)
    for first in (True, False):
        captures = site.capture()
        response = site.curl("/two/big.bin")
        captured = site.captured(captures)
        assert response.server == "server2"
        assert response.digest() == big.digest
        client, _, final = check_moved(captured, "server2",
                                       expect_timestamps=not first)
        for option in ("tsval", "wscale"):
            if first:
                assert client.agreed(option)
            else:
                assert client.agreed(option) == final.agreed(option)


def test_chosen_server_has_smaller_mss(make_site, big):
    """The client knows the MSS of the server that shook hands.  The chosen one
    cannot take segments as large: the first client learns that on the way, the
    next one from the start."""
    site = make_site(mtu={"server2": 1300})
    for first in (True, False):
        captures = site.capture()
        response = site.curl("/two/upload", "-H", "Expect:",
                             "--data-binary", "@" + big.path)
        captured = site.captured(captures)
        assert response.server == "server2"
        assert response.uploaded() == big.digest
        client, _, final = check_moved(captured, "server2")
        assert client.syn_ack.mss == (1460 if first else 1260)
        assert final.syn_ack.mss == 1260


ECE, CWR = 0x40, 0x80           # RFC 3168.
# Kinds of TCP options: RFC 7413, with the experimental one that Linux tries when
# the other is not answered, and RFC 8684.
FAST_OPEN, FAST_OPEN_EXPERIMENTAL, MPTCP = 34, 254, 30
IPPROTO_MPTCP = 262             # From linux/in.h.


@pytest.mark.parametrize("case", ("all", "client", "not-first", "not-final"))
def test_ecn(make_site, big, case):
    """ECN is used if everybody can, and nobody is told that it is if not."""
    hosts = {"all": ALL, "client": ("client",),
             "not-first": ("client", "server2", "server3"),
             "not-final": ("client", "server1")}[case]
    site = make_site(sysctls={
        name: {"net.ipv4.tcp_ecn": 1 if name in hosts else 0}
        for name in ALL})
    client, _, final = transfer(site, big, "server3")
    assert client.syn.has(ECE | CWR)
    agreed = client.syn_ack.flags & (ECE | CWR) == ECE
    final_agreed = (final.syn.has(ECE | CWR)
                    and final.syn_ack.flags & (ECE | CWR) == ECE)
    if case == "all":
        assert agreed and final_agreed
    elif case != "not-final":
        assert not agreed and not final_agreed


def test_fast_open(make_site):
    """Data on a SYN is for a server that has not been chosen yet: nobody gets
    to see that option, and nothing is lost."""
    site = make_site(sysctls={name: {"net.ipv4.tcp_fastopen": 0x603}
                              for name in ALL})
    kinds = {FAST_OPEN, FAST_OPEN_EXPERIMENTAL}
    for _ in range(2):
        captures = site.capture()
        response = site.curl("/two/", "--tcp-fastopen")
        captured = site.captured(captures)
        assert response.server == "server2"
        asked = [s for s in captured["client"] if s.has(SYN)
                 and kinds & set(s.options)]
        assert asked, "the client did not ask for it: this shows nothing"
        for name in ("server1", "server2"):
            assert not [s for s in captured[name] if s.has(SYN)
                        and (kinds & set(s.options) or s.payload)]


def test_mptcp(site, big):
    """A second path would not know of the move: there is none."""
    site.publish("big.bin", big.data)
    captures = site.capture()
    s = site.client.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)
    s.settimeout(20)
    s.connect((SERVICE, 80))
    s.sendall(b"GET /two/big.bin HTTP/1.0\r\nHost: a\r\n\r\n")
    data = b""
    while True:
        more = s.recv(1 << 16)
        if not more:
            break
        data += more
    s.close()
    captured = site.captured(captures)
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"X-Served-By: server2" in head
    assert body == big.data
    assert MPTCP in captured["client"][0].options
    for name in ("server1", "server2"):
        assert not [x for x in captured[name] if MPTCP in x.options]
