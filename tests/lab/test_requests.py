# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Requests as they really arrive: in pieces, twice, many at once, late."""

import hashlib
import socket
import time

import pytest

from lab.lab import wait_for
from tcpcheck import check_moved

REQUEST = (b"GET /two/page?x=1 HTTP/1.1\r\nHost: www.example\r\n"
           b"User-Agent: test\r\nAccept: */*\r\nConnection: close\r\n\r\n")


def read_all(s):
    data = b""
    while True:
        more = s.recv(65536)
        if not more:
            return data
        data += more


def read_response(f):
    """Reads one response from file object 'f': (server, body)."""
    assert f.readline().startswith(b"HTTP/1.1 200 ")
    headers = {}
    while True:
        line = f.readline().strip()
        if not line:
            break
        key, value = line.lower().split(b": ", 1)
        headers[key] = value
    body = f.read(int(headers[b"content-length"]))
    return headers[b"x-served-by"].decode(), body


@pytest.mark.parametrize("pieces", (
    (5,), (14,), (16, 17), (18, 60), (len(REQUEST) - 1,),
    (len(REQUEST) - 4, len(REQUEST) - 2)), ids=str)
def test_split(site, pieces):
    captures = site.capture()
    s = site.connect()
    edges = (0,) + pieces + (len(REQUEST),)
    for start, end in zip(edges, edges[1:]):
        s.sendall(REQUEST[start:end])
        time.sleep(0.03)
    assert b"X-Served-By: server2" in read_all(s)
    s.close()
    check_moved(site.captured(captures), "server2")


def test_one_byte_each(site):
    captures = site.capture()
    s = site.connect()
    for i in range(len(REQUEST)):
        s.sendall(REQUEST[i:i + 1])
        time.sleep(0.002)
    assert b"X-Served-By: server2" in read_all(s)
    s.close()
    captured = site.captured(captures)
    client, _, _ = check_moved(captured, "server2")
    assert len([x for x in client.up if x.payload]) > len(REQUEST) / 2


def test_retransmitted_while_held(site):
    """The client hears nothing of the first half of its request, and sends it
    again and again; the server gets everything once."""
    captures = site.capture()
    s = site.connect()
    site.client.run("nft", "add table ip t; add chain ip t in { type filter "
                    "hook input priority 0; }; add rule ip t in tcp sport 80 "
                    "drop")
    s.sendall(REQUEST[:40])
    time.sleep(1.5)
    site.client.run("nft", "delete table ip t")
    s.sendall(REQUEST[40:])
    response = read_all(s)
    assert b"X-Served-By: server2" in response
    s.close()
    client, _, _ = check_moved(site.captured(captures), "server2")
    first = [x for x in client.up if x.payload and x.seq == client.syn.seq + 1]
    assert len(first) > 1, "nothing was retransmitted: the test shows nothing"
    assert site.nginx["server2"].log()[0].split()[-2] == str(len(REQUEST))


def test_keep_alive(site):
    """A connection moves once: later requests go where it is."""
    s = site.connect()
    f = s.makefile("rb")
    for path in (b"/two/", b"/", b"/three/", b"/two/again") * 5:
        s.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_response(f) == ("server2", b"server2\n")


def test_pipelined(site):
    s = site.connect()
    f = s.makefile("rb")
    s.sendall(b"".join(b"GET /two/%d HTTP/1.1\r\nHost: a\r\n\r\n" % i
                       for i in range(50)))
    for _ in range(50):
        assert read_response(f) == ("server2", b"server2\n")
    log = [line.split('"')[1] for line in site.nginx["server2"].log()]
    assert log == ["GET /two/%d HTTP/1.1" % i for i in range(50)]


def test_request_and_fin(site):
    """A client that says all it has to say at once, and that it is done."""
    s = site.connect()
    s.sendall(REQUEST)
    s.shutdown(socket.SHUT_WR)
    assert b"X-Served-By: server2" in read_all(s)
    s.close()
    site.wait_no_connections()


def test_fin_without_request(site):
    s = site.connect()
    s.shutdown(socket.SHUT_WR)
    assert read_all(s) == b""
    s.close()
    site.wait_no_connections()


@pytest.mark.parametrize("wait", (False, True), ids=("at-once", "after-move"))
def test_body(site, big, wait):
    """A large body right behind the head, where much of it has to be held, or
    only after the connection has moved."""
    s = site.connect()
    head = ("POST /two/upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
            "Content-Length: %d\r\n\r\n" % len(big.data)).encode()
    if wait:
        s.sendall(head)
        wait_for(lambda: any("server2" in line for line in
                             site.controller.connections()), "the move")
        s.sendall(big.data)
    else:
        s.sendall(head + big.data)
    response = read_all(s).decode()
    assert "X-Served-By: server2" in response
    path = next(line.split(": ")[1] for line in response.splitlines()
                if line.startswith("X-Body-File"))
    with open(path, "rb") as f:
        assert hashlib.file_digest(f, "sha256").hexdigest() == big.digest


def test_head_larger_than_limit(make_site):
    """No decision within the limit: the default server answers, and gets
    every byte."""
    site = make_site(service=("inspect-bytes=2000",))
    options = [x for i in range(60)
               for x in ("-H", "X-Filler-%d: %s" % (i, "x" * 50))]
    response = site.curl("/", *options)
    assert response.server == "server1"
    # What can be decided within the limit is.
    assert site.curl("/two/").server == "server2"


def test_long_head(site):
    """A head of several segments, the last of which decides."""
    site.controller.ctl("add-rule", "web", "server3", "priority=9",
                        "header:X-Last=three")
    options = [x for i in range(60)
               for x in ("-H", "X-Filler-%d: %s" % (i, "x" * 80))]
    response = site.curl("/", *options, "-H", "X-Last: three")
    assert response.server == "server3"


def test_late_request(make_site):
    """The time in which a request must be complete starts with its first
    byte: browsers open connections before they need them."""
    site = make_site(service=("inspect-timeout=500",))
    s = site.connect()
    time.sleep(1.5)
    s.sendall(REQUEST)
    assert b"X-Served-By: server2" in read_all(s)


def test_silent_client(make_site):
    """Who never says anything is sent away, and nothing is left."""
    site = make_site(service=("idle-timeout=2",))
    s = site.connect()
    assert len(site.controller.connections()) == 1
    with pytest.raises(ConnectionResetError):
        s.recv(100)
    assert not site.controller.connections()
    wait_for(lambda: not site.hosts["server1"].run(
        "ss", "-Htn", "state", "connected").stdout, "server1 forgets")


def test_half_a_request_in_time(make_site):
    site = make_site(service=("inspect-timeout=500",))
    s = site.connect()
    s.sendall(REQUEST[:10])
    time.sleep(1.5)
    s.sendall(REQUEST[10:])
    assert b"X-Served-By: server1" in read_all(s)


@pytest.mark.parametrize("garbage", (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    b"\r\n" * 100, b"\0" * 100, b"GET\r\n\r\n", b"SSH-2.0-test\r\n",
    b"GET /two/ HTTP/x.9\r\n\r\n", b"GET /two/\x00 HTTP/1.1\r\n\r\n"),
    ids=lambda g: repr(g[:8]))
def test_not_http(site, garbage):
    """What cannot be understood is for the default server to refuse."""
    s = site.connect()
    s.sendall(garbage)
    s.shutdown(socket.SHUT_WR)
    read_all(s)
    s.close()
    assert len(site.nginx["server1"].log()) <= 1
    assert not site.nginx["server2"].log()
    assert site.curl("/two/").server == "server2"
