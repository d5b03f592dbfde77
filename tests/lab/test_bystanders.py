# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""ARP, and the traffic that is none of a service's business."""

import json
import os
import re
import socket
import struct
import threading
import time

from lab import Capture, Iperf, Nginx
from lab.lab import wait_for
from lab.segment import segments
from labsite import HERE, mac
from tcpcheck import View, check_checksums, client_ports

VIRTUAL = re.compile(r"([0-9a-f]{2}(:[0-9a-f]{2}){5})")


def neighbor(host, address):
    """Returns the MAC that 'host' has for 'address', or None."""
    match = VIRTUAL.search(host.ip("neighbor", "show", address))
    return match and match.group(1)


def send(host, frame):
    s = host.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind(("eth0", 0))
    s.send(frame)


def arp(operation, sender_mac, sender_ip, target_mac, target_ip,
        to="ff:ff:ff:ff:ff:ff"):
    def mac_bytes(text):
        return bytes.fromhex(text.replace(":", ""))

    def ip_bytes(text):
        return bytes(map(int, text.split(".")))
    return (mac_bytes(to) + mac_bytes(sender_mac) + b"\x08\x06"
            + struct.pack("!HHBBH", 1, 0x800, 6, 4, operation)
            + mac_bytes(sender_mac) + ip_bytes(sender_ip)
            + mac_bytes(target_mac) + ip_bytes(target_ip)).ljust(60, b"\0")


def test_arp_is_answered_by_the_service(site):
    assert site.curl("/").server == "server1"
    found = neighbor(site.client, "10.0.0.1")
    assert found and found not in [mac(name) for name in site.nginx]
    # One answer, not one from each machine that has the address.
    site.client.ip("neighbor", "flush", "dev", "eth0")
    capture = Capture(site.client, "eth0", "arp")
    site.client.run("ping", "-c", "1", "-W", "1", "10.0.0.1", check=False)
    text = site.lab.run("tcpdump", "-nr", capture.stop()).stdout
    assert text.count("Reply 10.0.0.1 is-at") == 1, text


def test_no_pollution_by_servers(site):
    """Servers with the service's address speak ARP about it; nobody hears."""
    assert site.curl("/").server == "server1"
    before = neighbor(site.client, "10.0.0.1")
    other = site.switch.attach("other", "10.0.0.101/24")
    other.run("ping", "-c", "1", "-W", "1", "10.0.0.1", check=False)
    for name in ("server1", "server2"):
        host = site.hosts[name]
        # Announcements (RFC 5227), as requests and as replies.
        send(host, arp(1, mac(name), "10.0.0.1", "00:00:00:00:00:00",
                       "10.0.0.1"))
        send(host, arp(2, mac(name), "10.0.0.1", mac(name), "10.0.0.1"))
        # A reply that nobody asked for, to the client alone.
        send(host, arp(2, mac(name), "10.0.0.1", site.client.mac,
                       "10.0.0.100", to=site.client.mac))
        # What their kernels do to find the client.
        host.ip("neighbor", "flush", "dev", "eth0")
        host.run("ping", "-c", "1", "-W", "1", "10.0.0.100", check=False)
    time.sleep(0.3)
    assert neighbor(site.client, "10.0.0.1") == before
    assert neighbor(other, "10.0.0.1") in (before, None)
    assert site.curl("/").server == "server1"
    assert site.curl("/two/").server == "server2"


def test_servers_find_the_client(site):
    """A server that has forgotten the client's MAC asks, and gets an answer
    that works."""
    for _ in range(3):
        for host in site.hosts.values():
            host.ip("neighbor", "flush", "dev", "eth0")
        assert site.curl("/").server == "server1"
        assert site.curl("/two/").server == "server2"
        assert site.curl("/three/").server == "server3"


