# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""What must hold for a selective mirror of TCP connections, judged from two
captures: all that passed the client's port of the switch (the truth), and all
that came out of the mirror.

Written from RFC 9293 (TCP) and RFC 9112 (HTTP/1.1) and sharing nothing with
tasukid.  The rules:

  order     In each direction, the mirror shows packets of the truth, byte by
            byte, in their order, none more often.
  ack       Nothing is acknowledged on the mirror before it was shown there.
  control   Every SYN, FIN and RST is there.
  kept      So is every segment with a byte that is not of a body, with the
            last byte of a body of known length, or of a short body; and every
            pure ACK of such a byte.
  gap       What is missing of a stream lies within one body.
  excess    Of a body that was skipped, no more is there than two segments, or
            what the caller allows.
  told      What is missing is what the events say."""

import bisect
import collections
import re
import struct
from typing import NamedTuple

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
UP, DOWN = "to-server", "to-client"
BODILESS = (204, 304)
_HEAD_MAX = 1 << 20


class Packet:
    """A captured frame.  'flow' is None unless it is TCP, else the two ends,
    each an (address, port), source first.  'length' counts payload, as the
    headers say, of which 'payload' may be the part that was captured.  'first'
    and 'acked' are 'seq' and 'ack' as offsets in the streams, where the first
    byte after the SYN is 0."""

    __slots__ = ("time", "frame", "flow", "seq", "ack", "flags", "length",
                 "payload", "first", "acked", "direction")

    def __init__(self, time, frame):
        self.time = time
        self.frame = frame
        self.flow = None
        at, ethertype = 14, frame[12:14]
        while ethertype in (b"\x81\x00", b"\x88\xa8"):
            ethertype = frame[at + 2:at + 4]
            at += 4
        if ethertype == b"\x08\x00":
            protocol = frame[at + 9]
            end = at + int.from_bytes(frame[at + 2:at + 4], "big")
            source, target = frame[at + 12:at + 16], frame[at + 16:at + 20]
            fragment = int.from_bytes(frame[at + 6:at + 8], "big") & 0x3fff
            at += (frame[at] & 15) * 4
        elif ethertype == b"\x86\xdd":
            protocol, fragment = frame[at + 6], 0
            end = at + 40 + int.from_bytes(frame[at + 4:at + 6], "big")
            source, target = frame[at + 8:at + 24], frame[at + 24:at + 40]
            at += 40
        else:
            return
        if protocol != 6 or fragment:
            return
        (sport, dport, self.seq, self.ack, data,
         self.flags) = struct.unpack_from("!HHIIBB", frame, at)
        at += (data >> 4) * 4
        self.flow = (source, sport), (target, dport)
        self.length = end - at
        self.payload = frame[at:end]

    @property
    def end(self):
        return self.first + self.length

    def __str__(self):
        flags = "".join(letter for bit, letter in zip(
            (SYN, FIN, RST, ACK), "SFRA") if self.flags & bit)
        return "%s %s [%d, %d) ack %s" % (self.direction, flags, self.first,
                                          self.end, self.acked)


class Ranges:
    """A set of integers, as ranges [start, end) in order."""

    def __init__(self):
        self.starts, self.ends = [], []

    def add(self, start, end):
        """Adds a range and returns the parts of it that are new."""
        if start >= end:
            return []
        # Those that overlap or touch.
        i = bisect.bisect_left(self.ends, start)
        j = bisect.bisect_right(self.starts, end)
        new, at = [], start
        for a, b in zip(self.starts[i:j], self.ends[i:j]):
            if at < a:
                new.append((at, a))
            at = max(at, b)
        if at < end:
            new.append((at, end))
        if i < j:
            start = min(start, self.starts[i])
            end = max(end, self.ends[j - 1])
        self.starts[i:j], self.ends[i:j] = [start], [end]
        return new

    def __iter__(self):
        return zip(self.starts, self.ends)

    def missing(self, start, end):
        """Returns the parts of [start, end) that are not in the set."""
        result, at = [], start
        i = bisect.bisect_right(self.ends, start)
        while i < len(self.starts) and self.starts[i] < end:
            if at < self.starts[i]:
                result.append((at, self.starts[i]))
            at = max(at, self.ends[i])
            i += 1
        if at < end:
            result.append((at, end))
        return result

    def size(self):
        return sum(self.ends) - sum(self.starts)


class Stream:
    """One direction of a connection."""

    def __init__(self):
        self.base = None        # Sequence number of byte 0.
        self.high = 0           # The highest end of what was sent.
        self.sent = Ranges()
        self.pieces = []        # (first, end, captured bytes), of new bytes.
        self.requests = []      # (offset, what it acknowledges), of segments
                                # that begin with new bytes.
        self.mss = 1
        self._sorted = None

    def offset(self, number):
        """Returns sequence number 'number' as an offset, the one that is
        nearest to the last."""
        distance = (number - self.base - self.high) % (1 << 32)
        return self.high + distance - ((distance >> 31) << 32)

    def carry(self, packet):
        self.mss = max(self.mss, packet.length)
        for a, b in self.sent.add(packet.first, packet.end):
            self.pieces.append((a, b, packet.payload[a - packet.first:
                                                     b - packet.first]))
            if a == packet.first:
                self.requests.append((a, packet.acked))
        # The number of an ACK that follows a FIN is one higher.
        if packet.length:
            self.high = max(self.high, packet.end)

    def read(self, start, n):
        """Returns up to 'n' bytes from offset 'start', as many as there are in
        one piece; zeros stand for what was not captured."""
        if self._sorted is None:
            self._sorted = sorted(self.pieces)
        result = []
        i = bisect.bisect_right(self._sorted, (start, float("inf"))) - 1
        at = start
        while 0 <= i < len(self._sorted) and at < start + n:
            first, end, data = self._sorted[i]
            if not first <= at < end:
                break
            data = data.ljust(end - first, b"\0") if len(data) < min(
                end - first, start + n - first) else data
            result.append(data[at - first:start + n - first])
            at += len(result[-1])
            i += 1
        return b"".join(result)

    def find(self, what, start):
        """Returns the offset behind the next 'what' from 'start' on, or
        None."""
        size = 1 << 12
        while True:
            data = self.read(start, size)
            at = data.find(what)
            if at >= 0:
                return start + at + len(what)
            if len(data) < size or size > _HEAD_MAX:
                return None
            size *= 4


class Message(NamedTuple):
    """A request or a response: its head is [start, body), its body [body,
    end).  'framing' is "none", "length", "chunked" or "close".  Of a response
    that is 'overtaken' the next request came before its end."""

    direction: str
    start: int
    body: int
    end: int
    framing: str
    head: str
    overtaken: bool = False


class Connection:
    """All packets of one connection, in order."""

    def __init__(self, client, server):
        self.client, self.server = client, server
        self.packets = []
        self.streams = {UP: Stream(), DOWN: Stream()}
        self.messages = []
        self.problem = None     # Where the messages end to make sense.

    def add(self, packet):
        packet.direction = UP if packet.flow[0] == self.client else DOWN
        mine = self.streams[packet.direction]
        other = self.streams[DOWN if packet.direction == UP else UP]
        syn = bool(packet.flags & SYN)
        if mine.base is None:
            mine.base = (packet.seq + syn) % (1 << 32)
        packet.first = mine.offset((packet.seq + syn) % (1 << 32))
        packet.acked = None
        if packet.flags & ACK:
            if other.base is None:
                other.base = packet.ack
            packet.acked = other.offset(packet.ack)
        if not packet.flags & RST:
            mine.carry(packet)
        self.packets.append(packet)

    def parse(self, trust_acks=False):
        """Finds the messages.  With 'trust_acks', a response ends where the
        next request says, whatever its head does."""
        up, down = self.streams[UP], self.streams[DOWN]
        requests, at = [], 0
        while at < up.high and up.sent.missing(0, 1) == []:
            message = self._message(UP, at, None)
            if not message:
                break
            requests.append(message)
            at = message.end
        # What somebody else takes over is not HTTP any more.
        answers, at, waiting = [], 0, collections.deque(requests)
        while at < down.high:
            request = waiting[0] if waiting else None
            message = self._message(DOWN, at, request)
            if not message:
                self.problem = self.problem or (DOWN, at)
                break
            status = int(message.head.split()[1])
            if status == 101:
                self.problem = DOWN, message.body
                answers.append(message)
                break
            if status >= 200 and waiting:
                waiting.popleft()
                end = self._next_request(waiting)
                if not trust_acks:
                    message = message._replace(overtaken=end < message.end)
                elif message.framing != "none" or end != message.end:
                    message = message._replace(end=end, framing="close")
            answers.append(message)
            at = message.end
        self.messages = requests + answers

    def _next_request(self, waiting):
        """Returns what the next request acknowledges of responses."""
        if waiting:
            for offset, acked in self.streams[UP].requests:
                if offset == waiting[0].start:
                    return acked
        return self.streams[DOWN].high

    def _message(self, direction, start, request):
        stream = self.streams[direction]
        skipped = start
        while stream.read(skipped, 2) == b"\r\n":
            skipped += 2
        body = stream.find(b"\r\n\r\n", skipped)
        if body is None:
            return None
        head = stream.read(skipped, body - skipped).decode("latin-1")
        pattern = (r"[!-~]+ \S+ HTTP/1\.[01]\r\n" if direction == UP
                   else r"HTTP/1\.[01] [1-9]\d\d[ \r]")
        if not re.match(pattern, head):
            return None
        fields = collections.defaultdict(list)
        for line in head.split("\r\n")[1:]:
            name, _, value = line.partition(":")
            fields[name.lower()].append(value.strip())
        framing, end = self._body(direction, stream, body, fields, head,
                                  request)
        if end is None:
            return None
        return Message(direction, start, body, min(end, stream.high), framing,
                       head)

    @staticmethod
    def _body(direction, stream, body, fields, head, request):
        """RFC 9112, section 6.3."""
        if direction == DOWN:
            status = int(head.split()[1])
            method = request.head.split()[0] if request else "GET"
            if (method == "HEAD" or status < 200 or status in BODILESS
                    or method == "CONNECT" and status < 300):
                return "none", body
        coding = ",".join(fields["transfer-encoding"]).lower()
        if coding.endswith("chunked"):
            at = body
            while True:
                line = stream.find(b"\r\n", at)
                if line is None:
                    return "chunked", stream.high
                size = int(re.match(rb"[0-9a-fA-F]+", stream.read(
                    at, line - at))[0], 16)
                at = line + size + 2
                if not size:
                    break
            # Trailers, if there are any.
            at -= 2
            while stream.read(at, 2) != b"\r\n":
                at = stream.find(b"\r\n", at)
                if at is None:
                    return "chunked", stream.high
            return "chunked", at + 2
        if fields["content-length"]:
            lengths = set(fields["content-length"])
            if len(lengths) != 1 or coding:
                return None, None
            return "length", body + int(lengths.pop())
        if direction == UP:
            return "none", body
        return "close", stream.high


class Report:
    """What check() found: 'problems' has a text for each violation, 'heads'
    the head of each message with its direction, in order of their streams."""

    def __init__(self):
        self.problems = []
        self.connections = []
        self.heads = []
        self.skipped = 0        # Bytes of streams that the mirror lacks.
        self.bodies = 0         # Of which some was skipped.
        self.packets = self.bytes = self.payloads = self.extra_acks = 0

    def problem(self, rule, text, *args):
        self.problems.append("%s: %s" % (rule, text % args))


def read(path, snap=None):
    """Returns the Packets of capture file 'path', each with at most 'snap'
    bytes."""
    from lab import segment
    return [Packet(time, frame[:snap]) for time, frame in segment.frames(path)]


def merge(ports):
    """Returns what came out of a switch, given a list of Packets for each of
    its ports, in order of time.  What several ports have was flooded, and
    counts once, when it came out first.  What one port has several times was
    sent again."""
    first = {}
    for packets in ports:
        times = collections.Counter()
        for packet in packets:
            times[packet.frame] += 1
            key = packet.frame, times[packet.frame]
            if key not in first or packet.time < first[key].time:
                first[key] = packet
    return sorted(first.values(), key=lambda p: p.time)


def connections(packets):
    """Returns the Connections that 'packets' are of.  A SYN for ports whose
    connection is over begins another."""
    live, result = {}, []
    for packet in packets:
        if not packet.flow:
            continue
        connection = live.get(frozenset(packet.flow))
        opens = packet.flags & (SYN | ACK | RST) == SYN
        if connection and opens and packet.seq != (
                connection.streams[UP].base - 1) % (1 << 32):
            connection = None
        if not connection:
            client, server = packet.flow
            if not opens and client[1] < server[1]:
                client, server = server, client
            connection = Connection(client, server)
            live[frozenset(packet.flow)] = connection
            result.append(connection)
        connection.add(packet)
    return result


def check(truth, mirror, threshold=0, chunked_whole=False, excess=2,
          told=None, exactly=True, trust_acks=False, ports=(80,),
          ingress=False):
    """Checks the mirror of all TCP connections to 'ports', given two lists of
    Packets.  Bodies of 'threshold' bytes or more may be skipped.  'excess' is
    how many segments may be there of a body that was skipped, or None for any
    number.  'told' has a (client's port, direction, first byte, length, its
    sequence number) for each range that was said to be skipped.  It may say
    too much if not 'exactly', and then the sequence number counts: who did not
    see how a connection began cannot count its bytes.  With 'ingress', the
    truth is where packets came to the switch: it may have lost some that were
    sent again, and pure ACKs may have overtaken each other in it."""
    report = Report()
    truth = [p for p in truth if p.flow and (p.flow[0][1] in ports
                                             or p.flow[1][1] in ports)]
    report.packets = len(mirror)
    report.bytes = sum(len(p.frame) for p in mirror)
    report.payloads = sum(1 for p in mirror if p.flow and p.length)
    for connection in connections(truth):
        connection.parse(trust_acks)
        report.connections.append(connection)
        report.heads += [(m.direction, m.head) for m in connection.messages]
    shown = _order(report, truth, mirror, ingress)
    for connection in report.connections:
        windows = _windows(connection, threshold, chunked_whole)
        _acks(report, connection, shown)
        _kept(report, connection, shown, windows, ingress)
        gaps = _gaps(report, connection, shown, windows, threshold, excess)
        if told is not None:
            _told(report, connection, gaps, told, exactly)
    return report


def check_beginnings(truth, mirror, keep, excess, ports):
    """Checks the mirror of what is not HTTP: each direction is there from its
    beginning until the offset that keep(stream) returns, and at most 'excess'
    more bytes."""
    report = Report()
    truth = [p for p in truth if p.flow and (p.flow[0][1] in ports
                                             or p.flow[1][1] in ports)]
    report.packets = len(mirror)
    report.bytes = sum(len(p.frame) for p in mirror)
    report.connections = connections(truth)
    shown = _order(report, truth, mirror)
    for connection in report.connections:
        _acks(report, connection, shown)
        for p in connection.packets:
            if p.flags & (SYN | FIN | RST) and id(p) not in shown:
                report.problem("control", "not on the mirror: %s", p)
        for direction, stream in connection.streams.items():
            there = Ranges()
            for p in connection.packets:
                if p.direction == direction and id(p) in shown:
                    there.add(p.first, p.end)
            until = min(keep(stream), stream.high)
            for a, b in there.missing(0, until):
                report.problem("kept", "%s [%d, %d) is missing", direction, a,
                               b)
            if there.size() > until + excess:
                report.problem("excess", "%s: %d bytes, not %d", direction,
                               there.size(), until)
            report.skipped += stream.high - there.size()
    return report


def _order(report, truth, mirror, ingress=False):
    """Returns which packets of the truth are on the mirror: a dictionary of
    positions there by id of packet."""
    seen = collections.defaultdict(list)    # By flow.
    for packet in mirror:
        seen[packet.flow].append(packet)
    expected = collections.defaultdict(list)
    for packet in truth:
        expected[packet.flow].append(packet)
    number = {id(packet): i for i, packet in enumerate(mirror)}
    shown = {}
    for flow, packets in seen.items():
        where = collections.defaultdict(collections.deque)
        for i, packet in enumerate(expected.get(flow, ())):
            where[packet.frame].append(i)
        last = -1
        for packet in packets:
            places = where.get(packet.frame)
            if places is None:
                report.problem("order", "not a packet of the truth: %s",
                               packet.frame[:80].hex())
                continue
            if (ingress and places and places[0] <= last
                    and not packet.length and packet.flags == ACK):
                shown[id(expected[flow][places.popleft()])] = number[
                    id(packet)]
                continue
            while places and places[0] <= last:
                places.popleft()
            if not places:
                report.problem("order", "too late or too often: %s",
                               packet.frame[:80].hex())
                continue
            last = places.popleft()
            shown[id(expected[flow][last])] = number[id(packet)]
    return shown


def _acks(report, connection, shown):
    """An ACK comes after what it acknowledges, unless it does not in the
    truth."""
    packets = sorted((p for p in connection.packets if id(p) in shown),
                     key=lambda p: shown[id(p)])
    first = {}                  # Of the truth's packets, those with new bytes.
    sent = {UP: Ranges(), DOWN: Ranges()}
    for p in connection.packets:
        first[id(p)] = sent[p.direction].add(p.first, p.end)
    acked = {UP: 0, DOWN: 0}
    for p in packets:
        other = DOWN if p.direction == UP else UP
        if p.acked is not None:
            acked[other] = max(acked[other], p.acked)
        for a, b in first[id(p)]:
            if a < acked[p.direction]:
                report.problem("ack", "[%d, %d) acknowledged before it is "
                               "there: %s", a, b, p)


class _Window(NamedTuple):
    """Segments wholly inside [start, end) may be left out, and ACKs inside
    (start, last_ack]."""

    start: int
    end: int
    last_ack: int
    message: Message


def _windows(connection, threshold, chunked_whole):
    windows = {UP: [], DOWN: []}
    for m in connection.messages:
        if (m.framing == "none" or m.end - m.body < threshold
                or m.framing == "chunked" and chunked_whole):
            continue
        # That with the last byte is kept, where it is known which that is.
        end = m.end - (m.framing == "length")
        if m.body < end:
            # Where that is not known, the ACK of a FIN is one more of those
            # that nobody looked at.
            windows[m.direction].append(_Window(
                m.body, end, end + (m.framing != "length"), m))
    return windows


def _last(windows, offset):
    """Returns the last of 'windows' that begins at 'offset' or before, or
    None."""
    i = bisect.bisect_right(windows, offset, key=lambda w: w.start) - 1
    return windows[i] if i >= 0 else None


def _inside(windows, start, end):
    """Returns true if [start, end) lies in one of 'windows'."""
    window = _last(windows, start)
    return window is not None and end <= window.end


def _may_lack(packet, windows):
    """Returns true if the mirror may lack 'packet'."""
    if packet.flags & (SYN | FIN | RST):
        return False
    if packet.length:
        return _inside(windows[packet.direction], packet.first, packet.end)
    if packet.acked is None:
        return False
    window = _last(windows[DOWN if packet.direction == UP else UP],
                   packet.acked - 1)
    return window is not None and packet.acked <= window.last_ack


def _kept(report, connection, shown, windows, ingress):
    there = {UP: Ranges(), DOWN: Ranges()}
    for packet in connection.packets if ingress else ():
        if id(packet) in shown:
            there[packet.direction].add(packet.first, packet.end)
    for packet in connection.packets:
        if packet.length and not there[packet.direction].missing(
                packet.first, packet.end):
            continue
        if _may_lack(packet, windows):
            if id(packet) in shown and not packet.length:
                report.extra_acks += 1
        elif id(packet) not in shown:
            control = packet.flags & (SYN | FIN | RST)
            report.problem("control" if control else "kept",
                           "not on the mirror: %s", packet)


def _gaps(report, connection, shown, windows, threshold, excess):
    """Returns what is missing, and what was sent again: two Ranges by
    direction."""
    result = {}
    for direction, stream in connection.streams.items():
        there, again, sent = Ranges(), Ranges(), Ranges()
        for p in connection.packets:
            if p.direction != direction or p.flags & RST:
                continue
            new = sent.add(p.first, p.end)
            if id(p) in shown:
                there.add(p.first, p.end)
            if new != [(p.first, p.end)]:
                again.add(p.first, p.end)
        gaps = Ranges()
        for gap in (gap for a, b in sent for gap in there.missing(a, b)):
            gaps.add(*gap)
            if not _inside(windows[direction], *gap):
                report.problem("gap", "%s [%d, %d) is not within a body",
                               direction, *gap)
        for window in windows[direction]:
            _excess(report, window, there, threshold, excess, stream.mss)
        result[direction] = gaps, again
    return result


def _excess(report, window, there, threshold, excess, mss):
    message, size = window.message, window.end - window.start
    lacks = sum(b - a for a, b in there.missing(window.start, window.end))
    if lacks:
        report.skipped += lacks
        report.bodies += 1
    # Of one that ends nobody knows where, what is not too short yet.  And if
    # not even the next request tells, all of it.
    allowed = threshold if message.framing != "length" else 0
    if (message.framing == "chunked"
            and (message.overtaken or message.direction == UP)):
        allowed = size
    if excess is not None and size - lacks > allowed + excess * mss:
        report.problem("excess", "%s [%d, %d): %d bytes are there",
                       message.direction, window.start, window.end,
                       size - lacks)


def _told(report, connection, gaps, told, exactly):
    """What is missing was told.  What was told is missing, unless it was sent
    again."""
    for direction, (missing, again) in gaps.items():
        said = Ranges()
        for port, way, first, length, number in told:
            if (port, way) == (connection.client[1], direction):
                base = connection.streams[way].base
                if not exactly:
                    first = (number - base) % (1 << 32)
                elif (base + first - number) % (1 << 32):
                    report.problem("told", "%s: byte %d does not have number "
                                   "%d", direction, first, number)
                said.add(first, first + length)
        for a, b in missing:
            for c, d in said.missing(a, b):
                report.problem("told", "%s [%d, %d) is missing and nobody "
                               "said so", direction, c, d)
        for a, b in again:
            missing.add(a, b)
        for a, b in said if exactly else ():
            for c, d in missing.missing(a, b):
                report.problem("told", "%s [%d, %d) is not missing, as was "
                               "said", direction, c, d)
