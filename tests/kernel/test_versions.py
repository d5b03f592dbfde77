# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The distribution's Open vSwitch, which has never heard of our actions, on
our module.  The other way round is in test_stock.py."""

import os
import subprocess

import pytest

from lab import Switch
from lab.lab import REPOSITORY, wait_for
from test_appctl import TCP

ACTION = "tcp_offset(seq=1,ack=-2,tsval=3,tsecr=-4,wscale=5)"
UNKNOWN = "action128("
DATAPATH = "system@ovs-system"


@pytest.fixture(scope="module")
def stock():
    """The directory with the distribution's programs."""
    return subprocess.run(
        [os.path.join(REPOSITORY, "build-aux", "fetch-package"),
         "openvswitch-switch"],
        check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


@pytest.fixture(scope="module")
def vswitchd(stock):
    return os.path.join(stock, "usr/lib/openvswitch-switch/ovs-vswitchd")


@pytest.fixture(scope="module")
def dpctl(stock):
    return os.path.join(stock, "usr/bin/ovs-dpctl")


def replace_vswitchd(switch, program):
    """Has another ovs-vswitchd take over, of a datapath with flows in it that
    use our actions."""
    switch.kill()
    switch.run("ovs-dpctl", "add-flow", DATAPATH, TCP, ACTION)
    switch.program = program
    switch.start_vswitchd()
    switch.vsctl("set", "Open_vSwitch", ".", "external_ids:by=" + program)


def complaints(switch):
    """Returns what ovs-vswitchd had to say."""
    with open(os.path.join(switch.rundir, "ovs-vswitchd.log")) as f:
        return [line for line in f if "|ERR|" in line or "|EMER|" in line
                or "unexpected" in line]


@pytest.fixture(scope="module")
def site(lab, vswitchd):
    """A switch of the distribution's with two hosts."""
    switch = Switch(lab, datapath="system", vswitchd=vswitchd)
    assert "tcp_offset" not in switch.appctl("dpif/show-dp-features", "br0")
    for number in (1, 2):
        switch.attach("host%d" % number, "10.0.0.%d/24" % number)
    switch.ofctl("add-flow", "br0", "actions=normal")
    return switch


def ping(site):
    done = site.hosts["host1"].run("ping", "-c", "3", "-i", "0.2", "-W", "2",
                                   "10.0.0.2")
    assert " 0% packet loss" in done.stdout


def test_forwards(site):
    ping(site)
    assert "actions:" in site.appctl("dpctl/dump-flows")
    assert not complaints(site)


def test_dump_and_delete(site, dpctl):
    """Flows with our actions are shown, by number, and can be deleted."""
    site.run("ovs-dpctl", "add-dp", "system@dp-test")
    try:
        for _ in range(2):
            site.run("ovs-dpctl", "add-flow", "system@dp-test", TCP, ACTION)
            for options in ((), ("-m",), ("--names",)):
                for dump in (
                        site.run(dpctl, "dump-flows", *options,
                                 "system@dp-test").stdout,
                        site.appctl("dpctl/dump-flows", *options,
                                    "system@dp-test")):
                    assert UNKNOWN in dump
            site.run(dpctl, "del-flows", "system@dp-test")
            assert not site.run("ovs-dpctl", "dump-flows",
                                "system@dp-test").stdout
        with pytest.raises(Exception) as error:
            site.run(dpctl, "add-flow", "system@dp-test", TCP, ACTION)
        assert "parsing actions" in str(error.value)
    finally:
        site.run("ovs-dpctl", "del-dp", "system@dp-test")


def test_revalidated(site):
    """ovs-vswitchd finds flows in its datapath that it did not make, and ends
    what is not its."""
    for _ in range(3):
        site.run("ovs-dpctl", "add-flow", DATAPATH, TCP, ACTION)
        wait_for(lambda: "tcp_offset" not in site.run(
            "ovs-dpctl", "dump-flows", DATAPATH).stdout, "the revalidators",
            timeout=30, interval=0.2)
        site.appctl("revalidator/wait")
    ping(site)
    assert site.vswitchd.poll() is None
    assert not complaints(site)


def test_there_and_back(site, vswitchd):
    """From one ovs-vswitchd to the other and back."""
    for program, feature in (("ovs-vswitchd", True), (vswitchd, False),
                             ("ovs-vswitchd", True)):
        replace_vswitchd(site, program)
        assert ("TCP offset action: Yes" in site.appctl(
            "dpif/show-dp-features", "br0")) == feature
        if feature:
            site.ofctl("add-flow", "br0", "priority=9,tcp,actions=%s,normal"
                       % ACTION)
        site.ofctl("add-flow", "br0", "actions=normal")
        ping(site)
        assert not complaints(site)
