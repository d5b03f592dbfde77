# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Cycles per packet of an action, in DPDK's userspace datapath.

One poll-mode thread reads a capture from memory without end and sends to
nowhere, so that what is left to measure is the datapath: parse, look up,
execute the actions."""

import os
import re
import struct
import time

from lab import LabError, Switch
from lab.segment import ones_complement_sum

N_FLOWS = 64
FRAME = 60                      # And 4 bytes of frame check sequence: 64.
HUGE_PAGES = 640                # Of 2 MB.
MEMORY = 1024                   # MB, of those.

_HUGE = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

_REWRITE = ("set_field:02:00:00:00:00:03->eth_dst,"
            "set_field:10.0.0.3->ip_dst")

# A group whose bucket a hash of the datapath selects.  The buckets output.
_GROUP = "group:1"
_ADD_GROUP = "group_id=1,type=select,selection_method=dp_hash" + "".join(
    ",bucket=actions=set_field:02:00:00:00:00:%02x->eth_dst,output:2" % i
    for i in range(8))

# What each case does, before "output".  The first is the base.
_CASES = {
    "output": "",
    "IP+MAC rewriting": _REWRITE,
    "tcp_offset(seq,ack)": "tcp_offset(seq=16909060,ack=-5)",
    "IP+MAC rewriting + tcp_offset(seq,ack)":
        _REWRITE + ",tcp_offset(seq=16909060,ack=-5)",
    "nat64:4toll6": "nat64:4toll6",
    # Half of the flows are inside.
    "check_tcp_seq(ack)":
        "check_tcp_seq(ack,start=0,len=%d)->reg0[0]" % (N_FLOWS * 1000000),
    "ipsec_tag(eth_dst)": "ipsec_tag(n=8,to=eth_dst[0..7])",
    "ipsec_tag(nw_dst)": "ipsec_tag(n=8,to=nw_dst[0..7])",
    # What does the same without ipsec_tag.
    "select group": _GROUP,
}
_CASES_TIMESTAMPS = {
    "output, timestamps": "",
    "IP+MAC rewriting, timestamps": _REWRITE,
    "tcp_offset(seq,ack), timestamps": "tcp_offset(seq=16909060,ack=-5)",
    "tcp_offset(seq,tsval), timestamps":
        "tcp_offset(seq=16909060,tsval=7)",
    "tcp_offset(ack,tsecr), timestamps":
        "tcp_offset(ack=16909060,tsecr=-7)",
}
_CASES_IPV6 = {
    "output, IPv6": "",
    "IP+MAC rewriting, IPv6": "set_field:02:00:00:00:00:03->eth_dst,"
                              "set_field:fe80::a00:3->ipv6_dst",
    "nat64:ll6to4": "nat64:ll6to4",
}


def _tcp(i, addresses, options=b""):
    """Returns an empty TCP segment of flow 'i'."""
    tcp_len = 20 + len(options)
    tcp = bytearray(struct.pack(
        "!HHIIBBHHH", 10000 + i, 80, 1000000 * i & 0xffffffff,
        2000000 * i & 0xffffffff,
        tcp_len // 4 << 4, 0x10, 1000, 0, 0) + options)
    pseudo = addresses + struct.pack("!BBH", 0, 6, tcp_len)
    struct.pack_into("!H", tcp, 16, ~ones_complement_sum(pseudo + tcp)
                     & 0xffff)
    return bytes(tcp)


def _ethernet(eth_type, packet):
    return (bytes.fromhex("020000000002" "020000000001" + eth_type)
            + packet).ljust(FRAME, b"\0")


def frame(i, options=b""):
    """Returns an Ethernet frame of flow 'i'."""
    addresses = bytes((10, 0, 0, 100, 10, 0, 0, 1))
    tcp = _tcp(i, addresses, options)
    ip = bytearray(struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), i, 0x4000,
                               64, 6, 0) + addresses)
    struct.pack_into("!H", ip, 10, ~ones_complement_sum(ip) & 0xffff)
    return _ethernet("0800", bytes(ip) + tcp)


def frame_timestamps(i):
    return frame(i, b"\1\1" + struct.pack("!BBII", 8, 10, 1000 + i, 2000 + i))


def frame_ipv6(i):
    """What nat64:4toll6 makes of frame()."""
    prefix = bytes.fromhex("fe80") + bytes(10)
    addresses = (prefix + bytes((10, 0, 0, 100))
                 + prefix + bytes((10, 0, 0, 1)))
    tcp = _tcp(i, addresses)
    return _ethernet("86dd", struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64)
                     + addresses + tcp)


class Feed:
    """A kind of traffic: 'make' makes a frame of a flow, which is of 'protocol'
    as ovs-ofctl calls it, and 'cases' are what to do with it."""

    def __init__(self, number, make, protocol, cases):
        self.number = number
        self.make = make
        self.protocol = protocol
        self.cases = cases


FEEDS = (Feed(0, frame, "tcp", _CASES),
         Feed(1, frame_timestamps, "tcp", _CASES_TIMESTAMPS),
         Feed(2, frame_ipv6, "tcp6", _CASES_IPV6))


def write_capture(path, make):
    """Writes a capture file with one segment of each flow."""
    with open(path, "wb") as f:
        f.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i in range(N_FLOWS):
            data = make(i)
            f.write(struct.pack("=IIII", 0, i, len(data), len(data)) + data)


class Dpdk:
    """An ovs-vswitchd with DPDK, port 1 fed from a capture, port 2 a drain."""

    def __init__(self, lab, vswitchd):
        if not os.path.exists(vswitchd):
            raise LabError("%s: not built" % vswitchd)
        self._reserve_huge_pages(lab)
        core = max(os.sched_getaffinity(0))
        self.switch = Switch(lab, "dpdk", vswitchd=vswitchd, other_config={
            "dpdk-init": "true", "pmd-cpu-mask": hex(1 << core),
            "dpdk-socket-mem": MEMORY,
            "dpdk-extra": '"--no-pci --in-memory"'})
        self.lab = lab
        self.fed = None

    @staticmethod
    def _reserve_huge_pages(lab):
        if not os.path.exists(_HUGE):
            raise LabError("this kernel has no 2 MB huge pages, which DPDK "
                           "needs")
        with open(_HUGE) as f:
            before = int(f.read())
        if before < HUGE_PAGES:
            # Makes room in one piece, as far as that is possible.
            for name in ("drop_caches", "compact_memory"):
                with open("/proc/sys/vm/" + name, "w") as f:
                    f.write("1")
            lab.set(_HUGE, HUGE_PAGES)
            with open(_HUGE) as f:
                got = int(f.read())
            if got < HUGE_PAGES:
                raise LabError("the kernel could reserve %d of the %d huge "
                               "pages that DPDK needs" % (got, HUGE_PAGES))

    def feed(self, feed):
        """Replaces the input: it is 'feed', one of FEEDS, from now."""
        capture = self.lab.path("dpdk-%d.pcap" % feed.number)
        write_capture(capture, feed.make)
        vsctl = self.switch.vsctl
        if not self.fed:
            vsctl("add-port", "br0", "drain", "--", "set", "interface",
                  "drain", "type=dpdk", "ofport_request=2",
                  "options:dpdk-devargs=net_null0,no-rx=1")
        else:
            vsctl("del-port", "br0", "feed%d" % self.fed.number)
        name = "feed%d" % feed.number
        vsctl("add-port", "br0", name, "--", "set", "interface", name,
              "type=dpdk", "ofport_request=1",
              "options:dpdk-devargs=net_pcap%d,rx_pcap=%s,infinite_rx=1"
              % (feed.number, capture))
        for port in (name, "drain"):
            error = vsctl("get", "interface", port, "error").strip()
            if error != "[]":
                raise LabError("DPDK port %s: %s" % (port, error))
        self.fed = feed
        self._prefer()

    def _prefer(self):
        """Lets the poll-mode thread keep its core: what else the machine does
        is not what is measured."""
        pid = self.switch.vswitchd.pid
        for thread in os.listdir("/proc/%d/task" % pid):
            os.setpriority(os.PRIO_PROCESS, int(thread), -15)

    def cycles(self, actions, seconds=1.0):
        """Returns the cycles per packet that 'actions' and output take."""
        if actions == _GROUP:
            self.switch.ofctl("--may-create", "mod-group", "br0", _ADD_GROUP,
                              version="OpenFlow15")
        else:
            actions += (actions and ",") + "output:2"
        self.switch.ofctl("del-flows", "br0")
        self.switch.ofctl("add-flow", "br0", "in_port=1,%s,actions=%s" % (
            self.fed.protocol, actions))
        time.sleep(0.3)         # For the datapath flows, and the caches.
        self.switch.appctl("dpif-netdev/pmd-stats-clear")
        time.sleep(seconds)
        text = self.switch.appctl("dpif-netdev/pmd-stats-show")
        text = text.split("main thread:")[0]
        received = int(re.search(r"packets received: (\d+)", text).group(1))
        missed = int(re.search(r"miss with success upcall: (\d+)",
                               text).group(1))
        match = re.search(r"processing cycles per packet: ([\d.]+)", text)
        if received < 100000 or missed > received / 1000 or not match:
            raise LabError("no traffic, or all of it in the slow path: "
                           + text)
        return float(match.group(1))
