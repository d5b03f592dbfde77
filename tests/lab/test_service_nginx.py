# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""nginx, which knows nothing of scope ids, for tenants that all have the same
addresses: tasuki-links shows it each link as a network of its own."""

import os

import pytest

from lab.lab import REPOSITORY, wait_for
from tenantlinks import Links

TASUKI_LINKS = os.path.join(REPOSITORY, "build", "bin", "tasuki-links")
MAP = "em#=fd00:0:1::/48"

# em0 by a server of its own, the others by the network that the client is in,
# known or not; the location that is closed is open for em12 only, and what is
# on no link that was mapped, as veth1 is, is nobody's.
CONF = """\
daemon off;
user root;
worker_processes {workers};
pid {directory}/nginx.pid;
error_log {directory}/error.log info;
events {{ worker_connections 1024; }}
http {{
    log_format tenants '$remote_addr $server_addr "$request" $status';
    access_log {directory}/access.log tenants;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    geo $known {{
        default nobody;
        fd00:0:1:12::/64 em12;
        fd00:0:1:9999::/64 em9999;
    }}
    map $remote_addr $tenant {{
        default nobody;
        ~^fd00:0:1:(?<number>[0-9]+): em$number;
    }}
    server {{
        listen [::]:80 default_server;
        root {directory}/www/$tenant;
        location = /known {{ return 200 $known; }}
        location /closed/ {{
            allow fd00:0:1:12::/64;
            deny all;
        }}
    }}
    server {{
        listen [fd00:0:1:0::c0a8:64]:80;
        root {directory}/www/em0;
        location = /known {{ return 200 em0; }}
        location /closed/ {{ return 403; }}
    }}
}}
"""


class Nginx:
    def __init__(self, links, workers):
        host = links.service
        self.directory = host.lab.path("nginx", "")[:-1]
        self.lab = host.lab
        for name in ("em0", "em12", "em9999", "nobody"):
            self.publish(name)
        conf = self.directory + "/nginx.conf"
        with open(conf, "w") as f:
            f.write(CONF.format(directory=self.directory, workers=workers))
        host.start(TASUKI_LINKS, MAP, "nginx", "-c", conf, "-e",
                   self.directory + "/error.log", log="nginx/out")
        wait_for(lambda: host.run("ss", "-Hltn", "sport = 80").stdout, "nginx")

    def publish(self, name):
        """Makes pages that say 'name' for the tenant that has it."""
        for page in ("index.html", "closed/index.html"):
            with open(self.lab.path("nginx", "www", name, page), "w") as f:
                f.write(name + "\n")

    def log(self, name="access.log"):
        with open(os.path.join(self.directory, name)) as f:
            return f.read().splitlines()


@pytest.fixture
def links(lab):
    return Links(lab, ("em0", "em12", "em9999", "veth1"))


def test_nginx(links):
    """Virtual servers, variables, access lists and the log."""
    nginx = Nginx(links, workers=1)
    expected = dict(links.each(), veth1="nobody")
    assert links.ask("/") == expected
    assert links.ask("/known") == expected
    assert links.ask("/closed/", "-o", "/dev/null", "-w", "%{http_code}") == {
        "em0": "403", "em12": "200", "em9999": "403", "veth1": "403"}
    # Who waits for a request logs it when it has ended.
    wait_for(lambda: len(nginx.log()) == 12, "the log")
    assert nginx.log()[:4] == [
        "%s::c0a8:a %s::c0a8:64 \"GET / HTTP/1.1\" 200" % (network, network)
        for network in ("fd00:0:1", "fd00:0:1:12", "fd00:0:1:9999", "fe80")]


def test_load(links):
    """Several processes, many connections at a time."""
    Nginx(links, workers=3)
    expected = {name: {text} for name, text
                in dict(links.each(), veth1="nobody").items()}
    assert links.hammer("/") == expected


def test_plugged(links):
    """Links come and go while nginx runs, which is not told."""
    nginx = Nginx(links, workers=1)
    host = links.unplug("em12")
    nginx.publish("em7")
    links.plug("em7", host)
    assert links.curl("em7", "/") == "em7\n"
    host = links.unplug("em7")
    links.plug("em12", host)
    assert links.curl("em12", "/") == "em12\n"
    assert not [line for line in nginx.log("error.log")
                if "[alert]" in line or "[emerg]" in line]
