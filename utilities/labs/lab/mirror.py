# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The mirror paper's site: a client, a web server, and two sensors, of which
one gets everything and the other only what says what was going on."""

import hashlib
import os

from .controller import Controller
from .lab import wait_for
from .servers import Nginx
from .switch import Switch

SERVER, CLIENT = "10.0.0.1", "10.0.0.100"
SENSORS = ("whole", "selective")

PICTURE = """\
                     +-- whole       a sensor that gets all of it
   client --- ovs-vswitchd --- server
 10.0.0.100    |     |        10.0.0.1
            tasukid  +-- selective   one that gets every head, and no bulk
"""

BIG = 36 * 1000 * 1000

FILES = {"index.html": "The small page.\n", "about.html": "Another one.\n"}

# No body is long enough to be left out for the first sensor.
CONFIGURATION = (
    "add-mirror whole match=tcp,tp_dst=80 to=whole threshold=4294967295",
    "add-mirror selective match=tcp,tp_dst=80 to=selective start=inline",
)

# One connection, as browsers do.
SESSION = ("index.html", "big.bin", "about.html", "big.bin")


def url(path):
    return "http://%s/%s" % (SERVER, path)


def tshark(path):
    """Returns the command that lists all HTTP heads of capture file 'path'.
    By default tshark waits for a body to be complete before it shows the
    head, and takes a short last segment of a body for the beginning of the
    next head."""
    return ["tshark", "-n", "-r", path, "-o", "http.desegment_body:FALSE",
            "-o", "http.desegment_headers:FALSE", "-Y", "http.request or http.response", "-T", "fields", "-e",
            "frame.number", "-e", "_ws.col.Info"]


def write_big(path):
    """Writes the big file and returns its SHA-256."""
    digest = hashlib.sha256()
    with open(path, "wb") as f:
        for _ in range(BIG // 1000000):
            block = os.urandom(1000000)
            digest.update(block)
            f.write(block)
    return digest.hexdigest()


class Site:
    """The site, with what tasuki-ctl is to be told."""

    def __init__(self, lab, configuration=CONFIGURATION, sensors=SENSORS):
        self.lab = lab
        self.big = lab.path("big.bin")
        self.digest = write_big(self.big)
        self.switch = Switch(lab)
        self.client = self.switch.attach("client", CLIENT + "/24")
        self.server = self.switch.attach("server", SERVER + "/24")
        self.sensors = {name: self.switch.attach(name) for name in sensors}
        self.nginx = Nginx(self.server, FILES)
        os.symlink(self.big, os.path.join(self.nginx.directory, "www",
                                          "big.bin"))
        self.controller = Controller(self.switch, ("forward", "mirror"))
        lengthen_queue(self.switch)
        for command in configuration:
            self.controller.ctl(*command.split())
        wait_up(self.controller)

    def fetch(self, *paths):
        """Asks for 'paths' on one connection and returns the digests of what
        came."""
        files = [self.lab.path("got%d" % i) for i in range(len(paths))]
        arguments = []
        for path, file in zip(paths, files):
            arguments += ["--output", file, url(path)]
        self.client.run("curl", "--silent", "--show-error", "--fail",
                        "--max-time", 60, *arguments)
        digests = []
        for file in files:
            with open(file, "rb") as f:
                digests.append(hashlib.file_digest(f, "sha256").hexdigest())
        return digests


def lengthen_queue(switch):
    """Has the switch keep more packets for tasukid: it drops held ones that it
    has no room for, and their sender says them again."""
    switch.vsctl("set", "controller", switch.bridge,
                 "controller_queue_size=512")


def wait_up(controller):
    """Waits until all mirrors work."""
    def down():
        text = controller.ctl("--format=csv", "--no-headings",
                              "--columns=status", "list", "Mirror_Policy")
        return [line for line in text.splitlines() if "state=up" not in line]
    wait_for(lambda: not down(), "mirrors")
