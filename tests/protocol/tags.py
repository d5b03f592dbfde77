#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

"""Prints frames as ipsec_tag leaves them.

usage: tags.py ACTION FIELDS...

ACTION is keyword arguments of tagged() below, FIELDS are those of a frame, as
for frames.py.  The tag is computed from the action's definition (see
lib/ipsec-tag.h) and the fields, not from the bytes of a frame.
"""

import sys
from ipaddress import ip_address

from frames import MAC2, fields, frame

MASK = 2**64 - 1
GOLDEN = 0x9e3779b97f4a7c15


def hash_words(words, basis):
    h = GOLDEN ^ basis
    for word in words:
        h = ((h ^ word) * GOLDEN) & MASK
        h ^= h >> 32
    for factor in 0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53:
        h ^= h >> 33
        h = h * factor & MASK
    return (h ^ h >> 33) & 0xffffffff


def packet_hash(src, dst, sport=0, dport=0, proto=0, basis=0, symmetric=True):
    """Returns the hash of a packet with these ends; the addresses are
    strings."""
    a, b = (int(ip_address(src)), sport), (int(ip_address(dst)), dport)
    if symmetric and a > b:
        a, b = b, a
    version = ip_address(src).version
    if version == 4:
        words = [a[0] << 32 | b[0]]
    else:
        words = [a[0] >> 64, a[0] & MASK, b[0] >> 64, b[0] & MASK]
    return hash_words(
        words + [a[1] << 48 | b[1] << 32 | proto << 8 | version], basis)


def tag_of(number, n, buckets=None):
    return (buckets[number % len(buckets)] if buckets
            else number * n >> 32)


def frame_tag(f, n, hash="symmetric_l4", basis=0, map=None):
    """Returns the tag of the frame with fields 'f'."""
    net = "192.0.2." if f.get("v", 4) == 4 else "2001:db8::"
    ends = [f.get("src", net + "1"), f.get("dst", net + "2")]
    whole = not any(f.get("ip", {}).get(key) for key in ("flags", "frag"))
    if hash != "l3" and whole:
        ends += [f.get("sport", 40000), f.get("dport", 80), 6]
    return tag_of(packet_hash(*ends, basis=basis, symmetric=hash != "l4"), n,
                  map)


def tagged(f, to, **action):
    """Returns the frame with fields 'f' after an action on the low 8 bits of
    'to', which is one of the fields' names."""
    tag = frame_tag(f, **action)
    f = dict(f)
    if to == "vlan":
        f["vlan"] = (f["vlan"] & ~0xff) | tag
    elif to == "label":
        f["ip"] = {**f.get("ip", {}),
                   "fl": (f.get("ip", {}).get("fl", 0) & ~0xff) | tag}
    elif to == "eth_dst":
        f["eth_dst"] = f.get("eth_dst", MAC2)[:-2] + "%02x" % tag
    else:
        net = "192.0.2." if f.get("v", 4) == 4 else "2001:db8::"
        other = {"src": "1", "dst": "2"}[to]
        address = ip_address(f.get(to, net + other))
        f[to] = str(type(address)((int(address) & ~0xff) | tag))
    return frame(**f)


if __name__ == "__main__":
    action = eval(f"dict({sys.argv[1]})")
    for arg in sys.argv[2:]:
        print(tagged(fields(arg), **action).hex())
