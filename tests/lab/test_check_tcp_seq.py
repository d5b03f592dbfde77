# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""check_tcp_seq on a long download: how many datapath flows that takes, and how
much of it is inside the window."""

import random
import re
import socket
import struct
import threading

import pytest

from lab import Switch
from lab.lab import wait_for

SIZE = 1 << 30
# The window begins and ends that far from the ends of the download, and at no
# multiple of a segment's size.
EDGE = 100001
SAMPLES = [SIZE * i // 8 for i in range(1, 8)]
# What is sent, again and again.
CHUNK = random.Random(1).randbytes(1 << 18)
TWICE = CHUNK + CHUNK
# Ethernet, IPv4, TCP with timestamps.
HEADERS = 14 + 20 + 20 + 12
MSS = 1460

# <linux/tcp.h>; tcpi_bytes_retrans in struct tcp_info.
TCP_INFO, BYTES_RETRANS = 11, 208
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
TCP_REPAIR_ON, TCP_REPAIR_OFF_NO_WP = 1, -1
TCP_SEND_QUEUE = 2


def next_to_send(sock):
    """Returns the sequence number of the next byte that 'sock' will send."""
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE)
    number = sock.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP)
    return number % 2 ** 32


def sent_again(sock):
    """Returns how many bytes 'sock' has retransmitted."""
    info = sock.getsockopt(socket.IPPROTO_TCP, TCP_INFO, BYTES_RETRANS + 8)
    return struct.unpack_from("Q", info, BYTES_RETRANS)[0]


def checksum_errors(namespace):
    """Returns how many TCP segments with a wrong checksum came to
    'namespace'."""
    names, values = [line.split() for line in
                     namespace.run("cat", "/proc/net/snmp").stdout.splitlines()
                     if line.startswith("Tcp:")]
    return int(values[names.index("InCsumErrors")])


class Download:
    """A connection from 'client' to 'server', which sends on it."""

    def __init__(self, client, server):
        with server.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.bind((server.address, 80))
            listener.listen()
            self.receiver = client.socket(socket.AF_INET, socket.SOCK_STREAM)
            self.receiver.settimeout(20)
            self.receiver.connect((server.address, 80))
            self.sender = listener.accept()[0]
        self.received = 0

    def start(self, size):
        def send():
            for _ in range(size // len(CHUNK)):
                self.sender.sendall(CHUNK)
        threading.Thread(target=send, daemon=True).start()

    def receive(self, until):
        """Receives until that many bytes have come in all."""
        buffer = memoryview(bytearray(len(CHUNK)))
        while self.received < until:
            n = self.receiver.recv_into(
                buffer, min(len(buffer), until - self.received))
            assert n
            at = self.received % len(CHUNK)
            assert TWICE[at:at + n] == bytes(buffer[:n])
            self.received += n


def datapath_flows(switch):
    """The datapath's flows for IPv4, without what they count."""
    return sorted(re.sub(r", packets:.*, actions", ", actions", line)
                  for line in switch.appctl("dpctl/dump-flows").splitlines()
                  if "eth_type(0x0800)" in line)


def counted(switch, match):
    """Returns the packets and bytes of the flow entry that 'match' names."""
    text = switch.ofctl("dump-flows", switch.bridge, match)
    return [int(re.search(name + r"=(\d+)", text).group(1))
            for name in ("n_packets", "n_bytes")]


@pytest.mark.parametrize("tso", [False, True])
def test_download(lab, tso):
    """As many datapath flows at the start, in between and at the end: one for
    each value and one that computes it, and one for the way back."""
    switch = Switch(lab, datapath="netdev" if tso else None, other_config={
        "userspace-tso-enable": "true" if tso else "false",
        "max-idle": 600000})
    # Without offload on its link, the kernel segments what the switch sends
    # there, and the client verifies the checksums that come of that.
    client = switch.attach("client", "10.0.0.100/24")
    switch.offload |= tso
    server = switch.attach("server", "10.0.0.1/24")
    switch.ofctl("add-flow", switch.bridge, "priority=0,actions=normal")
    download = Download(client, server)

    start = (next_to_send(download.sender) + EDGE) % 2 ** 32
    for flow in ("table=1,reg0=0/1,actions=normal",
                 "table=1,reg0=1/1,actions=normal",
                 "table=0,priority=1,tcp,in_port=%d,actions=check_tcp_seq(seq,"
                 "start=%d,len=%d)->reg0[0],resubmit(,1)"
                 % (server.port, start, SIZE - 2 * EDGE)):
        switch.ofctl("add-flow", switch.bridge, flow)
    switch.appctl("revalidator/purge")

    download.start(SIZE)
    download.receive(20 * EDGE)
    wait_for(lambda: len(datapath_flows(switch)) == 4, "four datapath flows")
    flows = datapath_flows(switch)
    for size in SAMPLES:
        download.receive(size)
        assert datapath_flows(switch) == flows
    download.receive(SIZE)
    assert datapath_flows(switch) == flows

    # To the byte what is inside, and what of it was sent again.  An edge at
    # which no super-packet was cut may have a segment outside as a whole.
    def cuts():
        return int(switch.appctl("coverage/read-counter", "check_tcp_seq_cut"))

    def inside():
        packets, n_bytes = counted(switch, "table=1,reg0=1/1")
        return n_bytes - packets * HEADERS
    exact = SIZE - 2 * EDGE
    wait_for(lambda: (cuts() > 0) == tso, "super-packets that were cut")
    wait_for(lambda: inside() >= exact - MSS * max(0, 2 - cuts()),
             "the counters")
    assert inside() <= exact + sent_again(download.sender)
    assert checksum_errors(client) == 0
