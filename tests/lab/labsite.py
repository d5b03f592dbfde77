# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The site that the lab tests are about: a client, the service, its servers.

    client --- switch --- server1  10.0.0.1   /            shakes hands
                      --- server2  10.0.0.1   /two/*       shares the address
                      --- server3  10.0.0.3   /three/*     has its own
"""

import hashlib
import json
import os
import socket
import subprocess

from lab import Capture, Controller, Namespace, Nginx, Switch, segment
from lab.lab import wait_for
from lab.namespace import connect

HERE = os.path.dirname(os.path.abspath(__file__))
SERVICE = "10.0.0.1"
CLIENT = "10.0.0.100"
SERVERS = {"server1": SERVICE, "server2": SERVICE, "server3": "10.0.0.3"}
PATHS = {"server1": "/", "server2": "/two/", "server3": "/three/"}
BIG = 10 << 20
ROUTER_MTU = 1000


def mac(name):
    return "02:00:00:00:00:0%s" % name[-1]


class Site:
    """'sysctls' is a dictionary of dictionaries by host name ("route" in it is
    what to append to the host's route), 'mtu' one of numbers, 'cables' one of
    options for impair.py, for the cable between that host and the switch.
    'routers' are names of hosts behind a router that cuts what is longer than
    ROUTER_MTU on its way from there to the switch.  'service' are more columns
    of the service, 'servers' which servers take part, and 'applications' what
    tasukid runs."""

    def __init__(self, lab, sysctls=None, mtu=None, cables=None, routers=(),
                 service=(), servers=tuple(SERVERS), nginx=True, rules=True,
                 applications=("forward", "handover")):
        self.lab = lab
        self.switch = Switch(lab)
        self.cables = {}
        self.routers = {}
        sysctls, mtu, cables = sysctls or {}, mtu or {}, cables or {}
        self.hosts = {}
        addresses = dict({name: SERVERS[name] for name in servers},
                         client=CLIENT)
        for name, address in addresses.items():
            settings = dict(sysctls.get(name, {}))
            route = settings.pop("route", None)
            host = (self._attach_router(name, address, settings)
                    if name in routers else
                    self._attach(name, address + "/24", settings,
                                 mtu.get(name), cables.get(name)))
            if route:
                host.ip("route", "replace", "10.0.0.0/24", "dev", "eth0",
                        "src", address, *route.split())
            self.hosts[name] = host
        self.client = self.hosts["client"]
        self.nginx = {name: Nginx(self.hosts[name],
                                  {"index.html": name + "\n"})
                      for name in servers if nginx}
        self.controller = Controller(self.switch, applications)
        self.configure(servers, service, rules)

    def _attach(self, name, address, sysctls, mtu, cable):
        number = mac(name) if name in SERVERS else None
        if not cable:
            return self.switch.attach(name, address, mac=number, mtu=mtu,
                                      sysctls=sysctls)
        host = Namespace(self.lab, name, **(sysctls or {}))
        between = Namespace(self.lab, name + "-cable")
        connect(host, "eth0", between, "host")
        connect(self.switch.namespace, name, between, "switch")
        process = between.start(os.path.join(HERE, "impair.py"), "host",
                                "switch", *cable, stdout=subprocess.PIPE,
                                text=True)
        assert process.stdout.readline() == "ready\n"
        self.cables[name] = process
        self.switch.plug(host, address, mac=number, mtu=mtu)
        return host

    def _attach_router(self, name, address, sysctls):
        """The router answers ARP for either side (RFC 1027), so that neither
        knows about it."""
        host = Namespace(self.lab, name, **sysctls)
        router = Namespace(self.lab, name + "-router", **{
            "net.ipv4.ip_forward": 1, "net.ipv4.conf.all.proxy_arp": 1,
            "net.ipv4.conf.all.rp_filter": 0,
            "net.ipv4.conf.default.rp_filter": 0,
            "net.ipv4.conf.all.send_redirects": 0})
        connect(host, "eth0", router, "inside")
        host.ip("address", "add", address + "/24", "dev", "eth0")
        host.address, host.port = address, len(self.switch.hosts) + 1
        connect(router, "eth0", self.switch.namespace, name)
        router.sysctl({"net.ipv4.neigh.%s.proxy_delay" % eth: 0
                       for eth in ("eth0", "inside")})
        self.routers[name] = router
        router.name = name
        self.switch.plug(router, "10.0.0.%d/24" % (200 + host.port),
                         mac=mac(name) if name in SERVERS else None)
        host.mac = router.mac
        router.ip("route", "replace", "10.0.0.0/24", "dev", "eth0", "mtu",
                  "lock", str(ROUTER_MTU))
        router.ip("route", "add", address, "dev", "inside")
        return host

    def configure(self, servers, service, rules):
        ctl = self.controller.ctl
        ctl("add-service", "web", SERVICE + ":80", *service)
        for name in servers:
            if SERVERS[name] == SERVICE:
                ctl("add-server", "web", name, "mac=" + mac(name),
                    "ofport=" + name)
            else:
                ctl("add-server", "web", name, "address=" + SERVERS[name])
        for name in servers[1:] if rules else ():
            ctl("add-rule", "web", name, "path=%s*" % PATHS[name])
        wait_for(lambda: SERVICE in "".join(self.switch.dump_flows()),
                 "flows of the service")

    def publish(self, path, data):
        """Puts a file of 'data' on every server, where its rule looks."""
        for name, nginx in self.nginx.items():
            target = nginx.directory + "/www" + PATHS[name] + path
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as f:
                f.write(data)

    def curl(self, path, *options, check=True, timeout=60):
        """Returns a Response of the service."""
        done = self.client.run(
            "curl", "-sS", "--max-time", timeout, "-o",
            self.lab.path("body"), "-D", "-", *options,
            "http://" + SERVICE + path, check=check, timeout=timeout + 10)
        return Response(done, self.lab.path("body"))

    def connect(self, timeout=10):
        """Returns a TCP connection of the client's to the service."""
        s = self.client.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.settimeout(timeout)
        s.connect((SERVICE, 80))
        return s

    def load(self, *argv, timeout=120):
        """Runs load.py as the client and returns what it says."""
        done = self.client.run(os.path.join(HERE, "load.py"), SERVICE, *argv,
                               timeout=timeout)
        return json.loads(done.stdout)

    def capture(self, *names):
        """Starts to capture TCP at hosts, by default at all."""
        return {name: Capture(self.hosts[name], "eth0", "tcp")
                for name in names or self.hosts}

    @staticmethod
    def captured(captures):
        """Ends 'captures' and returns lists of segments by name.  A capture
        that is not complete fails the test: what it lacks might be what is
        wrong."""
        result = {}
        for name, capture in captures.items():
            result[name] = segment.segments(capture.stop())
            assert capture.dropped() == 0
        return result

    def cable_report(self, name):
        """Ends the bad cable of host 'name' and returns what it did."""
        process = self.cables.pop(name)
        process.terminate()
        return json.loads(process.stdout.readline())

    def wait_no_connections(self, timeout=20):
        wait_for(lambda: not self.controller.connections(),
                 "the end of all connections", timeout)


class Response:
    """What curl got."""

    def __init__(self, done, body):
        self.status = None
        self.headers = {}
        self.returncode = done.returncode
        for line in done.stdout.splitlines():
            if line.startswith("HTTP/"):
                self.status = int(line.split()[1])
            elif ": " in line:
                key, value = line.split(": ", 1)
                self.headers[key.lower()] = value
        self.server = self.headers.get("x-served-by")
        self.body_path = body

    def digest(self):
        return file_digest(self.body_path)

    def uploaded(self):
        """Returns the digest of the body that the server got."""
        return file_digest(self.headers["x-body-file"])


def file_digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
