# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""tasuki-hook plugs the service into tenants that come and go."""

import os
import signal

from lab.lab import REPOSITORY, wait_for
from lab.tenants import SERVICE6, Site, Tenant

PLUG = os.path.join(REPOSITORY, "utilities", "labs", "plug-netns")


class HookSite(Site):
    """A site whose service nobody but tasuki-hook plugs in."""

    def __init__(self, lab):
        super().__init__(lab, 0)
        self.state = os.path.join(self.switch.rundir, "hook.state")
        self.start_hook()

    def start_hook(self):
        self.hook = self.switch.start(
            "tasuki-hook", "--state-file=" + self.state, "-vconsole:off",
            "-vfile:info", "--pidfile", "--log-file=" + os.path.join(
                self.switch.rundir, "tasuki-hook.log"),
            PLUG, *([] if self.switch.offload else ["--no-offload"]),
            self.service.netns, SERVICE6 + "/64", log="tasuki-hook.out")

    def plug(self, tenant):
        pass

    def interfaces(self):
        """Returns the names of the service's interfaces."""
        return sorted(
            line.split(":")[1].split("@")[0].strip() for line
            in self.service.ip("-o", "link", "show", "type",
                               "veth").splitlines())

    def ports(self):
        return sorted(name for name in
                      self.switch.vsctl("list-ports", "br0").split()
                      if name.startswith("vnet"))

    def reach(self, tenant):
        """Checks that the tenant reaches the service, both ways."""
        self.wait_up([tenant])
        tenant.host.run("ping", "-n", "-c", 1, "-W", 5, SERVICE6 + "%eth0")


def names(*tenants):
    return sorted(name for tenant in tenants
                  for name in (tenant.service, tenant.native6))


def test_plug(lab):
    site = HookSite(lab)
    one, two, three = (Tenant(number, kind) for number, kind
                       in enumerate(("gre", "vxlan", "port"), 1))
    for tenant in one, two, three:
        site.add(tenant)
    for tenant in one, two, three:
        site.reach(tenant)
    assert site.interfaces() == site.ports() == names(one, two, three)
    # What docs/tenants.md says that a service must not let tenants do.
    for name in names(one, two, three):
        for key in ("conf.all.forwarding", "conf.%s.forwarding" % name,
                    "conf.%s.accept_ra" % name,
                    "conf.%s.accept_redirects" % name):
            assert site.service.run(
                "sysctl", "-n", "net.ipv6." + key).stdout == "0\n", key
    # RFC 2890, RFC 7348: what tunnels leave of 1500 bytes.
    for tenant, mtu in ((one, 1458), (two, 1450), (three, 1500)):
        link = site.service.ip("link", "show", tenant.native6)
        assert " mtu %d " % mtu in link

    # One moves to another port, one goes.
    one.service = "vnet9-4"
    site.controller.ctl("set", "Tenant", one.name, "service=" + one.service,
                        "--", "del-tenant", two.name)
    wait_for(lambda: site.interfaces() == names(one, three), "unplugging")
    for tenant in one, three:
        site.reach(tenant)
    assert site.ports() == names(one, three)

    # While nobody watches, one goes and one comes back.
    lab.stop(site.hook, signal.SIGKILL)
    site.controller.ctl("del-tenant", three.name, "--",
                        "add-tenant", *two.columns())
    site.start_hook()
    wait_for(lambda: site.interfaces() == names(one, two), "catching up")
    for tenant in one, two:
        site.reach(tenant)

    # Interfaces of others with the same name are theirs.
    site.service.ip("link", "add", three.native6, "type", "bridge")
    site.controller.ctl("add-tenant", *three.columns())
    wait_for(lambda: "failed" in site.switch.run(
        "ovs-appctl", "-t", "tasuki-hook", "show").stdout, "a failure")
    site.controller.ctl("del-tenant", three.name)
    wait_for(lambda: site.interfaces() == names(one, two), "unplugging")
    assert three.native6 in site.service.ip("link", "show", "type", "bridge")
