#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

"""Prints Ethernet frames with TCP segments in hex, a line each.

usage: frames.py FIELDS...
       frames.py --pairs FIELDS FILE IN OUT

FIELDS are keyword arguments of frame() below, e.g. "seq=5,flags='SA'", where
the names in NAMES may stand for options and headers.  Scapy makes the frames,
their lengths and checksums, so a frame says what a correct stack would send,
independently of the program under test.

With --pairs, each line of FILE is "FIELDS | FIELDS": the first, together with
those on the command line, make a frame for the file IN; the second, which name
only what differs, one for OUT.
"""

import sys

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import (
    IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
)
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

NAMES = {
    # TCP options.
    "NOP": ("NOP", None),
    "TS": lambda tsval, tsecr: ("Timestamp", (tsval, tsecr)),
    "SACK": lambda *edges: ("SAck", edges),
    "MSS": ("MSS", 1460),
    "SACK_OK": ("SAckOK", b""),
    "WSCALE": ("WScale", 7),
    # IPv6 extension headers.
    "HOP_BY_HOP": IPv6ExtHdrHopByHop(),
    "DEST_OPTS": IPv6ExtHdrDestOpt(),
    "FRAGMENT": lambda offset, m: IPv6ExtHdrFragment(offset=offset, m=m),
}

MAC1, MAC2 = "00:00:5e:00:53:01", "00:00:5e:00:53:02"


def frame(v=4, eth_src=MAC1, eth_dst=MAC2, vlan=None, src=None, dst=None,
          ip={}, ext=(), sport=40000, dport=80, seq=1000, ack=2000, flags="A",
          window=500, options=(), tcp={}, payload="hello", cut=None, pad=b""):
    """Returns the bytes of a frame.  'ip' and 'tcp' hold further fields by
    Scapy's names, for instance a wrong length; 'cut' is the number of bytes
    of the TCP segment to keep, which the IP length then says; 'pad' follows
    the IP packet."""
    net = "192.0.2." if v == 4 else "2001:db8::"
    layer = IP if v == 4 else IPv6
    packet = Ether(src=eth_src, dst=eth_dst)
    if vlan is not None:
        packet /= Dot1Q(vlan=vlan)
    packet /= layer(src=src or net + "1", dst=dst or net + "2", **ip)
    for header in ext:
        packet /= header
    packet /= TCP(sport=sport, dport=dport, seq=seq % 2**32, ack=ack % 2**32,
                  flags=flags, window=window, options=list(options), **tcp)
    packet /= Raw(payload)
    if cut is not None:
        segment = bytes(Ether(bytes(packet))[TCP])[:cut]
        packet[layer].remove_payload()
        packet[layer].add_payload(Raw(segment))
        packet[layer].setfieldval("proto" if v == 4 else "nh", 6)
    return bytes(packet) + pad


def fields(text):
    return eval(f"dict({text})", NAMES)


def main(args):
    if args[0] == "--pairs":
        common = fields(args[1])
        with open(args[2]) as cases, open(args[3], "w") as given, \
                open(args[4], "w") as expected:
            for line in cases:
                before, after = line.split("|")
                before = {**common, **fields(before)}
                print(frame(**before).hex(), file=given)
                print(frame(**{**before, **fields(after)}).hex(),
                      file=expected)
    else:
        for arg in args:
            print(frame(**fields(arg)).hex())


if __name__ == "__main__":
    main(sys.argv[1:])
