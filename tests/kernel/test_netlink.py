# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""What the module takes from userspace, and what it says about the rest."""

import errno
import os
import random
import struct

import pytest

import ovsnl
from ovsnl import (attr, attrs, Error, key, nat64, output, tasuki,
                   tcp_offset, ACTION_TASUKI, TASUKI_TCP_OFFSET, NLA_F_NESTED,
                   NLA_F_NET_BYTEORDER)

GOOD = tasuki(tcp_offset(seq=1, ack=2, tsval=3, tsecr=4, wscale=-14))

ONE = "tasuki: must hold exactly one action"
FLAGS = "tasuki: the action's id must be without flags"
UNKNOWN = "tasuki: this module has no such action"
LENGTH = "tcp_offset: wrong length"
NONE = "tcp_offset: no argument is given"
FIELD = "tcp_offset: unknown argument"
ZERO = "tcp_offset: what is not given must be zero"
RANGE = "tcp_offset: wscale is out of range"
MATCH = "tcp_offset: the flow must match TCP over IPv4 or IPv6"

payload = tcp_offset(seq=1)
nested = attr(TASUKI_TCP_OFFSET, payload)

# What is wrong, and what the answer to it is.
MALFORMED = {
    "nothing in it": (attr(ACTION_TASUKI), errno.EINVAL, ONE),
    "half a header": (attr(ACTION_TASUKI, b"\4\0"), errno.EINVAL, ONE),
    "length below a header's": (
        attr(ACTION_TASUKI, struct.pack("=HH", 3, 1)), errno.EINVAL, ONE),
    "longer than what holds it": (
        attr(ACTION_TASUKI, struct.pack("=HH", 28, 1) + payload),
        errno.EINVAL, ONE),
    "longest there is": (
        attr(ACTION_TASUKI, struct.pack("=HH", 0xffff, 1) + payload),
        errno.EINVAL, ONE),
    "shorter than what holds it": (
        attr(ACTION_TASUKI, struct.pack("=HH", 20, 1) + payload),
        errno.EINVAL, ONE),
    "two": (attr(ACTION_TASUKI, nested + nested), errno.EINVAL, ONE),
    "with zeros behind it": (
        attr(ACTION_TASUKI, nested + bytes(4)), errno.EINVAL, ONE),
    "id 0": (tasuki(payload, 0), errno.EINVAL, UNKNOWN),
    "id of the future": (tasuki(payload, 0x30), errno.EINVAL, UNKNOWN),
    "highest id": (tasuki(payload, 0x3fff), errno.EINVAL, UNKNOWN),
    "nested flag": (tasuki(payload, 1 | NLA_F_NESTED), errno.EINVAL, FLAGS),
    "byte order flag": (
        tasuki(payload, 1 | NLA_F_NET_BYTEORDER), errno.EINVAL, FLAGS),
    "no payload": (tasuki(b""), errno.EINVAL, LENGTH),
    "short payload": (tasuki(payload[:-4]), errno.EINVAL, LENGTH),
    "payload a byte short": (tasuki(payload[:-1]), errno.EINVAL, LENGTH),
    "payload a byte long": (tasuki(payload + b"\0"), errno.EINVAL, LENGTH),
    "long payload": (tasuki(payload + bytes(4)), errno.EINVAL, LENGTH),
    "no argument": (tasuki(tcp_offset(fields=0)), errno.EINVAL, NONE),
    "argument of the future": (
        tasuki(tcp_offset(seq=1, fields=0x21)), errno.EINVAL, FIELD),
    "seq not given": (
        tasuki(tcp_offset(seq=1, fields=ovsnl.ACK)), errno.EINVAL, ZERO),
    "ack not given": (
        tasuki(tcp_offset(ack=1, fields=ovsnl.SEQ)), errno.EINVAL, ZERO),
    "tsval not given": (
        tasuki(tcp_offset(tsval=1, fields=ovsnl.SEQ)), errno.EINVAL, ZERO),
    "tsecr not given": (
        tasuki(tcp_offset(tsecr=1, fields=ovsnl.SEQ)), errno.EINVAL, ZERO),
    "wscale not given": (
        tasuki(tcp_offset(wscale=1, fields=ovsnl.SEQ)), errno.EINVAL, ZERO),
    "padding, first byte": (
        tasuki(tcp_offset(seq=1, pad=0x0001)), errno.EINVAL, ZERO),
    "padding, second byte": (
        tasuki(tcp_offset(seq=1, pad=0x0100)), errno.EINVAL, ZERO),
    "wscale 15": (tasuki(tcp_offset(wscale=15)), errno.ERANGE, RANGE),
    "wscale -15": (tasuki(tcp_offset(wscale=-15)), errno.ERANGE, RANGE),
    "wscale -128": (tasuki(tcp_offset(wscale=-128)), errno.ERANGE, RANGE),
}

