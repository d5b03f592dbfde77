# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Our ovs-vswitchd on a module that lacks our actions: Linux's own, or one of
ours that is older ("utilities/labs/uml --older")."""

import os
import re

import pytest

from lab import Switch
from lab.lab import wait_for
from model import Model
from ovsnl import Datapath, Error, tasuki, tcp_offset
from tap import Tap
from test_packets import ETHERNET, segment


def test_refused():
    with Datapath() as dp, pytest.raises(Error):
        dp.put(tasuki(tcp_offset(seq=1)))


def test_slow_path(lab):
    """Packets are moved all the same, by ovs-vswitchd, which says so once."""
    switch = Switch(lab, datapath="system")
    model = Model(lab.directory)
    taps = {}
    for number, name in enumerate(("in", "out"), 1):
        taps[name] = Tap(switch.namespace, name)
        switch.add_port(name, number)
    assert "TCP offset action: No" in switch.appctl("dpif/show-dp-features",
                                                    "br0").splitlines()
    action = "tcp_offset(seq=1000,tsval=-7,wscale=1)"
    switch.ofctl("add-flow", "br0", "tcp,in_port=1,actions=%s,output:2"
                 % action)
    switch.ofctl("add-flow", "br0", "udp,in_port=1,actions=output:2")
    for i in range(20):
        frame = segment(4, i)
        taps["in"].write(frame)
        expected, result = model(action, frame)
        assert result == "ok"

        def ours():
            got = taps["out"].read()
            return got and got[1][:12] == ETHERNET and got[1]
        assert wait_for(ours, "the frame") == expected
    flows = switch.appctl("dpctl/dump-flows")
    assert re.search(r"proto=6.*actions:userspace\(.*slow_path\(action\)",
                     flows)
    with open(os.path.join(switch.rundir, "ovs-vswitchd.log")) as f:
        warnings = [line for line in f if "|WARN|" in line
                    and "tcp_offset" in line]
    assert len(warnings) == 1
    assert "the datapath lacks the tcp_offset action" in warnings[0]
