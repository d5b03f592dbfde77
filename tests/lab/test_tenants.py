# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Tenants as their hosts see them: one service, the same addresses in every
LAN, and each is served as if it were the only one."""

import hashlib
import os
import random
import re
import socket
import subprocess
import threading

import pytest

from datagrams import exchange
from lab.lab import REPOSITORY, wait_for
from lab.tenants import LAN, SERVICE, SERVICE6, URLS, Site, Tenant

LAN6 = "fe80::c0a8:a"           # 192.168.0.10, to the service.
N_BYTES = 10 * 1000 * 1000


@pytest.fixture(scope="module")
def site(shared_lab):
    """Tenants behind tunnels of both kinds, and one behind a port."""
    site = Site(shared_lab, 0)
    for number, kind in enumerate(("gre", "gre", "vxlan", "port"), 1):
        site.add(Tenant(number, kind))
    site.wait_up()
    site.serve()
    return site


def curl(url, *options):
    return ["curl", "-sSf", "-g", "--max-time", 60, *options, url]


def at_once(starts):
    """Starts programs, each a function that returns a Popen object, and
    returns what each printed."""
    processes = [start() for start in starts]
    result = []
    for process in processes:
        out, _ = process.communicate(timeout=90)
        assert process.returncode == 0, out
        result.append(out)
    return result


def starter(host, *argv):
    return lambda: host.start(*argv, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)


def test_content(site):
    """Figure 7 of the paper, by everybody at the same time, repeatedly."""
    expected, starts = [], []
    for _ in range(5):
        for tenant in site.tenants:
            for version, url in URLS.items():
                expected.append(tenant.page(version))
                starts.append(starter(tenant.host, *curl(url)))
    assert at_once(starts) == expected
    # One address at all interfaces is who the service was asked by.
    assert ({line.split()[1] for line in site.apache.log()
             if line.split()[0].endswith("-4")}
            == {"%s%%%s" % (LAN6, tenant.service) for tenant in site.tenants})


def test_demo():
    """The demonstration, with as many as in the paper's figure 8."""
    done = subprocess.run([os.path.join(REPOSITORY, "utilities/labs",
                                        "demo-tenant"), "--tenants", "10"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    for number in range(1, 12):
        for interface in ("vnet%d-4" % number, "vnet%d-6" % number):
            assert ("This Tenant %d of %s." % (number, interface)
                    in done.stdout)


def write_random(path, seed):
    """Writes a file and returns its SHA-256."""
    data = random.Random(seed).randbytes(N_BYTES)
    with open(path, "wb") as f:
        f.write(data)
    return hashlib.sha256(data).hexdigest()


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


@pytest.mark.parametrize("version", URLS)
def test_download(site, version):
    """10 MB to each tenant, another file for each, at the same time."""
    starts, expected, paths = [], [], []
    for tenant in site.tenants:
        expected.append(write_random(site.lab.path(
            site.apache.www, tenant.interface(version), "big"), tenant.number))
        paths.append(site.lab.path(tenant.name + "-big"))
        starts.append(starter(tenant.host, *curl(URLS[version] + "big", "-o",
                                                 paths[-1])))
    at_once(starts)
    assert [digest(path) for path in paths] == expected


def test_service_as_client(site):
    """10 MB from each tenant: the service calls hosts that have all one
    address, by their interface."""
    starts, expected, paths = [], [], []
    for tenant in site.tenants:
        directory = os.path.dirname(site.lab.path(tenant.name, "www", "big"))
        expected.append(write_random(directory + "/big", 10 + tenant.number))
        tenant.host.start("/usr/bin/python3", "-m", "http.server", "--bind",
                          LAN, "--directory", directory, 8000,
                          log=tenant.name + "/http.log")
        wait_for(lambda: ":8000 " in tenant.host.run("ss", "-Hltn").stdout,
                 "a web server", timeout=30)
        paths.append(site.lab.path(tenant.name + "-big"))
        starts.append(starter(site.service, *curl(
            "http://[%s%%25%s]:8000/big" % (LAN6, tenant.service), "-o",
            paths[-1])))
    at_once(starts)
    assert [digest(path) for path in paths] == expected


def mtu_to(site, tenant):
    """Returns the MTU that the service knows of towards the LAN."""
    text = site.service.ip("-6", "route", "get", LAN6, "oif", tenant.service)
    match = re.search(r"mtu (\d+)", text)
    return int(match.group(1)) if match else 1500


def test_path_mtu_tcp(site):
    """The tunnel's MTU is smaller than both ends know: the LAN's host offers
    segments of 1460 bytes, and the service must be told (RFC 8201)."""
    forget_mtus(site)
    for tenant in site.tenants:
        tenant.host.ip("route", "replace", "192.168.0.0/24", "dev", "eth0",
                       "src", LAN, "advmss", 1460)
    test_download(site, "ipv4")
    for tenant in site.tenants:
        # IPv6 that is as large as the LAN's MTU when it is IPv4.
        assert mtu_to(site, tenant) == min(tenant.mtu + 20, 1500)


def forget_mtus(site):
    """Has everybody find out about the path anew.  Linux keeps what it knows
    with the route, and "flush cache" of IPv6 does not end where routes differ
    in their interface only."""
    for tenant in site.tenants:
        tenant.host.ip("route", "flush", "cache")
        address = (SERVICE6 + "/64", "dev", tenant.service)
        site.service.ip("address", "delete", *address)
        site.service.ip("address", "add", *address, "nodad")
    assert {mtu_to(site, tenant) for tenant in site.tenants} == {1500}


def udp(host, version):
    s = host.socket(version, socket.SOCK_DGRAM)
    s.settimeout(1)
    return s


SIZES = (0, 1, 1000, 1429, 1430, 1431, 1452, 1453, 1472, 1473, 3000, 20000)


@pytest.mark.parametrize("client", ("lan", "service"))
def test_udp(site, client):
    """Datagrams of all sizes around the MTUs, whoever starts, of all tenants
    at the same time."""
    forget_mtus(site)
    results = {}

    def run(tenant):
        lan = udp(tenant.host, socket.AF_INET)
        service = udp(site.service, socket.AF_INET6)
        # Only what comes from this tenant.
        service.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                           tenant.service.encode())
        if client == "lan":
            service.bind(("::", 7))
            client_end, address, server_end = lan, (SERVICE, 7), service
        else:
            lan.bind((LAN, 7))
            client_end, address, server_end = service, (LAN6, 7), lan
        client_end.connect(address)
        results[tenant.name] = exchange(client_end, server_end, SIZES)
        lan.close()
        service.close()

    threads = [threading.Thread(target=run, args=(tenant,))
               for tenant in site.tenants]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {tenant.name: list(SIZES) for tenant in site.tenants}


def test_ping(site):
    """Echo up to what fits, both ways."""
    for tenant in site.tenants:
        assert pings(tenant.host, SERVICE, tenant.mtu - 28
                     if tenant.kind != "port" else 1500 - 48)
        assert pings(tenant.host, SERVICE6 + "%eth0", tenant.mtu - 48)
        assert pings(site.service, "%s%%%s" % (LAN6, tenant.service),
                     min(tenant.mtu + 20, 1500) - 48)
        # The native address of the LAN's host.
        own, = re.findall(r"inet6 (fe80:\S+)/", tenant.host.ip(
            "-6", "address", "show", "dev", "eth0", "scope", "link"))
        assert pings(site.service, "%s%%%s" % (own, tenant.native6), 1000)
    # Echoes in fragments do not translate (RFC 7915 section 1.2).
    tenant = site.tenants[0]
    assert not pings(tenant.host, SERVICE, tenant.mtu - 27)


def pings(host, address, size):
    return not host.run("ping", "-n", "-c", 2, "-i", "0.2", "-W", 1, "-s",
                        size, address, check=False).returncode
