# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The service that the demo and the Mininet topology show."""

SERVICE = "10.0.0.1"
CLIENT = "10.0.0.100"

PICTURE = """\
                                     +-- server1  10.0.0.1   front page
   client --- ovs-vswitchd ----------+-- server2  10.0.0.1   /images/
 10.0.0.100        |                 +-- server3  10.0.0.3   video.example
                tasukid
"""

# Name: address (that of the service, or its own), files that it has.
SERVERS = {
    "server1": (SERVICE, ("index.html",)),
    "server2": (SERVICE, ("images/index.html",)),
    "server3": ("10.0.0.3", ("index.html",)),
}

# What to tell tasuki-ctl.  The server named first shakes hands.
CONFIGURATION = (
    "add-service web 10.0.0.1:80",
    "add-server web server1 ofport=1",
    "add-server web server2 ofport=2",
    "add-server web server3 address=10.0.0.3 ofport=3",
    "add-rule web priority=20 host=video.example server3",
    "add-rule web priority=10 path=/images/ server2",
)

# What to ask for, and which server should answer.
REQUESTS = (
    ("http://shop.example/", "server1"),
    ("http://shop.example/images/", "server2"),
    ("http://video.example/", "server3"),
)


def content(name):
    """Returns the files of server 'name', as Nginx() takes them."""
    return {path: "%s of %s\n" % (path, name) for path in SERVERS[name][1]}


def curl(url, *options):
    """Returns the command that asks the service for 'url', whose host no name
    server knows."""
    host = url.split("/")[2]
    return ["curl", "--silent", "--show-error", "--fail", "--max-time", "60",
            "--resolve", "%s:80:%s" % (host, SERVICE), *options, url]
