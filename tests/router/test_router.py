# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""What docs/kernel.md tells users to do, from installing to going back."""

import glob
import hashlib
import os
import re
import subprocess
import threading

from lab import Lab
from lab.lab import REPOSITORY, wait_for
from labsite import Site

RELEASE = os.uname().release
INSTALL = os.path.join(REPOSITORY, "build-aux", "install-module")
MODULES = os.path.join(REPOSITORY, "build", "kernel")
PARAMETERS = "/sys/module/openvswitch/parameters"
DEPENDENCIES = ("nsh", "nf_conntrack", "nf_nat", "nf_conncount")
SIZE = 3 << 20


def run(*argv):
    """Runs a command, shown with its output: this is also a log of how to, to
    be found in build/check/router.log."""
    print("$ " + " ".join(argv), flush=True)
    done = subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE)
    print(done.stdout, end="", flush=True)
    return done.stdout


def loaded():
    return "openvswitch" in run("sh", "-c", "grep ^openvswitch /proc/modules; :")


def packets_by_cpu():
    """Returns how many packets each CPU has taken from its queue."""
    with open("/proc/net/softnet_stat") as f:
        return [int(line.split()[0], 16) for line in f]


def unload(*command):
    """Unloads the module, once the kernel has got round to taking away the
    lab's namespace, and the datapath with it."""
    def unused():
        with open("/sys/module/openvswitch/refcnt") as f:
            return f.read() == "0\n"
    wait_for(unused, "the datapath to go", timeout=60)
    run(*command, "openvswitch")


def handover(n):
    """Moves 'n' connections at a time to another server, on the kernel
    datapath, and looks at it while they live."""
    with Lab() as lab:
        site = Site(lab)
        features = site.switch.appctl("dpif/show-dp-features", "br0")
        data = os.urandom(SIZE)
        site.publish("big.bin", data)
        bodies = []

        def download(i):
            path = lab.path("body-%d" % i)
            done = site.client.run(
                "curl", "-sS", "--max-time", "100", "--limit-rate", "1M",
                "-o", path, "-D", "-", "http://10.0.0.1/two/big.bin",
                timeout=120)
            with open(path, "rb") as f:
                bodies.append((done.stdout, hashlib.sha256(f.read()).digest()))
        threads = [threading.Thread(target=download, args=(i,))
                   for i in range(n)]
        for thread in threads:
            thread.start()
        flows = ""
        before = packets_by_cpu()
        while any(thread.is_alive() for thread in threads):
            flows = max(site.switch.appctl("dpctl/dump-flows"), flows,
                        key=lambda text: text.count("tcp_offset"))
            threads[0].join(0.5)
        for thread in threads:
            thread.join()
        assert len(bodies) == n
        for head, digest in bodies:
            assert "X-Served-By: server2" in head
            assert digest == hashlib.sha256(data).digest()
        print("$ ovs-appctl dpctl/dump-flows\n" + flows, flush=True)
        packets = [now - then for now, then in zip(packets_by_cpu(), before)]
        print("# packets by CPU: %s" % packets)
        assert n == 1 or sum(count > 100 for count in packets) > 1
        return features, flows


def moves_in_kernel():
    """The module that is loaded is ours and moves connections."""
    assert loaded() and len(glob.glob(PARAMETERS + "/tcp_offset_*")) == 4
    features, flows = handover(4)
    assert "TCP offset action: Yes" in features.splitlines()
    moved = [line for line in flows.splitlines() if "tcp_offset" in line]
    assert len(moved) == 8
    assert not [line for line in moved if "userspace" in line]


def test_distribution_first():
    """Before anything of ours is installed there is the other module."""
    assert not loaded()
    assert re.search(r"/kernel/net/openvswitch/openvswitch\.ko",
                     run("modinfo", "-n", "openvswitch"))
    run("modprobe", "openvswitch")
    assert loaded() and not os.path.exists(PARAMETERS)
    features, flows = handover(1)
    assert "TCP offset action: No" in features.splitlines()
    assert "tcp_offset" not in flows
    unload("modprobe", "--remove")


def test_insmod():
    """Our module, for once."""
    path = os.path.join(MODULES, "openvswitch.ko")
    assert not loaded()
    run("uname", "-a")
    assert int(run("nproc")) > 1
    assert " %s " % RELEASE in run("modinfo", path)
    run("modprobe", "-a", *DEPENDENCIES)
    run("insmod", path)
    moves_in_kernel()
    unload("rmmod")
    assert not loaded()


def test_install():
    run(INSTALL, MODULES)
    assert "/updates/tasuki/openvswitch.ko" in run("modinfo", "-n",
                                                   "openvswitch")


def test_load_again():
    """Installed, it is what modprobe loads."""
    assert not loaded()
    run("modprobe", "openvswitch")
    moves_in_kernel()
    unload("modprobe", "--remove")
    assert not loaded()


def test_go_back():
    run(INSTALL, "--remove", MODULES)
    assert "/kernel/net/openvswitch/openvswitch.ko" in run("modinfo", "-n",
                                                           "openvswitch")
    run("modprobe", "openvswitch")
    assert loaded() and not os.path.exists(PARAMETERS)
    unload("modprobe", "--remove")
