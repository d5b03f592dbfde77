# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""The tenant paper's LAN: IPv4 hosts, and a service that knows IPv6 only, and
of that only link-local addresses.  Real stacks on both sides of the nat64
action."""

import hashlib
import json
import os
import random
import re
import socket
import struct
import time

import pytest

from datagrams import exchange
from lab import Capture, LabError, Switch
from lab.lab import wait_for
from lab.segment import frames

LAN, SERVICE = "192.168.0.1", "192.168.0.100"
# What they are to the service: RFC 6052 with prefix fe80::/96.
LAN6, SERVICE6 = "fe80::c0a8:1", "fe80::c0a8:64"

# Figure 5 of the paper, as printed there.
PAPER = """\
priority=10,in_port=1,ip,actions=nat64:4toll6,output:2
priority=10,in_port=1,arp,actions=nat64:4toll6,output:2
priority=10,in_port=2,ipv6,actions=nat64:ll6to4,output:1
priority=10,in_port=1,ipv6,actions=output:3
priority=10,in_port=3,ipv6,actions=output:1
"""

IPV6 = {"net.ipv6.conf.default.disable_ipv6": 0,
        "net.ipv6.conf.all.disable_ipv6": 0}
N_BYTES = 100 * 1000 * 1000


class Tenant:
    """A LAN host on port 1, the service on port 2, and on port 3 another host
    that speaks native IPv6 with the LAN."""

    def __init__(self, lab, flows=PAPER, switch=None):
        self.lab = lab
        self.switch = switch or Switch(lab)
        self.lan = self.switch.attach("lan", LAN + "/24", sysctls=IPV6)
        self.service = self.switch.attach("service", sysctls=IPV6)
        self.native = self.switch.attach("native", sysctls=IPV6)
        # The interface has the one address that the translator gives it.
        self.service.ip("link", "set", "eth0", "addrgenmode", "none")
        self.service.ip("address", "flush", "dev", "eth0")
        self.lan.ip("address", "add", "2001:db8::1/64", "dev", "eth0", "nodad")
        self.native.ip("address", "add", "2001:db8::3/64", "dev", "eth0",
                       "nodad")
        self.set_flows(flows)
        self.service.ip("address", "add", SERVICE6 + "/64", "dev", "eth0")
        wait_for(lambda: "tentative" not in self.service.ip(
            "address", "show", "dev", "eth0"), "an address", timeout=20)

    def set_flows(self, flows):
        path = self.lab.path("flows.txt")
        with open(path, "w") as f:
            f.write(flows)
        self.switch.ofctl("del-flows", self.switch.bridge)
        self.switch.ofctl("add-flows", self.switch.bridge, path)

    def ends(self, client):
        """Returns client and server namespace, by the client's name, and how
        the client calls the server."""
        if client == "lan":
            return self.lan, self.service, SERVICE
        return self.service, self.lan, LAN6 + "%eth0"

    def megaflows(self):
        """Returns the datapath flows that translate, without counters."""
        text = self.switch.appctl("dpctl/dump-flows")
        return [re.sub(r"ufid:\S+ |, packets:.*actions:", " ", line)
                for line in text.splitlines() if "nat64" in line]


@pytest.fixture
def tenant(lab):
    return Tenant(lab)


def ping(host, address, *options, count=3):
    """Pings and returns how many answers came."""
    done = host.run("ping", "-n", "-i", "0.2", "-c", count, "-w", 15,
                    *options, address, check=False)
    return int(re.search(r"(\d+) received", done.stdout).group(1))


def serve(host, directory, port=8000):
    """Starts a web server for both IP versions."""
    host.start("/usr/bin/python3", "-m", "http.server", "--bind", "::",
               "--directory", directory, port, log="http.log")
    wait_for(lambda: ":%d " % port in host.run("ss", "-Hltn").stdout,
             "a web server", timeout=30)


def fetch(client, name, path, port=8000):
    """Downloads 'path' from 'name' and returns its SHA-256."""
    if ":" in name:
        name = "[%s]" % name.replace("%", "%25")
    body = client.lab.path("body")
    client.run("curl", "-sSf", "-g", "-o", body, "--max-time", 100,
               "http://%s:%d/%s" % (name, port, path), timeout=110)
    with open(body, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


@pytest.fixture
def big_file(lab):
    """A folder with 100 MB of data, and their SHA-256."""
    path = lab.path("www", "big")
    digest = hashlib.sha256()
    with open(path, "wb") as f:
        for i in range(N_BYTES // 1000000):
            data = random.Random(i).randbytes(1000000)
            digest.update(data)
            f.write(data)
    return os.path.dirname(path), digest.hexdigest()


@pytest.mark.parametrize("client", ("lan", "service"))
def test_ping(tenant, client):
    """Echo in both directions, up to the largest that fits.  One that does not
    comes in fragments, which do not translate: RFC 7915 section 1.2."""
    host, _, address = tenant.ends(client)
    # 1480 bytes of IPv4 are 1500 of IPv6.
    fits = 1480 - 28 if client == "lan" else 1500 - 48
    for size in (56, 1400, fits):
        assert ping(host, address, "-s", size) == 3
    assert ping(host, address, "-s", 5000) == 0


def test_neighbors(tenant):
    """Each knows the other's own MAC, by ARP here and by NDP there."""
    assert ping(tenant.lan, SERVICE) == 3
    for host, other, address in ((tenant.lan, tenant.service, SERVICE),
                                 (tenant.service, tenant.lan, LAN6)):
        entry = host.ip("neighbor", "show", address, "dev", "eth0")
        assert other.mac in entry and "FAILED" not in entry, entry


