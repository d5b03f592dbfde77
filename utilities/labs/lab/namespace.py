# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Network namespaces, and the cables between them."""

import ctypes
import os
import socket
import threading

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000      # From sched.h; os.setns() came with 3.12.


class Namespace:
    """A network namespace, called 'name' inside its lab.

    'pid' is a process whose namespace to use in place of a new one.  After a
    Switch has attached it, 'mac' and 'address' say who it is on interface
    'eth' and 'port' is its OpenFlow port number."""

    # Reno is in every kernel and allowed in every namespace.  It yields to
    # loss, of which a switch with short queues has a lot to offer; BBR, where a
    # machine prefers that, sends a tenth of everything twice.
    #
    # The labs speak IPv4: what IPv6 says by itself would be noise in captures.
    DEFAULTS = {"net.ipv4.tcp_congestion_control": "reno"}
    DEFAULTS_IPV6 = {
        "net.ipv6.conf.default.disable_ipv6": 1,
        "net.ipv6.conf.all.disable_ipv6": 1,
    }

    def __init__(self, lab, name, pid=None, **sysctls):
        self.lab = lab
        self.name = name
        self.netns = "%s-%s" % (lab.name, name)
        self.eth = "eth0"
        if pid:
            lab.journal.note("attached", name=self.netns)
            lab.run("ip", "netns", "attach", self.netns, pid)
        else:
            lab.journal.note("namespace", name=self.netns)
            lab.run("ip", "netns", "add", self.netns)
        self.ip("link", "set", "lo", "up")
        self.sysctl(self.DEFAULTS)
        if os.path.exists("/proc/sys/net/ipv6"):
            self.sysctl(self.DEFAULTS_IPV6)
        self.sysctl(sysctls)
        self.mac = self.address = self.port = None

    def run(self, *argv, **kwargs):
        """Runs a command in the namespace, as Lab.run()."""
        return self.lab.run("ip", "netns", "exec", self.netns, *argv, **kwargs)

    def start(self, *argv, **kwargs):
        """Starts a program in the namespace, as Lab.start()."""
        return self.lab.start("ip", "netns", "exec", self.netns, *argv,
                              **kwargs)

    def socket(self, *args):
        """Returns a new socket that lives in the namespace, wherever it is
        used afterwards."""
        result = []

        def make():
            with open("/run/netns/" + self.netns) as f:
                if _libc.setns(f.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            result.append(socket.socket(*args))

        # Only the thread that asks for it enters the namespace.
        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        return result[0]

    def ip(self, *args):
        """Runs "ip 'args'" on the namespace and returns its output."""
        return self.lab.run("ip", "-n", self.netns, *args).stdout

    def sysctl(self, settings):
        """Writes 'settings', a dictionary."""
        if settings:
            self.run("sysctl", "-q", "-w",
                     *["%s=%s" % pair for pair in settings.items()])

    def counters(self):
        """Returns the counters of the kernel's TCP/IP, as a dictionary of
        names as in nstat(8)."""
        words = [line.split()
                 for line in self.run("nstat", "-asz").stdout.splitlines()
                 if not line.startswith("#")]
        return {word[0]: int(word[1]) for word in words}


def connect(a, a_name, b, b_name, offload_a=False, offload_b=False):
    """Lays a veth cable between interface 'a_name' of namespace 'a' and
    'b_name' of 'b', and brings both ends up.

    An end whose peer is read by a program, such as the userspace datapath,
    must not leave its checksums to a network card that does not exist, nor
    hand over segments larger than the MTU: so offloads are off by default."""
    a.ip("link", "add", a_name, "type", "veth",
         "peer", "name", b_name, "netns", b.netns)
    for namespace, name, offload in ((a, a_name, offload_a),
                                     (b, b_name, offload_b)):
        if not offload:
            namespace.run("ethtool", "-K", name, "tx", "off", "tso", "off",
                          "gso", "off", "gro", "off", "txvlan", "off")
        namespace.ip("link", "set", name, "up")
