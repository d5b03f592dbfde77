#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

"""Checks where packets leave a bridge of dummy ports, and how.

usage: passes.py PORT... <TABLE

Each line of TABLE is "IN | EXPRESSION | OUT | EXPRESSION": the first packet,
sent into port IN, must leave as the second, as it is if there is none, through
port OUT and through no other PORT; through none at all if OUT is empty.  More
of "OUT | EXPRESSION" may follow, for copies.  EXPRESSIONs are those of
packets.py.  Each PORT captures to PORT-tx.pcap.

Prints what is different.
"""

import struct
import subprocess
import sys

from packets import anonymous, packet


class Capture:
    """The packets that a port has sent since the last call of new()."""

    def __init__(self, port):
        self.file = open(port + "-tx.pcap", "rb")
        self.file.seek(24)      # The header of the file.
        self.new()

    def new(self):
        packets = []
        while True:
            header = self.file.read(16)
            if len(header) < 16:
                return packets
            length = struct.unpack("=IIII", header)[2]
            packets.append(anonymous(self.file.read(length).hex()))


def appctl(*args):
    subprocess.run(["ovs-appctl", *args], check=True,
                   stdout=subprocess.DEVNULL)


def main(ports):
    captures = {port: Capture(port) for port in ports}
    for line in sys.stdin:
        given, before, *outs = [s.strip() for s in line.split("|")]
        leaving = {out: anonymous(packet(after or before))
                   for out, after in zip(outs[::2], outs[1::2]) if out}
        appctl("netdev-dummy/receive", given, packet(before))
        # The main loop, which is the datapath's too, goes round once more.
        appctl("version")
        appctl("version")
        for port, capture in captures.items():
            wanted = [leaving[port]] if port in leaving else []
            sent = capture.new()
            if sent != wanted:
                print("%s  %s: sent %s, not %s"
                      % (line, port, sent, wanted))


if __name__ == "__main__":
    main(sys.argv[1:])
