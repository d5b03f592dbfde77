# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""tasuki-ipsec on a kernel that has ESP: in a guest,

    utilities/labs/uml /usr/bin/python3 -m pytest tests/ipsec
"""

import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "utilities", "labs"), HERE]

from lab import Lab  # noqa: E402
from routers import Routers  # noqa: E402


def pytest_sessionstart():
    if not os.path.exists("/proc/net/xfrm_stat"):
        pytest.exit("this kernel has no IPsec: see tests/ipsec/conftest.py",
                    returncode=1)


@pytest.fixture(scope="module")
def lab():
    with Lab() as lab:
        yield lab


@pytest.fixture(scope="module")
def all_routers(lab):
    return Routers(lab)


@pytest.fixture
def routers(all_routers):
    all_routers.clean()
    return all_routers
