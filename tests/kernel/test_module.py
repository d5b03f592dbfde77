# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The module as such."""

import glob
import os
import re
import subprocess

import pytest

import ovsnl
from ovsnl import Datapath, key, output, tasuki, tcp_offset


def run(*argv):
    return subprocess.run(argv, check=True, text=True,
                          stdout=subprocess.PIPE).stdout


@pytest.mark.parametrize("name", ["nat64", "tcp-offset"])
def test_kunit(name):
    """The tests that run in the kernel: see datapath/*-kunit*.c."""
    run("dmesg", "--clear")
    run("modprobe", name + "-kunit")
    log = run("dmesg")
    results = re.findall(r"    (ok|not ok) \d+ (\S+)", log)
    assert len(results) >= 4
    assert not [name for result, name in results if result != "ok"], log
    run("modprobe", "--remove", name + "-kunit")


def test_reload():
    """With flows that use the action in it, a datapath goes, and so do the
    modules, and all come again."""
    names = [os.path.basename(path).replace("vport_", "vport-") for path in
             glob.glob("/sys/module/vport_*")] + ["openvswitch"]
    for _ in range(3):
        with Datapath() as dp:
            for port in range(100):
                dp.put(tasuki(tcp_offset(seq=1)) + output(0),
                       flow=key(in_port=port))
            dp.execute(b"\0" * 60, output(0))
        run("modprobe", "--remove", *names)
        assert not os.path.exists("/sys/module/openvswitch")
        run("modprobe", "-a", *names)
    assert ovsnl.parameter("tcp_offset_not_tcp") == 0


def test_deleted_with_flows():
    """A datapath that is deleted takes its flows along."""
    dp = Datapath()
    dp.put(tasuki(tcp_offset(seq=1)))
    dp.__exit__()


def test_parameters():
    """Anybody may read the counters; nobody writes them."""
    paths = glob.glob("/sys/module/openvswitch/parameters/tcp_offset_*")
    assert len(paths) == 4
    for path in paths:
        assert os.stat(path).st_mode & 0o777 == 0o444
        with open(path) as f:
            assert re.fullmatch(r"\d+\n", f.read())
