# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""tasuki-capture: what comes out of an interface is in its files, and what is
not in them is counted.

    sender eth0 --- mirror0 sensor
"""

import gzip
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from lab import Namespace
from lab.lab import wait_for
from lab.namespace import connect
from lab.switch import programs

PROGRAM = os.path.join(programs(), "tasuki-capture")
CLIENT, SERVER = "192.0.2.1", "192.0.2.2"
PORT = 40000
BODY = 36000000


def read_pcapng(path):
    """Yields the type and the options of each block (draft-ietf-opsawg-pcapng
    sections 3.1, 3.5, 4.3 and 4.6); fails if the file is not complete."""
    with open(path, "rb") as f:
        data = f.read()
    if path.endswith(".gz"):
        data = gzip.decompress(data)
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("=II", data, at)
        assert length % 4 == 0 and at + length <= len(data), path
        assert struct.unpack_from("=I", data, at + length - 4) == (length,)
        options, where = {}, at + 20
        if kind == 6:
            caplen, = struct.unpack_from("=I", data, at + 20)
            where = at + 28 + (caplen + 3) // 4 * 4
        while kind in (5, 6) and where < at + length - 4:
            code, size = struct.unpack_from("=HH", data, where)
            if code:
                options[code] = data[where + 4:where + 4 + size]
            where += 4 + (size + 3) // 4 * 4
        yield kind, options
        at += length


class File:
    """A file that is complete: its number of packets, and its statistics."""

    def __init__(self, path):
        blocks = list(read_pcapng(path))
        assert [kind for kind, _ in blocks[:2]] == [0x0a0d0d0a, 1], path
        assert [kind for kind, _ in blocks].index(5) == len(blocks) - 1, path
        self.packets = len(blocks) - 3
        options = blocks[-1][1]
        self.comment = options[1].decode()
        self.received, self.dropped, self.delivered = [
            struct.unpack("=Q", options[code])[0] for code in (4, 7, 8)]
        assert self.received == self.dropped + self.delivered
        done = subprocess.run(["capinfos", "-c", "-M", path], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=True)
        assert re.search(r"Number of packets: +(\d+)",
                         done.stdout)[1] == str(self.packets)
        assert not done.stderr


class Sensor:
    def __init__(self, lab):
        self.lab = lab
        self.sender = Namespace(lab, "sender")
        self.namespace = Namespace(lab, "sensor")
        connect(self.sender, "eth0", self.namespace, "mirror0")
        self.socket = self.sender.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind(("eth0", 0))
        self.folder = os.path.dirname(lab.path("files", "x"))
        self.events = lab.path("events.sock")
        self.log = lab.path("capture.log")
        self.teller = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.process = None

    def command(self, *options, path=None):
        return [PROGRAM, "--events=" + self.events, "--log-file=" + self.log,
                "--unixctl=" + self.lab.path("ctl"), *options, "mirror0",
                path or self.folder + "/web.pcapng"]

    def start(self, *options, before=(), path=None):
        self.process = self.namespace.start(
            *before, *self.command(*options, path=path), log="capture.out")
        wait_for(lambda: "(Tasuki)" in self.text(), "tasuki-capture")

    def text(self):
        if not os.path.exists(self.log):
            return ""
        with open(self.log) as f:
            return f.read()

    def stop(self, sig=signal.SIGTERM):
        os.kill(self.process.pid, sig)
        assert self.process.wait(10) == -sig
        os.rename(self.log, self.log + ".old")

    def send(self, *frames):
        for frame in frames:
            self.socket.send(bytes(frame))

    def show(self):
        done = self.lab.run(os.path.join(programs(), "ovs-appctl"), "-t",
                            self.lab.path("ctl"), "show")
        return done.stdout

    def tell(self, **changes):
        event = {"time": "2026-11-30T00:00:00.000Z", "policy": "web",
                 "zone": 0, "transport": "tcp", "client": CLIENT,
                 "client_port": PORT, "server": SERVER, "server_port": 80,
                 "direction": "to-client", "first": 248, "seq": 1248,
                 "length": BODY - 1, "protocol": "http",
                 "url": "shop.example/big", "reason": "body"}
        event.update(changes)
        self.teller.sendto(json.dumps(event).encode(), self.events)

    def names(self):
        return sorted(os.listdir(self.folder))

    def files(self):
        return [File(os.path.join(self.folder, name)) for name in self.names()]

    def comments(self, name="web.pcapng"):
        """Returns the comment of each packet."""
        done = self.lab.run("tshark", "-r", os.path.join(self.folder, name),
                            "-T", "fields", "-E", "separator=|",
                            "-e", "frame.number", "-e", "frame.comment")
        return [line.split("|", 1)[1] for line in done.stdout.splitlines()]


@pytest.fixture
def sensor(lab):
    return Sensor(lab)


def ethernet(source, destination):
    return (Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
            / (IPv6 if ":" in source else IP)(src=source, dst=destination))


def to_client(seq, size=0, flags="A", port=PORT):
    return (ethernet(SERVER, CLIENT)
            / TCP(sport=80, dport=port, seq=seq, ack=77, flags=flags)
            / Raw(os.urandom(size)))


def to_server(seq, size=0, flags="A"):
    return (ethernet(CLIENT, SERVER)
            / TCP(sport=PORT, dport=80, seq=seq, ack=77, flags=flags)
            / Raw(os.urandom(size)))


def skipped(length=BODY - 1, more=""):
    return ("%d bytes to the client before this packet were skipped, from byte"
            " 248: http shop.example/big (body), policy web%s" % (length, more))


def test_session(sensor):
    """The paper's download, of which the mirror gives only the ends.  tshark
    reads both heads, and the comment is where the gap is."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BODY
    end = 1000 + len(head) + BODY
    sensor.start("--description=the mirror of the shop")
    sensor.tell(first=len(head), seq=1000 + len(head))
    sensor.send(to_server(499, flags="S"), to_client(999, flags="SA"),
                to_server(500) / b"GET /big HTTP/1.1\r\nHost: shop.example"
                                 b"\r\n\r\n",
                to_client(1000) / head,
                to_client(end - 1, 1), to_client(end, flags="FA"),
                to_server(550, flags="FA"))
    time.sleep(0.5)
    sensor.stop()
    [file] = sensor.files()
    assert file.packets == file.received == file.delivered == 7
    assert file.comment == (
        "7 packets in this file, 0 dropped by the kernel, 0 could not be "
        "written; policy web skipped %d bytes in 1 range" % (BODY - 1))
    comments = sensor.comments()
    assert [bool(comment) for comment in comments] == [False] * 4 + [
        True, False, False]
    assert comments[4].startswith("%d bytes to the client" % (BODY - 1))

    path = sensor.folder + "/web.pcapng"
    done = sensor.lab.run("tshark", "-o", "http.desegment_body:FALSE",
                          "-r", path, "-Y", "http", "-T", "fields",
                          "-e", "http.request.uri", "-e", "http.response.code")
    assert done.stdout.split() == ["/big", "200"]
    done = sensor.lab.run("capinfos", path)
    assert "Description = the mirror of the shop" in done.stdout
    assert "Name = mirror0" in done.stdout
    assert "Number of stat entries = 1" in done.stdout
    assert "Time precision = nanoseconds" in done.stdout


