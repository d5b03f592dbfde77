# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Servers, controllers, channels and clients that fail."""

import hashlib
import socket
import struct
import time

import pytest

from lab.lab import wait_for
from labsite import file_digest
from test_requests import read_all

GET_TWO = b"GET /two/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def refuse(site, name):
    """The machine is there, the server is not."""
    site.nginx[name].stop()


def silence(site, name):
    """The machine swallows everything."""
    site.hosts[name].run("nft", "add table ip t; add chain ip t in { type "
                         "filter hook prerouting priority -300; policy drop; "
                         "}")


def unplug(site, name):
    site.hosts[name].ip("link", "set", "eth0", "down")


FAILURES = (refuse, silence, unplug)


@pytest.mark.parametrize("fail", FAILURES, ids=lambda f: f.__name__)
def test_next_candidate(make_site, fail):
    site = make_site(rules=False, service=("connect-timeout=1000",))
    site.controller.ctl("add-rule", "web", "server2,server3", "path=/two/*")
    fail(site, "server2")
    # Whichever of the two is tried first, the one that works answers.
    for _ in range(6):
        started = time.monotonic()
        assert site.curl("/two/").server == "server3"
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("fail", FAILURES, ids=lambda f: f.__name__)
def test_no_candidate_left(make_site, fail):
    """At last the connection stays where it is."""
    site = make_site(service=("connect-timeout=1000",))
    fail(site, "server2")
    started = time.monotonic()
    assert site.curl("/two/").server == "server1"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("fail", FAILURES, ids=lambda f: f.__name__)
def test_first_server_fails(make_site, fail):
    """Another server shakes hands in place of the first."""
    site = make_site(service=("connect-timeout=1000",))
    fail(site, "server1")
    assert site.curl("/two/").server == "server2"
    assert site.curl("/three/").server == "server3"


@pytest.mark.parametrize("target", ("server2", "server3"))
def test_server_comes_back(site, target):
    path = {"server2": "/two/", "server3": "/three/"}[target]
    refuse(site, target)
    assert site.curl(path).server == "server1"
    site.nginx[target].start()
    assert site.curl(path).server == target


def test_all_servers_refuse(site):
    for name in site.nginx:
        refuse(site, name)
    s = site.client.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.settimeout(10)
    with pytest.raises(ConnectionRefusedError):
        s.connect(("10.0.0.1", 80))
    site.wait_no_connections()


class Download:
    """A large file that is fetched through a moved connection, slowly enough
    for something to happen meanwhile."""

    def __init__(self, site, big):
        self.big = big
        site.publish("big.bin", big.data)
        self.socket = site.connect(timeout=20)
        # Or else all of it may be in there soon.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
        self.socket.sendall(b"GET /two/big.bin HTTP/1.1\r\nHost: a\r\n"
                            b"Connection: close\r\n\r\n")
        self.data = self.socket.recv(65536)
        assert b"X-Served-By: server2" in self.data

    def some(self, size=1 << 20):
        """Reads some more; the server must still be able to send."""
        end = min(len(self.data) + size, len(self.big.data))
        while len(self.data) < end:
            more = self.socket.recv(65536)
            assert more
            self.data += more

    def rest(self):
        self.data += read_all(self.socket)
        self.socket.close()
        body = self.data.partition(b"\r\n\r\n")[2]
        assert hashlib.sha256(body).hexdigest() == self.big.digest


def offset_flows(site):
    return sorted(flow for flow in site.switch.dump_flows()
                  if "tcp_offset" in flow)


def test_controller_killed_and_restarted(site, big):
    download = Download(site, big)
    flows = offset_flows(site)
    assert len(flows) == 2
    site.controller.kill()
    download.some()
    site.controller.start()
    site.controller.wait_connected()
    download.some()
    # Adopted: neither deleted nor installed anew, and known again.
    assert offset_flows(site) == flows
    wait_for(lambda: len(site.controller.connections()) == 1, "adoption")
    assert site.curl("/two/").server == "server2"
    download.rest()
    site.wait_no_connections()
    assert not offset_flows(site)


def test_controller_killed_during_upload(site, big):
    s = site.connect(timeout=20)
    s.sendall(b"POST /two/upload HTTP/1.1\r\nHost: a\r\n"
              b"Connection: close\r\nContent-Length: %d\r\n\r\n"
              % len(big.data))
    third = len(big.data) // 3
    s.sendall(big.data[:third])
    site.controller.kill()
    s.sendall(big.data[third:2 * third])
    site.controller.start()
    site.controller.wait_connected()
    s.sendall(big.data[2 * third:])
    response = read_all(s).decode()
    s.close()
    assert "X-Served-By: server2" in response
    path = next(line.split(": ")[1] for line in response.splitlines()
                if line.startswith("X-Body-File"))
    assert file_digest(path) == big.digest


