#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

"""A switch that sends what no switch should send.

usage: fake-switch.py unix:PATH|PORT SCENARIO

Speaks just enough OpenFlow 1.3 to be taken for a switch, byte by byte, so that
nothing stands between a test and the wire.  Exits with 0 if the controller
does what SCENARIO expects of it, otherwise prints what it did.
"""

import random
import socket
import struct
import sys

VERSION = 4                     # OpenFlow 1.3
DPID = 0xbad

(HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY, EXPERIMENTER, FEATURES_REQUEST,
 FEATURES_REPLY) = range(7)
PACKET_IN, FLOW_REMOVED, PORT_STATUS = 10, 11, 12
MULTIPART_REQUEST, MULTIPART_REPLY, BARRIER_REQUEST = 18, 19, 20
BARRIER_REPLY = 21
MP_FLOW, MP_PORT_DESC = 1, 13
MP_MORE = 1


class Closed(Exception):
    pass


class Switch:
    def __init__(self, target):
        if target.startswith("unix:"):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(target[5:])
        else:
            self.sock = socket.create_connection(("127.0.0.1", int(target)))
        self.sock.settimeout(10)
        self.bad_parts = []     # What to answer about flows, first.

    def send(self, kind, body=b"", xid=0, version=VERSION, length=None):
        if length is None:
            length = 8 + len(body)
        self.raw(struct.pack("!BBHI", version, kind, length, xid) + body)

    def raw(self, data):
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Closed from error

    def receive(self):
        """Returns the type, xid and body of the next message."""
        header = self.read(8)
        _, kind, length, xid = struct.unpack("!BBHI", header)
        return kind, xid, self.read(length - 8)

    def read(self, n):
        data = b""
        while len(data) < n:
            try:
                chunk = self.sock.recv(n - len(data))
            except ConnectionResetError as error:
                raise Closed from error
            if not chunk:
                raise Closed
            data += chunk
        return data

    def expect(self, kind):
        """Answers what a controller may ask in between, until it sends a
        message of type 'kind', and returns its xid and body."""
        while True:
            got, xid, body = self.receive()
            if got == kind:
                return xid, body
            if got == BARRIER_REQUEST:
                self.send(BARRIER_REPLY, xid=xid)
            elif got == MULTIPART_REQUEST:
                self.answer_multipart(xid, body)

    def answer_multipart(self, xid, body):
        what, = struct.unpack_from("!H", body)
        while what == MP_FLOW and self.bad_parts:
            self.send(MULTIPART_REPLY,
                      struct.pack("!HH4x", what, MP_MORE)
                      + self.bad_parts.pop(), xid)
        ports = self.port(1, b"p1") if what == MP_PORT_DESC else b""
        self.send(MULTIPART_REPLY,
                  struct.pack("!HH4x", what, 0) + ports, xid)

    @staticmethod
    def port(number, name):
        return struct.pack("!I4x6s2x16s8I", number, b"\2\0\0\0\0\1", name,
                           0, 0, 0, 0, 0, 0, 0, 0)

    def hello(self):
        self.send(HELLO)
        self.expect(HELLO)

    def features(self, xid):
        self.send(FEATURES_REPLY,
                  struct.pack("!QIBB2xII", DPID, 0, 254, 0, 0x47, 0), xid)

    def handshake(self):
        self.hello()
        xid, _ = self.expect(FEATURES_REQUEST)
        self.features(xid)

    def is_alive(self):
        """Returns once the controller has processed all that was sent."""
        self.send(ECHO_REQUEST, b"still there?", 0x12345678)
        xid, body = self.expect(ECHO_REPLY)
        return xid == 0x12345678 and body == b"still there?"

    def wait_closed(self):
        try:
            while True:
                self.receive()
        except Closed:
            return True


def packet_in(match=b"\0\1\0\4\0\0\0\0", pad=b"\0\0", frame=b"\0" * 14,
              table=40, cookie=0x55 << 56):
    return (struct.pack("!IHBBQ", 0xffffffff, len(frame), 1, table, cookie)
            + match + pad + frame)


def bad_messages():
    """Yields messages with which a sane switch would not come up, each as
    arguments of Switch.send()."""
    # Unknown type, version of another connection, unknown experimenter.
    yield 99, b""
    yield ECHO_REQUEST, b"", 1, 6
    yield EXPERIMENTER, struct.pack("!II", 0xdeadbeef, 1)
    yield EXPERIMENTER, b"\0"
    # Packet-in: too short, twice; a match that runs past the end, whose length
    # is below its header's, of unknown type, cut off.
    yield PACKET_IN, b""
    yield PACKET_IN, packet_in()[:20]
    yield PACKET_IN, packet_in(match=b"\0\1\xff\xff\0\0\0\0")
    yield PACKET_IN, packet_in(match=b"\0\1\0\0\0\0\0\0")
    yield PACKET_IN, packet_in(match=b"\0\x63\0\4\0\0\0\0")
    yield PACKET_IN, packet_in(match=b"\0\1\0\x0c\x80\0\0\4\0\0", pad=b"",
                               frame=b"")
    # Flow removed, port status, features reply, multipart: too short.
    yield FLOW_REMOVED, b""
    yield FLOW_REMOVED, b"\0" * 39
    yield PORT_STATUS, b""
    yield PORT_STATUS, b"\0" * 8 + b"\0" * 63
    yield FEATURES_REPLY, b"\0" * 3
    yield MULTIPART_REPLY, b""
    yield MULTIPART_REPLY, struct.pack("!HH4x", 0x7777, 0)
    yield MULTIPART_REPLY, (struct.pack("!HH4x", MP_PORT_DESC, 0)
                            + b"\0" * 63)


