#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""An HTTP client for many requests, each on a connection of its own.

Prints a line of JSON: how often each server answered, and what went wrong."""

import argparse
import asyncio
import collections
import hashlib
import json
import time


async def fetch(args, path):
    """Returns (name of the server, digest of the body)."""
    reader, writer = await asyncio.open_connection(args.address, args.port)
    try:
        writer.write(("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
                      "\r\n" % (path, args.host)).encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:]
                       if ": " in line)
        if head[0].split()[1] != "200":
            raise ValueError(head[0])
        body = await reader.readexactly(int(headers["content-length"]))
        if await reader.read():
            raise ValueError("more than the body")
    finally:
        writer.close()
    return headers["x-served-by"], hashlib.sha256(body).hexdigest()


async def run(args):
    servers, digests, errors = (collections.Counter() for _ in range(3))
    numbers = iter(range(args.count))
    slowest = 0

    async def worker():
        nonlocal slowest
        for i in numbers:
            path = args.paths[i % len(args.paths)]
            started = time.monotonic()
            try:
                server, digest = await asyncio.wait_for(fetch(args, path),
                                                        args.timeout)
                servers["%s %s" % (path, server)] += 1
                digests["%s %s" % (path, digest)] += 1
            except (OSError, ValueError, KeyError, EOFError,
                    asyncio.TimeoutError) as e:
                errors["%s: %s" % (type(e).__name__, e)] += 1
            slowest = max(slowest, time.monotonic() - started)

    started = time.monotonic()
    await asyncio.gather(*(worker() for _ in range(args.at_once)))
    print(json.dumps({"servers": servers, "digests": digests,
                      "errors": errors, "slowest": slowest,
                      "seconds": time.monotonic() - started}))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--host", default="lab.example")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=20)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
