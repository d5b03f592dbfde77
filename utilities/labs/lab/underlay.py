# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The network that carries tunnels to a switch, and the tunnels' other ends."""

from .errors import LabError
from .namespace import Namespace, connect
from .switch import Switch

# What Ethernet in GRE with a key takes of the underlay's MTU: IPv4, GRE with
# one optional word, and the inner Ethernet header.
GRE_OVERHEAD = 20 + 8 + 14
MTU = 1500 - GRE_OVERHEAD


class Underlay:
    """10.0.0.0/24, in which the switch is 10.0.0.1.  All tunnels end in one
    namespace, which has an address for each gateway.

    Where the kernel has no GRE, the gateways are bridges of another
    ovs-vswitchd."""

    SWITCH = "10.0.0.1"

    def __init__(self, switch):
        self.switch = switch
        self.lab = switch.lab
        self.namespace = Namespace(self.lab, "underlay")
        connect(self.namespace, "eth0", switch.namespace, "underlay",
                switch.offload, switch.offload)
        if switch.datapath == "netdev":
            _own(switch, "underlay")
        self.restore()
        self.ovs = None
        self.addresses = set()
        self.n_tunnels = 0

    def restore(self):
        """Gives the switch its address, which a userspace datapath takes with
        it when it ends."""
        device = "underlay" if self.switch.datapath == "system" else "br-phy"
        self.switch.namespace.ip("address", "replace", self.SWITCH + "/24",
                                 "dev", device)
        self.switch.namespace.ip("link", "set", device, "up")

    def gre(self, host, address, key, mtu=MTU):
        """Makes interface eth0 of namespace 'host' the end of a tunnel, with
        'key', from gateway 'address' to the switch."""
        self.n_tunnels += 1
        if not self.ovs:
            self._add_address(address, "eth0")
            name = "gre%d" % (100 + self.n_tunnels)
            done = self.lab.run(
                "ip", "-n", self.namespace.netns, "link", "add", name, "type",
                "gretap", "local", address, "remote", self.SWITCH, "key", key,
                check=False)
            if not done.returncode:
                self.namespace.ip("link", "set", name, "netns", host.netns,
                                  "name", "eth0")
            elif "Unknown device type" in done.stderr:
                self._start_ovs()
            else:
                raise LabError("gretap: " + done.stderr)
        if self.ovs:
            self._add_address(address, "br-phy")
            self._gre_of_ovs(host, address, key)
        host.ip("link", "set", "eth0", "mtu", mtu, "up")

    def _add_address(self, address, device):
        if (address, device) not in self.addresses:
            self.namespace.ip("address", "add", address + "/24", "dev", device)
            self.addresses.add((address, device))

    def _start_ovs(self):
        self.namespace.ip("address", "flush", "dev", "eth0")
        self.ovs = Switch(self.lab, name="gateway", namespace=self.namespace,
                          datapath="netdev")
        _own(self.ovs, "eth0")
        self.namespace.ip("link", "set", "br-phy", "up")

    def _gre_of_ovs(self, host, address, key):
        lan, tunnel = 2 * self.n_tunnels, 2 * self.n_tunnels + 1
        name = "lan%d" % self.n_tunnels
        connect(host, "eth0", self.namespace, name)
        self.ovs.vsctl(
            "add-port", "br0", name, "--",
            "set", "interface", name, "ofport_request=%d" % lan, "--",
            "add-port", "br0", name + "-gre", "--",
            "set", "interface", name + "-gre", "type=gre",
            "ofport_request=%d" % tunnel, "options:remote_ip=" + self.SWITCH,
            "options:local_ip=" + address, "options:key=%d" % key)
        for source, target in ((lan, tunnel), (tunnel, lan)):
            self.ovs.ofctl("add-flow", "br0", "in_port=%d,actions=output:%d"
                           % (source, target))


def _own(switch, interface):
    """Makes 'interface' a port of a bridge br-phy, which does what it always
    did and lets a userspace datapath send tunnels through it."""
    switch.add_bridge("br-phy")
    switch.vsctl("set-fail-mode", "br-phy", "standalone", "--",
                 "add-port", "br-phy", interface)
