# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""ipsec_tag on connections between hosts, with a wire between two bridges on
which packets have their tags: one tag for both directions of a connection, the
one of the definition, and one datapath flow for all."""

import os
import re
import socket
import struct
import sys

import pytest

from lab import Capture, Switch
from lab.namespace import connect
from lab.segment import frames

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                             "protocol"))
from tags import packet_hash, tag_of  # noqa: E402

N_CONNECTIONS = 256
N = 8
PORT = 8080
TAG = "ipsec_tag(n=%d,to=%s[0..7])"


def tags_on_wire(path, vlan):
    """Returns the sets of tags, by the client's port and the direction."""
    found = {}
    for _, frame in frames(path):
        ip = 18 if vlan else 14
        if frame[ip - 2:ip] != b"\x08\x00" or frame[ip + 9] != 6:
            continue
        tag = (struct.unpack_from("!H", frame, 14)[0] & 0xff if vlan
               else frame[5])
        ports = struct.unpack_from("!HH", frame, ip + 20)
        assert PORT in ports
        found.setdefault((sum(ports) - PORT, ports[0] == PORT), set()).add(tag)
    return found


class Conversations:
    """Connections of 'client' to 'server', on each of which both speak."""

    def __init__(self, client, server):
        self.ports = []
        with server.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.bind((server.address, PORT))
            listener.listen(N_CONNECTIONS)
            for _ in range(N_CONNECTIONS):
                with client.socket(socket.AF_INET,
                                   socket.SOCK_STREAM) as near:
                    near.settimeout(20)
                    near.connect((server.address, PORT))
                    self.ports.append(near.getsockname()[1])
                    with listener.accept()[0] as far:
                        far.settimeout(20)
                        near.sendall(b"question")
                        assert far.recv(100) == b"question"
                        far.sendall(b"answer")
                        assert near.recv(100) == b"answer"


@pytest.mark.parametrize("to", ["eth_dst", "vlan_vid"])
def test_connections(lab, to):
    switch = Switch(lab, other_config={"max-idle": 600000})
    switch.add_bridge("br1")
    client = switch.attach("client", "10.0.0.100/24")
    server = switch.attach("server", "10.0.0.1/24", bridge="br1")
    connect(switch.namespace, "wire0", switch.namespace, "wire1")
    switch.add_port("wire0", 10)
    switch.add_port("wire1", 10, "br1")
    vlan = to == "vlan_vid"
    for bridge, host in ("br0", client), ("br1", server):
        put = "push_vlan:0x8100," * vlan + TAG % (N, to)
        take = ("pop_vlan" if vlan
                else "set_field:%s->eth_dst" % host.mac)
        match = "dl_vlan_pcp=0,tcp" if vlan else "tcp"
        for flow in ("priority=0,actions=normal",
                     "tcp,in_port=%d,actions=%s,output:10" % (host.port, put),
                     "%s,in_port=10,actions=%s,output:%d"
                     % (match, take, host.port)):
            switch.ofctl("add-flow", bridge, flow)

    capture = Capture(switch.namespace, "wire0")
    ports = Conversations(client, server).ports
    found = tags_on_wire(capture.stop(), vlan)
    assert capture.dropped() == 0

    expected = {port: tag_of(packet_hash(client.address, server.address, port,
                                         PORT, 6), N) for port in ports}
    assert found == {(port, back): {tag} for port, tag in expected.items()
                     for back in (False, True)}
    assert set(expected.values()) == set(range(N))

    # One for each direction.
    flows = [re.sub(r"actions:.*", "", line) for line in
             switch.appctl("dpctl/dump-flows").splitlines()
             if "ipsec_tag" in line]
    assert len(flows) == 2, flows
