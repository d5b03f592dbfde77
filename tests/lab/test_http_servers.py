# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Heads of requests, valid and not, as nginx and Apache read them: where one of
them serves a request, the rules apply to the host and path that it sees."""

import itertools
import random
import re
import socket
import time

import pytest

from lab import Apache, Nginx
from lab.lab import wait_for

APACHE = """
UseCanonicalName Off
RewriteEngine On
RewriteRule ^ - [R=200,L]
Header always set X-Seen "expr=seen %{SERVER_NAME} %{REQUEST_URI} by"
"""
HOST = "h.example"

FIRST_LINES = [
    b"GET /two/x HTTP/1.1\r\n", b"GET /two/x HTTP/1.1\n",
    b"GET /two/x HTTP/1.0\r\n", b"GET /two/x HTTP/1.2\r\n",
    b"GET /two/x HTTP/1.11\r\n", b"GET /two/x HTTP/1.1  \r\n",
    b"GET  /two/x   HTTP/1.1\r\n", b"\r\n\r\nGET /two/x HTTP/1.1\r\n",
    b"GET /two/x\r\n", b"GET /two/x \n", b"GET /two/x HTTP/2.0\r\n",
    b"GET /two/x HTTP/0.9\r\n", b"GET /two/x http/1.1\r\n",
    b"LIST /two/x HTTP/1.1\r\n", b"QUERY /two/x HTTP/1.1\r\n",
    b"VERSION-CONTROL /two/x HTTP/1.1\r\n",
    b"RPC_IN_DATA /two/x HTTP/1.1\r\n", b"BAN /two/x HTTP/1.1\r\n",
    b"get /two/x HTTP/1.1\r\n", b"O{HAI /two/x HTTP/1.1\r\n",
    b"GET /two/x?y#z HTTP/1.1\r\n", b"GET /two/x#y?z HTTP/1.1\r\n",
    b"GET /one/x?/two/ HTTP/1.1\r\n", b"GET /two/\xc3\xa4 HTTP/1.1\r\n",
    b"GET /two/x y HTTP/1.1\r\n", b"GET /two/\x01 HTTP/1.1\r\n",
    b"GET /two/x\tHTTP/1.1\r\n", b"GET two/x HTTP/1.1\r\n",
    b"GET http://h.example/two/x HTTP/1.1\r\n",
    b"GET HTTP://H.example:80/two/x?y HTTP/1.1\r\n",
    b"GET http://h.example HTTP/1.1\r\n",
    b"GET http://h.example?/two/x HTTP/1.1\r\n",
    b"GET http://u@h.example/two/x HTTP/1.1\r\n",
    b"GET http://g.example/two/x HTTP/1.1\r\n",
    b"GET /two/x HTTP/1.1\r\r\n",
]
FIELDS = [
    b"Host: h.example\r\n", b"Host: g.example\r\n", b"host:h.example:80\n",
    b"Host: H.Example.\r\n", b"Host:\r\n", b"",
    b"Host: h.example\r\nHost: g.example\r\n",
    b"Host: h.example\r\nHost: h.example\r\n",
    b"Host: g.example:x@h.example\r\n", b"Host: h.example:x@g.example\r\n",
    b"Host: h.example\r\n x\r\n", b"Host : h.example\r\n",
    b"Host: h.example:80:90\r\n", b"Host: h.example/x\r\n",
]
MORE = [
    b"Bad{: x\r\nHost: h.example\r\n", b"Bad\x01: x\r\nHost: h.example\r\n",
    b"Bad: \x01\r\nHost: h.example\r\n", b"Bad\r\nHost: h.example\r\n",
    b": bad\r\nHost: h.example\r\n", b"Bad : x\r\nHost: h.example\r\n",
    b" Bad: x\r\nHost: h.example\r\n", b"A: b\r\n c\r\nHost: h.example\r\n",
    b"A: b\rc\r\nHost: h.example\r\n", b"A: b\r\r\nHost: h.example\r\n",
    b"A: b\0c\r\nHost: h.example\r\n",
    b"Content-Length: 0\r\nContent-Length: 0\r\nHost: h.example\r\n",
    b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"
    b"Host: h.example\r\n",
    b"Upgrade: x\r\nConnection: upgrade\r\nHost: h.example\r\n",
    b"A_b: c\r\nHost: h.example\r\n", b"A: \xc3\xa4\r\nHost: h.example\r\n",
]


def heads():
    for first, fields in itertools.chain(
            itertools.product(FIRST_LINES, FIELDS[:8]),
            itertools.product(FIRST_LINES[:2] + FIRST_LINES[28:29],
                              FIELDS[8:] + MORE)):
        yield first + fields + b"\r\n"


def exchange(namespace, address, *pieces):
    """Returns all that comes back from 'address'."""
    with namespace.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.settimeout(10)
        s.connect(address)
        answer = b""
        try:
            for i, piece in enumerate(pieces):
                time.sleep(0.01 if i else 0)
                s.sendall(piece)
            s.shutdown(socket.SHUT_WR)
            while True:
                more = s.recv(65536)
                if not more:
                    break
                answer += more
        except (ConnectionResetError, BrokenPipeError, OSError):
            # The server did not want to hear the rest.
            pass
    return answer


def seen(answer):
    """Returns the (host, path) that a server says it has seen, if it served the
    request, in lower case and without query, else None."""
    found = re.search(rb"seen (\S*) (\S+) by", answer)
    status = re.match(rb"HTTP/\S+ (\d+)", answer)
    if not found or (status and status[1] != b"200"):
        return None
    return (found[1].decode().lower(),
            re.split(rb"[?#]", found[2])[0])


def is_ambiguous(head):
    """Returns true if no rule may rely on the host of the request."""
    hosts = {line.partition(b":")[2].strip()
             for line in head.splitlines() if line.lower().startswith(b"host:")}
    return (b"://" not in head
            and (len(hosts) > 1 or any(b"@" in host for host in hosts)))


@pytest.fixture
def site_of_all(make_site):
    site = make_site(nginx=False, rules=False)
    for name in ("server1", "server2", "server3"):
        site.nginx[name] = Nginx(
            site.hosts[name], {},
            server="return 200 'seen $host $request_uri by %s\\n';" % name)
    site.controller.ctl("add-rule", "web", "server2", "host=" + HOST,
                        "path=/two/*")
    return site


def test_same_as_the_servers(site_of_all):
    site = site_of_all
    Nginx(site.client, {}, listen="81",
          server="server_name default.example; "
                 "return 200 'seen $host $request_uri by nginx\\n';")
    Apache(site.client, {"index.html": ""}, APACHE, modules=("headers",))
    random.seed(1)
    counts = {"nginx": 0, "apache": 0, "server1": 0, "server2": 0}
    wrong = []

    def chosen(*pieces):
        """Returns the servers that had a request."""
        before = {name: len(nginx.log()) for name, nginx in site.nginx.items()}
        exchange(site.client, ("10.0.0.1", 80), *pieces)
        wait_for(lambda: any(len(nginx.log()) > before[name]
                             for name, nginx in site.nginx.items()),
                 "a log line for %r" % (pieces,))
        return [name for name, nginx in site.nginx.items()
                if len(nginx.log()) > before[name]]

    for head in heads():
        views = {"nginx": seen(exchange(site.client, ("127.0.0.1", 81), head)),
                 "apache": seen(exchange(site.client, ("127.0.0.1", 80),
                                         head))}
        served = [view for view in views.values() if view]
        for name, view in views.items():
            counts[name] += view is not None
        if not served:
            continue
        by_rule = {host == HOST and path.startswith(b"/two/")
                   for host, path in served}
        expected = ["server2" if by_rule == {True} and not is_ambiguous(head)
                    else "server1"]
        counts[expected[0]] += 1
        cut = random.randrange(1, len(head))
        for pieces in ((head,), (head[:cut], head[cut:])):
            got = chosen(*pieces)
            if got != expected:
                wrong.append((pieces, views, got))
    assert not wrong
    assert counts["nginx"] > 100 and counts["apache"] > 50
    assert counts["server1"] > 20 and counts["server2"] > 50
