# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Samba for tenants that all have the same addresses: folders and access by
link, with tasuki-links and what Samba has for networks."""

import os

import pytest

from lab.lab import REPOSITORY, wait_for
from tenantlinks import SERVICE, Links

TASUKI_LINKS = os.path.join(REPOSITORY, "build", "bin", "tasuki-links")

# %i is the address that the client has connected to.
CONF = """\
[global]
    server role = standalone server
    map to guest = Bad User
    guest account = root
    disable netbios = yes
    smb ports = 445
    lock directory = {directory}/lock
    state directory = {directory}/state
    cache directory = {directory}/cache
    private dir = {directory}/private
    pid directory = {directory}/pid
    ncalrpc dir = {directory}/ncalrpc
    log file = {directory}/log
    logging = file
    load printers = no
    printcap name = /dev/null
[files]
    path = {directory}/shares/%i
    guest ok = yes
    read only = no
[em12]
    path = {directory}/shares/%i
    guest ok = yes
    hosts allow = fd00:0:1:12::/64
"""

# Where each link's folder is.
FOLDERS = {"em0": "fd00:0:1::c0a8:64", "em12": "fd00:0:1:12::c0a8:64",
           "em3": "fd00:0:1:3::c0a8:64"}


@pytest.fixture
def links(lab):
    links = Links(lab, (*FOLDERS, "veth1"))
    directory = lab.path("samba", "")[:-1]
    for name in ("lock", "state", "cache", "private", "pid", "ncalrpc"):
        os.mkdir(os.path.join(directory, name))
    for name, folder in FOLDERS.items():
        with open(lab.path("samba", "shares", folder, "who"), "w") as f:
            f.write(name)
    with open(lab.path("samba", "smb.conf"), "w") as f:
        f.write(CONF.format(directory=directory))
    links.service.start(
        TASUKI_LINKS, "em#=fd00:0:1::/48", "smbd", "--foreground",
        "--no-process-group", "-s", directory + "/smb.conf", log="smbd.out")
    wait_for(lambda: links.service.run("ss", "-Hltn", "sport = 445").stdout,
             "smbd")
    return links


def smb(links, name, share, *commands):
    """Runs smbclient at 'name' and returns its output, errors and all."""
    done = links.clients[name].run(
        "smbclient", "-N", "-s", "/dev/null", "-I", SERVICE + "%eth0",
        "//server/" + share, "-c", ";".join(commands), check=False,
        cwd=links.lab.directory)
    return done.stdout + done.stderr


def test_samba(links):
    """The same share of the same server is each tenant's own."""
    for name in FOLDERS:
        source = links.lab.path("from-" + name)
        with open(source, "w") as f:
            f.write("written by " + name)
        assert "putting file" in smb(links, name, "files",
                                     "put %s written" % source)
    for name in FOLDERS:
        target = links.lab.path("to-" + name)
        smb(links, name, "files", "get who %s" % target)
        with open(target) as f:
            assert f.read() == name
        smb(links, name, "files", "get written %s" % target)
        with open(target) as f:
            assert f.read() == "written by " + name
        assert ("getting file" in smb(links, name, "em12", "get who -")) == (
            name == "em12")
    # On a link that is in no map, there is nothing.
    assert "NT_STATUS" in smb(links, "veth1", "files", "ls")
    assert "NT_STATUS_ACCESS_DENIED" in smb(links, "veth1", "em12", "ls")