def bad_parts():
    """Yields descriptions of flows that cannot be, which only who asked for
    flows looks at."""
    yield b"\0" * 3
    yield struct.pack("!HBx", 8, 0) + b"\0" * 4
    yield (struct.pack("!HBxIIHHHH4xQQQ", 56, 40, 0, 0, 0, 0, 0, 0, 0x55 << 56,
                       0, 0) + b"\0\1\xff\xff\0\0\0\0")


def odd_packets():
    """Yields the bodies of well-formed packet-ins with frames that are not."""
    in_port = b"\0\1\0\x0c\x80\0\0\4\0\0\0\1\0\0\0\0"
    yield packet_in(in_port, frame=b"")
    yield packet_in(in_port, frame=b"\1")
    yield packet_in(in_port, frame=b"\0" * 13)
    yield packet_in(in_port, frame=b"\0" * 12 + b"\x81\0")
    yield packet_in(in_port, frame=b"\0" * 12 + b"\x08\0" + b"\x45")
    for table, app in ((40, 0x55), (20, 0x56), (0, 0x54), (0, 0x00)):
        yield packet_in(in_port, frame=b"\xff" * 64, table=table,
                        cookie=app << 56)
        # From a port that nobody has told about.
        yield packet_in(b"\0\1\0\x0c\x80\0\0\4\0\0\0\x09\0\0\0\0",
                        table=table, cookie=app << 56)
        yield packet_in(table=table, cookie=app << 56)


def garbage(switch):
    """Anything but a header: the connection cannot go on."""
    switch.raw(random.Random(1).randbytes(4096))
    return switch.wait_closed()


def http(switch):
    switch.raw(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")
    return switch.wait_closed()


def short_length(switch):
    """A length below the header's: no way to find the next message."""
    switch.hello()
    switch.send(ECHO_REQUEST, length=7)
    return switch.wait_closed()


def old_version(switch):
    """OpenFlow 1.0 only."""
    switch.send(HELLO, version=1)
    kind, _, body = switch.receive()
    while kind == HELLO:
        kind, _, body = switch.receive()
    return kind == ERROR and body[:4] == b"\0\0\0\0" and switch.wait_closed()


def cut(switch):
    """Goes away in the middle of a message."""
    switch.handshake()
    switch.send(PACKET_IN, b"\0" * 10, length=2000)
    switch.sock.close()
    return True


def bad(switch):
    """Messages that are bad in themselves, with a good header."""
    switch.bad_parts = list(bad_parts())
    n_bad = len(switch.bad_parts)
    switch.handshake()
    while switch.bad_parts:
        switch.is_alive()
    for message in bad_messages():
        switch.send(*message)
        n_bad += 1
    print(n_bad)
    return switch.is_alive()


def odd(switch):
    switch.handshake()
    # When the first barrier was answered, packet-ins count.
    switch.is_alive()
    for body in odd_packets():
        switch.send(PACKET_IN, body)
    return switch.is_alive()


def duplicates(switch):
    """The answers of a handshake twice, and answers to nothing."""
    switch.handshake()
    switch.features(0)
    switch.answer_multipart(0, struct.pack("!H", MP_PORT_DESC))
    switch.answer_multipart(0, struct.pack("!H", MP_FLOW))
    switch.send(BARRIER_REPLY, xid=7)
    switch.send(ERROR, struct.pack("!HH", 0xfefe, 0xfefe) + b"what?")
    return switch.is_alive()


def large(switch):
    """The largest message there can be."""
    switch.handshake()
    body = b"x" * (65535 - 8)
    switch.send(ECHO_REQUEST, body, 5)
    return switch.expect(ECHO_REPLY) == (5, body)


def drip(switch):
    """One byte at a time."""
    message = struct.pack("!BBHI", VERSION, ECHO_REQUEST, 12, 9) + b"drip"
    switch.handshake()
    for i in range(len(message)):
        switch.raw(message[i:i + 1])
    return switch.expect(ECHO_REPLY) == (9, b"drip")


def main():
    target, scenario = sys.argv[1:]
    try:
        ok = globals()[scenario](Switch(target))
    except (Closed, socket.timeout) as error:
        ok = False
        print(f"{scenario}: {type(error).__name__}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
