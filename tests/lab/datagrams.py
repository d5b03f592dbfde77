# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""UDP between hosts of the lab."""

import random


def exchange(client, server, sizes):
    """Sends datagrams of 'sizes' from 'client', a connected socket, to 'server'
    and back, three times where it is lost: a sender that learns of a smaller
    MTU has lost one.  Returns the sizes that came back unharmed."""
    good = []
    for size in sizes:
        for i in range(3):
            data = random.Random(size + i).randbytes(size)
            try:
                client.send(data)
                received, peer = server.recvfrom(65536)
                assert received == data
                server.sendto(received, peer)
                assert client.recv(65536) == data
            except OSError:     # Also when the time is up.
                continue
            good.append(size)
            break
    return good
