# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Runs TAYGA on packets from standard input, one in hexadecimal per line, and
writes what it makes of each, or an empty line.  To be started in a network
namespace of its own.

usage: tayga_exchange.py DIRECTORY PREFIX
"""

import fcntl
import os
import select
import socket
import struct
import subprocess
import sys
import time

DEVICE = "nat64"
SIOCGIFFLAGS = 0x8913                   # linux/sockios.h
IFF_RUNNING = 0x40                      # linux/if.h
CONFIG = """\
tun-device {device}
ipv4-addr 192.0.2.254
ipv6-addr 2001:db8:ffff::fe
prefix {prefix}
data-dir {directory}
"""


def is_running(sock):
    """Returns whether TAYGA has opened its end of the tunnel."""
    request = struct.pack("16sH14x", DEVICE.encode(), 0)
    flags = struct.unpack("16sH14x", fcntl.ioctl(sock, SIOCGIFFLAGS, request))
    return flags[1] & IFF_RUNNING


def answer(sock, packet):
    """Sends 'packet' into the tunnel and returns what comes out."""
    while select.select([sock], [], [], 0)[0]:
        sock.recv(1)                    # Of an earlier one.
    sock.sendto(packet, (DEVICE, 0x800 if packet[0] >> 4 == 4 else 0x86dd))
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        if select.select([sock], [], [], deadline - time.monotonic())[0]:
            data, address = sock.recvfrom(70000)
            if address[2] != socket.PACKET_OUTGOING:
                return data
    return b""


def main(directory, prefix):
    config = os.path.join(directory, "tayga.conf")
    with open(config, "w") as f:
        f.write(CONFIG.format(device=DEVICE, prefix=prefix,
                              directory=directory))
    subprocess.run(["tayga", "-c", config, "--mktun"], check=True,
                   stdout=subprocess.DEVNULL)
    # The kernel has no part in this.
    with open("/proc/sys/net/ipv6/conf/%s/disable_ipv6" % DEVICE, "w") as f:
        f.write("1")
    subprocess.run(["ip", "link", "set", DEVICE, "up"], check=True)
    with open(os.path.join(directory, "tayga.log"), "w") as log, \
            subprocess.Popen(["tayga", "-c", config, "-n", "-d"], stdout=log,
                             stderr=subprocess.STDOUT) as tayga:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                             socket.htons(3))
        sock.bind((DEVICE, 0))
        try:
            while not is_running(sock) and tayga.poll() is None:
                time.sleep(0.01)
            for line in sys.stdin:
                print(answer(sock, bytes.fromhex(line)).hex(), flush=True)
        finally:
            tayga.terminate()


if __name__ == "__main__":
    main(*sys.argv[1:])
