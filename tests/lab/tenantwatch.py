# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Secrets, and where they were seen.

A secret is a MAC address that nobody has.  It stands in the payload of a
frame, with "#" and the number of the frame behind it, or as a link-layer
address in ARP and Neighbor Discovery: it survives every translation, and a
frame that holds it anywhere was sent by the secret's owner."""

import collections
import os
import re
import selectors
import socket
import struct
import threading
import time

ETH_P_ALL = 3
SOL_PACKET, PACKET_STATISTICS = 263, 6


def new_secret():
    return b"\x02\xfe" + os.urandom(4)


class Watch:
    """Looks for the 'secrets', a dictionary of owners' names by secret, in all
    that is sent and received on some interfaces, from now until stop()."""

    def __init__(self, secrets):
        self.owners = dict(secrets)
        self.pattern = re.compile(b"(%s)(?:#(.))?" % b"|".join(
            map(re.escape, secrets)), re.DOTALL)
        # By owner and place: how many of which frames, and one of them.
        self.seen = collections.defaultdict(collections.Counter)
        self.examples = {}
        self.n_frames = 0
        self.dropped = 0
        self.last = time.monotonic()
        self.selector = selectors.DefaultSelector()
        self.ended = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def add(self, place, namespace, interface, label=None):
        """Watches an interface and calls it 'place'; with 'label', a function
        of a frame that returns what to call it for that frame."""
        s = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW)
        # Room for what comes while this program is not on a CPU.
        s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)   # SO_RCVBUFFORCE
        s.bind((interface, ETH_P_ALL))
        s.setblocking(False)
        self.selector.register(s, selectors.EVENT_READ, (place, label))

    def _run(self):
        while not self.ended:
            for key, _ in self.selector.select(0.05):
                self._read(key.fileobj, *key.data)

    def _read(self, s, place, label):
        for _ in range(1000):
            try:
                frame = s.recv(65536)
            except BlockingIOError:
                return
            except OSError:     # The interface went away; others come.
                return
            self.n_frames += 1
            self.last = time.monotonic()
            for secret, number in self.pattern.findall(frame):
                where = self.owners[secret], label(frame) if label else place
                self.seen[where][number[0] if number else None] += 1
                self.examples.setdefault(where, frame)

    def stop(self, quiet=0.3, timeout=20):
        """Ends the watch when nothing has come for 'quiet' seconds.  It fails
        if a frame may have escaped it."""
        deadline = time.monotonic() + timeout
        while (time.monotonic() - self.last < quiet
               and time.monotonic() < deadline):
            time.sleep(0.02)
        self.ended = True
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            packets, drops = struct.unpack("II", key.fileobj.getsockopt(
                SOL_PACKET, PACKET_STATISTICS, 8))
            self.dropped += drops
            key.fileobj.close()
        self.selector.close()
        assert self.n_frames and not self.dropped, self.dropped

    def places(self, owner):
        """Returns where frames of 'owner' were seen, the numbers of which by
        place."""
        return {place: numbers for (name, place), numbers in
                list(self.seen.items()) if name == owner}

    def leaks(self, allowed):
        """Returns a line for each place where an owner's secret was seen and
        may not be; 'allowed' is a dictionary of sets of places by owner."""
        return ["%s at %s: %s, e.g. %s" % (
            owner, place, dict(numbers), self.examples[owner, place].hex())
            for (owner, place), numbers in sorted(self.seen.items())
            if place not in allowed[owner]]
