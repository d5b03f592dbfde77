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

# Name: address (that of the service, or its own), MAC, files that it has.
SERVERS = {
    "server1": (SERVICE, "02:00:00:00:00:01", ("index.html",)),
    "server2": (SERVICE, "02:00:00:00:00:02", ("images/index.html",)),
    "server3": ("10.0.0.3", "02:00:00:00:00:03", ("index.html",)),
}

# What to tell tasuki-ctl.  The server that is added first shakes hands.
CONFIGURATION = (
    "add-service web 10.0.0.1:80",
    "add-server web server1 mac=02:00:00:00:00:01 ofport=1",
    "add-server web server2 mac=02:00:00:00:00:02 ofport=2",
    "add-server web server3 address=10.0.0.3",
    "add-rule web server3 priority=20 host=video.example",
    "add-rule web server2 priority=10 path=/images/*",
)

# What to ask for, and which server should answer.
REQUESTS = (
    ("http://shop.example/", "server1"),
    ("http://shop.example/images/", "server2"),
    ("http://video.example/", "server3"),
)


def content(name):
    """Returns the files of server 'name', as Nginx() takes them."""
    return {path: "%s of %s\n" % (path, name) for path in SERVERS[name][2]}


def curl(url, *options):
    """Returns the command that asks the service for 'url', whose host no name
    server knows."""
    host = url.split("/")[2]
    return ["curl", "--silent", "--show-error", "--fail", "--max-time", "60",
            "--resolve", "%s:80:%s" % (host, SERVICE), *options, url]
