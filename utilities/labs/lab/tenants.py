# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The tenant paper's site: LANs that all have the same addresses, each with a
GRE tunnel to a switch, and one machine that serves them all.

    tenant1 192.168.0.10 == GRE key 101 ==+     +- vnet1-4, vnet1-6 --+
    tenant2 192.168.0.10 == GRE key 102 ==+ br0 +- vnet2-4, vnet2-6 --+ service
    tenant3 192.168.0.10 == GRE key 103 ==+     +- vnet3-4, vnet3-6 --+

The service has the address fe80::192.168.0.100 on each of its interfaces, and
no other: to the LANs, vnetN-4 is 192.168.0.100, and vnetN-6 itself."""

from .apache import Apache
from .controller import Controller
from .lab import wait_for
from .namespace import Namespace, connect
from .switch import Switch
from .underlay import MTU, Underlay

LAN = "192.168.0.10"
SERVICE = "192.168.0.100"
SERVICE6 = "fe80::" + SERVICE

# The same in every LAN, too: nothing that learns MACs could keep them apart.
LAN_MAC = "02:00:00:00:00:0a"
SERVICE_MAC = "02:00:00:00:00:64"

IPV6 = {"net.ipv6.conf.default.disable_ipv6": 0,
        "net.ipv6.conf.all.disable_ipv6": 0,
        "net.ipv6.conf.default.accept_dad": 0}

# What a tenant asks for: the translated service, and the native one.
URLS = {"ipv4": "http://%s/" % SERVICE,
        "ipv6": "http://[%s%%25eth0]/" % SERVICE6}

# The paper's configuration.
VHOST = """
<VirtualHost [fe80::c0a8:64]:80>
    ServerName servicevm
    DocumentRoot {www}
    RewriteEngine On
    RewriteRule ^/(.*)$ %{REMOTE_IF}/$1 [L]
</VirtualHost>
"""


class Tenant:
    """Tenant 'number' of a site.  Its LAN is interface eth0 of namespace
    'host', and 'service' and 'native6' are the names of its ports, and of the
    service's interfaces at their ends.

    'kind' is "gre" or "vxlan", a tunnel with 'key' from 'remote', or "port",
    where the LAN is at a port of the switch."""

    def __init__(self, number, kind="gre", remote=None, key=None):
        self.number = number
        self.kind = kind
        self.name = "tenant%d" % number
        self.remote = remote or "10.0.0.%d" % (10 + number)
        self.key = key or 100 + number
        self.port = "lan%d" % number
        self.service = "vnet%d-4" % number
        self.native6 = "vnet%d-6" % number
        self.host = None
        self.mtu = MTU.get(kind, 1500)

    @property
    def lan(self):
        """How tasuki-ctl calls the LAN."""
        if self.kind == "port":
            return self.port
        return "%s:%s:%d" % (self.kind, self.remote, self.key)

    def columns(self):
        """Returns the arguments of "tasuki-ctl add-tenant"."""
        return [self.name, "lan=" + self.lan, "service=" + self.service,
                "native6=" + self.native6]

    def page(self, version):
        """Returns what the service shows this tenant in "ipv4" or "ipv6"."""
        return ("<html><body>This Tenant %d of %s.</body></html>\n"
                % (self.number, self.interface(version)))

    def pages(self):
        """Returns the names and contents of all its pages."""
        return [(self.interface(version) + "/index.html", self.page(version))
                for version in URLS]

    def interface(self, version):
        return {"ipv4": self.service, "ipv6": self.native6}[version]


class Site:
    """A switch, the service, and 'n' tenants.  'applications' are those that
    the switch runs; without any there is no controller."""

    def __init__(self, lab, n=3, applications=("tenant",)):
        self.lab = lab
        self.switch = Switch(lab)
        self.underlay = Underlay(self.switch)
        self.service = Namespace(lab, "service", **IPV6)
        self.tenants = []
        self.apache = None
        self.controller = applications and Controller(self.switch,
                                                      applications)
        for number in range(1, n + 1):
            self.add(Tenant(number))
        self.wait_up()

    def add(self, tenant):
        """Builds 'tenant' and tells the controller."""
        self.build(tenant)
        self.tenants.append(tenant)
        if self.controller:
            self.controller.ctl("add-tenant", *tenant.columns())

    def serve(self):
        """Starts an Apache that shows each tenant pages of its own."""
        self.apache = Apache(self.service, dict(
            page for tenant in self.tenants for page in tenant.pages()), VHOST)

    def build(self, tenant):
        """Makes the network devices that 'tenant' needs."""
        self.plug(tenant)
        self.build_lan(tenant)

    def build_lan(self, tenant):
        """Makes a host in the tenant's LAN, at the other end of its tunnel."""
        tenant.host = Namespace(self.lab, tenant.name, **IPV6)
        if tenant.kind == "port":
            self._cable(tenant.host, "eth0", tenant.port)
        else:
            self.underlay.tunnel(tenant.host, tenant.kind, tenant.remote,
                                 tenant.key)
        tenant.host.ip("link", "set", "eth0", "address", LAN_MAC)
        tenant.host.ip("address", "add", LAN + "/24", "dev", "eth0")
        tenant.host.mac, tenant.host.address = LAN_MAC, LAN

    def plug(self, tenant):
        """Gives the service its two interfaces for 'tenant'.  What comes to
        the second one, and leaves it, is not translated: its MTU is the
        LAN's."""
        for name, mtu in ((tenant.service, 1500),
                          (tenant.native6, tenant.mtu)):
            self._cable(self.service, name, name)
            self.service.ip("link", "set", name, "addrgenmode", "none", "mtu",
                            mtu, "address", SERVICE_MAC)
            self.service.ip("address", "flush", "dev", name)
            self.service.ip("address", "add", SERVICE6 + "/64", "dev", name,
                            "nodad")

    def _cable(self, host, interface, port):
        """Lays a cable from a host to the switch, which may be waiting for
        'port': it must not find it before it is up, as both would be changing
        its flags."""
        switch = self.switch.namespace
        connect(host, interface, switch, "cable", self.switch.offload,
                self.switch.offload)
        switch.ip("link", "set", "cable", "down")
        switch.ip("link", "set", "cable", "name", port, "up")

    def wait_up(self, tenants=None, timeout=20):
        """Waits until the hosts of 'tenants', by default all, reach the
        service."""
        for tenant in tenants or self.tenants:
            wait_for(lambda: not tenant.host.run(
                "ping", "-n", "-c", 1, "-W", 1, SERVICE,
                check=False).returncode, tenant.name, timeout)
