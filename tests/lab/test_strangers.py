# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Strangers who know all about a connection but its sequence numbers, and real
TCP stacks that they try to part."""

import logging
import re
import socket
import time

import pytest

from labsite import mac

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from scapy.layers.inet import IP, TCP  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402

SERVICE_MAC = "02:54:0a:00:00:01"
PATHS = {"server1": b"/", "server2": b"/two/", "server3": b"/three/"}


class Victim:
    """A connection that is kept alive."""

    def __init__(self, site, server):
        self.site = site
        self.server = server
        self.socket = site.connect()
        self.port = self.socket.getsockname()[1]
        self.request()

    def request(self):
        """The same server answers, on this connection."""
        self.socket.sendall(b"GET " + PATHS[self.server]
                            + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = self.socket.recv(65536)
        assert b"X-Served-By: " + self.server.encode() in answer, answer

    def flows(self):
        """Those of the connection, without what is counted."""
        return sorted(re.sub(r"(duration|n_packets|n_bytes|idle_age)=[^,]*, ?",
                             "", flow)
                      for flow in self.site.switch.dump_flows()
                      if "tp_src=%d" % self.port in flow
                      or "tp_dst=%d" % self.port in flow)

    def _send(self, host, frame, times):
        s = host.socket(socket.AF_PACKET, socket.SOCK_RAW)
        s.bind(("eth0", 0))
        for _ in range(times):
            s.send(bytes(frame))
        s.close()

    def forge_client(self, times=1, **tcp):
        """Sends a segment in the client's name, from its place."""
        client = self.site.client
        self._send(client, Ether(src=client.mac, dst=SERVICE_MAC)
                   / IP(src="10.0.0.100", dst="10.0.0.1")
                   / TCP(sport=self.port, dport=80, **tcp), times)

    def forge_server(self, times=1, **tcp):
        """The same in the server's."""
        address = "10.0.0.3" if self.server == "server3" else "10.0.0.1"
        self._send(self.site.hosts[self.server],
                   Ether(src=mac(self.server), dst=self.site.client.mac)
                   / IP(src=address, dst="10.0.0.100")
                   / TCP(sport=80, dport=self.port, **tcp), times)


@pytest.fixture(params=sorted(PATHS))
def victim(site, request):
    return Victim(site, request.param)


def test_syn_and_reset(victim):
    before = victim.flows()
    assert len(before) == 2
    for _ in range(3):
        victim.forge_client(flags="S", seq=0x11111111)
        victim.forge_client(flags="R", seq=0xdeadbeef)
        victim.request()
    assert victim.flows() == before


def test_silence_after_reset_and_fin(site):
    """Flows go after FIN, the connection does not."""
    victim = Victim(site, "server2")
    before = victim.flows()
    for forge in victim.forge_client, victim.forge_server:
        forge(flags="R", seq=0xdeadbeef)
    assert victim.flows() == before
    for forge in victim.forge_client, victim.forge_server:
        forge(flags="FA", seq=0xdeadbeef, ack=0x22222222)
    time.sleep(14)
    victim.request()
    victim.request()
    assert len(victim.flows()) == 2


def test_floods(victim):
    before = victim.flows()
    for flags in "R", "RA", "S", "SA", "F":
        for forge in victim.forge_client, victim.forge_server:
            forge(2000, flags=flags, seq=0xdeadbeef, ack=0x22222222)
            victim.request()
    assert [re.sub("idle_timeout=[0-9]*, ?", "", flow)
            for flow in victim.flows()] \
        == [re.sub("idle_timeout=[0-9]*, ?", "", flow) for flow in before]


def test_server_that_counts_as_failed(site):
    """It takes no new connections and goes on with those it has."""
    victim = Victim(site, "server2")
    site.hosts["server2"].run(
        "nft", "add table ip t; add chain ip t in { type filter hook "
        "prerouting priority -300; }; add rule ip t in tcp flags & "
        "(syn | ack) == syn drop")
    assert site.curl("/two/").server == "server1"
    assert "state=failed" in site.controller.appctl("service/show")
    for _ in range(6):
        victim.forge_client(flags="S", seq=0x11111111)
        time.sleep(1)
    victim.request()
    assert len(victim.flows()) == 2
