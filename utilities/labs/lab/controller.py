# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""tasukid, the controller, on a switch of the lab."""

import os
import signal

from .errors import LabError
from .lab import wait_for


class Controller:
    """tasukid working for 'switch'.

    It needs a service to do more than forward: see add_service().
    'app_dir' is where it looks for applications that are not part of
    Tasuki."""

    def __init__(self, switch, applications=("forward", "handover"),
                 forward_mode="learning"):
        self.switch = switch
        self.app_dir = os.path.join(switch.rundir, "apps")
        self.target = "unix:" + os.path.join(switch.rundir, "tasukid.of")
        self.ctl("add-switch", switch.bridge, "apps=" + ",".join(applications),
                 "forward-mode=" + forward_mode, "--",
                 "set-connection", "p" + self.target)
        self.start()
        # The switch would wait a second before it tried again.
        wait_for(lambda: os.path.exists(self.target[len("unix:"):]),
                 "tasukid to listen")
        switch.set_controller(self.target)
        self.wait_connected()

    def start(self):
        """Starts tasukid, or starts it again."""
        self.process = self.switch.start(
            "tasukid", "--no-chdir", "--pidfile",
            "--app-dir=" + self.app_dir,
            "--log-file=" + os.path.join(self.switch.rundir, "tasukid.log"),
            "-vconsole:off", "-vfile:info",
            log="tasukid.out")

    def kill(self):
        """Ends tasukid the hard way: it has no time for a last word."""
        self.switch.lab.stop(self.process, signal.SIGKILL)

    def restart(self):
        self.kill()
        self.start()
        self.wait_connected()

    def wait_connected(self, timeout=15):
        """Waits until the switch is under control, its flows in place."""
        def ready():
            if self.process.poll() is not None:
                raise LabError("tasukid ended with status %d: see %s/tasukid.*"
                               % (self.process.returncode,
                                  self.switch.rundir))
            show = self.appctl("switch/show", self.switch.bridge, check=False)
            return "static flows:" in show and any(
                "table=40" in flow for flow in self.switch.dump_flows())
        wait_for(ready, "flows from tasukid", timeout)

    def ctl(self, *argv, **kwargs):
        """Runs tasuki-ctl and returns what it prints."""
        return self.switch.run("tasuki-ctl", "--timeout=20", *argv,
                               **kwargs).stdout

    def appctl(self, *argv, **kwargs):
        """Runs a command of tasukid's and returns what it prints."""
        return self.switch.run("ovs-appctl", "-T", "20", "-t", "tasukid",
                               *argv, **kwargs).stdout

    def connections(self):
        """Returns the lines of service/connections."""
        return self.appctl("service/connections").splitlines()

    def memory(self):
        """Returns the resident memory of tasukid, in bytes."""
        with open("/proc/%d/status" % self.process.pid) as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise LabError("tasukid is not running")