@pytest.mark.parametrize("first", ("lan", "service"))
def test_resolution_again(tenant, first):
    """Entries that are lost are learned again, whoever asks."""
    host, _, address = tenant.ends(first)
    for _ in range(3):
        tenant.lan.ip("neighbor", "flush", "all")
        tenant.service.ip("-6", "neighbor", "flush", "all")
        assert ping(host, address) == 3


@pytest.mark.parametrize("client", ("lan", "service"))
def test_neighbors_expire(tenant, client):
    """Entries that age are confirmed with unicast requests (RFC 1122 section
    2.3.2.1, RFC 4861 section 7.3), without a packet being lost."""
    settings = {"base_reachable_time_ms": 500, "delay_first_probe_time": 1,
                "gc_stale_time": 1}
    for host, version in ((tenant.lan, 4), (tenant.service, 6)):
        host.sysctl({"net.ipv%d.neigh.eth0.%s" % (version, name): value
                     for name, value in settings.items()})
    host, other, address = tenant.ends(client)
    capture = Capture(tenant.service, "eth0", "icmp6")
    assert ping(host, address, "-i", "0.5", count=16) == 16
    time.sleep(0.5)
    solicitations = [frame for _, frame in frames(capture.stop())
                     if frame[54] == 135 and frame[0] != 0x33]
    assert solicitations
    entry = other.ip("neighbor", "show", "dev", "eth0")
    assert host.mac in entry, entry


def test_dad_ipv6(tenant):
    """The service may not take the address of a LAN host: a solicitation from
    :: is an ARP probe, and its answer an advertisement to all nodes."""
    tenant.service.ip("address", "add", LAN6 + "/64", "dev", "eth0")
    wait_for(lambda: "dadfailed" in tenant.service.ip(
        "address", "show", "dev", "eth0", "to", LAN6), "a duplicate address",
        timeout=20)
    # One that is free, it may.
    tenant.service.ip("address", "add", "fe80::c0a8:65/64", "dev", "eth0")
    wait_for(lambda: not re.search("tentative|dadfailed", tenant.service.ip(
        "address", "show", "dev", "eth0", "to", "fe80::c0a8:65")),
        "an address", timeout=20)
    assert ping(tenant.lan, "192.168.0.101") == 3


def test_dad_ipv4(tenant):
    """And a LAN host not that of the service: RFC 5227."""
    probe = ("arping", "-D", "-q", "-I", "eth0", "-c", 2, "-w", 5)
    assert tenant.lan.run(*probe, SERVICE, check=False).returncode == 1
    assert tenant.lan.run(*probe, "192.168.0.50", check=False).returncode == 0