def test_which_packet(sensor):
    """Whatever comes first, and only in its connection and direction."""
    sensor.start()
    end = 1248 + BODY - 1
    sensor.send(to_client(1000, 248), to_client(end, 1, port=PORT + 1),
                to_server(end, 1), to_client(1100, 148),
                to_client(end - 1, 2), to_client(end + 1, 1))
    sensor.tell()                           # The packets wait for it.
    time.sleep(0.5)
    sensor.tell(seq=end, length=1000)       # This one waits for a packet.
    time.sleep(0.5)
    sensor.send(to_client(end + 999, 1), to_client(end + 1000, 1))
    sensor.tell(direction="to-server", seq=5, length=1, url="\n\x1b\u00e9")
    sensor.send(to_server(6))
    time.sleep(0.5)
    sensor.tell(seq=end + 1001)             # No packet follows.
    sensor.stop(signal.SIGHUP)
    comments = sensor.comments()
    assert comments[:8] == [""] * 4 + [skipped(), "", skipped(1000), ""]
    assert comments[8].startswith("1 bytes to the server")
    assert "http ??\u00e9 (body)" in comments[8]
    [file] = sensor.files()
    assert file.packets == len(comments) == 9
    assert file.comment.endswith("policy web skipped %d bytes in 4 ranges"
                                 % (2 * (BODY - 1) + 1001))


