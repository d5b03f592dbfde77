#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Thousands of TCP connections at once, without a TCP stack that would have to
hold them: plays the clients on one interface and the servers on another, and
leaves the connections where they are asked to stop.

Prints one line of JSON: how many got there, in what time."""

import argparse
import collections
import json
import select
import socket
import struct
import time

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23  # From Linux headers.
STAGES = ("syn", "established", "inspecting", "served")
# MSS, SACK permitted, timestamps, window scale: as Linux puts them.
SYN_OPTIONS = struct.pack("!BBH BB BBII B BBB", 2, 4, 1460, 4, 2, 8, 10, 1000,
                          0, 1, 3, 3, 7)
RETRY = 1.0                     # Seconds.
MOST_RETRIES = 8
PORTS = 50000                   # Per client address, from 10000 on.


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def build(macs, ips, ports, seq, ack, flags, options=b"", payload=b""):
    """Returns a frame; 'macs', 'ips', 'ports' are (source, destination)."""
    length = 20 + len(options) + len(payload)
    addresses = ips[0] + ips[1]
    head = struct.pack("!HHIIBBH", ports[0], ports[1], seq & 0xffffffff,
                       ack & 0xffffffff, (20 + len(options)) // 4 << 4, flags,
                       64000)
    rest = b"\0\0" + options + payload
    tcp_sum = checksum(addresses + struct.pack("!HH", 6, length)
                       + head + b"\0\0" + rest)
    ip = struct.pack("!BBHHHBB", 0x45, 0, 20 + length, 0, 0x4000, 64, 6)
    ip_sum = checksum(ip + addresses)
    return (macs[1] + macs[0] + b"\x08\x00" + ip + struct.pack("!H", ip_sum)
            + addresses + head + struct.pack("!H", tcp_sum) + rest)


def timestamps(options, tsval):
    """Returns 'options' with the timestamp, if there is one, answered."""
    i = options.find(b"\x08\x0a")
    if i < 0:
        return options
    return (options[:i + 2] + struct.pack("!I", tsval) + options[i + 2:i + 6]
            + options[i + 10:])


def only_timestamps(options, tsval):
    """Returns the options of a segment that answers one with 'options'."""
    i = options.find(b"\x08\x0a")
    return (b"" if i < 0 else
            b"\1\1" + timestamps(options[i:i + 10], tsval))


class Crowd:
    def __init__(self, args):
        self.args = args
        self.client = self._open(args.client)
        self.server = self._open(args.server)
        self.service = socket.inet_aton(args.service)
        self.first = struct.unpack("!I", socket.inet_aton(args.first))[0]
        self.mac = bytes.fromhex(args.mac.replace(":", ""))
        self.request = args.request.encode().decode("unicode_escape").encode()
        self.service_mac = None
        self.connections = {}   # By (address, port) of the client.
        self.waiting = collections.deque()      # Of (due, key, retries).
        self.counts = collections.Counter()
        self.served_by = collections.Counter()

    @staticmethod
    def _open(name):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        s.setsockopt(socket.SOL_SOCKET, 33, 32 << 20)   # SO_RCVBUFFORCE.
        s.setsockopt(socket.SOL_SOCKET, 32, 32 << 20)   # SO_SNDBUFFORCE.
        s.bind((name, 0))
        s.setblocking(False)
        return s

    def resolve(self):
        """Asks for the MAC of the service, by ARP, as a client does."""
        request = (b"\xff" * 6 + self.mac + b"\x08\x06"
                   + struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + self.mac
                   + struct.pack("!I", self.first) + b"\0" * 6 + self.service)
        for _ in range(5):
            self.client.send(request.ljust(60, b"\0"))
            end = time.monotonic() + 1
            while time.monotonic() < end:
                select.select([self.client], [], [], 0.1)
                for frame in self._receive(self.client):
                    if (frame[12:14] == b"\x08\x06" and frame[20:22]
                            == b"\0\2" and frame[28:32] == self.service):
                        self.service_mac = frame[22:28]
                        return
        raise SystemExit("crowd: nobody answers ARP for " + self.args.service)

    @staticmethod
    def _receive(s, most=256):
        for _ in range(most):
            try:
                yield s.recv(2048)
            except BlockingIOError:
                return

    def run(self):
        args = self.args
        self.resolve()
        started = time.monotonic()
        launched = n_open = 0
        deadline = started + args.timeout
        while time.monotonic() < deadline:
            n_open = launched - self.counts["done"] - self.counts["failed"]
            while launched < args.count and n_open < args.window:
                self._launch(launched)
                launched += 1
                n_open += 1
            if (launched == args.count and n_open == 0
                    and not (args.stage == "inspecting" and self.waiting)):
                break
            select.select([self.client, self.server], [], [], 0.05)
            for frame in self._receive(self.server):
                self._at_server(frame)
            for frame in self._receive(self.client):
                self._at_client(frame)
            self._retry()
        seconds = time.monotonic() - started
        print(json.dumps(dict(self.counts, launched=launched,
                              unfinished=n_open, seconds=seconds,
                              served_by=dict(self.served_by))), flush=True)
        if args.linger:
            # The servers go on answering: tasukid may still probe them.
            self._linger(args.linger)

    def _linger(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            select.select([self.client, self.server], [], [], 0.05)
            for frame in self._receive(self.server):
                self._at_server(frame)
            for _ in self._receive(self.client):
                pass

    def _launch(self, i):
        key = (struct.pack("!I", self.first + i // PORTS), 10000 + i % PORTS)
        self.connections[key] = {"isn": (i * 7919 + 1) & 0xffffffff,
                                 "state": "syn", "tries": 0}
        self._send_syn(key)
        if self.args.stage == "syn":
            self._finish(key)

    def _send_syn(self, key):
        self._from_client(key, self.connections[key]["isn"], 0, SYN,
                          SYN_OPTIONS)
        self.waiting.append((time.monotonic() + RETRY, key))

    def _from_client(self, key, seq, ack, flags, options=b"", payload=b""):
        self.client.send(build(
            (self.mac, self.service_mac), (key[0], self.service),
            (key[1], self.args.port), seq, ack, flags, options, payload))

    def _finish(self, key, how="done"):
        self.connections[key]["state"] = how
        self.counts[how] += 1

    def _retry(self):
        now = time.monotonic()
        while self.waiting and self.waiting[0][0] <= now:
            _, key = self.waiting.popleft()
            c = self.connections[key]
            if c["state"] == "done" and self.args.stage == "inspecting":
                # Nobody says whether this arrived: once more, to be sure.
                self._from_client(key, c["isn"] + 1, c["ack"], ACK | PSH,
                                  c["options"], self.request)
            if c["state"] in ("done", "failed"):
                continue
            c["tries"] += 1
            self.counts["retries"] += 1
            if c["tries"] > MOST_RETRIES:
                self._finish(key, "failed")
            elif c["state"] == "syn":
                self._send_syn(key)
            else:
                self._send_request(key)

    def _send_request(self, key):
        c = self.connections[key]
        self._from_client(key, c["isn"] + 1, c["ack"], ACK | PSH,
                          c["options"], self.request)
        self.waiting.append((time.monotonic() + RETRY, key))

    def _at_client(self, frame):
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            return
        sport, dport, seq, ack, offset, flags = struct.unpack_from(
            "!HHIIBB", frame, 34)
        key = (frame[30:34], dport)
        c = self.connections.get(key)
        if c is None or sport != self.args.port:
            return
        if flags & RST:
            self.counts["resets"] += 1
            if c["state"] not in ("done", "failed"):
                self._finish(key, "failed")
        elif flags & SYN and c["state"] == "syn":
            self.counts["handshakes"] += 1
            options = frame[54:34 + (offset >> 4) * 4]
            c["ack"] = (seq + 1) & 0xffffffff
            c["options"] = only_timestamps(options, 1001)
            c["state"] = "established"
            self._from_client(key, c["isn"] + 1, c["ack"], ACK, c["options"])
            if self.args.stage == "established":
                self._finish(key)
            else:
                self._send_request(key)
                if self.args.stage == "inspecting":
                    self._finish(key)
        elif (c["state"] == "established"
              and ack == (c["isn"] + 1 + len(self.request)) & 0xffffffff):
            self._finish(key)

    def _at_server(self, frame):
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            return
        ports = struct.unpack_from("!HH", frame, 34)
        seq, ack, offset, flags = struct.unpack_from("!IIBB", frame, 38)
        total, = struct.unpack_from("!H", frame, 16)
        header = (offset >> 4) * 4
        payload = total - 20 - header
        mac = frame[0:6]
        options = frame[54:34 + header]
        # A different sequence space for each server, as real ones have.
        isn = (seq * 31 + mac[5] * 0x1234567) & 0xffffffff
        if flags & RST:
            self.counts["resets at server"] += 1
        elif flags & SYN:
            self._from_server(frame, ports, isn, seq + 1, SYN | ACK,
                              timestamps(options, mac[5] * 1000))
        elif payload:
            self.served_by[mac.hex(":")] += 1
            self._from_server(frame, ports, ack, seq + payload, ACK,
                              only_timestamps(options, mac[5] * 1000 + 1))

    def _from_server(self, frame, ports, seq, ack, flags, options):
        self.server.send(build((frame[0:6], frame[6:12]),
                               (frame[30:34], frame[26:30]),
                               (ports[1], ports[0]), seq, ack, flags, options))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--client", required=True, metavar="INTERFACE")
    parser.add_argument("--server", required=True, metavar="INTERFACE")
    parser.add_argument("--service", default="10.0.0.1")
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--first", default="10.0.1.1",
                        help="address of the first client")
    parser.add_argument("--mac", default="02:00:00:00:99:01",
                        help="MAC of all clients")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--window", type=int, default=200,
                        help="connections that may be under way at once")
    parser.add_argument("--stage", choices=STAGES, default="served",
                        help="where to leave the connections")
    parser.add_argument("--request", default="GET / HTTP/1.1\\r\\n"
                        "Host: crowd.example\\r\\n\\r\\n")
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--linger", type=float, default=0, metavar="SECONDS",
                        help="go on answering as the servers for so long")
    Crowd(parser.parse_args()).run()


if __name__ == "__main__":
    main()
