#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""A web server that frames its responses as it is told to, right or wrong, and
a client that asks for many on one connection, one after the other or several
at once.

    /length/N       a body of N bytes with Content-Length
    /chunked/N/S    in chunks of S bytes
    /close/N        until the connection closes
    /lie/P/N        N bytes, of which Content-Length promises P
    /twice/N        Content-Length twice, with different lengths
    /status/S/N     status S, which has no body; Content-Length says N
    /early/N        as /length/N, after 103 Early Hints
    /cut/I/N        as /length/N, with a pause after I bytes of the response

A POST or PUT is answered with the SHA-256 of its body."""

import hashlib
import random
import socket
import sys
import threading
import time

_BLOCK = random.Random(1).randbytes(1 << 19).hex().encode()
PAUSE = 0.01


def body(n):
    """Returns the body that has 'n' bytes."""
    return (_BLOCK * (n // len(_BLOCK) + 1))[:n]


class _Reader:
    """What comes from a socket, by lines and lengths."""

    def __init__(self, sock):
        self.sock = sock
        self.data = bytearray()

    def more(self):
        data = self.sock.recv(1 << 18)
        self.data += data
        return bool(data)

    def head(self):
        """Returns the first line and a dictionary of the fields, or None if
        there is nothing more."""
        while b"\r\n\r\n" not in self.data:
            if not self.more():
                return None
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        return first, {name.lower(): value.strip() for name, _, value in
                       (line.partition(":") for line in lines)}

    def take(self, n):
        while len(self.data) < n:
            if not self.more():
                raise EOFError("%d of %d bytes" % (len(self.data), n))
        result = bytes(self.data[:n])
        del self.data[:n]
        return result

    def line(self):
        while b"\r\n" not in self.data:
            if not self.more():
                raise EOFError("no line")
        line, _, self.data = self.data.partition(b"\r\n")
        return bytes(line)

    def rest(self):
        while self.more():
            pass
        return bytes(self.data)

    def chunks(self):
        result = []
        while True:
            size = int(self.line().split(b";")[0], 16)
            result.append(self.take(size))
            self.take(2)
            if not size:
                return b"".join(result)


def in_chunks(data, size):
    return b"".join(b"%x\r\n%s\r\n" % (len(data[i:i + size]), data[i:i + size])
                    for i in range(0, len(data), size)) + b"0\r\n\r\n"


def _answer(sock, kind, args):
    """Sends the response; returns false if the connection is to be closed."""
    def send(fields, data=b"", status="200 OK"):
        sock.sendall(("HTTP/1.1 %s\r\n%s\r\n" % (status, "".join(
            field + "\r\n" for field in fields))).encode() + data)
    if kind == "length":
        send(["Content-Length: %d" % args[0]], body(args[0]))
    elif kind == "chunked":
        send(["Transfer-Encoding: chunked"], in_chunks(body(args[0]), args[1]))
    elif kind == "close":
        send(["Connection: close"], body(args[0]))
        return False
    elif kind == "lie":
        send(["Content-Length: %d" % args[0]], body(args[1]))
    elif kind == "twice":
        send(["Content-Length: %d" % args[0], "Content-Length: %d"
              % (args[0] + 1)], body(args[0]))
    elif kind == "status":
        send(["Content-Length: %d" % args[1]], status="%d Status" % args[0])
    elif kind == "early":
        send(["Link: </style.css>"], status="103 Early Hints")
        send(["Content-Length: %d" % args[0]], body(args[0]))
    elif kind == "cut":
        data = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (
            args[1], body(args[1]))
        sock.sendall(data[:args[0]])
        time.sleep(PAUSE)
        sock.sendall(data[args[0]:])
    else:
        send(["Content-Length: 0"], status="404 Not Found")
    return True


def _serve(sock):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reader = _Reader(sock)
    while True:
        head = reader.head()
        if not head:
            break
        method, target, _ = head[0].split(" ")
        fields = head[1]
        kind, *args = target.strip("/").split("/")
        args = list(map(int, args))
        if method in ("POST", "PUT"):
            if "expect" in fields:
                sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            data = (reader.chunks() if "transfer-encoding" in fields else
                    reader.take(int(fields["content-length"])))
            digest = hashlib.sha256(data).hexdigest().encode()
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n"
                         + digest)
        elif method == "HEAD":
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
                         % args[0])
        elif not _answer(sock, kind, args):
            break
    sock.close()


class Client:
    """Asks the server at the other end of 'sock'."""

    def __init__(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(60)
        self.sock = sock
        self.reader = _Reader(sock)

    def send(self, request, data=b""):
        """Sends 'request', such as "GET /length/5" or "PUT /chunked/9/3"."""
        method, target = request.split()
        fields = "Host: web.example\r\n"
        if method in ("POST", "PUT"):
            kind, n, *size = target.strip("/").split("/")
            data = body(int(n))
            if kind == "chunked":
                fields += "Transfer-Encoding: chunked\r\n"
                data = in_chunks(data, int(size[0]))
            else:
                fields += "Content-Length: %s\r\n" % n
            if kind == "expect":
                fields += "Expect: 100-continue\r\n"
        head = ("%s %s HTTP/1.1\r\n%s\r\n" % (method, target, fields)).encode()
        if "Expect" in fields:
            self.sock.sendall(head)
            assert "100" in self.reader.head()[0]
            self.sock.sendall(data)
        else:
            self.sock.sendall(head + data)

    def receive(self, request):
        """Receives the response to 'request', and fails if it is not what it
        should be."""
        method, target = request.split()
        kind, *args = target.strip("/").split("/")
        args = list(map(int, args))
        first, fields = self.reader.head()
        if kind == "early":
            assert " 103 " in first
            first, fields = self.reader.head()
        if method in ("POST", "PUT"):
            assert (self.reader.take(64).decode()
                    == hashlib.sha256(body(args[0])).hexdigest())
        elif method == "HEAD":
            assert fields["content-length"] == str(args[0])
        elif kind == "status":
            assert " %d " % args[0] in first
        else:
            if "transfer-encoding" in fields:
                data = self.reader.chunks()
            elif kind == "close":
                data = self.reader.rest()
            else:
                data = self.reader.take(args[1 if kind in ("lie", "cut")
                                             else 0])
            expected = args[1 if kind in ("lie", "cut") else 0]
            assert data == body(expected), request

    def ask(self, requests, at_once=1):
        """Has up to 'at_once' of 'requests' on their way at a time."""
        for i in range(0, len(requests), at_once):
            batch = requests[i:i + at_once]
            for request in batch:
                self.send(request)
            for request in batch:
                self.receive(request)

    def close(self):
        self.sock.close()


def main():
    with socket.create_server(("", int(sys.argv[1])), backlog=1000) as server:
        print("ready", flush=True)
        while True:
            sock = server.accept()[0]
            threading.Thread(target=_serve, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    main()