def test_ipv6_and_udp(sensor):
    sensor.start()
    six = dict(client="2001:db8::1", server="2001:db8::2")
    sensor.tell(**six)
    sensor.tell(transport="udp", direction="to-server", protocol="udp",
                server_port=443)
    sensor.send(ethernet("2001:db8::2", "2001:db8::1")
                / TCP(sport=80, dport=PORT, seq=1248 + BODY, flags="A"),
                ethernet(CLIENT, SERVER) / UDP(sport=PORT, dport=80),
                ethernet(CLIENT, SERVER) / UDP(sport=PORT, dport=443))
    time.sleep(0.5)
    sensor.stop(signal.SIGINT)
    comments = sensor.comments()
    assert [bool(comment) for comment in comments] == [True, False, True]


def test_what_is_no_event(sensor):
    sensor.start()
    for line in (b"", b"{", b"[1]", b"x" * 20000, b"\0\xff" * 100,
                 b'{"policy":"web"}'):
        sensor.teller.sendto(line, sensor.events)
    sensor.tell(seq=-1)
    wait_for(lambda: "events: 0, 7 refused" in sensor.show(), "refusals")
    sensor.send(to_client(1, 1))
    time.sleep(0.3)
    sensor.stop()
    [file] = sensor.files()
    assert file.packets == 1 and "skipped" not in file.comment


@pytest.mark.parametrize("options, suffix", [([], ""), (["--gzip"], ".gz")])
def test_rotation_by_size(sensor, options, suffix):
    """All packets are in one file or another, in order."""
    sensor.start("--rotate-size=100k", *options)
    for i in range(400):
        sensor.send(to_client(i * 1000, 1000))
        time.sleep(0.002)
    time.sleep(0.5)
    sensor.stop()
    names = sensor.names()
    # 400 times 1054 bytes and a block around them.
    assert 4 <= len(names) <= 5
    assert names == ["web-%06d.pcapng%s" % (i + 1, suffix)
                     for i in range(len(names))]
    for name in names[:-1]:
        # Compressed sizes are looked at every 0.1 seconds: 50 packets.
        assert (100 << 10) <= os.path.getsize(
            os.path.join(sensor.folder, name)) < (160 << 10)
    assert sum(file.packets for file in sensor.files()) == 400
    seqs = []
    for name in names:
        seqs += sensor.lab.run(
            "tshark", "-r", os.path.join(sensor.folder, name), "-o",
            "tcp.relative_sequence_numbers:FALSE", "-T", "fields", "-e",
            "tcp.seq").stdout.split()
    assert seqs == [str(i * 1000) for i in range(400)]


def test_keep(sensor):
    for name in ("web-000009.pcapng", "web-x.pcapng", "mail-000001.pcapng"):
        with open(os.path.join(sensor.folder, name), "w"):
            pass
    sensor.start("--rotate-size=1", "--keep=3")
    sensor.send(*[to_client(i, 1) for i in range(6)])
    time.sleep(0.5)
    sensor.stop()
    assert sensor.names() == ["mail-000001.pcapng"] + [
        "web-0000%d.pcapng" % i for i in (13, 14, 15)] + ["web-x.pcapng"]


def test_rotation_by_time(sensor):
    """Not without packets: an empty file is of no use."""
    sensor.start("--rotate-time=1")
    sensor.send(to_client(1, 1))
    wait_for(lambda: len(sensor.names()) == 2, "the second file", timeout=3)
    first = File(sensor.folder + "/web-000001.pcapng")
    assert first.packets == 1
    time.sleep(1.5)
    assert len(sensor.names()) == 2
    sensor.send(to_client(2, 1))
    wait_for(lambda: len(sensor.names()) == 3, "the third file", timeout=3)
    sensor.stop()
    assert [file.packets for file in sensor.files()] == [1, 1, 0]


def test_no_file_is_overwritten(sensor):
    for i in range(3):
        sensor.start()
        sensor.send(to_client(i, 1))
        time.sleep(0.3)
        sensor.stop()
    assert sensor.names() == ["web-000002.pcapng", "web-000003.pcapng",
                              "web.pcapng"]
    assert [file.packets for file in sensor.files()] == [1, 1, 1]


