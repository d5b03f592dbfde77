# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Speed of TAYGA on this machine's own kernel: it lives by system calls, which
cost many times as much in User Mode Linux."""

import subprocess
import sys
import time

from dpdk import frame
from lab import LabError, Namespace
from lab.lab import wait_for
from lab.namespace import connect

CONFIG = """\
tun-device nat64
ipv4-addr 192.0.2.254
ipv6-addr 2001:db8:ffff::fe
prefix 2001:db8:64::/96
map 10.0.0.1 2001:db8::1
data-dir {directory}
"""

# Sends the frames that it reads, in hexadecimal, over and over, and says how
# many a second it was.
SENDER = """\
import socket, sys, time
frames = [bytes.fromhex(line) for line in sys.stdin]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
n, start = 0, time.monotonic()
while time.monotonic() < start + float(sys.argv[1]):
    for f in frames:
        s.send(f)
    n += len(frames)
print(n / (time.monotonic() - start))
"""


class Tayga:
    """TAYGA in a namespace, between one that sends 64-byte segments of
    'n_flows' connections and one that takes them in IPv6."""

    def __init__(self, lab, n_flows):
        self.frames = "".join(frame(i).hex() + "\n" for i in range(n_flows))
        self.sender = Namespace(lab, "sender")
        self.router = router = Namespace(lab, "tayga", **{
            "net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1,
            "net.ipv6.conf.all.disable_ipv6": 0,
            "net.ipv6.conf.default.disable_ipv6": 0})
        self.sink = Namespace(lab, "sink")
        connect(self.sender, "eth0", router, "in")
        connect(router, "out", self.sink, "eth0")
        config = lab.path("tayga.conf")
        with open(config, "w") as f:
            f.write(CONFIG.format(directory=lab.directory))
        router.run("tayga", "-c", config, "--mktun")
        # To whom frame() addresses its frames.
        router.ip("link", "set", "in", "address", "02:00:00:00:00:02")
        router.ip("link", "set", "nat64", "up")
        router.ip("route", "add", "10.0.0.100", "dev", "in")
        router.ip("route", "add", "10.0.0.1", "dev", "nat64")
        router.ip("-6", "route", "add", "2001:db8:64::/96", "dev", "nat64")
        router.ip("-6", "route", "add", "2001:db8::1", "dev", "out")
        router.ip("neighbor", "replace", "2001:db8::1", "dev", "out",
                  "lladdr", "02:00:00:00:00:03", "nud", "permanent")
        router.start("tayga", "-c", config, "-n", "-d", log="tayga.log")
        wait_for(lambda: "LOWER_UP" in router.ip("link", "show", "nat64"),
                 "TAYGA")

    def _n_sent(self):
        return int(self.router.run(
            "cat", "/sys/class/net/out/statistics/tx_packets").stdout)

    def rate(self, seconds):
        """Returns how many thousand packets a second come out when more than
        that come in."""
        sender = self.sender.start(
            sys.executable, "-c", SENDER, seconds + 1, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        sender.stdin.write(self.frames)
        sender.stdin.close()
        time.sleep(0.5)
        before, start = self._n_sent(), time.monotonic()
        time.sleep(seconds)
        rate = (self._n_sent() - before) / (time.monotonic() - start)
        offered = float(sender.stdout.read())
        sender.wait()
        if offered < 1.1 * rate:
            raise LabError("TAYGA could take more than the %.0f packets a "
                           "second that it gets" % offered)
        return rate / 1000
