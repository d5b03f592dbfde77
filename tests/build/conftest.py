# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.

import pathlib
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """Where "make install" has put everything."""
    root = tmp_path_factory.mktemp("installed")
    done = subprocess.run(
        ["make", "-C", str(TOP), "install", "DESTDIR=%s" % root], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600,
        check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return root