def test_gratuitous_arp(tenant):
    """A LAN host's new MAC is announced to the service."""
    assert ping(tenant.lan, SERVICE) == 3
    tenant.lan.ip("link", "set", "eth0", "address", "02:00:00:00:00:77")
    tenant.lan.run("arping", "-A", "-q", "-I", "eth0", "-c", 1, LAN)
    wait_for(lambda: "02:00:00:00:00:77" in tenant.service.ip(
        "neighbor", "show", LAN6, "dev", "eth0"), "the new MAC")


@pytest.mark.parametrize("client", ("lan", "service"))
def test_tcp(tenant, big_file, client):
    """100 MB over links of 1500 bytes, and small ones before."""
    directory, digest = big_file
    with open(os.path.join(directory, "small"), "w") as f:
        f.write("hello\n")
    host, server, address = tenant.ends(client)
    serve(server, directory)
    expected = hashlib.sha256(b"hello\n").hexdigest()
    assert fetch(host, address, "small") == expected
    assert fetch(host, address, "big") == digest
    # A connection to a port where nobody listens is refused, not lost.
    with pytest.raises(LabError, match="refused|Failed to connect|exit status 7"):
        fetch(host, address, "", port=81)


@pytest.mark.parametrize("client", ("lan", "service"))
def test_path_mtu(tenant, big_file, client):
    """A link in the translator's way is narrower than both stacks know: they
    find out by Fragmentation Needed (RFC 1191) and Packet Too Big (RFC 8201),
    whichever side sends."""
    tenant.set_flows(PAPER.replace("nat64:4toll6", "nat64(4toll6,mtu=1400)")
                     .replace("nat64:ll6to4", "nat64(ll6to4,mtu=1300)"))
    directory, digest = big_file
    host, server, address = tenant.ends(client)
    serve(server, directory)
    assert fetch(host, address, "big") == digest
    # 1400 bytes of IPv6 are 1380 of IPv4; 1300 of IPv4 are 1320 of IPv6.
    sender = server.name
    if sender == "lan":
        assert "mtu 1380" in server.ip("route", "get", SERVICE)
    else:
        assert "mtu 1320" in server.ip("-6", "route", "get", LAN6, "oif",
                                       "eth0")


def echo_udp(client, server, address, sizes, **options):
    """Exchanges UDP datagrams of 'sizes' between the two hosts, and returns
    the sizes that came back unharmed."""
    echo = server.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    echo.bind(("::", 7))
    echo.settimeout(2)
    version = socket.AF_INET6 if ":" in address else socket.AF_INET
    s = client.socket(version, socket.SOCK_DGRAM)
    s.settimeout(2)
    for level, name, value in options.get("setsockopt", ()):
        s.setsockopt(level, name, value)
    if version == socket.AF_INET6:
        index = int(client.run("cat", "/sys/class/net/eth0/ifindex").stdout)
        s.connect((LAN6, 7, 0, index))
    else:
        s.connect((address, 7))
    good = exchange(s, echo, sizes)
    echo.close()
    s.close()
    return good


@pytest.mark.parametrize("client", ("lan", "service"))
def test_udp(tenant, client):
    """Datagrams of all sizes, with those that need fragments."""
    host, server, address = tenant.ends(client)
    ping(host, address)
    sizes = (0, 1, 100, 1451, 1452, 1453, 1471, 1472, 1473, 3000, 8000, 20000,
             40000)
    assert echo_udp(host, server, address, sizes) == list(sizes)


def test_udp_cut_by_the_switch(tenant):
    """IPv4 packets without DF that IPv6 has no room for are cut on the way."""
    ping(tenant.lan, SERVICE)
    capture = Capture(tenant.service, "eth0", "ip6")
    sizes = (1460, 1472)
    dont = (socket.IPPROTO_IP, 10, 0)   # IP_MTU_DISCOVER, IP_PMTUDISC_DONT.
    assert echo_udp(tenant.lan, tenant.service, SERVICE, sizes,
                    setsockopt=[dont]) == list(sizes)
    fragments = [frame for _, frame in frames(capture.stop())
                 if frame[20] == 44 and frame[22:38]
                 == socket.inet_pton(socket.AF_INET6, LAN6)]
    assert len(fragments) == 2 * len(sizes)