# Lists that hold lists.
WRAPPERS = {
    "top": lambda a: a,
    "behind another": lambda a: output(0) + a,
    "in clone": lambda a: attr(ovsnl.ACTION_CLONE, a),
    "in sample": lambda a: attr(
        ovsnl.ACTION_SAMPLE, attr(1, struct.pack("=I", 1 << 31)) + attr(2, a)),
    "if longer": lambda a: attr(
        ovsnl.ACTION_CHECK_PKT_LEN, attr(1, struct.pack("=H", 100))
        + attr(3, b"") + attr(2, a)),
    "if not longer": lambda a: attr(
        ovsnl.ACTION_CHECK_PKT_LEN, attr(1, struct.pack("=H", 100))
        + attr(3, a) + attr(2, b"")),
    "when dec_ttl fails": lambda a: attr(
        ovsnl.ACTION_DEC_TTL, attr(1, a)),
    "deep": lambda a: attr(ovsnl.ACTION_CLONE, attr(
        ovsnl.ACTION_CLONE, attr(ovsnl.ACTION_CLONE, output(0) + a))),
}


@pytest.mark.parametrize("command", ["new", "set", "execute"])
@pytest.mark.parametrize("what", MALFORMED)
def test_malformed(dp, what, command):
    actions, number, message = MALFORMED[what]
    with pytest.raises(Error) as error:
        if command == "execute":
            dp.execute(tcp_packet(), actions)
        elif command == "new":
            dp.put(actions)
        else:
            dp.put(GOOD)
            dp.put(actions, command=ovsnl.FLOW_SET, flags=ovsnl.NLM_F_ACK)
    assert (error.value.errno, error.value.message) == (number, message)
    assert error.value.offset
    assert dp.dump() == ([GOOD] if command == "set" else [])


@pytest.mark.parametrize("where", WRAPPERS)
def test_nested(dp, where):
    """Well-formed and not, inside of other actions."""
    wrap = WRAPPERS[where]
    dp.put(wrap(GOOD))
    assert dp.dump() == [wrap(GOOD)]
    dp.delete()
    for actions, number, message in MALFORMED.values():
        with pytest.raises(Error) as error:
            dp.put(wrap(actions))
        assert (error.value.errno, error.value.message) == (number, message)
    assert dp.dump() == []


def test_offset_of_error(dp):
    """The answer points at the very attribute."""
    good = attr(ovsnl.ACTION_CLONE, output(0)) + GOOD
    start = dp.put(good)
    for bad, ofs in ((tasuki(tcp_offset(wscale=15)), 4),
                     (attr(ACTION_TASUKI, nested + nested), 0)):
        with pytest.raises(Error) as error:
            dp.put(good + bad, flow=key(in_port=2))
        assert error.value.offset == start + len(good) + ofs