def test_full_disk(sensor):
    """Packets are lost and counted; the file goes on when there is room."""
    mount = sensor.lab.start(
        "unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=1m none %s && "
        "exec sleep infinity" % sensor.folder)
    host = sensor.folder
    sensor.folder = "/proc/%d/root%s" % (mount.pid, host)
    wait_for(lambda: os.statvfs(sensor.folder).f_blocks * 4096 == 1 << 20,
             "a small disk")
    sensor.start(before=["nsenter", "-t", mount.pid, "-m"],
                 path=host + "/web.pcapng")
    for i in range(1500):
        sensor.send(to_client(i * 1000, 1000))
    wait_for(lambda: "No space left on device" in sensor.show(), "problem")
    for i in range(1500, 1600):
        sensor.send(to_client(i * 1000, 1000))
    wait_for(lambda: re.search("[1-9][0-9]* could not", sensor.show()),
             "lost packets")
    assert os.path.getsize(sensor.folder + "/web.pcapng") < 1 << 20

    sensor.namespace.run("nsenter", "-t", mount.pid, "-m", "mount", "-o",
                         "remount,size=4m", host)
    time.sleep(1.2)
    sensor.send(to_client(0, 10))
    wait_for(lambda: "problem" not in sensor.show(), "room")
    time.sleep(0.3)
    sensor.stop()
    [file] = sensor.files()
    lost = int(re.search("([0-9]+) could not be written", file.comment)[1])
    # There was room for 1 MB, less what is kept for the end.
    assert 700 < file.packets < 1000
    assert file.received == 1601 and file.dropped == 0
    assert file.packets + lost == file.delivered == 1601
    # What was reserved and not used is free again.
    used = os.statvfs(sensor.folder)
    assert (used.f_blocks - used.f_bfree) * 4096 <= os.path.getsize(
        sensor.folder + "/web.pcapng") + 8192


def test_full_disk_until_the_end(sensor):
    mount = sensor.lab.start(
        "unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=512k none %s && "
        "exec sleep infinity" % sensor.folder)
    host = sensor.folder
    sensor.folder = "/proc/%d/root%s" % (mount.pid, host)
    wait_for(lambda: os.statvfs(sensor.folder).f_blocks * 4096 == 1 << 19,
             "a small disk")
    sensor.start("--rotate-size=100k", "--gzip",
                 before=["nsenter", "-t", mount.pid, "-m"],
                 path=host + "/web.pcapng")
    for i in range(1000):
        sensor.send(to_client(i * 1000, 1000))
        time.sleep(0.001)           # Files end where they should.
    wait_for(lambda: "No space left on device" in sensor.show(), "problem")
    sensor.stop()
    files = sensor.files()
    assert len(files) >= 2
    # The last one may not have begun, so its losses are told in the log only.
    with open(sensor.log + ".old") as f:
        last = re.findall("([0-9]+) packets written, 0 dropped by the kernel, "
                          "([0-9]+) could not be written", f.read())[-1]
    assert sum(map(int, last)) == 1000 and int(last[1]) > 300
    assert sum(file.packets for file in files) == int(last[0])


def received(sensor):
    """Returns how many packets came out of the interface."""
    done = sensor.namespace.run(
        "cat", "/sys/class/net/mirror0/statistics/rx_packets")
    return int(done.stdout)


def burst(sensor, seconds):
    """Starts UDP at 1 Gbit/s."""
    sensor.sender.ip("address", "add", "198.51.100.1/24", "dev", "eth0")
    sensor.namespace.ip("address", "add", "198.51.100.2/24", "dev", "mirror0")
    sensor.namespace.start("iperf3", "-s", "-1")
    wait_for(lambda: ":5201" in sensor.namespace.run("ss", "-ltn").stdout,
             "iperf3")
    return sensor.sender.start(
        "iperf3", "-c", "198.51.100.2", "-u", "-b", "1G", "-l", "1400", "-t",
        seconds, "--json", log="iperf3.out")


@pytest.mark.parametrize("buffer, stopped", [(64, 0), (1, 1)])
def test_burst(sensor, buffer, stopped):
    """1 Gbit/s for 5 seconds.  Whoever loses a packet counts it, also if
    tasuki-capture does not run for a second."""
    before = received(sensor)
    sensor.start("--buffer=%d" % buffer)
    client = burst(sensor, 5)
    if stopped:
        time.sleep(1)
        os.kill(sensor.process.pid, signal.SIGSTOP)
        time.sleep(stopped)
        os.kill(sensor.process.pid, signal.SIGCONT)
    client.wait(20)
    wait_for(lambda: not sensor.namespace.run("ss", "-Htn").stdout,
             "the end of iperf3")
    time.sleep(0.5)
    sensor.stop()
    came = received(sensor) - before
    [file] = sensor.files()
    with open(sensor.lab.path("iperf3.out")) as f:
        sent = json.load(f)["end"]["sum"]
    print("%.0f Mbit/s; %d packets came, %d dropped, %d written" % (
        sent["bits_per_second"] / 1e6, came, file.dropped, file.packets))
    assert came >= sent["packets"] > 100000
    assert file.received == came
    assert file.packets == came - file.dropped
    assert bool(file.dropped) >= bool(stopped)


