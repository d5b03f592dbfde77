# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Measuring in turns, and by the CPU time that a guest takes."""

import os
import random
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(REPOSITORY, "utilities", "labs")]

from lab.lab import wait_for  # noqa: E402


def rounds(cases, n, measure):
    """Returns lists of what 'measure' returns for each of 'cases', called in
    'n' rounds, in each in another order."""
    measured = {case: [] for case in cases}
    for _ in range(n):
        for case in random.sample(list(cases), len(cases)):
            measured[case].append(measure(case))
    return measured


def machine_load():
    """Returns what share of the CPU time is in use, in percent, in a second
    that it waits for, and the load average of the last minute."""
    def times():
        with open("/proc/stat") as f:
            fields = list(map(int, f.readline().split()[1:9]))
        return sum(fields), fields[3] + fields[4]   # All; idle and iowait.
    before = times()
    time.sleep(1)
    total, idle = (b - a for a, b in zip(before, times()))
    return 100 * (1 - idle / total), os.getloadavg()[0]


def cpu_time():
    """Returns the seconds of CPU time that this guest has taken: the host
    knows, see CpuTimes.  The guest itself sees no more than a clock on the
    wall, which goes on while the host does something else."""
    cpu_time.count += 1
    path = os.path.join(os.environ["TASUKI_SHARE"], "%%s-%d" % cpu_time.count)
    with open(path % "ask", "w"):
        pass
    wait_for(lambda: os.path.exists(path % "answer"), "the host's answer",
             interval=0.005)
    with open(path % "answer") as f:
        return float(f.read())


cpu_time.count = 0


class CpuTimes(threading.Thread):
    """Tells a guest its CPU time when it asks."""

    def __init__(self, uml):
        super().__init__(daemon=True)
        self.uml = uml
        self.end = threading.Event()

    def run(self):
        count = 1
        path = os.path.join(self.uml.share, "%s-%d")
        while not self.end.wait(0.002):
            if os.path.exists(path % ("ask", count)):
                with open(path % ("new", count), "w") as f:
                    f.write("%f" % self.uml.cpu_time())
                os.rename(path % ("new", count), path % ("answer", count))
                count += 1
