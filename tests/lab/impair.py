#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""A bad cable: forwards Ethernet frames between two interfaces and loses,
duplicates, delays and reorders some of them, as the seed wills.

Writes "ready" when it forwards, and what it did as a line of JSON at the end
(SIGTERM)."""

import argparse
import heapq
import itertools
import json
import random
import select
import signal
import socket
import sys
import time

SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23  # From Linux headers.
ETH_P_ALL = 3
BUFFER = 16 << 20


class Cable:
    def __init__(self, args):
        self.args = args
        self.random = random.Random(args.seed)
        self.sockets = [self._open(name) for name in args.interfaces]
        self.late = []          # Heap of (due, number, socket, frame).
        self.number = itertools.count()
        self.done = dict.fromkeys(
            ("forwarded", "lost", "duplicated", "reordered", "refused"), 0)

    @staticmethod
    def _open(name):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                          socket.htons(ETH_P_ALL))
        s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        s.setsockopt(socket.SOL_SOCKET, 33, BUFFER)     # SO_RCVBUFFORCE.
        s.setsockopt(socket.SOL_SOCKET, 32, BUFFER)     # SO_SNDBUFFORCE.
        s.bind((name, 0))
        s.setblocking(False)
        return s

    def run(self):
        poll = select.poll()
        other = {}
        for i, s in enumerate(self.sockets):
            poll.register(s, select.POLLIN)
            other[s.fileno()] = (s, self.sockets[1 - i])
        while True:
            for fd, _ in poll.poll(self._timeout()):
                source, target = other[fd]
                # Not more at once than keeps late frames in time.
                for _ in range(64):
                    try:
                        frame = source.recv(65536)
                    except BlockingIOError:
                        break
                    self._carry(frame, target)
            self._deliver_late()

    def _timeout(self):
        if not self.late:
            return 1000
        return max(0, (self.late[0][0] - time.monotonic()) * 1000)

    def _carry(self, frame, target):
        args = self.args
        if self.random.random() < args.loss:
            self.done["lost"] += 1
            return
        copies = 1
        if self.random.random() < args.duplicate:
            self.done["duplicated"] += 1
            copies = 2
        for _ in range(copies):
            delay = args.delay
            if self.random.random() < args.reorder:
                self.done["reordered"] += 1
                delay += args.reorder_by * self.random.uniform(0.5, 1.5)
            if delay:
                heapq.heappush(self.late, (time.monotonic() + delay / 1000,
                                           next(self.number), target, frame))
            else:
                self._send(frame, target)

    def _deliver_late(self):
        now = time.monotonic()
        while self.late and self.late[0][0] <= now:
            _, _, target, frame = heapq.heappop(self.late)
            self._send(frame, target)

    def _send(self, frame, target):
        try:
            target.send(frame)
            self.done["forwarded"] += 1
        except OSError:
            # Too large for the interface, or it is going down.
            self.done["refused"] += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("interfaces", nargs=2)
    for name in ("loss", "duplicate", "reorder"):
        parser.add_argument("--" + name, type=float, default=0, metavar="P",
                            help="probability, 0 to 1")
    parser.add_argument("--delay", type=float, default=0, metavar="MS",
                        help="delay of every frame")
    parser.add_argument("--reorder-by", type=float, default=2, metavar="MS",
                        help="delay of a reordered frame, +- 50 %%")
    parser.add_argument("--seed", type=int, default=1)
    cable = Cable(parser.parse_args())

    def end(_sig, _frame):
        print(json.dumps(cable.done), flush=True)
        sys.exit(0)
    signal.signal(signal.SIGTERM, end)
    print("ready", flush=True)
    cable.run()


if __name__ == "__main__":
    main()