def test_fight_over_a_servers_address(site):
    """Somebody else has the address of a server that only ARP finds: he gets
    nothing while the server is there, and is the server once it is not."""
    assert site.curl("/three/").server == "server3"
    thief = site.switch.attach("thief", "10.0.0.3/24")
    Nginx(thief, {"three/index.html": "thief\n"})

    def claim():
        for operation in 1, 2:
            send(thief, arp(operation, thief.mac, "10.0.0.3", mac("server1"),
                            "10.0.0.1"))
        thief.run("ping", "-c", "1", "-W", "1", "10.0.0.1", check=False)
    for _ in range(4):
        claim()
        assert site.curl("/three/").server == "server3"
    with open(os.path.join(site.switch.rundir, "tasukid.log")) as f:
        log = f.read()
    assert re.search(r"%s on port \d+ claims address 10\.0\.0\.3, which stays "
                     r"with %s on port" % (thief.mac, mac("server3")), log)

    site.hosts["server3"].ip("address", "flush", "dev", "eth0")
    claim()
    wait_for(lambda: site.curl("/three/", check=False).server == "thief",
             "the new server", timeout=10)


def test_direct_traffic(site, big):
    """A server's own address is just a host's: no handshake but its own."""
    site.publish("big.bin", big.data)
    captures = site.capture()
    site.client.run("curl", "-sS", "-o", site.lab.path("direct"),
                    "http://10.0.0.3/three/big.bin")
    captured = site.captured(captures)
    check_checksums(captured)
    # The switch floods what it has not learned yet; nobody else is addressed.
    for name in ("server1", "server2"):
        assert not [s for s in captured[name] if s.mac_dst == mac(name)]
    port, = client_ports(captured["client"])
    client = View(captured["client"], port)
    server = View(captured["server3"], port)
    assert client.syn_ack.seq == server.syn_ack.seq
    assert client.syn_ack.ip_src == "10.0.0.3"
    assert client.syn_ack.tsval == server.syn_ack.tsval
    with open(site.lab.path("direct"), "rb") as f:
        assert f.read() == big.data


def counters(site):
    """Returns what tasukid counted, of the service and the switch."""
    words = [line.split() for line in
             site.controller.appctl("service/stats").splitlines()]
    return {word[0]: int(word[1]) for word in words
            if len(word) > 1 and word[1].isdigit()}


def to_controller(site, address):
    """Returns how many packets from 'address' went to tasukid, as soon as the
    switch has counted them."""
    time.sleep(1)
    text = site.switch.ofctl("dump-flows", site.switch.bridge,
                             "table=20,tcp,nw_src=" + address)
    return sum(int(re.search(r"n_packets=(\d+)", line)[1])
               for line in text.splitlines() if "CONTROLLER" in line)


def test_direct_connections_cost_nothing(site):
    """Any number of direct connections takes one flow entry, and no packet of
    theirs but the first few goes to tasukid: those of the time that the
    datapath needs to notice the entry."""
    other = site.switch.attach("other", "10.0.0.101/24")
    before = to_controller(site, "10.0.0.3")

    def load(count):
        done = other.run(os.path.join(HERE, "load.py"), "10.0.0.3", "/three/",
                         "--count", count)
        report = json.loads(done.stdout)
        assert report["servers"] == {"/three/ server3": count}, report
        assert not report["errors"]

    load(20)
    first = to_controller(site, "10.0.0.3")
    assert first > before
    load(300)
    assert to_controller(site, "10.0.0.3") == first
    entries = [flow for flow in site.switch.dump_flows("table=20,tcp")
               if "10.0.0.101" in flow]
    assert len(entries) == 1, entries


def test_direct_and_moved_at_once(site):
    """A client of the service that goes to its server directly, too."""
    program = os.path.join(HERE, "load.py")
    with open(site.lab.path("direct.json"), "w") as f:
        direct = site.client.start(program, "10.0.0.3", "/three/", "--count",
                                   "300", "--at-once", "3", stdout=f)
        moved = site.load("/three/", "/", "--count", "100", "--at-once", "2")
        assert direct.wait(60) == 0
    assert moved["servers"] == {"/three/ server3": 50, "/ server1": 50}, moved
    assert not moved["errors"]
    with open(site.lab.path("direct.json")) as f:
        report = json.load(f)
    assert report["servers"] == {"/three/ server3": 300}, report
    assert not report["errors"]


REQUEST = b"GET /three/ HTTP/1.1\r\nHost: a\r\n\r\n"


