# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The network that carries tunnels to a switch, and their other ends."""

from .errors import LabError
from .namespace import Namespace, connect
from .switch import Switch

# What remains of the underlay's MTU for a LAN: less IPv4 and the inner
# Ethernet header, and GRE with one optional word, or UDP and VXLAN, or GRE with
# one and ERSPAN.
MTU = {"gre": 1500 - 20 - 14 - 8, "vxlan": 1500 - 20 - 14 - 8 - 8,
       "erspan": 1500 - 20 - 14 - 8 - 8}


class Underlay:
    """10.0.0.0/24, in which the switch is 10.0.0.1.  All tunnels end in one
    namespace, which has an address for each gateway.

    Where the kernel has no GRE, the gateways are ports of another
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
        self.addresses = []
        self.n_tunnels = 0

    def restore(self):
        """Gives the switch its address, which a userspace datapath takes with
        it when it ends."""
        device = "underlay" if self.switch.datapath == "system" else "br-phy"
        self.switch.namespace.ip("address", "replace", self.SWITCH + "/24",
                                 "dev", device)
        self.switch.namespace.ip("link", "set", device, "up")

    def tunnel(self, host, kind, address, key):
        """Makes interface eth0 of namespace 'host' the end of a tunnel of
        'kind', "gre", "vxlan" or "erspan", with 'key', from gateway 'address'
        to the switch."""
        self.n_tunnels += 1
        options = {
            "gre": ["type", "gretap", "key", key],
            "vxlan": ["type", "vxlan", "id", key, "dstport", 4789],
            "erspan": ["type", "erspan", "seq", "key", key, "erspan_ver", 1,
                       "erspan", 1]}[kind]
        self._add_address(address)
        done = self.lab.run(
            "ip", "-n", self.namespace.netns, "link", "add",
            "tunnel%d" % self.n_tunnels, *options, "local", address, "remote",
            self.SWITCH, check=False)
        if not done.returncode:
            # It sends through the namespace that it was made in.
            self.namespace.ip("link", "set", "tunnel%d" % self.n_tunnels,
                              "netns", host.netns, "name", "eth0")
        elif "Unknown device type" in done.stderr:
            self._tunnel_of_ovs(host, kind, address, key)
        else:
            raise LabError("%s: %s" % (kind, done.stderr.strip()))
        host.ip("link", "set", "eth0", "mtu", MTU[kind], "up")

    def _add_address(self, address):
        if address not in self.addresses:
            self.namespace.ip("address", "add", address + "/24", "dev",
                              "br-phy" if self.ovs else "eth0")
            self.addresses.append(address)

    def _start_ovs(self):
        self.namespace.ip("address", "flush", "dev", "eth0")
        self.ovs = Switch(self.lab, name="gateway", namespace=self.namespace,
                          datapath="netdev")
        _own(self.ovs, "eth0")
        self.namespace.ip("link", "set", "br-phy", "up")
        addresses, self.addresses = self.addresses, []
        for address in addresses:
            self._add_address(address)

    def _tunnel_of_ovs(self, host, kind, address, key):
        if not self.ovs:
            self._start_ovs()
        lan, tunnel = 2 * self.n_tunnels, 2 * self.n_tunnels + 1
        name = "lan%d" % self.n_tunnels
        connect(host, "eth0", self.namespace, name)
        self.ovs.vsctl(
            "add-port", "br0", name, "--",
            "set", "interface", name, "ofport_request=%d" % lan, "--",
            "add-port", "br0", name + "-tun", "--",
            "set", "interface", name + "-tun", "type=" + kind,
            "ofport_request=%d" % tunnel, "options:remote_ip=" + self.SWITCH,
            "options:local_ip=" + address, "options:key=%d" % key,
            *(["options:erspan_ver=1"] if kind == "erspan" else []))
        for source, target in ((lan, tunnel), (tunnel, lan)):
            self.ovs.ofctl("add-flow", "br0", "in_port=%d,actions=output:%d"
                           % (source, target))


def _own(switch, interface):
    """Makes 'interface' a port of a bridge br-phy, which does what it always
    did and lets a userspace datapath send tunnels through it."""
    switch.add_bridge("br-phy")
    switch.vsctl("set-fail-mode", "br-phy", "standalone", "--",
                 "add-port", "br-phy", interface)
