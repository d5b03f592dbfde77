# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The main job: connections kept on, or moved from, the server that shook
hands."""

import time

import pytest

from labsite import SERVICE
from lab.segment import RST
from tcpcheck import check_checksums, check_moved, client_ports, View

MOVED = {"server2": "/two/", "server3": "/three/"}


def test_kept(site):
    captures = site.capture()
    response = site.curl("/")
    captured = site.captured(captures)
    assert (response.status, response.server) == (200, "server1")
    with open(response.body_path) as f:
        assert f.read() == "server1\n"

    # Nothing but addresses was touched, and nobody else heard of it.
    check_checksums(captured)
    port, = client_ports(captured["client"])
    client = View(captured["client"], port)
    server = View(captured["server1"], port)
    assert ([(s.seq, s.ack, s.tsval, s.tsecr, s.window, s.payload)
             for s in client.down]
            == [(s.seq, s.ack, s.tsval, s.tsecr, s.window, s.payload)
                for s in server.down])
    assert not [s for s in client.all + server.all if s.has(RST)]
    assert not captured["server2"] and not captured["server3"]


@pytest.mark.parametrize("target", MOVED)
def test_moved(site, target):
    before = site.hosts["server1"].counters()
    captures = site.capture()
    response = site.curl(MOVED[target])
    captured = site.captured(captures)
    after = site.hosts["server1"].counters()
    assert (response.status, response.server) == (200, target)
    with open(response.body_path) as f:
        assert f.read() == target + "\n"

    check_moved(captured, target)
    # What server1's own kernel says: accepted, then aborted by the peer.
    assert after["TcpPassiveOpens"] - before["TcpPassiveOpens"] == 1
    assert after["TcpEstabResets"] - before["TcpEstabResets"] == 1
    assert not site.nginx["server1"].log()
    other = "server3" if target == "server2" else "server2"
    assert not captured[other]


@pytest.mark.parametrize("target", MOVED)
def test_download(site, big, target):
    site.publish("big.bin", big.data)
    captures = site.capture()
    response = site.curl(MOVED[target] + "big.bin")
    captured = site.captured(captures)
    assert response.server == target
    assert response.digest() == big.digest
    check_moved(captured, target)


@pytest.mark.parametrize("target", MOVED)
def test_upload(site, big, target):
    captures = site.capture()
    response = site.curl(MOVED[target] + "upload", "-H", "Expect:",
                         "--data-binary", "@" + big.path)
    captured = site.captured(captures)
    assert (response.status, response.server) == (200, target)
    assert response.uploaded() == big.digest
    check_moved(captured, target)


def test_expect_continue(site, big):
    """The body is sent only after the response to the head: when the
    connection has moved already."""
    response = site.curl("/two/upload", "-H", "Expect: 100-continue",
                         "--expect100-timeout", "10",
                         "--data-binary", "@" + big.path)
    assert (response.status, response.server) == (200, "server2")
    assert response.uploaded() == big.digest


def test_flows_and_view(site, big):
    """While a connection lives there is one entry for each direction, with
    opposite offsets; when it has ended, none."""
    site.publish("big.bin", big.data)
    s = site.connect()
    s.sendall(b"GET /two/ HTTP/1.1\r\nHost: a\r\n\r\n")
    assert b"server2" in s.recv(65536)
    offsets = [flow for flow in site.switch.dump_flows()
               if "tcp_offset" in flow]
    assert len(offsets) == 2
    lines = site.controller.connections()
    assert len(lines) == 1
    assert "server2" in lines[0]
    assert "%s:%d" % s.getsockname() in lines[0]
    s.close()
    site.wait_no_connections()
    assert not [flow for flow in site.switch.dump_flows()
                if "tcp_offset" in flow]


def test_megaflows(site):
    """As many datapath flows as there are connections and directions, however
    much is said on them."""
    connections = [site.connect() for _ in range(10)]
    for i in range(10):
        for s in connections:
            s.sendall(b"GET /two/%d HTTP/1.1\r\nHost: a\r\n\r\n" % i)
        for s in connections:
            assert b"server2" in s.recv(65536)
        # For what the datapath had cached before to go.
        time.sleep(0.1)
    lines = site.switch.appctl("dpctl/dump-flows").splitlines()
    assert len([line for line in lines if "tcp_offset" in line]) == 20
    assert len(lines) < 20 + 20


def _rules(site, *rules):
    for rule in rules:
        site.controller.ctl("add-rule", "web", *rule.split(" "))


def test_rules(make_site):
    site = make_site(rules=False)
    _rules(site, "server2 priority=50 host=two.example",
           "server3 priority=40 path=/three/*",
           "server3 priority=30 method=DELETE",
           "server2 priority=20 header:X-Canary=yes*",
           "server3 priority=10 header:Cookie=*beta*",
           "server2 priority=60 path=/both host=both.example method=PUT")
    for expected, path, *options in (
            ("server1", "/"),
            ("server2", "/", "-H", "Host: two.example"),
            ("server2", "/", "-H", "Host: TWO.example:80"),
            ("server2", "/three/", "-H", "Host: two.example"),
            ("server3", "/three/x?y=z"),
            ("server1", "/three"),
            ("server1", "/x/three/"),
            ("server3", "/", "-X", "DELETE"),
            ("server2", "/", "-H", "X-Canary: yes, please"),
            ("server1", "/", "-H", "X-Canary: no"),
            ("server2", "/", "-H", "x-canary: yes"),
            ("server3", "/", "-H", "Cookie: a=b; ring=beta"),
            ("server2", "/both", "-H", "Host: both.example", "-X", "PUT"),
            ("server1", "/both", "-H", "Host: both.example")):
        response = site.curl(path, *options)
        assert response.server == expected, (path, options)


def test_rules_change_while_running(site):
    assert site.curl("/news/").server == "server1"
    _rules(site, "server3 priority=5 path=/news/*")
    assert site.curl("/news/").server == "server3"


def test_service_address_is_what_the_client_sees(site):
    """A moved connection to a server with its own address is, to the client,
    one with the service."""
    s = site.connect()
    s.sendall(b"GET /three/ HTTP/1.1\r\nHost: a\r\n\r\n")
    assert b"server3" in s.recv(65536)
    assert s.getpeername() == (SERVICE, 80)
    address = "%s:%d" % s.getsockname()
    s.close()
    assert site.nginx["server3"].log()[0].startswith(address + " ")
