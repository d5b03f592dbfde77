# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The judge of mirrors judges: it finds nothing wrong with a mirror that is
right, and each rule finds the mirror that breaks it."""

import struct

import pytest

from mirrorcheck import (ACK, DOWN, FIN, RST, SYN, UP, Packet, Ranges, check,
                         connections, merge)

MSS = 100
CLIENT, SERVER = (b"\x0a\0\0\x64", 40000), (b"\x0a\0\0\x01", 80)


class Wire:
    """Writes down a conversation.  Numbers begin just below 2^32, so that they
    come round."""

    def __init__(self):
        self.next = {UP: 0xfffffff0, DOWN: 0xffffff00}
        self.frames = []        # (frame, whether a mirror must show it)
        self.marks = {}

    def send(self, direction, payload=b"", flags=ACK, keep=True, at=None,
             ack=None):
        seq = self.next[direction] if at is None else at
        other = self.next[DOWN if direction == UP else UP]
        ends = (CLIENT, SERVER) if direction == UP else (SERVER, CLIENT)
        tcp = struct.pack(
            "!HHIIBBHHH", ends[0][1], ends[1][1], seq % (1 << 32),
            (other if ack is None else ack) % (1 << 32), 0x50, flags, 1000,
            0, 0)
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 40 + len(payload), 0, 0x4000,
                         64, 6, 0) + ends[0][0] + ends[1][0]
        self.frames.append((bytes(12) + b"\x08\0" + ip + tcp + payload, keep))
        if at is None:
            self.next[direction] += len(payload) + bool(flags & (SYN | FIN))
        return seq

    def open(self):
        self.send(UP, flags=SYN)
        self.send(DOWN, flags=SYN | ACK)
        self.send(UP)

    def close(self):
        self.send(UP, flags=FIN | ACK)
        self.send(DOWN, flags=FIN | ACK)
        self.send(UP)

    def stream(self, direction, data, skip=None):
        """Sends 'data' in segments, each acknowledged.  'skip' is the range of
        it of which whole segments are skipped, and ACKs of what is inside."""
        start, end = skip or (0, 0)
        other = DOWN if direction == UP else UP
        for at in range(0, len(data), MSS):
            to = min(at + MSS, len(data))
            self.send(direction, data[at:to],
                      keep=not start <= at < to <= end)
            self.send(other, keep=not start < to <= end)

    def get(self, head, body=b"", request="GET / HTTP/1.1", known=True,
            skip=True):
        self.send(UP, request.encode() + b"\r\nHost: a\r\n\r\n")
        head = head.encode().replace(b"\n", b"\r\n") + b"\r\n\r\n"
        self.stream(DOWN, head + body,
                    (len(head), len(head + body) - known) if skip and body
                    else None)

    def truth(self):
        return [Packet(i, frame) for i, (frame, _) in enumerate(self.frames)]

    def mirror(self):
        return [Packet(i, frame) for i, (frame, keep)
                in enumerate(self.frames) if keep]


BIG = bytes(range(48, 58)) * 150
LENGTH = "HTTP/1.1 200 OK\nContent-Length: %d"
CHUNKED = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked"


def chunks(data, size, trailers=b""):
    return b"".join(b"%x\r\n%s\r\n" % (len(data[i:i + size]), data[i:i + size])
                    for i in range(0, len(data), size)) + (
                        b"0\r\n" + trailers + b"\r\n")


def session():
    """Each framing that there is."""
    wire = Wire()
    wire.open()
    wire.get(LENGTH % 5, b"small", skip=False)
    wire.get(LENGTH % len(BIG), BIG)
    wire.get(LENGTH % 100000, request="HEAD / HTTP/1.1")
    wire.get("HTTP/1.1 304 Not Modified\nContent-Length: 100000")
    wire.get("HTTP/1.1 204 No Content")
    wire.get(CHUNKED, chunks(BIG, 7), known=False)
    wire.get(CHUNKED, chunks(BIG, 700, b"Digest: x\r\n"), known=False)
    # An upload, for which the server had to ask.
    head = (b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
            b"Content-Length: %d\r\n\r\n" % len(BIG))
    wire.send(UP, head)
    wire.send(DOWN, b"HTTP/1.1 100 Continue\r\n\r\n")
    wire.stream(UP, BIG, (0, len(BIG) - 1))
    wire.stream(DOWN, b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
    # Three requests in one segment.
    wire.send(UP, b"GET /%d HTTP/1.1\r\n\r\n" * 3 % (1, 2, 3))
    for body in BIG, b"", BIG:
        head = (LENGTH % len(body)).encode().replace(b"\n",
                                                     b"\r\n") + b"\r\n\r\n"
        wire.stream(DOWN, head + body,
                    (len(head), len(head + body) - 1) if body else None)
    wire.get("HTTP/1.0 200 OK", BIG, known=False)
    wire.close()
    return wire


def rules(report):
    return {problem.partition(":")[0] for problem in report.problems}


def told_of(mirror, truth):
    """What an honest mirror says that it left out."""
    told = []
    for connection in connections(truth):
        for direction, stream in connection.streams.items():
            there = Ranges()
            shown = {p.frame for p in mirror}
            for p in connection.packets:
                if p.direction == direction and p.frame in shown:
                    there.add(p.first, p.end)
            for a, b in stream.sent:
                told += [(CLIENT[1], direction, c, d - c,
                          (stream.base + c) % (1 << 32))
                         for c, d in there.missing(a, b)]
    return told


def test_right():
    wire = session()
    truth, mirror = wire.truth(), wire.mirror()
    told = told_of(mirror, truth)
    report = check(truth, mirror, told=told)
    assert not report.problems
    # One of the framings that have no body to skip is the answer to HEAD.
    assert len([h for way, h in report.heads if way == UP]) == 12
    assert len([h for way, h in report.heads if way == DOWN]) == 13
    assert report.bodies == len(told) == 7
    assert report.skipped > 5 * len(BIG)
    # That of the FIN behind a body of no known length.
    assert report.extra_acks == 1
    framings = [m.framing for m in report.connections[0].messages]
    assert [framings.count(x) for x in ("chunked", "close")] == [2, 1]


def test_whole():
    """A mirror of everything breaks no rule but that of excess."""
    truth = session().truth()
    assert not check(truth, truth, excess=None).problems
    assert rules(check(truth, truth)) == {"excess"}
    assert not check(truth, truth, threshold=1 << 20).problems


def is_data(packet, text):
    return packet.flow and text in packet.payload


def without(test):
    return lambda mirror, truth: [p for p in mirror if not test(p)]


def drop_one(test):
    """Takes out the first packet for which 'test' is true."""
    def doctor(mirror, truth):
        i = next(i for i, p in enumerate(mirror) if test(p))
        return mirror[:i] + mirror[i + 1:]
    return doctor


def swap(first, second):
    """The first packet for which 'second' is true comes before the one for
    which 'first' is."""
    def doctor(mirror, truth):
        i = next(i for i, p in enumerate(mirror) if first(p))
        j = next(j for j, p in enumerate(mirror) if j > i and second(p))
        return mirror[:i] + [mirror[j]] + mirror[i:j] + mirror[j + 1:]
    return doctor


def add(test):
    """Adds packets of the truth for which 'test' is true, where they
    belong."""
    def doctor(mirror, truth):
        frames = {p.frame for p in mirror}
        return [p for p in truth if p.frame in frames or test(p)]
    return doctor


def damage(mirror, truth):
    i = next(i for i, p in enumerate(mirror) if is_data(p, b"HTTP/1.1 200"))
    frame = mirror[i].frame
    return mirror[:i] + [Packet(0, frame[:-1] + b"~")] + mirror[i + 1:]


def invent(mirror, truth):
    wire = Wire()
    wire.send(UP, b"x", at=12345)
    return mirror[:5] + wire.truth() + mirror[5:]


def pure_ack(direction):
    port = CLIENT[1] if direction == UP else SERVER[1]
    return lambda p: (p.flow[0][1] == port and not p.length
                      and p.flags == ACK)


def nth(test, n):
    """True for the n-th packet, from 0, for which 'test' is."""
    seen = []

    def is_nth(packet):
        if test(packet):
            seen.append(packet)
        return len(seen) == n + 1 and seen[-1] is packet
    return is_nth


def last_segment(p):
    """The last of the first large body."""
    head = LENGTH % len(BIG) + "\r\n\r\n\r"     # "\n" becomes "\r\n".
    return p.flow[0][1] == 80 and p.length == (len(head) + len(BIG)) % MSS


def shift(told, by):
    port, way, first, length, number = told[0]
    return [(port, way, first + by, length, number + by)] + told[1:]


WRONG = {
    "no SYN": (drop_one(lambda p: p.flags & SYN), {"control"}),
    "no SYN-ACK": (without(lambda p: p.flags == SYN | ACK), {"control"}),
    "no FIN": (drop_one(lambda p: p.flags & FIN), {"control"}),
    "no request": (drop_one(lambda p: is_data(p, b"GET /")),
                   {"kept", "gap"}),
    "no head": (drop_one(lambda p: is_data(p, b"HTTP/1.1 204")),
                {"kept", "gap"}),
    "no 100": (drop_one(lambda p: is_data(p, b"HTTP/1.1 100")),
               {"kept", "gap"}),
    "no small body": (drop_one(lambda p: is_data(p, b"small")),
                      {"kept", "gap"}),
    "no first segment": (drop_one(
        lambda p: is_data(p, b"Content-Length: %d" % len(BIG))),
        {"kept", "gap"}),
    "no last segment": (drop_one(last_segment), {"kept", "gap"}),
    "no last ACK": (drop_one(nth(pure_ack(UP), 2)), {"kept"}),
    "head twice": (lambda mirror, truth: mirror[:9] + mirror[8:], {"order"}),
    "head late": (swap(lambda p: is_data(p, b"HTTP/1.1 304"),
                       lambda p: is_data(p, b"HTTP/1.1 204")),
                  {"order", "ack", "kept", "gap"}),
    "answer first": (swap(lambda p: is_data(p, b"GET /"),
                          lambda p: is_data(p, b"HTTP/1.1 200")), {"ack"}),
    "ACK first": (swap(lambda p: is_data(p, b"HTTP/1.1 204"), pure_ack(UP)),
                  {"ack"}),
    "damaged": (damage, {"order", "kept", "gap"}),
    "invented": (invent, {"order"}),
    "two more segments": (add(lambda p: (
        p.length == MSS and p.seq - 0xffffff00 in range(500))), {"excess"}),
    "resumed too late": (without(
        lambda p: is_data(p, b"0\r\n\r\n")
        or is_data(p, b"HTTP/1.1 200 OK\r\nContent-Length: 0")),
        {"kept", "gap"}),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong(name):
    doctor, broken = WRONG[name]
    wire = session()
    truth = wire.truth()
    report = check(truth, doctor(wire.mirror(), wire.truth()))
    assert rules(report) == broken, report.problems


UNTRUE = {
    "nothing": lambda told: [],
    "not one": lambda told: told[:3] + told[4:],
    "too much": lambda told: shift(told, 0) + [
        (CLIENT[1], DOWN, 0, 10, 0xffffff01)],
    "too early": lambda told: shift(told, -1),
    "too late": lambda told: shift(told, 1),
    "the other direction": lambda told: [(port, UP, *rest) for port, _, *rest
                                         in told],
    "another number": lambda told: [(*rest, number + 1) for *rest, number
                                    in told],
    "another connection": lambda told: [(1, *rest) for _, *rest in told],
}


@pytest.mark.parametrize("name", UNTRUE)
def test_untrue(name):
    wire = session()
    truth, mirror = wire.truth(), wire.mirror()
    told = told_of(mirror, truth)
    assert rules(check(truth, mirror, told=UNTRUE[name](told))) == {"told"}


def test_sent_again():
    """What comes twice may be on the mirror twice; a segment that has an edge
    in it is kept whenever it comes; a body that is sent again is skipped
    again."""
    wire = Wire()
    wire.open()
    wire.get(LENGTH % len(BIG), BIG)
    last = wire.frames[-2][0]
    start = wire.next[DOWN] - len(BIG)
    wire.send(DOWN, BIG[100:200], at=start + 100, keep=False)
    wire.send(UP, keep=False, ack=start + 200)
    wire.frames.append((last, True))
    wire.close()
    truth, mirror = wire.truth(), wire.mirror()
    assert not check(truth, mirror, told=told_of(mirror, truth)).problems
    mirror = [p for i, p in enumerate(mirror)
              if p.frame != last or i == len(mirror) - 4]
    assert rules(check(truth, mirror)) == {"ack", "kept"}


def test_acks_are_trusted():
    """A head that lies about its body, and a client that knows better."""
    wire = Wire()
    wire.open()
    for promised, sent in ((len(BIG) // 2, len(BIG)), (10 ** 18, len(BIG)),
                           (3, len(BIG))):
        wire.get(LENGTH % promised, BIG, known=False)
    wire.close()
    truth, mirror = wire.truth(), wire.mirror()
    assert check(truth, mirror).problems
    report = check(truth, mirror, trust_acks=True)
    assert not report.problems
    assert len(report.heads) == 6 and report.bodies == 3
    mirror = [p for p in mirror if not is_data(p, b": 3\r")]
    assert rules(check(truth, mirror, trust_acks=True)) == {"kept", "gap"}


def test_two_connections_with_the_same_ports():
    wire = session()
    wire.next = {UP: 1000, DOWN: 2000}
    wire.open()
    wire.get(LENGTH % len(BIG), BIG)
    wire.send(UP, flags=RST)
    truth, mirror = wire.truth(), wire.mirror()
    report = check(truth, mirror)
    assert not report.problems
    assert len(report.connections) == 2
    assert rules(check(truth, mirror[:-1])) == {"control"}
    assert rules(check(truth, [])) == {"control", "kept", "gap"}


def test_ports_together():
    """What was flooded counts once, what was sent again as often as that."""
    def port(*packets):
        return [Packet(time, frame) for time, frame in packets]

    a, b, c = (bytes(12) + b"\x08\x06" + letter for letter in (b"a", b"b",
                                                               b"c"))
    merged = merge([port((2, a), (4, a), (5, b)), port((1, a), (3, c)),
                    port()])
    assert [(p.time, p.frame) for p in merged] == [(1, a), (3, c), (4, a),
                                                   (5, b)]