def test_values(dp):
    """All of what is well-formed comes back as it was."""
    rng = random.Random(1)
    for fields in range(1, 32):
        value = {name: rng.getrandbits(32) if fields & bit else 0
                 for name, bit in (("seq", ovsnl.SEQ), ("ack", ovsnl.ACK),
                                   ("tsval", ovsnl.TSVAL),
                                   ("tsecr", ovsnl.TSECR))}
        value["wscale"] = rng.randint(-14, 14) if fields & ovsnl.WSCALE else 0
        actions = tasuki(tcp_offset(fields=fields, **value)) + output(0)
        dp.put(actions)
        assert dp.dump() == [actions]
        dp.delete()


def test_outer_flag(dp):
    """The outer attribute may say that it is nested, like others of its kind.
    A dump says it in one way."""
    dp.put(attr(ACTION_TASUKI | NLA_F_NESTED, nested))
    assert dp.dump() == [tasuki(payload)]


@pytest.mark.parametrize("flow, good", [
    (key(), True),
    (key(eth_type=0x86dd), True),
    (key(frag=1), True),
    (key(frag=2), True),
    (key(proto=17), False),
    (key(eth_type=0x86dd, proto=17), False),
    (key(eth_type=0x86dd, proto=44, frag=2), False),
    (key(eth_type=0x88b5), False),
], ids=["tcp", "tcp6", "first fragment", "later fragment", "udp", "udp6",
        "later fragment6", "other"])
def test_match(dp, flow, good):
    if good:
        dp.put(GOOD, flow=flow)
        assert dp.dump() == [GOOD]
    else:
        with pytest.raises(Error) as error:
            dp.put(GOOD, flow=flow)
        assert (error.value.errno, error.value.message) == (errno.EINVAL,
                                                            MATCH)


def test_mask(dp):
    """A flow that says TCP in its key but not in its mask matches more."""
    def mask(proto):
        return (attr(ovsnl.KEY_IN_PORT, b"\xff" * 4)
                + attr(ovsnl.KEY_ETHERNET, bytes(12))
                + attr(ovsnl.KEY_ETHERTYPE, b"\xff\xff")
                + attr(ovsnl.KEY_IPV4, bytes(8) + bytes((proto, 0, 0, 0xff))))
    dp.put(GOOD, mask=mask(0xff))
    dp.delete()
    with pytest.raises(Error) as error:
        dp.put(GOOD, mask=mask(0))
    assert (error.value.errno, error.value.message) == (errno.EINVAL, MATCH)


def test_after_other_actions(dp):
    """What a packet is after the actions before counts."""
    mpls = struct.pack("!IH", 0x12340, 0x8847) + bytes(2)
    push = attr(ovsnl.ACTION_PUSH_MPLS, mpls)
    pop = attr(ovsnl.ACTION_POP_MPLS, struct.pack("!H", 0x0800))
    for actions in (push + GOOD, push + pop + GOOD):
        with pytest.raises(Error) as error:
            dp.put(actions)
        assert error.value.message == MATCH
    dp.put(GOOD + push)
    assert dp.dump() == [GOOD + push]


def test_many(dp):
    """A list that is longer than what is allocated for it at first."""
    for n in (1, 2, 3, 100, 1000):
        actions = b"".join(tasuki(tcp_offset(seq=i + 1)) for i in range(n))
        dp.put(actions)
        assert dp.dump() == [actions]
        dp.delete()


def test_unknown_actions(dp):
    """Numbers around ours are as unknown as ever."""
    for kind in (0, 24, 25, 127, 129, 130, 0x3fff):
        for length in (0, 4, 24):
            with pytest.raises(Error) as error:
                dp.put(attr(kind, bytes(length)))
            assert error.value.errno == errno.EINVAL


def tcp_packet(seq=1, proto=6):
    """Returns a frame with a TCP segment; its checksums are zero."""
    return (bytes(range(12)) + b"\x08\x00"
            + struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, proto, 0,
                          bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)))
            + struct.pack("!HHIIBBHHH", 1, 2, seq, 0, 0x50, 0x10, 0, 0, 0))


