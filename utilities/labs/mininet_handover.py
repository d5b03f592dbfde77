# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The demo's client, switch and three nginx servers as a Mininet topology.

    mn --custom utilities/labs/mininet_handover.py \\
       --topo tasuki --switch tasuki --controller none

gives a Mininet prompt.  Then, for example:

    mininet> client curl -i http://10.0.0.1/images/
    mininet> s1 ovs-ofctl -O OpenFlow13 dump-flows br0
    mininet> s1 tasuki-ctl show
    mininet> s1 ovs-appctl -t tasukid service/connections

The switch runs this project's ovsdb-server, ovs-vswitchd and tasukid in a
namespace of its own, with its own sockets: nothing of an Open vSwitch that the
machine may run already is used or touched.  With "--test requests", mn asks
for three things, checks who answers and ends."""

import atexit
import inspect
import os
import sys

from mininet.node import Host
from mininet.node import Switch as MininetSwitch
from mininet.topo import Topo

# mn executes this file without telling it its name.  And it takes each name
# that is defined here into its own namespace, so import no "Controller".
sys.path.insert(0, os.path.dirname(os.path.abspath(
    inspect.currentframe().f_code.co_filename)))

import lab  # noqa: E402
from lab import services  # noqa: E402


class TasukiSwitch(MininetSwitch):
    """A switch with ovs-vswitchd and tasukid, in its own namespace."""

    applications = ("forward", "handover")
    configuration = services.CONFIGURATION

    def __init__(self, name, **params):
        params["inNamespace"] = True
        MininetSwitch.__init__(self, name, **params)
        self.lab = self.switch = self.controller = None

    def start(self, _controllers):
        self.lab = lab.Lab()
        atexit.register(self.stop)
        namespace = lab.Namespace(self.lab, self.name, pid=self.pid)
        self.switch = lab.Switch(self.lab, self.name, namespace=namespace)
        self.cmd("export", *["%s='%s'" % (key, self.switch.environment[key])
                             for key in ("PATH", "OVS_RUNDIR", "OVS_LOGDIR",
                                         "OVS_DBDIR", "OVS_SYSCONFDIR")])
        for number, interface in sorted(self.intfs.items()):
            if interface.name != "lo":
                self._attach(interface, number)
        self.controller = lab.Controller(self.switch, self.applications)
        for command in self.configuration:
            self.controller.ctl(*command.split())

    def _attach(self, interface, number):
        # The switch reads packets before any network card could have filled in
        # what the host left to it.
        peer = (interface.link.intf2 if interface.link.intf1 is interface
                else interface.link.intf1)
        for node, name in ((self, interface.name), (peer.node, peer.name)):
            node.cmd("ethtool", "-K", name, "tx", "off", "tso", "off", "gso",
                     "off", "gro", "off")
        self.switch.add_port(interface.name, number)

    def stop(self, deleteIntfs=True):
        if self.lab:
            self.lab.close()
            self.lab = None
            MininetSwitch.stop(self, deleteIntfs)


class WebServer(Host):
    """A host that runs nginx, with what the server of its name should have."""

    def __init__(self, name, **params):
        Host.__init__(self, name, **params)
        self.lab = None

    def config(self, **params):
        result = Host.config(self, **params)
        self.lab = lab.Lab()
        atexit.register(self._close)
        lab.Nginx(lab.Namespace(self.lab, self.name, pid=self.pid),
                  self.files())
        return result

    def files(self):
        return services.content(self.name)

    def _close(self):
        if self.lab:
            self.lab.close()
            self.lab = None

    def terminate(self):
        self._close()
        Host.terminate(self)


class TasukiTopo(Topo):
    """A client and three servers on one switch."""

    def build(self):
        switch = self.addSwitch("s1")
        for name, (address, mac, _) in services.SERVERS.items():
            host = self.addHost(name, cls=WebServer, ip=address + "/24",
                                mac=mac)
            self.addLink(host, switch)
        client = self.addHost("client", ip=services.CLIENT + "/24")
        self.addLink(client, switch)


def test_requests(net):
    """Asks for everything that there is, and checks who answers."""
    for url, expected in services.REQUESTS:
        answered = net["client"].cmd(*services.curl(
            url, "--output", "/dev/null", "--write-out",
            "'%header{x-served-by}'"))
        print("%s answered by %s" % (url, answered))
        if answered != expected:
            net.stop()
            raise SystemExit("%s should have answered" % expected)


topos = {"tasuki": TasukiTopo}
switches = {"tasuki": TasukiSwitch}
tests = {"requests": test_requests}