@pytest.mark.parametrize("client", ("lan", "service"))
def test_traceroute(tenant, client):
    """Its last hop is known by "port unreachable", an error with a packet
    inside that the sender must recognize."""
    host, _, address = tenant.ends(client)
    ping(host, address)
    text = host.run("traceroute", "-n", "-m", 3, "-q", 2, "-w", 3,
                    *(["-6"] if ":" in address else []), address).stdout
    hops = text.splitlines()[1:]
    assert len(hops) == 1, text
    assert address.partition("%")[0] in hops[0] and "ms" in hops[0], text


@pytest.mark.parametrize("reverse", (False, True))
@pytest.mark.parametrize("client", ("lan", "service"))
def test_iperf3(tenant, client, reverse):
    host, server, address = tenant.ends(client)
    server.start("iperf3", "--server", log="iperf3.log")
    wait_for(lambda: ":5201 " in server.run("ss", "-Hltn").stdout, "iperf3")
    done = host.run("iperf3", "--client", address, "--time", 2, "--json",
                    *(["--reverse"] if reverse else []), check=False,
                    timeout=30)
    result = json.loads(done.stdout)
    assert "error" not in result, result["error"]
    assert result["end"]["sum_received"]["bits_per_second"] > 20e6


def test_native_ipv6(tenant):
    """What is IPv6 by itself passes by the translator at the same time."""
    process = tenant.lan.start("ping", "-n", "-i", "0.1", "-c", "40", SERVICE,
                               log="ping.log")
    assert ping(tenant.lan, "2001:db8::3", count=5) == 5
    assert ping(tenant.native, "2001:db8::1", count=5) == 5
    assert ping(tenant.lan, "ff02::1%eth0") >= 3
    process.wait(30)
    with open(tenant.lab.path("ping.log")) as f:
        assert " 40 received" in f.read()
    # The service has heard nothing of it.
    assert "2001:db8" not in tenant.service.ip("neighbor", "show")


class Avahi:
    """avahi-daemon in 'host', with a D-Bus and a /run of its own."""

    def __init__(self, host, ipv6):
        self.host = host
        lab = host.lab
        self.bus = "unix:path=" + lab.path(host.name, "bus")
        config = lab.path(host.name, "dbus.conf")
        with open(config, "w") as f:
            f.write("<busconfig><type>system</type><listen>%s</listen>"
                    "<policy context='default'><allow user='*'/>"
                    "<allow own='*'/>"
                    "<allow send_destination='*' eavesdrop='true'/>"
                    "<allow eavesdrop='true'/>"
                    "</policy></busconfig>" % self.bus)
        self.environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=self.bus)
        host.start("dbus-daemon", "--nofork", "--nopidfile",
                   "--config-file=" + config, log=host.name + "/dbus.log")
        wait_for(lambda: os.path.exists(self.bus.partition("=")[2]), "D-Bus")
        config = lab.path(host.name, "avahi.conf")
        with open(config, "w") as f:
            f.write("[server]\nhost-name=%s\nuse-ipv4=%s\nuse-ipv6=%s\n"
                    "allow-interfaces=eth0\n[publish]\n"
                    "publish-workstation=no\n[wide-area]\n"
                    "enable-wide-area=no\n" % (
                        host.name, "no" if ipv6 else "yes",
                        "yes" if ipv6 else "no"))
        # Namespaces of "ip netns exec" include mounts.
        host.start("sh", "-c", "mount -t tmpfs none /run && exec avahi-daemon"
                   " --no-drop-root --no-chroot --no-rlimits -f " + config,
                   env=self.environment, log=host.name + "/avahi.log")
        wait_for(lambda: self.run("avahi-browse", "-tpa", check=False)
                 .returncode == 0, "avahi-daemon", timeout=30, interval=0.2)

    def run(self, *argv, **kwargs):
        return self.host.run(*argv, env=self.environment, **kwargs)

    def publish(self, name, kind, port, *text):
        self.host.start("avahi-publish", "-s", name, kind, port, *text,
                        env=self.environment,
                        log=self.host.name + "/publish.log")

    def browse(self, kind):
        """Returns the services of 'kind', each a list of avahi-browse's
        fields."""
        text = self.run("avahi-browse", "-tprk", kind, check=False).stdout
        return [line.split(";") for line in text.splitlines()
                if line.startswith("=")]


