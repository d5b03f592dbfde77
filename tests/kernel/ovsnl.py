# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The Netlink protocol of the kernel datapath, as far as the tests speak it:
well enough to say what nobody should."""

import errno
import os
import socket
import struct

NETLINK_GENERIC = 16
SOL_NETLINK = 270
NETLINK_EXT_ACK = 11

NLMSG_ERROR = 2
NLMSG_DONE = 3
NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
NLM_F_ECHO = 0x8
NLM_F_DUMP = 0x300
NLM_F_CREATE = 0x400
NLM_F_CAPPED = 0x100
NLM_F_ACK_TLVS = 0x200

NLA_F_NESTED = 0x8000
NLA_F_NET_BYTEORDER = 0x4000

# linux/openvswitch.h
DP_NEW, DP_DEL = 1, 2
VPORT_NEW = 1
FLOW_NEW, FLOW_DEL, FLOW_GET, FLOW_SET = 1, 2, 3, 4
PACKET_EXECUTE = 3

KEY_ENCAP, KEY_IN_PORT, KEY_ETHERNET = 1, 3, 4
KEY_VLAN, KEY_ETHERTYPE = 5, 6
KEY_IPV4, KEY_IPV6, KEY_TCP, KEY_UDP, KEY_ARP = 7, 8, 9, 10, 13
KEY_TCP_FLAGS, KEY_RECIRC_ID, KEY_CT_STATE = 18, 20, 22
ACTION_OUTPUT, ACTION_USERSPACE, ACTION_SET, ACTION_PUSH_VLAN = 1, 2, 3, 4
ACTION_SAMPLE, ACTION_RECIRC, ACTION_PUSH_MPLS = 6, 7, 9
ACTION_POP_MPLS, ACTION_CLONE, ACTION_CHECK_PKT_LEN = 10, 20, 21
ACTION_CT, ACTION_DEC_TTL = 12, 23

# lib/tasuki-datapath.h, lib/tcp-offset.h, and lib/nat64.h
ACTION_TASUKI = 128
TASUKI_TCP_OFFSET, TASUKI_NAT64 = 1, 2
SEQ, ACK, TSVAL, TSECR, WSCALE = 1, 2, 4, 8, 16
NAT64_4TO6, NAT64_6TO4 = 1, 2


def attr(kind, payload=b""):
    """Returns an attribute, padded."""
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(
        -len(payload) % 4)


def attrs(data):
    """Returns a list of (type, payload) of the attributes in 'data'."""
    result = []
    while data:
        length, kind = struct.unpack_from("=HH", data)
        assert 4 <= length <= len(data)
        result.append((kind, data[4:length]))
        data = data[(length + 3) & ~3:]
    return result


def tcp_offset(seq=0, ack=0, tsval=0, tsecr=0, wscale=0, fields=None, pad=0):
    """Returns struct tcp_offset; 'fields' by default as the arguments are."""
    if fields is None:
        fields = sum(bit for bit, value in (
            (SEQ, seq), (ACK, ack), (TSVAL, tsval), (TSECR, tsecr),
            (WSCALE, wscale)) if value)
    return struct.pack("=IIIIBbH", seq, ack, tsval, tsecr, fields, wscale, pad)


def nat64(direction, prefix="fe80::", prefix_len=96, mtu=0, answer=0):
    """Returns struct nat64."""
    return struct.pack("=BBH16sI", direction, prefix_len, mtu,
                       socket.inet_pton(socket.AF_INET6, prefix), answer)


def tasuki(payload, kind=TASUKI_TCP_OFFSET):
    """Returns the action of that kind."""
    return attr(ACTION_TASUKI, attr(kind, payload))


def output(port):
    return attr(ACTION_OUTPUT, struct.pack("=I", port))


def key(in_port=1, eth_type=0x0800, proto=6, frag=0):
    """Returns the attributes of a flow key; with another 'eth_type' than IP it
    has no more than that."""
    data = (attr(KEY_IN_PORT, struct.pack("=I", in_port))
            + attr(KEY_ETHERNET, bytes(range(12)))
            + attr(KEY_ETHERTYPE, struct.pack("!H", eth_type)))
    ports = struct.pack("!HH", 1, 2)
    if eth_type == 0x0800:
        data += attr(KEY_IPV4, struct.pack("!4s4sBBBB", bytes((10, 0, 0, 1)),
                                           bytes((10, 0, 0, 2)), proto, 0, 64,
                                           frag))
    elif eth_type == 0x86dd:
        data += attr(KEY_IPV6, struct.pack("!16s16sIBBBB", bytes(range(16)),
                                           bytes(range(1, 17)), 0, proto, 0,
                                           64, frag))
    else:
        return data
    if frag != 2 and proto == 6:
        data += attr(KEY_TCP, ports) + attr(KEY_TCP_FLAGS, b"\0\x10")
    elif frag != 2 and proto == 17:
        data += attr(KEY_UDP, ports)
    return data


class Error(OSError):
    """What the kernel answered: 'errno', its 'message' or "", and the 'offset'
    of what it did not like, in the request."""

    def __init__(self, number, message, offset):
        super().__init__(number, "%s: %s" % (errno.errorcode.get(number),
                                             message))
        self.message = message
        self.offset = offset


class Netlink:
    """A Generic Netlink socket in network namespace 'netns', a name."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                                    NETLINK_GENERIC)
        self.socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self.socket.bind((0, 0))
        self.socket.settimeout(10)
        self.sequence = 0
        self.families = {}

    def close(self):
        self.socket.close()

    @property
    def portid(self):
        """Where upcalls are to go that upcall() is to return."""
        return self.socket.getsockname()[0]

    def upcall(self):
        """Returns the packet and the key of the next upcall, that as a dict of
        attributes."""
        data = self.socket.recv(1 << 17)
        length, = struct.unpack_from("=I", data)
        message = dict(attrs(data[16 + 8:length]))
        return message[1], dict(attrs(message[2]))

    def family(self, name):
        if name not in self.families:
            reply, = self._transact(0x10, struct.pack("=BBH", 3, 1, 0)
                                    + attr(2, name.encode() + b"\0"),
                                    NLM_F_REQUEST | NLM_F_ACK)
            for kind, payload in attrs(reply[4:]):
                if kind == 1:
                    self.families[name] = struct.unpack("=H", payload)[0]
        return self.families[name]

    def request(self, family, command, ifindex, data, flags=NLM_F_ACK,
                version=1):
        """Sends a request about the datapath 'ifindex' and returns the list of
        attributes of each reply.  Raises Error."""
        replies = self._transact(
            self.family(family),
            struct.pack("=BBHi", command, version, 0, ifindex) + data,
            NLM_F_REQUEST | flags)
        return [attrs(reply[8:]) for reply in replies]

    def _transact(self, kind, body, flags):
        self.sequence += 1
        self.socket.send(struct.pack("=IHHII", 16 + len(body), kind, flags,
                                     self.sequence, 0) + body)
        replies = []
        while True:
            data = self.socket.recv(1 << 17)
            while data:
                length, kind, flags_, sequence, _ = struct.unpack_from(
                    "=IHHII", data)
                message, data = data[16:length], data[(length + 3) & ~3:]
                if sequence != self.sequence:
                    continue
                if kind == NLMSG_DONE:
                    return replies
                if kind != NLMSG_ERROR:
                    replies.append(message)
                    continue
                number, = struct.unpack_from("=i", message)
                if not number:
                    return replies
                raise Error(-number, *_extack(message, flags_))


