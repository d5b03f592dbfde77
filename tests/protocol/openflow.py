# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

"""A controller that sends what ovs-ofctl refuses to: flow and bundle messages
put together by hand, for tests of what a switch answers.

Field layouts are those of the OpenFlow specifications 1.0.2, 1.1.0 and 1.4.0.
"""

import re
import socket
import struct
import subprocess

OFP10, OFP11, OFP12, OFP13, OFP14, OFP15 = range(1, 7)
VERSIONS = range(OFP10, OFP15 + 1)

HELLO, ERROR, PACKET_OUT, FLOW_MOD = 0, 1, 13, 14
BUNDLE_CONTROL, BUNDLE_ADD = 33, 34
BUNDLE_OPEN, BUNDLE_COMMIT = 0, 4
NO_BUFFER = 0xffffffff


def match10(eth_type=None, ip_proto=None):
    wildcards = (1 << 22) - 1
    if eth_type is not None:
        wildcards &= ~(1 << 4)
    if ip_proto is not None:
        wildcards &= ~(1 << 5)
    return struct.pack(">I18xHxB14x", wildcards, eth_type or 0, ip_proto or 0)


def match11(eth_type=None, ip_proto=None):
    wildcards = (1 << 10) - 1
    if eth_type is not None:
        wildcards &= ~(1 << 3)
    if ip_proto is not None:
        wildcards &= ~(1 << 5)
    # All bits of an address or the metadata are wildcarded by its mask.
    return struct.pack(">HHII6s6s6s6sHBxHBBIIIIHHIB3xQQ", 0, 88, 0, wildcards,
                       bytes(6), b"\xff" * 6, bytes(6), b"\xff" * 6, 0, 0,
                       eth_type or 0, 0, ip_proto or 0, 0, 0xffffffff,
                       0, 0xffffffff, 0, 0, 0, 0, 0, (1 << 64) - 1)


def match12(eth_type=None, ip_proto=None):
    oxm = b""
    if eth_type is not None:
        oxm += struct.pack(">IH", 0x80000a02, eth_type)
    if ip_proto is not None:
        oxm += struct.pack(">IB", 0x80001401, ip_proto)
    match = struct.pack(">HH", 1, 4 + len(oxm)) + oxm
    return match + bytes(-len(match) % 8)


def flow_mod(version, match, actions):
    """Returns the body of a message that adds a flow."""
    if version == OFP10:
        return match10(**match) + struct.pack(
            ">QHHHHIHH", 0, 0, 0, 0, 0x8000, NO_BUFFER, 0xffff, 0) + actions
    head = struct.pack(">QQBBHHHIIIH2x", 0, 0, 0, 0, 0, 0, 0x8000, NO_BUFFER,
                       0xffffffff, 0xffffffff, 0)
    apply_actions = struct.pack(">HH4x", 4, 8 + len(actions)) + actions
    return (head + (match11 if version == OFP11 else match12)(**match)
            + apply_actions)


class Connection:
    """An OpenFlow connection to the switch that listens on the unix socket
    'path'."""

    def __init__(self, path, version):
        self.version = version
        self.xid = 0
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(path)
        self.send(HELLO, b"")
        assert self.receive()[1] == HELLO

    def message(self, type_, body, xid):
        return struct.pack(">BBHI", self.version, type_, 8 + len(body),
                           xid) + body

    def send(self, type_, body):
        self.xid += 1
        self.sock.sendall(self.message(type_, body, self.xid))

    def receive(self):
        header = self.sock.recv(8, socket.MSG_WAITALL)
        assert len(header) == 8, "the switch closed the connection"
        body_len = struct.unpack(">H", header[2:4])[0] - 8
        return header + self.sock.recv(body_len, socket.MSG_WAITALL)

    def barrier(self):
        """Returns the names of the errors that the switch has sent by the time
        that it has done all that it was asked."""
        request = 18 if self.version == OFP10 else 20
        self.send(request, b"")
        errors = []
        while True:
            reply = self.receive()
            if reply[1] == request + 1:
                return errors
            elif reply[1] == ERROR:
                errors.append(error_name(reply))

    def add_flow(self, match, actions):
        self.send(FLOW_MOD, flow_mod(self.version, match, actions))
        return self.barrier()

    def bundle(self, bodies):
        """Adds flows, given as bodies of their messages, in a bundle, and
        commits it unless the switch has complained by then."""
        control = struct.Struct(">IHH")
        self.send(BUNDLE_CONTROL, control.pack(1, BUNDLE_OPEN, 1))
        for body in bodies:
            inner = self.message(FLOW_MOD, body, self.xid + 1)
            self.send(BUNDLE_ADD, struct.pack(">I2xH", 1, 1) + inner)
        errors = self.barrier()
        if errors:
            return errors
        self.send(BUNDLE_CONTROL, control.pack(1, BUNDLE_COMMIT, 1))
        return self.barrier()


def error_name(message):
    text = subprocess.run(["ovs-ofctl", "ofp-print", message.hex()],
                          check=True, capture_output=True, text=True).stdout
    return re.match(r"OFPT_ERROR.*?: (\w+)", text).group(1)