def connect_from(host, port, address, timeout=10):
    """Connects 'host' to 'address' from a certain port."""
    s = host.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.settimeout(timeout)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((host.address, port))
    s.connect((address, 80))
    return s


def ask(s):
    """Returns who answers a request."""
    s.sendall(REQUEST)
    return re.search(rb"X-Served-By: (\w+)", s.recv(65536))[1].decode()


def test_direct_and_moved_with_the_same_ports(site):
    """One client port, to the service, whose rule wants server3, and to
    server3 itself, at the same time.  There a moved connection would be the
    one that it has already, and it says so: another server answers, and the
    direct connection goes on all the while, data both ways."""
    direct = connect_from(site.client, 41000, "10.0.0.3")
    answers = []
    end = threading.Event()

    def talk():
        while not end.is_set():
            answers.append(ask(direct))

    talking = threading.Thread(target=talk)
    talking.start()
    try:
        moved = connect_from(site.client, 41000, "10.0.0.1")
        assert ask(moved) == "server1"
        n = len(answers)
        assert n > 10
        for _ in range(20):
            assert ask(moved) == "server1"
        wait_for(lambda: len(answers) > n + 20, "answers to direct requests")
    finally:
        end.set()
        talking.join()
    assert set(answers) == {"server3"}
    counted = counters(site)
    assert counted["collided"] == 1
    assert "silent" not in counted and "refused" not in counted


def test_server_remembers_what_the_client_forgot(site):
    """A connection that only server3 knows of: it says so to the client, who
    resets it (RFC 5961), and then server3 takes the moved one."""
    direct = connect_from(site.client, 41001, "10.0.0.3")
    assert ask(direct) == "server3"
    # A socket that is being repaired goes without a word.
    tcp_repair = 19
    direct.setsockopt(socket.IPPROTO_TCP, tcp_repair, 1)
    direct.close()
    moved = connect_from(site.client, 41001, "10.0.0.1")
    assert ask(moved) == "server3"
    counted = counters(site)
    assert counted["moved"] == 1
    assert "collided" not in counted


def test_direct_syn_to_the_ports_of_a_moved_connection(site):
    """The other way round: server3 takes the SYN for one of the connection
    that it has, which goes on.  When that has ended the ports are free."""
    moved = connect_from(site.client, 41002, "10.0.0.1")
    assert ask(moved) == "server3"
    direct = []
    connecting = threading.Thread(target=lambda: direct.append(
        connect_from(site.client, 41002, "10.0.0.3", 40)))
    connecting.start()
    try:
        for _ in range(10):
            assert ask(moved) == "server3"
            time.sleep(0.2)
        assert not direct
        moved.close()
    finally:
        connecting.join()
    for _ in range(3):
        assert ask(direct[0]) == "server3"


def test_other_ports_of_a_server(site):
    """What is not the service's port goes to the server as it is."""
    Iperf(site.hosts["server3"])
    site.client.run("iperf3", "-c", "10.0.0.3", "-n", "5M", timeout=30)


def test_other_hosts(site, big):
    """Hosts on the same switch neither see nor feel anything."""
    alice = site.switch.attach("alice", "10.0.0.201/24")
    bob = site.switch.attach("bob", "10.0.0.202/24")
    Iperf(bob)
    alice.run("ping", "-c", "3", "-i", "0.2", "10.0.0.202")
    site.load("/", "/two/", "--count", "4")
    capture = Capture(bob, "eth0", "tcp port 80")
    running = alice.start("iperf3", "-c", "10.0.0.202", "-t", "3",
                          log="iperf-alice")
    report = site.load("/", "/two/", "/three/", "--count", "150",
                       "--at-once", "5")
    assert not report["errors"]
    assert running.wait(30) == 0
    seen = segments(capture.stop())
    assert not seen, "bob saw %s" % seen[0]


def test_ping_between_hosts(site):
    site.client.run("ping", "-c", "2", "-i", "0.2", "10.0.0.3")
    site.hosts["server3"].run("ping", "-c", "2", "-i", "0.2", "10.0.0.100")
