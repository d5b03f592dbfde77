# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""A mirror to a file: tasukid runs tasuki-capture, says how it is, and tells it
what was skipped."""

import json
import os
import re
import signal
import subprocess
import time

import pytest

from lab.lab import wait_for
from mirrorsite import MirrorSite

SIZE = 3 << 20


@pytest.fixture
def site(lab):
    site = MirrorSite(lab)
    site.folder = os.path.dirname(lab.path("files", "x"))
    site.serve()
    return site


def captures(site):
    """Returns the pids of tasuki-capture, by the folder that it writes to."""
    done = subprocess.run(["pgrep", "-f", "^tasuki-capture .*" + site.folder],
                          stdout=subprocess.PIPE, text=True, check=False)
    return [int(pid) for pid in done.stdout.split()]


def mirror(site, name="m", path="web.pcapng", **keys):
    site.mirror(name, "file:%s/%s" % (site.folder, path), threshold=100000,
                start="inline", events=site.events(name), **keys)


def show(site):
    return site.controller.appctl("mirror/show", check=False)


def download(site):
    with site.connect() as sock:
        sock.sendall(b"GET /length/%d HTTP/1.1\r\nHost: x\r\n\r\n" % SIZE)
        got = b""
        while len(got) < SIZE:
            data = sock.recv(1 << 20)
            assert data
            got += data


def comments(site, path="web.pcapng"):
    done = site.lab.run("tshark", "-r", os.path.join(site.folder, path), "-T",
                        "fields", "-e", "frame.comment")
    return [line for line in done.stdout.splitlines() if line]


def test_file(site):
    mirror(site)
    download(site)
    wait_for(lambda: re.search("file %s/web.pcapng: [1-9][0-9]* packets "
                               "written, 0 dropped" % site.folder,
                               show(site)), "packets")
    time.sleep(0.5)
    [pid] = captures(site)
    site.controller.ctl("del-mirror", "m")
    wait_for(lambda: not os.path.exists("/proc/%d" % pid), "its end")

    with open(site.events("m")) as f:
        [event] = [json.loads(line) for line in f]
    assert SIZE - 3000 < event["length"] < SIZE
    [comment] = comments(site)
    assert comment.startswith("%d bytes to the client" % event["length"])
    done = site.lab.run(
        "tshark", "-o", "http.desegment_body:FALSE", "-r",
        site.folder + "/web.pcapng", "-Y", "http", "-T", "fields", "-e",
        "http.request.uri", "-e", "http.response.code")
    assert done.stdout.split() == ["/length/%d" % SIZE, "200"]
    done = site.lab.run("capinfos", "-M", site.folder + "/web.pcapng")
    assert "Number of stat entries = 1" in done.stdout


def test_killed(site):
    """tasuki-capture starts again, with another file."""
    mirror(site)
    [pid] = captures(site)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: "web-000002" in show(site), "another file")
    site.wait_up()
    download(site)
    wait_for(lambda: comments(site, "web-000002.pcapng"), "the comment")
    site.controller.ctl("del-mirror", "m")
    wait_for(lambda: not captures(site), "its end")


def test_no_folder(site):
    os.rmdir(site.folder)
    site.controller.ctl("add-mirror", "m", "to=file:%s/x" % site.folder)
    wait_for(lambda: "No such file or directory"
             in site.status().get("reason", ""), "the reason")
    os.mkdir(site.folder)
    site.wait_up()


def test_tasukid_is_killed(site):
    mirror(site)
    [pid] = captures(site)
    site.controller.kill()
    wait_for(lambda: not os.path.exists("/proc/%d" % pid), "its end")
    site.lab.run("capinfos", site.folder + "/web.pcapng")
    site.controller.start()
    site.wait_up()
    wait_for(lambda: "web-000002" in show(site), "another file")
    assert len(captures(site)) == 1
