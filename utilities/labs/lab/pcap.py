# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Captures: what really was on the wire."""

import signal
import time

from .lab import wait_for


class Capture:
    """tcpdump on 'interface' of a namespace, from now until stop().
    'direction' is "in" or "out", by default both."""

    count = 0

    def __init__(self, namespace, interface, expression="", snaplen=0,
                 direction="inout"):
        Capture.count += 1
        self.lab = namespace.lab
        self.path = self.lab.path("captures", "%s-%d.pcap"
                                  % (interface, Capture.count))
        log = "captures/%s-%d.log" % (interface, Capture.count)
        self.process = namespace.start(
            "tcpdump", "-n", "-U", "--immediate-mode", "-B", "65536",
            "-s", snaplen, "--time-stamp-precision=nano", "-Z", "root",
            "-i", interface, "-Q", direction, "-w", self.path,
            *expression.split(), log=log)
        self.log = self.lab.path(log)
        wait_for(lambda: "listening on" in self._messages(), "tcpdump", 60)

    def stop(self, settle=0.1):
        """Ends the capture, 'settle' seconds later so that what is still on
        its way is in it, and returns the path of the file."""
        time.sleep(settle)
        # Where there is little CPU time, tcpdump falls behind, and it leaves
        # behind what it has not read when it is told to end.
        wait_for(self._has_nothing_to_read, "tcpdump to catch up", 60, 0.005)
        self.lab.stop(self.process, signal.SIGINT)
        return self.path

    def _has_nothing_to_read(self):
        """Returns true if tcpdump sleeps: there is nothing else that it waits
        for.  (proc(5): the state is behind the name.)"""
        with open("/proc/%d/stat" % self.process.pid) as f:
            return f.read().rpartition(")")[2].split()[0] in "SZ"

    def dropped(self):
        """Returns how many packets the kernel could not hand to tcpdump."""
        for line in self._messages().splitlines():
            if "dropped by kernel" in line:
                return int(line.split()[0])
        return 0

    def _messages(self):
        with open(self.log) as f:
            return f.read()