def test_server_removed_while_it_sends(make_site, big):
    """A server that is taken out of the service finishes what it does."""
    site = make_site(rules=False)
    rule = site.controller.ctl("add-rule", "web", "server2",
                               "path=/two/*").strip()
    download = Download(site, big)
    site.controller.ctl("del-rule", "web", rule)
    site.controller.ctl("del-server", "web", "server2")
    assert "server2" not in site.controller.ctl("show")
    assert site.curl("/two/").server == "server1"
    download.rest()
    site.wait_no_connections()


def test_rules_change_while_a_server_sends(site, big):
    download = Download(site, big)
    site.controller.ctl("add-rule", "web", "server3", "priority=9",
                        "path=/two/*")
    assert site.curl("/two/").server == "server3"
    download.rest()
    site.wait_no_connections()


def test_service_removed(site, big):
    """Without the service there is nothing left of it in the switch."""
    download = Download(site, big)
    site.controller.ctl("del-service", "web")
    wait_for(lambda: not any("10.0.0.1" in flow for flow in
                             site.switch.dump_flows()), "no flows")
    assert not site.controller.connections()
    download.socket.close()


def test_connection_ends_while_controller_is_away(site, big):
    download = Download(site, big)
    site.controller.kill()
    download.rest()
    site.controller.start()
    site.controller.wait_connected()
    assert site.curl("/").server == "server1"
    wait_for(lambda: not offset_flows(site), "the end of old flows", 30)
    site.wait_no_connections()


@pytest.mark.parametrize("times", (1, 3))
def test_openflow_connection_reset(site, big, times):
    download = Download(site, big)
    flows = offset_flows(site)
    for _ in range(times):
        site.switch.set_controller("unix:%s/nobody"
                                   % site.switch.rundir)
        download.some()
        site.switch.set_controller(site.controller.target)
        wait_for(lambda: "is_connected: true" in
                 site.switch.vsctl("show"), "OpenFlow connection")
        download.some()
    assert site.curl("/two/").server == "server2"
    assert set(offset_flows(site)) >= set(flows)
    download.rest()


def test_controller_killed_under_load(site):
    """Connections that are being opened when tasukid dies may be lost, but
    nothing that comes after."""
    for _ in range(3):
        sockets = [site.connect() for _ in range(20)]
        for s in sockets:
            s.sendall(GET_TWO[:20])
        site.controller.restart()
        for s in sockets:
            s.close()
        report = site.load("/two/", "/", "--count", "40", "--at-once", "10")
        assert not report["errors"]
        assert report["servers"] == {"/two/ server2": 20, "/ server1": 20}


def abort(s):
    """Closes 's' with a RST."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


@pytest.mark.parametrize("when", ("established", "half-a-request", "moved",
                                  "kept", "in-the-middle"))
def test_client_aborts(site, big, when):
    """Nothing is left: no record, no flow, no socket on any server."""
    if when == "in-the-middle":
        download = Download(site, big)
        download.some()
        abort(download.socket)
    else:
        s = site.connect()
        s.sendall({"established": b"", "half-a-request": GET_TWO[:10],
                   "moved": GET_TWO.replace(b"close", b"keep-alive"),
                   "kept": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"}[when])
        if when in ("moved", "kept"):
            assert s.recv(65536)
        else:
            time.sleep(0.2)
        abort(s)
    site.wait_no_connections()
    for flow in site.switch.dump_flows():
        assert "nw_src=10.0.0.100" not in flow, flow
        assert "nw_dst=10.0.0.100" not in flow, flow
    for name in site.nginx:
        wait_for(lambda: not site.hosts[name].run(
            "ss", "-Htn", "state", "connected", "dst",
            "10.0.0.100").stdout, "%s forgets" % name)


def test_port_reuse(site):
    """One source port, again and again, by way of different servers."""
    for path, expected in ((b"/", b"server1"), (b"/two/", b"server2"),
                           (b"/three/", b"server3"), (b"/two/", b"server2"),
                           (b"/", b"server1")) * 4:
        s = site.client.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.settimeout(10)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("10.0.0.100", 40000))
        s.connect(("10.0.0.1", 80))
        s.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"X-Served-By: " + expected in s.recv(65536)
        abort(s)


def test_server_closes_first(make_site):
    """A server that gives up on an idle connection ends it for the client,
    too."""
    site = make_site()
    site.nginx["server2"].stop()
    with open(site.nginx["server2"].conf) as f:
        conf = f.read()
    with open(site.nginx["server2"].conf, "w") as f:
        f.write(conf.replace("server_tokens off;",
                             "server_tokens off; keepalive_timeout 1;"))
    site.nginx["server2"].start()
    s = site.connect()
    s.sendall(GET_TWO.replace(b"close", b"keep-alive"))
    assert b"server2" in s.recv(65536)
    assert s.recv(65536) == b""
    s.close()
    site.wait_no_connections()


def test_switch_restarts(site):
    """The switch forgets everything; what comes after works."""
    assert site.curl("/two/").server == "server2"
    site.switch.kill()
    site.switch.start_vswitchd()
    site.controller.wait_connected()
    wait_for(lambda: site.curl("/two/", "--max-time", "3",
                               check=False).server == "server2", "service", 20)
    assert site.curl("/").server == "server1"