@pytest.mark.parametrize("publisher", ("lan", "service"))
def test_dns_sd(tenant, publisher):
    """Multicast DNS, with the groups of RFC 6762 on both sides: what one
    publishes, the other finds and resolves."""
    avahi = {"lan": Avahi(tenant.lan, ipv6=False),
             "service": Avahi(tenant.service, ipv6=True)}
    other = "service" if publisher == "lan" else "lan"
    avahi[publisher].publish("Printer", "_ipp._tcp", 631, "rp=queue")
    found = wait_for(lambda: avahi[other].browse("_ipp._tcp"), "the printer",
                     timeout=30)
    assert found[0][1] == "eth0" and found[0][3] == "Printer"
    assert found[0][6] == publisher + ".local"
    assert found[0][8] == "631" and '"rp=queue"' in found[0][9]


SSDP_DEVICE = """
import socket, struct, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("::", 1900))
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
             socket.inet_pton(socket.AF_INET6, "ff02::c")
             + struct.pack("@I", socket.if_nametoindex("eth0")))
while True:
    data, peer = s.recvfrom(65536)
    if data.startswith(b"M-SEARCH"):
        s.sendto(b"HTTP/1.1 200 OK\\r\\nST: upnp:rootdevice\\r\\n"
                 b"USN: uuid:1::upnp:rootdevice\\r\\nEXT:\\r\\n"
                 b"CACHE-CONTROL: max-age=1800\\r\\nSERVER: Test\\r\\n"
                 b"LOCATION: http://192.168.0.100:80/\\r\\n\\r\\n", peer)
"""


def test_ssdp(tenant):
    """UPnP's discovery: a control point asks the IPv4 group for devices, and
    one answers that is in the IPv6 group."""
    tenant.service.start("/usr/bin/python3", "-c", SSDP_DEVICE,
                         log="device.log")
    wait_for(lambda: ":1900 " in tenant.service.run("ss", "-Hlun").stdout,
             "a device", timeout=20)
    done = tenant.lan.run("upnpc", "-m", "eth0", "-l", check=False, timeout=30)
    assert re.search(r"desc: http://192.168.0.100:80/\s+st: upnp:rootdevice",
                     done.stdout), done.stdout + done.stderr


def memory(process):
    with open("/proc/%d/status" % process.pid) as f:
        return int(re.search(r"VmRSS:\s*(\d+)", f.read()).group(1))


def test_megaflows(tenant):
    """What the switch knows does not grow with the number of addresses."""
    tenant.switch.vsctl("set", "Open_vSwitch", ".",
                        "other_config:max-idle=600000")
    assert ping(tenant.lan, SERVICE) == 3
    before = sorted(set(tenant.megaflows()))
    assert before
    s = tenant.lan.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind(("eth0", 0))
    frame = bytearray(
        bytes.fromhex(tenant.service.mac.replace(":", "")
                      + tenant.lan.mac.replace(":", "") + "0800"
                      "4500001c00004000401100000a000000c0a80064")
        + struct.pack("!HHHH", 1, 9, 8, 1))
    sizes = {}
    for n in (1, 1000, 100000):
        for i in range(n):
            struct.pack_into("!I", frame, 26, 0x0a000001 + i)
            words = struct.unpack("!10H", frame[14:24] + b"\0\0"
                                  + frame[26:34])
            total = sum(words)
            total = (total & 0xffff) + (total >> 16)
            total = (total & 0xffff) + (total >> 16)
            struct.pack_into("!H", frame, 24, ~total & 0xffff)
            s.send(frame)
            if i % 100 == 0:
                time.sleep(0.002)
        time.sleep(1)
        assert sorted(set(tenant.megaflows())) == before
        sizes[n] = memory(tenant.switch.vswitchd)
    assert sizes[100000] <= sizes[1000] + 1024, sizes
    # They did get there.
    received = tenant.service.counters()["Ip6InReceives"]
    assert received > 90000
    s.close()