def test_execute_counts(dp):
    """A packet that cannot be handled is counted by reason."""
    packet = tcp_packet()
    ports = packet[34:38]
    for counter, data in (
            ("truncated", packet[:-1]),
            ("bad_doff", packet[:46] + b"\x40" + packet[47:]),
            ("bad_option", packet[:16] + b"\x00\x2c" + packet[18:46] + b"\x60"
             + packet[47:] + b"\x08\x0a\x00\x00")):
        assert data[34:38] == ports
        before = ovsnl.parameter("tcp_offset_" + counter)
        dp.execute(data, GOOD)
        assert ovsnl.parameter("tcp_offset_" + counter) == before + 1
    before = {name: ovsnl.parameter("tcp_offset_" + name) for name in
              ("truncated", "bad_doff", "bad_option", "not_tcp")}
    dp.execute(packet, GOOD)
    assert before == {name: ovsnl.parameter("tcp_offset_" + name)
                      for name in before}


def test_fuzz(dp):
    """Damaged requests of all kinds are refused or harmless: what is accepted
    comes back, and is executed."""
    seed = int(os.environ.get("TASUKI_SEED", "1"))
    n = int(os.environ.get("TASUKI_FUZZ", "5000"))
    rng = random.Random(seed)
    accepted = 0
    for i in range(n):
        actions = _damage(rng, _random_actions(rng))
        try:
            if rng.random() < 0.5:
                dp.execute(tcp_packet(rng.getrandbits(32)), actions)
            else:
                dp.put(actions, flow=key(in_port=rng.randrange(4),
                                         eth_type=rng.choice((0x0800,
                                                              0x86dd))))
                accepted += 1
        except Error as error:
            assert error.errno in (errno.EINVAL, errno.ERANGE, errno.EEXIST,
                                   errno.EOVERFLOW, errno.EMSGSIZE), i
        if i % 16 == 0:
            for dumped in dp.dump():
                attrs(dumped)
            dp.delete()
    assert accepted > n / 50


def _random_actions(rng, depth=0):
    """Returns a list of actions, ours most of the time."""
    result = b""
    for _ in range(rng.randrange(1, 4)):
        choice = rng.randrange(8)
        if choice < 4 or depth > 3:
            fields = rng.randrange(1, 32)
            result += tasuki(tcp_offset(
                rng.getrandbits(32) if fields & 1 else 0,
                rng.getrandbits(32) if fields & 2 else 0,
                rng.getrandbits(32) if fields & 4 else 0,
                rng.getrandbits(32) if fields & 8 else 0,
                rng.randint(-14, 14) if fields & 16 else 0, fields))
        elif choice == 4:
            result += output(rng.randrange(4))
        elif choice < 7:
            result += tasuki(nat64(
                rng.choice((ovsnl.NAT64_4TO6, ovsnl.NAT64_6TO4)), "64:ff9b::",
                rng.choice((32, 40, 48, 56, 64, 96)),
                rng.choice((0, 1280, 1500, rng.getrandbits(16)))),
                ovsnl.TASUKI_NAT64)
        else:
            wrap = rng.choice(list(WRAPPERS.values()))
            result += wrap(_random_actions(rng, depth + 1))
    return result


def _damage(rng, actions):
    """Returns 'actions' with up to three bits of bad luck."""
    data = bytearray(actions)
    for _ in range(rng.randrange(4)):
        position = rng.randrange(len(data)) if data else 0
        how = rng.randrange(5)
        if how == 0 and data:
            data[position] ^= 1 << rng.randrange(8)
        elif how == 1 and data:
            data[position] = rng.choice((0, 1, 3, 4, 5, 0x7f, 0x80, 0xff))
        elif how == 2:
            del data[position:]
        elif how == 3:
            data[position:position] = rng.randbytes(rng.randrange(1, 9))
        elif how == 4:
            del data[position:position + rng.randrange(1, 9)]
    return bytes(data)