def _extack(message, flags):
    text, offset = "", None
    if flags & NLM_F_ACK_TLVS:
        skip = 20
        if not flags & NLM_F_CAPPED:
            skip += struct.unpack_from("=I", message, 4)[0] - 16
        for kind, payload in attrs(message[(skip + 3) & ~3:]):
            if kind == 1:
                text = payload.rstrip(b"\0").decode()
            elif kind == 2:
                offset, = struct.unpack("=I", payload)
    return text, offset


class Datapath:
    """A datapath without ports but its own, for as long as the object is
    used with "with"."""

    def __init__(self, name="dp-test"):
        self.netlink = Netlink()
        data = (attr(1, name.encode() + b"\0")
                + attr(2, struct.pack("=I", 0)))
        self.netlink.request("ovs_datapath", DP_NEW, 0, data, version=2)
        self.ifindex = socket.if_nametoindex(name)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.netlink.request("ovs_datapath", DP_DEL, self.ifindex, b"",
                             version=2)
        self.netlink.close()

    def add_port(self, number, name):
        """Attaches network interface 'name'."""
        self.netlink.request("ovs_vport", VPORT_NEW, self.ifindex,
                             attr(1, struct.pack("=I", number))
                             + attr(2, struct.pack("=I", 1))
                             + attr(3, name.encode() + b"\0")
                             + attr(5, struct.pack("=I", 0)))

    def put(self, actions, flow=None, mask=None, command=FLOW_NEW,
            flags=NLM_F_ACK | NLM_F_CREATE):
        """Adds a flow.  Returns where its actions started in the request, as
        in Error's offset."""
        head = attr(1, flow or key())
        if mask:
            head += attr(7, mask)
        self.netlink.request("ovs_flow", command, self.ifindex,
                             head + attr(2, actions), flags)
        return 16 + 8 + len(head) + 4

    def dump(self):
        """Returns the actions of all flows."""
        replies = self.netlink.request("ovs_flow", FLOW_GET, self.ifindex,
                                       b"", NLM_F_DUMP)
        return [dict(reply).get(2, b"") for reply in replies]

    def delete(self):
        """Deletes all flows."""
        self.netlink.request("ovs_flow", FLOW_DEL, self.ifindex, b"")

    def execute(self, packet, actions, flow=None):
        self.netlink.request("ovs_packet", PACKET_EXECUTE, self.ifindex,
                             attr(1, packet) + attr(2, flow or key())
                             + attr(3, actions))


def parameter(name):
    """Returns a counter of the module."""
    with open(os.path.join("/sys/module/openvswitch/parameters", name)) as f:
        return int(f.read())
