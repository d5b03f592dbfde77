# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""tasuki-links: what a program sees of addresses, call by call."""

import ast
import os
import socket
import struct
import subprocess

import pytest

from lab.lab import REPOSITORY
from tenantlinks import CLIENT, SERVICE, Links

HERE = os.path.dirname(os.path.abspath(__file__))
TASUKI_LINKS = os.path.join(REPOSITORY, "build", "bin", "tasuki-links")
MAPS = ("em#=fd00:0:1::/48", "vnet#-6=fd00:0:6::/48")

# How each link's network is shown; em01 is not how a number is written.
NETWORKS = {"em0": "fd00:0:1", "em12": "fd00:0:1:12", "vnet3-6": "fd00:0:6:3",
            "em01": None}


def shown(name, address):
    """Returns how the program is to see an address fe80::..., on link
    'name'."""
    return address.replace("fe80", NETWORKS[name] or "fe80", 1)


@pytest.fixture(scope="session")
def sanitized(tmp_path_factory):
    """The library with sanitizers, and what they need preloaded."""
    build = tmp_path_factory.mktemp("links")
    library = str(build / "libtasuki-links.so")
    subprocess.run(
        ["make", "-C", REPOSITORY, "-f", "service/Makefile", library,
         "BUILD=%s" % build, "CFLAGS=-g -O1 -fsanitize=address,undefined"],
        check=True, stdout=subprocess.DEVNULL)
    runtime = subprocess.run(["cc", "-print-file-name=libasan.so"], check=True,
                             stdout=subprocess.PIPE, text=True).stdout.strip()
    return "%s:%s" % (os.path.realpath(runtime), library)


@pytest.fixture
def links(lab):
    return Links(lab, tuple(NETWORKS))


