#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Measures the time from connect() to the first byte of the response, of
several ways to the same thing in turn.

Prints a line of JSON: for each way a list of milliseconds."""

import argparse
import gc
import json
import socket
import time


def first_byte(address, request, expected):
    """Returns milliseconds to the first byte of the response."""
    s = socket.socket()
    s.settimeout(5)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    started = time.perf_counter_ns()
    s.connect(address)
    s.sendall(request)
    data = s.recv(65536)
    elapsed = time.perf_counter_ns() - started
    while True:
        more = s.recv(65536)
        if not more:
            break
        data += more
    s.close()
    # HAProxy writes the names of headers in lower case.
    if (not data.startswith(b"HTTP/1.1 200 ")
            or expected.lower() not in data.lower()):
        raise SystemExit("ttfb: wrong answer: %r" % data[:200])
    return elapsed / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("ways", nargs="+", metavar="NAME;ADDRESS;PATH;SERVER",
                        help="where to ask for what, and who answers")
    args = parser.parse_args()
    ways = [way.split(";") for way in args.ways]
    results = {way[0]: [] for way in ways}
    gc.disable()
    # The first round fills neighbor tables and caches and is not counted.
    for i in range(args.count + 1):
        for name, address, path, server in ways:
            ms = first_byte((address, 80), (
                "GET %s HTTP/1.1\r\nHost: lab.example\r\n"
                "Connection: close\r\n\r\n" % path).encode(),
                ("X-Served-By: %s\r\n" % server).encode())
            if i:
                results[name].append(ms)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
