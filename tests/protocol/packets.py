#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

"""Prints Ethernet frames in hex, a line each.

usage: packets.py EXPRESSION...
       packets.py --pairs FILE IN OUT
       packets.py --anonymous <FRAMES

An EXPRESSION makes a packet of Scapy's classes and the names below, behind an
Ethernet header from MAC1 to MAC2 unless it starts with one.  Scapy computes
what lengths and checksums it does not give: what a correct stack would send.

With --pairs, each line of FILE is "EXPRESSION | EXPRESSION": the first is for
the file IN, the second for OUT.  An empty second one stands for no packet.

With --anonymous, prints the frames, in hex, that it reads with the
identification of those IPv4 packets set to 0 that may be fragmented: what it is
is up to who makes them.
"""

import sys

import scapy.all as scapy
from scapy.layers.inet import IP
from scapy.layers.l2 import Ether

MAC1, MAC2 = "00:00:5e:00:53:01", "00:00:5e:00:53:02"


def ll(address):
    """The link-local address for an IPv4 address: RFC 6052, fe80::/96."""
    return "fe80::" + address


def solicited(address):
    """The solicited-node group of ll(address): RFC 4291 section 2.7.1."""
    a, b, c, d = map(int, address.split("."))
    return "ff02::1:ff%02x:%02x%02x" % (b, c, d)


def group_mac(address):
    """The MAC of an IPv6 group: RFC 2464 section 7."""
    return scapy.in6_getnsmac(scapy.inet_pton(scapy.socket.AF_INET6, address))


NAMES = {**vars(scapy), "MAC1": MAC1, "MAC2": MAC2, "ll": ll,
         "solicited": solicited, "group_mac": group_mac}


def packet(expression):
    p = eval(expression, NAMES)
    if not isinstance(p, Ether):
        p = Ether(src=MAC1, dst=MAC2) / p
    return bytes(p).hex()


def anonymous(frame):
    p = Ether(bytes.fromhex(frame))
    if IP in p and not p[IP].flags.DF:
        p[IP].id = 0
        del p[IP].chksum
    return bytes(p).hex()


def main(args):
    if args[0] == "--pairs":
        with open(args[1]) as cases, open(args[2], "w") as given, \
                open(args[3], "w") as expected:
            for line in cases:
                before, after = line.split("|")
                print(packet(before.strip()), file=given)
                if after.strip():
                    print(packet(after.strip()), file=expected)
    elif args[0] == "--anonymous":
        for line in sys.stdin:
            print(anonymous(line.strip()))
    else:
        for arg in args:
            print(packet(arg))


if __name__ == "__main__":
    main(sys.argv[1:])
