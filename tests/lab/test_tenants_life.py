# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Tenants come, go and are refused, and programs end and start again: those
who are there feel nothing of it."""

import os
import re
import time

import pytest

from lab import LabError
from lab.lab import wait_for
from lab.tenants import SERVICE, URLS, Site, Tenant

N_MANY = 200

# How long anybody may be without an answer, in milliseconds.  It is a tenth of
# that, or two, but where other tests take the CPUs.
MAX_GAP = 1000


@pytest.fixture
def site(lab):
    site = Site(lab)
    site.serve()
    return site


def ports(site):
    return sorted(site.switch.vsctl("list-ports", "br0").split())


def flows(site):
    return sorted(site.switch.dump_flows("table=10"))


def state(site, tenant):
    """Returns what show-tenants has to say at last: "up", or why not."""
    return site.controller.ctl("show-tenants", tenant.name).strip().rpartition(
        ": ")[2]


def page(tenant, version):
    return tenant.host.run("curl", "-sSf", "-g", "--max-time", 10,
                           URLS[version]).stdout


def all_served(site):
    return all(page(tenant, version) == tenant.page(version)
               for tenant in site.tenants for version in URLS)


class Traffic:
    """All tenants use the service without a pause: they ask for its page over
    and over, and send it 100 echo requests a second."""

    def __init__(self, site):
        self.site = site
        self.stop_file = site.lab.path("stop")
        self.pings, self.curls = [], []
        for tenant in site.tenants:
            run = tenant.host.start
            self.pings.append(run(
                "ping", "-n", "-D", "-i", "0.01", SERVICE,
                log=tenant.name + "/ping"))
            for version, url in URLS.items():
                self.curls.append(run(
                    "sh", "-c", "while test ! -e '%s'; do curl -sSfg "
                    "--max-time 10 '%s' && echo ok || echo failed; sleep 0.1;"
                    " done" % (self.stop_file, url),
                    log="%s/curl-%s" % (tenant.name, version)))

    def _read(self, tenant, name):
        with open(self.site.lab.path(tenant.name, name)) as f:
            return f.read()

    def stop(self):
        """Returns the longest time without an answer, in milliseconds, how
        many echo requests had none, and how many pages were served.  Pages
        must all have been right."""
        open(self.stop_file, "w").close()
        for process in self.curls:
            process.wait(30)
        for process in self.pings:
            self.site.lab.stop(process, 2)
        gap = lost = pages = 0
        for tenant in self.site.tenants:
            echoes = re.findall(r"^\[([\d.]+)\] .* icmp_seq=(\d+) ttl",
                                self._read(tenant, "ping"), re.M)
            times = [float(when) for when, _ in echoes]
            numbers = [int(number) for _, number in echoes]
            gap = max([gap] + [b - a for a, b in zip(times, times[1:])])
            lost += numbers[-1] - len(set(numbers))
            for version in URLS:
                text = self._read(tenant, "curl-" + version)
                n = text.count("ok\n")
                assert text == n * (tenant.page(version) + "ok\n"), text
                pages += n
        os.unlink(self.stop_file)
        return gap * 1000, lost, pages


def make_devices(site, tenants):
    """Makes network devices for 'tenants', cheap ones: a cable from each one's
    service port to its native port, and no host."""
    batch = site.lab.path("devices")
    with open(batch, "w") as f:
        for tenant in tenants:
            f.write("link add {0} type veth peer name {1}\n"
                    "link set {0} up\nlink set {1} up\n".format(
                        tenant.service, tenant.native6))
    site.switch.namespace.ip("-batch", batch)


def at_once(site, commands):
    """Runs commands of tasuki-ctl in one transaction."""
    site.controller.ctl(*[word for command in commands
                          for word in ("--", *command)][1:])


def test_many(site):
    """200 tenants are added and removed at once, while others use the
    service."""
    before = ports(site), flows(site)
    many = [Tenant(number, remote="10.0.0.%d" % (50 + number % 100))
            for number in range(1001, 1001 + N_MANY)]
    # Most have their network devices before they are added, one never: a
    # device that is missing is looked for again with every change, for which
    # the kernel starts modprobe.
    real, late = many[:2], many[-1]
    for tenant in real:
        site.build(tenant)
    make_devices(site, many[2:-2])
    traffic = Traffic(site)
    at_once(site, [["add-tenant", *tenant.columns()] for tenant in many])
    wait_for(lambda: len(flows(site)) == len(before[1]) + 5 * (N_MANY - 2),
             "the flows of all", timeout=60)
    assert len(ports(site)) == len(before[0]) + 3 * N_MANY
    site.wait_up(real)
    # And one has them later.
    assert state(site, late) != "up"
    site.build(late)
    site.wait_up([late])
    assert state(site, late) == "up"
    at_once(site, [["del-tenant", tenant.name] for tenant in many])
    wait_for(lambda: ports(site) == before[0], "the end of the ports",
             timeout=60)
    wait_for(lambda: flows(site) == before[1], "the end of the flows",
             timeout=60)
    gap, lost, pages = traffic.stop()
    print("longest gap %.0f ms, %d lost, %d pages" % (gap, lost, pages))
    assert gap < MAX_GAP
    assert pages > 50


def test_removed(site):
    """Nothing of a tenant remains, and the others do not notice."""
    tenant = site.tenants.pop(1)
    theirs = [tenant.service, tenant.native6, "tn-" + tenant.name]
    assert set(theirs) < set(ports(site))
    traffic = Traffic(site)
    before = len(flows(site))
    site.controller.ctl("del-tenant", tenant.name)
    wait_for(lambda: not set(theirs) & set(ports(site)), "the ports' end")
    wait_for(lambda: len(flows(site)) == before - 5, "the flows' end")
    assert tenant.host.run("ping", "-c", 1, "-W", 1, SERVICE,
                           check=False).returncode
    gap, lost, _ = traffic.stop()
    assert gap < MAX_GAP and not lost
    with pytest.raises(LabError, match="no tenant"):
        site.controller.ctl("show-tenants", tenant.name)
    # As if it had never been there.
    site.controller.ctl("add-tenant", *tenant.columns())
    site.wait_up([tenant])
    site.tenants.append(tenant)
    assert all_served(site)


def test_tasukid_killed(site):
    """Tenants work on while tasukid is dead, and it finds everything as it
    left it."""
    before = ports(site), flows(site)
    traffic = Traffic(site)
    for _ in range(3):
        site.controller.kill()
        time.sleep(0.3)
        site.controller.start()
        site.controller.wait_connected()
    wait_for(lambda: {state(site, tenant) for tenant in site.tenants}
             == {"up"}, "the tenants' states")
    assert (ports(site), flows(site)) == before
    gap, lost, _ = traffic.stop()
    assert gap < MAX_GAP and not lost
    assert all_served(site)


def test_changed_while_tasukid_is_away(site):
    """What has changed meanwhile, it makes up for."""
    gone, new = site.tenants.pop(0), Tenant(4)
    site.build(new)
    before = flows(site)
    site.controller.kill()
    site.controller.ctl("del-tenant", gone.name)
    site.controller.ctl("add-tenant", *new.columns())
    site.controller.start()
    site.controller.wait_connected()
    site.tenants.append(new)
    site.wait_up()
    wait_for(lambda: gone.service not in ports(site), "the ports' end")
    assert len(ports(site)) == 3 * len(site.tenants)
    assert len(flows(site)) == len(before) and flows(site) != before
    assert gone.host.run("ping", "-c", 1, "-W", 1, SERVICE,
                         check=False).returncode


def test_vswitchd_killed(site):
    """The switch comes back with all tenants, each once."""
    before = ports(site), len(flows(site))
    for _ in range(2):
        site.switch.kill()
        site.switch.start_vswitchd()
        # What the machine's network scripts do with br-phy.
        wait_for(lambda: "br-phy" in site.switch.namespace.ip("link")
                 or site.switch.datapath == "system", "br-phy")
        site.underlay.restore()
        site.wait_up(timeout=30)
    wait_for(lambda: len(flows(site)) == before[1], "the flows")
    assert ports(site) == before[0]
    assert {state(site, tenant) for tenant in site.tenants} == {"up"}
    site.apache.stop()
    site.apache.start()
    assert all_served(site)


REFUSED = {
    "the same tunnel": ("lan=gre:10.0.0.11:101", "service=other"),
    "another's native port": ("lan=gre:10.0.0.99:9", "service=vnet2-6"),
    "another's port as LAN": ("lan=vnet2-4", "service=other"),
    "another's tunnel port": ("lan=tn-tenant1", "service=other"),
    "one port for both": ("lan=other", "service=other"),
    "the same service port": ("lan=gre:10.0.0.99:9", "service=vnet2-4"),
}


def test_refused(site):
    """By tasuki-ctl, and by tasukid if somebody goes around it; the reason is
    to be read, and nobody else suffers."""
    before = ports(site), flows(site)
    ctl = site.controller.ctl
    traffic = Traffic(site)
    for what, columns in REFUSED.items():
        with pytest.raises(LabError, match="already"):
            ctl("add-tenant", "late", *columns)
        columns = dict(column.split("=") for column in columns)
        if ":" in columns["lan"]:
            kind, remote, key = columns.pop("lan").split(":")
            columns.update(tunnel_type=kind, tunnel_remote=remote,
                           tunnel_key=key)
        ctl("--", "--id=@t", "create", "Tenant", "name=late",
            *["%s=%s" % (key, '"%s"' % value if key == "tunnel_remote"
                         else value) for key, value in columns.items()], "--",
            "add", "Switch", site.switch.datapath_id(), "tenants", "@t")
        wait_for(lambda: "already" in ctl("show-tenants", "late"), what)
        time.sleep(0.2)
        assert (ports(site), flows(site)) == before, what
        if what != "the same service port":
            ctl("del-tenant", "late")
    gap, lost, _ = traffic.stop()
    assert gap < MAX_GAP and not lost
    # Once there is room for it, it works.
    gone = site.tenants.pop(1)
    ctl("del-tenant", gone.name)
    wait_for(lambda: ctl("show-tenants", "late").strip().endswith(": up"),
             "the tenant that was refused")
    assert "tn-late" in ports(site) and "tn-tenant2" not in ports(site)
    assert len(flows(site)) == len(before[1]) - 2
    assert all_served(site)