class Probe:
    def __init__(self, host, *command, **kwargs):
        self.process = host.start(
            *command, os.path.join(HERE, "linkprobe.py"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=open(host.lab.path("probe.err"), "w"), text=True, **kwargs)

    def __call__(self, line, *args):
        self.process.stdin.write(line % tuple(map(repr, args)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the probe has died"
        try:
            return ast.literal_eval(answer)
        except ValueError:
            return answer.strip()


@pytest.fixture(params=["plain", "sanitized"])
def probe(request, links):
    if request.param == "plain":
        yield Probe(links.service, TASUKI_LINKS, *MAPS)
    else:
        yield Probe(links.service, env={
            **os.environ, "TASUKI_LINKS": ",".join(MAPS),
            "LD_PRELOAD": request.getfixturevalue("sanitized"),
            # Python frees nothing at its end.
            "ASAN_OPTIONS": "detect_leaks=0"})
    with open(links.lab.path("probe.err")) as f:
        assert not f.read()


def client_socket(links, name, kind, address=None):
    s = links.clients[name].socket(socket.AF_INET6, kind)
    s.settimeout(5)
    index = int(links.clients[name].ip("-o", "link", "show",
                                       "eth0").split(":")[0])
    s.bind((address or CLIENT, 0, 0, 0 if address else index))
    return s, index


def test_accept(links, probe):
    """Both ends of a connection that comes in."""
    probe("make('tcp', TCP, '::', 7000, listen=True)")
    assert probe("sockets['tcp'].getsockname()") == ("::", 7000, 0, 0)
    for name in links.clients:
        s, index = client_socket(links, name, socket.SOCK_STREAM)
        s.connect((SERVICE, 7000, 0, index))
        scope = 0 if NETWORKS[name] else links.index(name)
        peer = (shown(name, CLIENT), s.getsockname()[1], 0, scope)
        assert probe("accept('tcp', %s)", name) == peer
        assert probe("sockets[%s].getpeername()", name) == peer
        assert probe("sockets[%s].getsockname()", name) == (
            shown(name, SERVICE), 7000, 0, scope)
        # And data flows.
        s.sendall(b"request")
        assert probe("sockets[%s].recv(100)", name) == b"request"
        probe("sockets[%s].sendall(b'answer')", name)
        assert s.recv(100) == b"answer"


def test_room(links, probe):
    """An address that does not fit is cut off after it was translated, and
    its whole length is told; errno stays as it was."""
    probe("make('tcp', TCP, '::', 7000, listen=True)")
    for name in ("em12", "em01"):
        s, index = client_socket(links, name, socket.SOCK_STREAM)
        s.connect((SERVICE, 7000, 0, index))
        probe("accept('tcp', %s)", name)
        for function, last, port in (
                ("getpeername", CLIENT, s.getsockname()[1]),
                ("getsockname", SERVICE, 7000)):
            expected = struct.pack(
                "=H2s4x16sI", socket.AF_INET6, struct.pack("!H", port),
                socket.inet_pton(socket.AF_INET6, shown(name, last)),
                0 if NETWORKS[name] else links.index(name))
            for size in (0, 1, 8, 20, 24, 28):
                assert probe("raw_name(%s, %s, %s)", name, function, size) == (
                    expected[:size] + b"\xee" * (28 - size), 28, 77)


@pytest.mark.parametrize("how", ["to", "msg"])
def test_datagrams(links, probe, how):
    """A datagram's answer goes to the link that it came from."""
    probe("make('udp', UDP, '::', 7000)")
    for name in links.clients:
        s, index = client_socket(links, name, socket.SOCK_DGRAM)
        data = name.encode()
        s.sendto(data, (SERVICE, 7000, 0, index))
        answer = probe("echo('udp', %s)", how)
        assert answer[:2] == (
            (shown(name, CLIENT), s.getsockname()[1], 0,
             0 if NETWORKS[name] else links.index(name)), data)
        assert s.recvfrom(100)[0] == data


def test_control_data(links, probe):
    """What comes beside the data is left alone: the interface's index."""
    probe("make('udp', UDP, '::', 7000)")
    probe("sockets['udp'].setsockopt(socket.IPPROTO_IPV6,"
          " socket.IPV6_RECVPKTINFO, 1)")
    s, index = client_socket(links, "em12", socket.SOCK_DGRAM)
    s.sendto(b"x", (SERVICE, 7000, 0, index))
    assert probe("echo('udp', 'msg')")[2:] == (
        [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO)], 0)
    assert s.recv(100) == b"x"


def test_many_datagrams(links, probe):
    probe("make('udp', UDP, '::', 7000)")
    sent = []
    for name in ("em0", "em12", "vnet3-6"):
        s, index = client_socket(links, name, socket.SOCK_DGRAM)
        s.sendto(name.encode(), (SERVICE, 7000, 0, index))
        sent.append((name, s))
    seen = probe("echo('udp', 'mmsg')")
    for (name, s), (address, data, length) in zip(sent[:2], seen):
        assert (address, data, length) == (
            (shown(name, CLIENT), s.getsockname()[1], 0), name.encode(), 28)
        assert s.recv(100) == name.encode()
    # Nothing at all rather than half of it.
    assert seen[2] == (("::", 0, 0), b"vnet3-6", 28)


def test_outwards(links, probe):
    """The program can speak first, to each client; its own addresses are
    there to be bound, and what is on no link is refused as ever."""
    for name in links.clients:
        s, _ = client_socket(links, name, socket.SOCK_STREAM)
        s.listen()
        port = s.getsockname()[1]
        probe("make('out')")
        if NETWORKS[name]:
            assert probe("connect('out', %s, %s)", shown(name, CLIENT),
                         port) == (shown(name, CLIENT), port, 0, 0)
            assert s.accept()[1][0] == SERVICE
            probe("make('bound', UDP, %s, 7001)", shown(name, SERVICE))
            # All of them send to this address, and one is on its link.
            for other in links.clients:
                u, index = client_socket(links, other, socket.SOCK_DGRAM)
                u.sendto(other.encode(), (SERVICE, 7001, 0, index))
            assert probe("sockets['bound'].recv(100)") == name.encode()
            probe("sockets['bound'].settimeout(0.1)")
            assert probe("sockets['bound'].recv(100)") == "TimeoutError"
            assert probe("sockets['bound'].getsockname()") == (
                shown(name, SERVICE), 7001, 0, 0)
            probe("sockets['bound'].close()")
        else:
            assert probe("connect('out', %s, %s, 0, %s)", CLIENT, port,
                         links.index(name)) == (CLIENT, port, 0,
                                                links.index(name))
    # No such interface; no number; a number that is another one's.
    for network in ("fd00:0:1:5", "fd00:0:1:f", "fd00:0:6:12"):
        address = network + "::c0a8:64"
        assert probe("make('no', UDP, %s)", address) == "EADDRNOTAVAIL"
        probe("make('no', UDP)")
        for line in ("sendto(b'x', (%s, 1))", "connect((%s, 1))",
                     "sendmsg([b'x'], [], 0, (%s, 1))"):
            assert probe("sockets['no']." + line, address) == "ENETUNREACH"


def test_forged(links, probe):
    """Who really has an address of another tenant's network is nobody."""
    host = links.clients["em0"]
    for namespace, device, address in (
            (host, "eth0", "fd00:0:1:12::c0a8:a"),
            (links.service, "em0", "fd00:0:1:12::1")):
        namespace.ip("address", "add", address + "/64", "dev", device, "nodad")
    probe("make('udp', UDP, '::', 7000)")
    probe("make('tcp', TCP, '::', 7000, listen=True)")
    nobody = ("::", 0, 0, 0)

    # To the service's own address, and from the forged to a link-local one.
    s, index = client_socket(links, "em0", socket.SOCK_DGRAM,
                             "fd00:0:1:12::c0a8:a")
    for target in (("fd00:0:1:12::1", 7000), (SERVICE, 7000, 0, index)):
        s.sendto(b"x", target)
        assert probe("sockets['udp'].recvfrom(100)") == (b"x", nobody)
        s.sendto(b"x", target)
        assert probe("sockets['udp'].recvmsg(100)[3]") == nobody
    s, _ = client_socket(links, "em0", socket.SOCK_STREAM,
                         "fd00:0:1:12::c0a8:a")
    s.connect(("fd00:0:1:12::1", 7000))
    assert probe("accept('tcp', 'c')") == nobody
    assert probe("sockets['c'].getpeername()") == nobody


def test_gone(links, probe):
    """An open connection of a link that is gone is nobody's, even if another
    link has its name."""
    probe("make('tcp', TCP, '::', 7000, listen=True)")
    s, index = client_socket(links, "em12", socket.SOCK_STREAM)
    s.connect((SERVICE, 7000, 0, index))
    port = s.getsockname()[1]
    assert probe("accept('tcp', 'c')")[0] == shown("em12", CLIENT)
    scope = links.index("em12")
    host = links.unplug("em12")
    assert probe("sockets['c'].getpeername()") == (CLIENT, port, 0, scope)
    assert probe("raw_name('c', 'getpeername', 28)")[1:] == (28, 77)
    links.plug("em12", host)
    assert probe("sockets['c'].getpeername()") == (CLIENT, port, 0, scope)


def test_other_families(links, probe):
    """IPv4, mapped IPv4 and Unix sockets are no concern of ours."""
    probe("make('any', TCP, '::ffff:127.0.0.1', 7000, listen=True)")
    s = links.service.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.connect(("127.0.0.1", 7000))
    assert probe("accept('any', 'c')") == (
        "::ffff:127.0.0.1", s.getsockname()[1], 0, 0)
    probe("sockets.update(zip('ab', socket.socketpair()))")
    assert probe("sockets['a'].getpeername()") == ""
    assert probe("sockets['a'].sendmsg([b'x'])") == 1
    assert probe("sockets['b'].recvmsg(10)") == (b"x", [], 0, None)
    assert probe("libc.getpeername(99, None, None)") == -1
    assert probe("libc.recvfrom(99, None, 0, 0, None, None)") == -1


def test_wrong_pointers(links):
    """A wrong pointer, length or file is the error that it is without us, in
    every call."""
    def lines(*command):
        return links.service.run(*command, "/usr/bin/python3", os.path.join(
            HERE, "linkwrong.py")).stdout.splitlines()

    stock, ours = lines(), lines(TASUKI_LINKS, *MAPS)
    assert len(stock) > 5000
    assert [pair for pair in zip(stock, ours) if pair[0] != pair[1]] == []
    assert len(stock) == len(ours)


def test_inetd(links):
    """A program that is started for each connection, as systemd does it with
    Accept=yes, finds the interface in its environment."""
    links.service.start(
        "systemd-socket-activate", "--accept", "--inetd", "-l", "7000", "-E",
        "REMOTE_IF=forged", "-E", "PATH", TASUKI_LINKS, "--", "sh", "-c",
        "echo ${REMOTE_IF-none}", log="inetd")
    seen = {}
    for name in links.clients:
        seen[name] = links.clients[name].run(
            "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do"
            " nc -d -w 5 %s%%eth0 7000 && exit; sleep 0.1; done"
            % SERVICE).stdout.strip()
    assert seen == links.each()
    assert links.service.run("nc", "-d", "127.0.0.1",
                             "7000").stdout == "none\n"


@pytest.mark.parametrize("args, status, said", [
    ((), 1, "no program to run (try --help)"),
    (("em#=fd00::/48",), 1, "no program to run"),
    (("--nonsense",), 1, "unrecognized option '--nonsense'"),
    (("/nonsense",), 127, "/nonsense: No such file or directory"),
    (("/",), 126, "/: Permission denied"),
    (("em=fd00::/48", "true"), 1,
     '"em=fd00::/48" is not like em#=fd00:0:1::/48'),
    (("a#=fd00::/48", "b#=fd00::/48", "true"), 1,
     '"b#=fd00::/48" has the prefix of another one'),
    (("em#=2001:db8::/48", "true"), 1, "is not a unique local prefix"),
    (("a#=fd00::/48", "false"), 1, ""),
    (("--", "a=b"), 127, "a=b: No such file or directory"),
])
def test_mistakes(args, status, said):
    done = subprocess.run([TASUKI_LINKS, *args], stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, timeout=10,
                          check=False)
    assert done.returncode == status
    assert said in done.stderr and bool(said) == bool(done.stderr)


def test_not_configured():
    """Without its maps the library does not let a program run that relies on
    them."""
    library = os.path.join(REPOSITORY, "build/service/libtasuki-links.so")
    for maps, said in (({}, "TASUKI_LINKS is not set"),
                       ({"TASUKI_LINKS": "x"}, 'TASUKI_LINKS: "x" is not')):
        done = subprocess.run(["/bin/echo", "hello"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False,
                              env={"LD_PRELOAD": library, **maps})
        assert done.returncode == 127 and not done.stdout
        assert said in done.stderr
