# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""What must hold for the segments of a moved connection, as they were captured
at the client and at the server that it moved to.

Derived from RFC 9293 (TCP), 7323 (window scale, timestamps), 2018 and 2883
(SACK), from the view of either end: each of them must see one connection that
makes sense, with nothing in it that it had not negotiated."""

import os

from lab.segment import ACK, FIN, RST, SYN, after

SERVICE = "10.0.0.1"


class View:
    """One connection of client port 'port' as captured at one host."""

    def __init__(self, segments, port):
        self.all = [s for s in segments if port in (s.sport, s.dport)]
        self.up = [s for s in self.all if s.sport == port]
        self.down = [s for s in self.all if s.dport == port]
        self.syn = next((s for s in self.up if s.has(SYN)), None)
        self.syn_ack = next((s for s in self.down if s.has(SYN | ACK)), None)

    def agreed(self, option):
        """Returns whether both SYNs of this view carry 'option'."""
        values = [getattr(s, option) for s in (self.syn, self.syn_ack)]
        return None not in values and False not in [
            value for value in values if isinstance(value, bool)]


def client_ports(segments):
    """Returns the ports of the client's connections, in order."""
    return list(dict.fromkeys(s.sport for s in segments
                              if s.has(SYN) and not s.has(ACK)))


def _both_closed(view, last):
    """Returns whether both ends had sent a FIN before 'last'.  After that, a
    late duplicate of anything is answered with a RST by whoever forgot."""
    return all(any(s.has(FIN) and s.time < last.time for s in segments)
               for segments in (view.up, view.down))


def take_out_questions(view):
    """Takes tasukid's questions whether the server still has the connection
    out of 'view', a server's, and the resets that deny it: there is a question
    only after something says that the connection is over, and no byte in it,
    and a denial has its number (RFC 9293, 3.10.7.1)."""
    questions = [s for s in view.up
                 if s.flags == ACK and s.seq == view.syn.seq]
    ends = [s.time for s in view.all if s.has(FIN) or s.has(RST)]
    for s in questions:
        assert not s.payload and min(ends) <= s.time, s
    numbers = {s.ack for s in questions}
    view.up = [s for s in view.up if s not in questions]
    view.down = [s for s in view.down
                 if not (s.has(RST) and s.seq in numbers)]


# Hosts leave checksums and segmentation to the kernel: see Switch.
OFFLOAD = os.environ.get("TASUKI_OFFLOAD") == "on"


def check_checksums(captured):
    for name, segments in captured.items():
        wrong = [(str(s), s.checksum_errors(OFFLOAD)) for s in segments
                 if s.checksum_errors(OFFLOAD)]
        assert not wrong, "%s: %d bad checksums, first %s" % (
            name, len(wrong), wrong[0])


# How far a timestamp may be off that was echoed for another copy of a segment
# of the handshake than the one that counted.  Linux counts milliseconds.
ECHO_SLACK = 3000


def check_direction(name, sent, received, offered, clean=True,
                    expect_timestamps=True):
    """Checks the segments that arrive at one end of a connection: 'received'
    at the end that 'sent'.  'offered' is a View of the handshake that decided
    what the other end may send.  'clean' means that nothing was lost,
    duplicated or reordered on the way.

    Everything that the other end says about this end's data must be in this
    end's own sequence space, between its SYN and its last byte."""
    start = next(s.seq for s in sent if s.has(SYN))
    end = start
    for s in sent:
        length = len(s.payload) + s.has(SYN) + s.has(FIN)
        if after(s.seq + length, end) > 0:
            end = s.seq + length & 0xffffffff
    tsvals = {s.tsval for s in sent if s.tsval is not None}
    newest = None
    for s in received:
        where = "%s: %s" % (name, s)
        if s.has(RST):
            continue
        if s.has(ACK):
            assert 0 < after(s.ack, start), where
            assert after(end, s.ack) >= 0, where
        for left, right in s.sack:
            assert offered.agreed("sack_permitted"), where
            assert after(left, start) > 0, where
            assert after(right, left) > 0, where
            assert after(end, right) >= 0, where
        if s.has(SYN):
            continue
        assert s.mss is None and s.wscale is None, where
        assert not s.sack_permitted, where
        if offered.agreed("tsval") and expect_timestamps:
            assert s.tsval is not None, where
            assert s.tsecr in tsvals or not clean and any(
                abs(after(s.tsecr, x)) < ECHO_SLACK for x in tsvals), where
            if clean and newest is not None:
                assert after(s.tsval, newest) >= 0, where
            newest = s.tsval
        elif not offered.agreed("tsval"):
            assert s.tsval is None, where


