# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Tests of the kernel module.  They run inside a guest that has it loaded:

    utilities/labs/uml /usr/bin/python3 -m pytest tests/kernel

or Linux's own, which test_stock.py is about:

    utilities/labs/uml --vanilla /usr/bin/python3 -m pytest tests/kernel

The lab tests run there as well, on the kernel datapath:

    TASUKI_DATAPATH=system utilities/labs/uml \\
        /usr/bin/python3 -m pytest tests/lab
"""

import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "utilities", "labs"), HERE]

from lab import Lab  # noqa: E402
from ovsnl import Datapath  # noqa: E402


OURS = os.path.exists("/sys/module/openvswitch/parameters/tcp_offset_not_tcp")
if OURS:
    collect_ignore = ["test_stock.py"]
else:
    collect_ignore_glob = ["test_[!s]*.py"]


def pytest_sessionstart():
    if not os.path.exists("/sys/module/openvswitch"):
        pytest.exit("no openvswitch.ko is loaded: see tests/kernel/conftest.py",
                    returncode=1)


@pytest.fixture(scope="module")
def lab():
    with Lab() as lab:
        # Sockets that have room for all that a test sends at a time: on a busy
        # machine ovs-vswitchd may not look before it is all there.
        lab.set("/proc/sys/net/core/rmem_default", 16 << 20)
        yield lab


@pytest.fixture
def dp():
    with Datapath() as dp:
        yield dp