def test_end_in_a_burst(sensor):
    sensor.start()
    client = burst(sensor, 3)
    time.sleep(1)
    sensor.stop()
    [file] = sensor.files()
    assert file.packets == file.delivered > 1000
    client.wait(20)


def test_parent(sensor):
    """Nothing is left of a killed parent but a complete file."""
    command = sensor.command("--parent=$$") + ["&"]
    parent = sensor.namespace.start(
        "sh", "-c", "%s echo $! >%s; wait"
        % (" ".join(command), sensor.lab.path("pid")), log="capture.out")
    wait_for(lambda: "(Tasuki)" in sensor.text(), "tasuki-capture")
    with open(sensor.lab.path("pid")) as f:
        child = int(f.read())
    sensor.send(to_client(1, 1))
    time.sleep(0.3)
    os.kill(parent.pid, signal.SIGKILL)
    wait_for(lambda: not os.path.exists("/proc/%d" % child), "its end")
    assert [file.packets for file in sensor.files()] == [1]

    done = sensor.namespace.run(*sensor.command("--parent=1"), check=False)
    assert done.returncode and "is gone" in done.stderr


def test_interface_goes_and_comes(sensor):
    sensor.start()
    sensor.send(to_client(1, 1))
    time.sleep(0.3)
    sensor.namespace.ip("link", "del", "mirror0")
    wait_for(lambda: "problem" in sensor.show(), "problem")
    connect(sensor.sender, "eth0", sensor.namespace, "mirror0")
    wait_for(lambda: "problem" not in sensor.show(), "interface")
    sensor.socket = sensor.sender.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sensor.socket.bind(("eth0", 0))
    sensor.send(to_client(2, 1))
    time.sleep(0.3)
    sensor.stop()
    assert [file.packets for file in sensor.files()] == [2]


def test_quiet_interface(sensor):
    """No address, no answer, nothing sent."""
    sensor.namespace.sysctl({"net.ipv6.conf.all.disable_ipv6": 0,
                             "net.ipv6.conf.mirror0.disable_ipv6": 0})
    sensor.namespace.ip("link", "set", "mirror0", "down")
    sensor.start("--quiet-interface")
    shown = sensor.namespace.ip("address", "show", "mirror0")
    assert "NOARP" in shown and "state UP" in shown and "inet" not in shown
    sensor.namespace.ip("address", "add", "198.51.100.2/24", "dev", "mirror0")
    sensor.sender.ip("address", "add", "198.51.100.1/24", "dev", "eth0")
    assert sensor.sender.run("arping", "-c2", "-w3", "-I", "eth0",
                             "198.51.100.2", check=False).returncode
    sensor.stop()
    assert "WARN" not in sensor.text().replace("terminating", "")
    [file] = sensor.files()
    assert file.packets == 2


def test_without_root(sensor):
    for folder in sensor.folder, sensor.lab.directory:
        os.chmod(folder, 0o777)
    capabilities = ["setpriv", "--reuid=65534", "--regid=65534",
                    "--clear-groups", "--inh-caps=-all,+net_raw",
                    "--ambient-caps=-all,+net_raw"]
    sensor.start(before=capabilities)
    sensor.send(to_client(1, 1))
    time.sleep(0.3)
    sensor.stop()
    assert [file.packets for file in sensor.files()] == [1]


@pytest.mark.parametrize("arguments, message", [
    (["nothere", "FILE"], "nothere: No such device"),
    (["mirror0", "/nowhere/x"], "/nowhere/x: No such file or directory"),
    (["mirror0"], "an interface and a file are needed"),
    (["--rotate-size=1x", "mirror0", "FILE"], "--rotate-size: \"1x\""),
    (["--rotate-size=-1", "mirror0", "FILE"], "--rotate-size: \"-1\""),
    (["--rotate-size=99999999999G", "mirror0", "FILE"], "--rotate-size"),
    (["--keep=0", "mirror0", "FILE"], "--keep: \"0\""),
    (["--detach", "--parent=1", "mirror0", "FILE"], "--detach leaves"),
])
def test_what_does_not_work(sensor, arguments, message):
    file = sensor.folder + "/x"
    done = sensor.namespace.run(
        PROGRAM, "--unixctl=none",
        *[file if word == "FILE" else word for word in arguments], check=False)
    assert done.returncode == 1
    assert message in done.stderr
    assert not sensor.names()
