# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The mirror demo's client, server, switch and sensors as a Mininet topology.

    mn --custom utilities/labs/mininet_mirror.py \\
       --topo tasuki --switch tasuki --controller none

gives a Mininet prompt.  Then, for example:

    mininet> selective tcpdump -n -i selective-eth0 -w /tmp/s.pcap &
    mininet> client curl -o /dev/null http://10.0.0.1/big.bin
    mininet> s1 tasuki-ctl show-mirrors
    mininet> s1 ovs-appctl -t tasukid mirror/show
    mininet> selective ip -s link show selective-eth0
    mininet> whole ip -s link show whole-eth0

Sensor "whole" gets everything, sensor "selective" all but the bulk.  The switch
is that of mininet_handover.py.  With "--test sensors", mn fetches the big file,
checks what each sensor got and ends."""

import inspect
import json
import os
import pathlib
import sys
import time

from mininet.topo import Topo

# mn executes this file without telling it its name.  And it takes each name
# that is defined here into its own namespace.
sys.path.insert(0, os.path.dirname(os.path.abspath(
    inspect.currentframe().f_code.co_filename)))

import mininet_handover  # noqa: E402
from lab import mirror  # noqa: E402


class MirrorSwitch(mininet_handover.TasukiSwitch):
    """A switch with ovs-vswitchd and a tasukid that mirrors."""

    applications = ("forward", "mirror")
    configuration = mirror.CONFIGURATION


class MirrorServer(mininet_handover.WebServer):
    """A host that runs nginx, with the demo's files."""

    def files(self):
        path = pathlib.Path(self.lab.path("big.bin"))
        mirror.write_big(path)
        return dict(mirror.FILES, **{"big.bin": path})


class MirrorTopo(Topo):
    """A client, a server and two sensors on one switch."""

    def build(self):
        switch = self.addSwitch("s1")
        self.addLink(self.addHost("client", ip=mirror.CLIENT + "/24"), switch)
        self.addLink(self.addHost("server", cls=MirrorServer,
                                  ip=mirror.SERVER + "/24"), switch)
        for name in mirror.SENSORS:
            # The switch's port has the name that the mirror goes by.
            self.addLink(self.addHost(name), switch, intfName2=name)


def _received(host):
    text = host.cmd("ip -s -j link show %s-eth0" % host.name)
    return json.loads(text)[0]["stats64"]["rx"]["bytes"]


def test_sensors(net):
    """Fetches the big file and checks what each sensor got."""
    sensors = [net[name] for name in mirror.SENSORS]
    # For the mirrors to be up.
    for _ in range(100):
        if net["s1"].cmd("tasuki-ctl --format=csv --no-headings "
                         "--columns=status list Mirror_Policy"
                         ).count("state=up") == len(sensors):
            break
        time.sleep(0.1)
    before = [_received(host) for host in sensors]
    print(net["client"].cmd("curl -sSf -o /dev/null -w '%{size_download} bytes' "
                            + mirror.url("big.bin")))
    time.sleep(0.5)
    whole, selective = (_received(host) - n for host, n
                        in zip(sensors, before))
    print("whole got %d bytes, selective %d" % (whole, selective))
    if whole < mirror.BIG or not 0 < selective < 10000:
        net.stop()
        raise SystemExit("that is not what they should have got")


topos = {"tasuki": MirrorTopo}
switches = {"tasuki": MirrorSwitch}
tests = {"sensors": test_sensors}
