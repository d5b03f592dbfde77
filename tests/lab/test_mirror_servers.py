# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Selective mirrors of what real servers say, over each kind of target, and
what real analysers make of them."""

import glob
import os
import re
import socket
import subprocess
import threading

import pytest

import mirrorcheck
from lab import Apache, Capture, Namespace, Nginx
from lab.lab import wait_for
from lab.underlay import Underlay
from mirrorsite import MirrorSite, SERVER
from webtalk import body

THRESHOLD = 20000
APACHE, TLS = "10.0.0.2", "10.0.0.3"
PROXY = """
location /chunked/ {
    proxy_pass http://127.0.0.1:8080;
    proxy_http_version 1.1;
}
location /close/ { proxy_pass http://127.0.0.1:8080; }
"""
DEFLATE = "SetOutputFilter DEFLATE\n"


@pytest.fixture(scope="module")
def shared_site(shared_lab):
    site = MirrorSite(shared_lab)
    process = site.server.start(os.path.join(os.path.dirname(__file__),
                                             "webtalk.py"), 8080,
                                stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    Nginx(site.server, {"index.html": "small\n", "big.html": body(3000000)},
          server=PROXY)
    apache = site.switch.attach("apache", APACHE + "/24")
    Apache(apache, {"index.html": "small\n",
                    "big.html": body(500000).decode() * 2},
           DEFLATE, modules=("filter", "deflate"))
    site.underlay = Underlay(site.switch)
    return site


@pytest.fixture
def site(shared_site):
    yield shared_site
    for name in shared_site.policies():
        shared_site.controller.ctl("del-mirror", name)


def curl(site, address, *paths, options=()):
    """None of the transfers may fail."""
    urls = sum([["-o", "/dev/null", "http://%s%s" % (address, path)]
                for path in paths], [])
    site.client.run("curl", "-sS", "--fail-early", "--max-time", 20, *options,
                    *urls)


NGINX_PATHS = ("/", "/big.html", "/chunked/500000/7", "/missing",
               "/chunked/300000/60000", "/big.html", "/close/200000", "/")


def browse(site):
    """Everything that curl can ask for.  Returns the request lines."""
    curl(site, SERVER, *NGINX_PATHS)
    curl(site, SERVER, "/big.html", "/big.html", "/", options=("-Z",))
    curl(site, SERVER, "/big.html", options=("-I",))
    curl(site, SERVER, "/big.html",
         options=("-H", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"))
    big = site.lab.path("upload")
    with open(big, "wb") as f:
        f.write(body(2000000))
    for expect in "Expect:", "Expect: 100-continue":
        curl(site, SERVER, "/upload", options=(
            "-H", expect, "--data-binary", "@" + big))
    curl(site, SERVER, "/upload", options=(
        "-H", "Transfer-Encoding: chunked", "--data-binary", "@" + big))
    curl(site, APACHE, "/big.html", "/", "/big.html",
         options=("--compressed",))
    return (["GET " + path for path in NGINX_PATHS]
            + ["GET /big.html"] * 2 + ["GET /", "HEAD /big.html",
                                       "GET /big.html"]
            + ["POST /upload"] * 3
            + ["GET /big.html", "GET /", "GET /big.html"])


@pytest.mark.parametrize("start", ("inline", "copy"))
def test_analysers(site, start):
    """nginx and Apache, and a mirror that tshark, tcpflow and ndpiReader read
    without complaint, and without missing a request or a response."""
    site.mirror(start=start, threshold=THRESHOLD, events=site.events(start))
    site.watch()
    requests = browse(site)
    report = site.judge(threshold=THRESHOLD,
                        excess=2 if start == "inline" else None,
                        told=lambda: site.told(start), exactly=False)
    assert sorted(" ".join(head.split()[:2]) for way, head in report.heads
                  if way == mirrorcheck.UP) == sorted(requests)
    assert report.bodies >= (13 if start == "inline" else 8)
    path = site.paths["sensor"]

    lines = site.lab.run(
        "tshark", "-n", "-r", path, "-o", "http.desegment_body:FALSE", "-o",
        "http.dechunk_body:FALSE", "-o", "http.desegment_headers:FALSE", "-T", "fields", "-e", "http.request.method",
        "-e", "http.request.uri", "-e", "http.response.code", "-E", "separator= ").stdout.splitlines()
    words = [line.split() for line in lines]
    assert sorted(" ".join(w[:2]) for w in words if len(w) == 2) == sorted(
        requests)
    codes = sorted(w[0] for w in words if len(w) == 1)
    assert codes == sorted(head.split()[1] for way, head in report.heads
                           if way == mirrorcheck.DOWN)

    # tcpflow leaves gaps in its files, and the heads are beside them.
    flows = site.lab.path("flows-" + start, "")
    site.lab.run("tcpflow", "-q", "-r", path, "-o", flows)
    text = b""
    for name in glob.glob(flows + "/*.*.*.*-*"):
        with open(name, "rb") as f:
            text += f.read()
    for way, head in report.heads:
        assert head.encode("latin-1") in text

    text = site.lab.run("ndpiReader", "-i", path, "-v", "1").stdout
    found = re.search(r"HTTP +packets: (\d+) +bytes: \d+ +flows: (\d+)", text)
    assert found and int(found[2]) == len(report.connections), text
    assert int(found[1]) == report.packets, text


def records(data):
    """Returns the offset of the first record of application data in a TLS
    stream (RFC 8446, 5.1), or None."""
    at = 0
    while at + 5 <= len(data):
        end = at + 5 + int.from_bytes(data[at + 3:at + 5], "big")
        if data[at] == 23:
            return at
        at = end
    return None


@pytest.mark.parametrize("version", ("1.2", "1.3"))
def test_tls(site, version):
    """The whole handshake, and 'keep' bytes of what follows."""
    if "tls" not in site.switch.hosts:
        host = site.switch.attach("tls", TLS + "/24")
        key, cert = site.lab.path("key.pem"), site.lab.path("cert.pem")
        site.lab.run("openssl", "req", "-x509", "-newkey", "rsa:2048",
                     "-nodes", "-subj", "/CN=tls", "-keyout", key, "-out",
                     cert)
        Nginx(host, {"big.html": body(3000000)}, listen="443 ssl",
              server="ssl_certificate %s; ssl_certificate_key %s; "
              "ssl_protocols TLSv1.2 TLSv1.3;"
              % (cert, key))
    site.mirror(match="tcp,tp_dst=443", keep=5000, start="inline")
    site.watch()
    site.client.run("curl", "-sSfk", "--tlsv" + version, "--tls-max", version,
                    "-o", "/dev/null", "https://%s/big.html" % TLS)
    seen = site.seen()

    def keep(stream):
        at = records(stream.read(0, 1 << 16))
        return (at or 0) + 5000
    report = mirrorcheck.check_beginnings(
        seen["truth"], seen["sensor"], keep, 3 * 1460, (443,))
    assert not report.problems, report.problems[:9]
    assert report.skipped > 2900000


@pytest.mark.parametrize("speaks", ("client", "server"))
def test_other(site, speaks):
    """Of anything else the beginning, and how it ends."""
    site.mirror(match="tcp,tp_dst=9000", keep=7000, start="inline")
    site.watch()
    data = b"SSH-2.0-" + body(1000000)
    with site.server.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((SERVER, 9000))
        listener.listen()
        client = site.connect(9000)
        server = listener.accept()[0]
    sender, receiver = ((client, server) if speaks == "client"
                        else (server, client))
    receiver.sendall(b"hello\n")
    sender.recv(6)
    thread = threading.Thread(target=sender.sendall, args=(data,))
    thread.start()
    got = b""
    while len(got) < len(data):
        got += receiver.recv(1 << 18)
    thread.join()
    assert got == data
    client.close()
    server.close()
    seen = site.seen()
    report = mirrorcheck.check_beginnings(
        seen["truth"], seen["sensor"], lambda stream: 7000, 3 * 1460, (9000,))
    assert not report.problems, report.problems[:9]
    assert report.skipped > 980000


def test_udp(site):
    """Of UDP the first packets of each direction; none is ever delayed."""
    site.mirror(match="udp,tp_dst=5000", start="inline", **{"keep-packets": 5})
    site.watch("udp")
    with site.server.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, \
            site.client.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for sock, address, port in ((server, SERVER, 5000),
                                    (client, "10.0.0.100", 6000)):
            sock.bind((address, port))
            sock.settimeout(5)
        client.connect((SERVER, 5000))

        def talk(numbers):
            for i in numbers:
                client.send(b"question %d" % i)
                data, peer = server.recvfrom(100)
                server.sendto(b"answer to " + data, peer)
                assert client.recv(100) == b"answer to question %d" % i

        talk(range(5))
        # What comes before tasukid has told the switch, and the switch its
        # datapath, is copied as well.
        for ends in "tp_src=6000,tp_dst=5000", "tp_src=5000,tp_dst=6000":
            wait_for(lambda: site.switch.dump_flows("udp," + ends),
                     "the entry of " + ends)
        site.switch.appctl("revalidator/wait")
        talk(range(5, 200))
    seen = site.seen()
    for word in b"question", b"answer":
        truth, mirror = ([p.frame for p in seen[name]
                          if p.frame[42:].startswith(word)]
                         for name in ("truth", "sensor"))
        assert len(truth) == 200
        assert mirror == truth[:5]


TUNNELS = {"vxlan": ("10.0.0.50", 77), "erspan": ("10.0.0.51", 88)}


@pytest.mark.parametrize("kind", TUNNELS)
def test_tunnel(site, kind):
    """The other end is a stock kernel's device, if it has that."""
    remote, key = TUNNELS[kind]
    underlay = site.underlay
    # Room for what is around the packets that are copied.
    for namespace, device in ((underlay.namespace, "eth0"),
                              (site.switch.namespace, "underlay")):
        namespace.ip("link", "set", device, "mtu", 1600)
    sensor = Namespace(site.lab, kind)
    underlay.tunnel(sensor, kind, remote, key)
    sensor.ip("link", "set", "eth0", "mtu", 1500)
    site.mirror(to="%s:%s:%d" % (kind, remote, key), threshold=THRESHOLD,
                start="inline")
    # A userspace datapath loses the first copies while it asks for the remote
    # end's MAC address.
    curl(site, SERVER, "/")
    site.watch(sensors={"sensor": (sensor, "eth0")})
    curl(site, SERVER, "/", "/big.html", "/chunked/500000/70")
    report = site.judge(threshold=THRESHOLD)
    assert len(report.heads) == 6 and report.bodies == 2


def test_tunnel_mtu(site):
    """A tunnel that has no room for whole packets says so."""
    for namespace, device in ((site.underlay.namespace, "eth0"),
                              (site.switch.namespace, "underlay")):
        namespace.ip("link", "set", device, "mtu", 1500)
    site.mirror(to="vxlan:10.0.0.50:78")
    wait_for(lambda: "MTU" in site.status().get("reason", ""),
             "a word about the MTU")


def test_file(site):
    """A pcapng file, with what was left out beside the packets."""
    path = site.lab.path("files", "m.pcapng")
    site.mirror(to="file:" + path, threshold=THRESHOLD, start="inline",
                events=site.events("file"))
    site.watch(sensors={})
    curl(site, SERVER, "/", "/big.html", "/big.html")
    seen = site.seen(1)
    site.controller.ctl("del-mirror", "m")
    wait_for(lambda: glob.glob(os.path.dirname(path) + "/*.pcapng"), "a file")
    name, = glob.glob(os.path.dirname(path) + "/*")
    plain = site.lab.path("plain.pcap")
    wait_for(lambda: not site.lab.run(
        "tshark", "-r", name, "-F", "nsecpcap", "-w", plain,
        check=False).returncode, "a whole file")
    report = mirrorcheck.check(seen["truth"], mirrorcheck.read(plain),
                               threshold=THRESHOLD, told=site.told("file"))
    assert not report.problems, report.problems[:9]
    assert report.bodies == 2
    comments = site.lab.run("tshark", "-n", "-r", name, "-T", "fields", "-e",
                            "frame.comment").stdout.splitlines()
    assert len([line for line in comments if line]) == 2