def check_windows(client, server):
    """Checks that the window the client sees is the one that the server said:
    rarely less, by what the scale cannot express, and never more."""
    def scales(view):
        return ((view.syn.wscale, view.syn_ack.wscale)
                if view.agreed("wscale") else (0, 0))

    def key(s, isn, peer_isn):
        # The acknowledgment, too: the identification of what tasukid sends
        # itself is 0, and a server's counter gets there now and then.
        return (s.ip[4:6], s.seq - isn & 0xffffffff,
                s.ack - peer_isn & 0xffffffff, len(s.payload))

    def isn(segments):
        return next(s.seq for s in segments if s.has(SYN))

    up_client, down_client = scales(client)
    up_server, down_server = scales(server)
    compared = 0
    for seen, said, from_seen, from_said, unit_seen, unit_said in (
            (client.down, server.down, client.up, server.up,
             down_client, down_server),
            (server.up, client.up, server.down, client.down,
             up_server, up_client)):
        isns_seen = isn(seen), isn(from_seen)
        isns_said = isn(said), isn(from_said)
        by_key = {key(s, *isns_said): s for s in said
                  if not s.flags & (SYN | RST)}
        for s in seen:
            origin = by_key.get(key(s, *isns_seen))
            if s.flags & (SYN | RST) or origin is None:
                continue
            promised = s.window << unit_seen
            real = origin.window << unit_said
            compared += 1
            assert promised <= real, "%s promises %d of %d" % (
                s, promised, real)
            assert (promised > real - (1 << unit_seen) or s.window == 65535), (
                "%s promises %d of %d" % (s, promised, real))
    assert compared > 0


def check_sizes(name, receiver_mss, segments):
    for s in segments:
        # RFC 6691: the MSS does not count options.
        room = receiver_mss - (len(s.tcp) - 20 - len(s.payload))
        assert len(s.payload) <= room, "%s: %s exceeds MSS %d" % (
            name, s, receiver_mss)


def check_moved(captured, target, port=None, clean=True,
                expect_timestamps=True):
    """Checks the one connection in 'captured' that moved to 'target'."""
    ports = client_ports(captured["client"])
    if port is None:
        assert len(ports) == 1, ports
        port, = ports
    check_checksums(captured)
    client = View(captured["client"], port)
    first = View(captured["server1"], port)
    final = View(captured[target], port)
    take_out_questions(final)

    # The client sees one peer, from the first segment to the last.
    assert {s.ip_src for s in client.down} == {SERVICE}
    assert len({s.mac_src for s in client.down}) == 1
    assert not [str(s) for s in client.down if s.has(RST)
                and (clean or not _both_closed(client, s))]

    # Server1 shook hands, got nothing of the request and was told to forget.
    # On a bad cable it may not have been reached, or not have heard.
    assert not [str(s) for s in first.up if s.payload]
    resets = [s for s in first.up if s.has(RST)]
    if clean:
        assert first.syn_ack.seq == client.syn_ack.seq
        assert final.syn_ack.seq != client.syn_ack.seq
        assert resets, "server1 got no RST"
    for s in resets:
        # RFC 5961: nothing else than the next expected number resets.
        assert s.seq == client.syn.seq + 1 & 0xffffffff, s

    # The server that it moved to sees one connection as well.
    assert final.syn.seq == client.syn.seq
    for option in ("sack_permitted", "tsval", "wscale"):
        if not client.agreed(option):
            assert not final.agreed(option), option

    if OFFLOAD:
        # What one end sends as one segment is several, or part of another, to
        # the other end.
        return client, first, final
    check_direction("client", client.up, client.down, client, clean,
                    expect_timestamps)
    # What the client sends while the switch is being told may be overtaken by
    # what it sends after: such segments go by way of tasukid.  And what the
    # client agreed with the first server it may go on to send: a server
    # ignores options that it does not know (RFC 9293, 3.2).
    check_direction(target, final.down, final.up, client, False,
                    final.agreed("tsval"))
    if client.agreed("tsval") and final.agreed("tsval"):
        assert {s.tsval for s in final.up} <= {s.tsval for s in client.up}
    check_windows(client, final)
    check_sizes("client", client.syn.mss, client.down)
    check_sizes(target, final.syn_ack.mss, final.up)
    return client, first, final
