# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""A client and a server on a switch that mirrors, and a sensor that looks:

    client --- switch --- server
                  |
                sensor

What a mirror has to show is all that comes out of the switch at the ports of
others, in that order: a userspace datapath does not keep the order of packets
that it meets the first time.  What is flooded comes out of several ports, and
is shown once."""

import json
import os
import socket
import subprocess
import time

import mirrorcheck
from lab import Capture, Controller, Namespace, Switch
from lab.lab import wait_for
from lab.mirror import lengthen_queue
from lab.namespace import connect
from webtalk import Client

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENT, SERVER = "10.0.0.100", "10.0.0.1"
HTTP = "tcp,tp_dst=80"


class MirrorSite:
    """'cables' are options for impair.py, by name of host, 'mtu' is that of
    all hosts."""

    def __init__(self, lab, applications=("forward", "mirror"), cables=None,
                 mtu=None, other_config=None):
        self.lab = lab
        self.switch = Switch(lab, other_config=other_config)
        self.cables = {}
        cables = cables or {}
        self.client = self._attach("client", CLIENT, mtu, cables.get("client"))
        self.server = self._attach("server", SERVER, mtu, cables.get("server"))
        self.sensor = self.switch.attach("sensor", mtu=mtu)
        for host in self.client, self.sensor:
            self._no_offload(host)
        if not mtu or self.switch.datapath == "system":
            # What is under way at a time fits into what the kernel keeps until
            # ovs-vswitchd reads it: 200 kB for a port of a userspace datapath,
            # a segment of 1448 bytes being 2304 there, and 1 MB for what its
            # own datapath meets the first time.  It drops what comes on top.
            for host in self.client, self.server:
                host.sysctl({"net.ipv4.tcp_rmem": "4096 65536 131072"})
        for name in self.switch.hosts if mtu else ():
            self.switch.namespace.ip("link", "set", name, "mtu", mtu)
        self.controller = Controller(self.switch, applications)
        lengthen_queue(self.switch)
        self.truth, self.captures, self.paths = [], {}, {}
        self.snap = None
        # Hosts are known from now on: nothing is flooded.
        wait_for(lambda: not self.client.run(
            "ping", "-n", "-c", 1, "-W", 1, SERVER, check=False).returncode,
            "the server")

    def _no_offload(self, host):
        """What passes the host's port is as it would be on a wire, even if
        other hosts leave checksums and segmentation to the switch."""
        if self.switch.offload:
            for namespace, device in ((host, "eth0"),
                                      (self.switch.namespace, host.name)):
                namespace.run("ethtool", "-K", device, "tx", "off", "tso",
                              "off", "gso", "off", "gro", "off")

    def _many_slots(self, namespace, device):
        """A capture's ring has slots as large as the largest packet that the
        device may have, thus few for a device that takes whole segments of
        64 kB.  Those that it gives to the switch stay as large."""
        if self.switch.offload:
            namespace.run("ethtool", "-K", device, "tso", "off", "gso", "off",
                          "gro", "off")

    def _attach(self, name, address, mtu, cable):
        if not cable:
            return self.switch.attach(name, address + "/24", mtu=mtu)
        host = Namespace(self.lab, name)
        between = Namespace(self.lab, name + "-cable")
        connect(host, "eth0", between, "host")
        connect(self.switch.namespace, name, between, "switch")
        process = between.start(os.path.join(HERE, "impair.py"), "host",
                                "switch", *cable, stdout=subprocess.PIPE,
                                text=True)
        assert process.stdout.readline() == "ready\n"
        self.cables[name] = process
        self.switch.plug(host, address + "/24", mtu=mtu)
        return host

    def mirror(self, name="m", to="sensor", match=HTTP, **keys):
        """Adds a policy and waits until it works."""
        self.controller.ctl("add-mirror", name, "to=" + to, "match=" + match,
                            *["%s=%s" % item for item in keys.items()])
        self.wait_up(name)

    def wait_up(self, name="m"):
        wait_for(lambda: self.status(name).get("state") == "up",
                 "mirror " + name)

    def status(self, name="m"):
        """Returns what tasukid says about a policy."""
        text = self.controller.ctl("--format=json", "--columns=status",
                                   "find", "Mirror_Policy", "name=" + name)
        return dict(json.loads(text)["data"][0][0][1])

    def policies(self):
        """Returns the names of all policies."""
        text = self.controller.ctl("--format=json", "--columns=name", "list",
                                   "Mirror_Policy")
        return [row[0] for row in json.loads(text)["data"]]

    def another_sensor(self, name):
        """Returns one more sensor, at a port of that name."""
        if name not in self.switch.hosts:
            self._no_offload(self.switch.attach(name))
        return self.switch.hosts[name]

    def told(self, name="m"):
        """Returns what was said to be left out of policy 'name', which has an
        events= of events(), as check() takes it."""
        with open(self.events(name)) as f:
            lines = [json.loads(line) for line in f]
        return [(line["client_port"], line["direction"], line["first"],
                 line["length"], line["seq"]) for line in lines]

    def events(self, name="m"):
        return self.lab.path("events-" + name)

    def serve(self):
        """Starts the server of webtalk.py."""
        process = self.server.start(os.path.join(HERE, "webtalk.py"), 80,
                                    stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        return process

    def connect(self, port=80):
        sock = self.client.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.settimeout(60)
        sock.connect((SERVER, port))
        return sock

    def talk(self):
        """Returns a Client of the server."""
        return Client(self.connect())

    def watch(self, expression="", snaplen=0, sensors=None):
        """Begins to look at the ports of hosts and at 'sensors', a dictionary
        of (namespace, interface), by default the sensor alone."""
        self.snap = snaplen or None
        sensors = ({"sensor": (self.sensor, "eth0")} if sensors is None
                   else sensors)
        watched = [namespace for namespace, _ in sensors.values()]
        for place in [(self.switch.namespace, name) for name, host
                      in self.switch.hosts.items() if host not in watched
                      ] + list(sensors.values()):
            self._many_slots(*place)
        self.truth = [Capture(self.switch.namespace, name, expression, snaplen,
                              "out")
                      for name, host in self.switch.hosts.items()
                      if host not in watched]
        self.captures = {
            name: Capture(namespace, interface, "", snaplen)
            for name, (namespace, interface) in sensors.items()}

    def seen(self, settle=0.3):
        """Ends that and returns lists of Packets by name; "truth" is of the
        ports together."""
        time.sleep(settle)
        result = {"truth": mirrorcheck.merge(
            [self._packets(capture) for capture in self.truth])}
        for name, capture in self.captures.items():
            result[name] = self._packets(capture)
        self.paths = {name: capture.path for name, capture
                      in self.captures.items()}
        return result

    def _packets(self, capture):
        path = capture.stop(0)
        assert capture.dropped() == 0
        return mirrorcheck.read(path, self.snap)

    def judge(self, settle=0.3, told=None, **kwargs):
        """Ends that, and returns what mirrorcheck says about the sensor's
        part, which must be nothing bad.  'told' is a function: told().  The
        last of a connection is told some time after its end."""
        seen = self.seen(settle)
        deadline = time.monotonic() + 10
        while True:
            report = mirrorcheck.check(seen["truth"], seen["sensor"],
                                       told=told and told(), **kwargs)
            if time.monotonic() > deadline or not any(
                    "nobody said so" in problem
                    for problem in report.problems):
                break
            time.sleep(0.2)
        assert not report.problems, "\n".join(report.problems[:20])
        return report
