# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""What users see of the module by way of ovs-vswitchd."""

import pytest

from lab import LabError, Switch

TCP = ("in_port(0),eth(),eth_type(0x0800),ipv4(proto=6,frag=no),tcp(),"
       "tcp_flags(ack)")
UDP = "in_port(0),eth(),eth_type(0x0800),ipv4(proto=17,frag=no),udp()"


@pytest.fixture(scope="module")
def switch(lab):
    return Switch(lab, datapath="system")


def test_features(switch):
    assert "TCP offset action: Yes" in switch.appctl(
        "dpif/show-dp-features", "br0").splitlines()


@pytest.fixture
def other(switch):
    """A datapath that is not ovs-vswitchd's.  In its own, its revalidators put
    an end to flows that it did not make, at any time."""
    switch.appctl("dpctl/add-dp", "system@dp-test")
    yield "system@dp-test"
    switch.appctl("dpctl/del-dp", "system@dp-test")


def test_dump(switch, other):
    action = "tcp_offset(seq=1,ack=-2,tsval=3,tsecr=-4,wscale=5)"
    switch.appctl("dpctl/add-flow", other, TCP, action)
    assert "actions:" + action in switch.appctl("dpctl/dump-flows", other)
    switch.appctl("dpctl/del-flows", other)
    assert not switch.appctl("dpctl/dump-flows", other)


def test_why(switch):
    """The kernel's reason reaches the user."""
    with pytest.raises(LabError) as error:
        switch.appctl("dpctl/add-flow", "system@ovs-system", UDP,
                      "tcp_offset(seq=1)")
    assert ("updating flow table (Invalid argument): tcp_offset: the flow must"
            " match TCP over IPv4 or IPv6") in str(error.value)
    # And does not stay for the next error.
    with pytest.raises(LabError) as error:
        switch.appctl("dpctl/add-flow", "system@ovs-system", UDP, "foo")
    assert "tcp_offset" not in str(error.value)
