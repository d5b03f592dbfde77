# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""What all lab tests share.  Run them with the distribution's Python:

    /usr/bin/python3 -m pytest tests/lab
"""

import glob
import hashlib
import os
import re
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "utilities", "labs"), HERE]

from lab import Lab  # noqa: E402
from labsite import BIG, Site  # noqa: E402

# Never to be seen in a log, whatever a test does.
TROUBLE = re.compile(r"\|(EMER|ERR)\||assertion .* failed|Sanitizer")


class Big:
    """Data that is large enough to meet every state of a connection."""

    def __init__(self, directory):
        self.data = os.urandom(BIG)
        self.digest = hashlib.sha256(self.data).hexdigest()
        self.path = str(directory / "big.bin")
        with open(self.path, "wb") as f:
            f.write(self.data)


@pytest.fixture(scope="session")
def big(tmp_path_factory):
    return Big(tmp_path_factory.mktemp("big"))


def _lab(request):
    with Lab() as lab:
        lab.sites = []
        yield lab
        failed = getattr(request.node, "failed", False)
        if failed:
            for site in lab.sites:
                print(site.controller.appctl("service/stats", check=False))
        logs = _logs(lab)
        for name, lines in logs.items():
            if failed:
                # What the switch says when it starts is of no interest.
                lines = [line for line in lines[-60:] if "tasukid" in name
                         or not re.search(r"\|(INFO|DBG)\|", line)]
                print("--- %s\n%s" % (name, "".join(lines)))
        trouble = ["%s: %s" % (name, line) for name, lines in logs.items()
                   for line in lines if TROUBLE.search(line)]
    assert not trouble


lab = pytest.fixture(_lab)

# One for all tests of a file.
shared_lab = pytest.fixture(_lab, scope="module", name="shared_lab")


@pytest.fixture
def make_site(lab):
    """A function that makes a Site of its arguments."""
    def make(**kwargs):
        site = Site(lab, **kwargs)
        lab.sites.append(site)
        return site
    return make


@pytest.fixture
def site(make_site):
    return make_site()


def _logs(lab):
    logs = {}
    for path in sorted(glob.glob(lab.directory + "/*/run/*.log")
                       + glob.glob(lab.directory + "/*/run/*.out")):
        with open(path, errors="replace") as f:
            logs[os.path.basename(path)] = f.readlines()
    return logs


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when in ("setup", "call") and outcome.get_result().failed:
        item.failed = item.getparent(pytest.Module).failed = True
