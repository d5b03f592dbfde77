# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""What a service sees behind the switch: links that all have the same
addresses, one for each tenant.  No switch is needed for that."""

import os
import subprocess

from lab import Namespace
from lab.lab import wait_for
from lab.namespace import connect

# The paper's 192.168.0.10 and 192.168.0.100, translated.
CLIENT, SERVICE = "fe80::c0a8:a", "fe80::c0a8:64"

IPV6 = {"net.ipv6.conf.default.disable_ipv6": 0,
        "net.ipv6.conf.all.disable_ipv6": 0,
        "net.ipv6.conf.default.accept_dad": 0}


class Links:
    """A service with interfaces 'names', and a client at the other end of
    each."""

    def __init__(self, lab, names=("em0", "em1", "em2")):
        self.lab = lab
        self.service = Namespace(lab, "service", **IPV6)
        self.clients = {}
        for name in names:
            self.plug(name)

    def plug(self, name, host=None):
        """Makes interface 'name' of the service, and the client that is
        there, in namespace 'host' if that is not to be a new one."""
        host = host or Namespace(self.lab, "at-" + name, **IPV6)
        connect(self.service, name, host, "eth0", True, True)
        for namespace, device, address in ((self.service, name, SERVICE),
                                           (host, "eth0", CLIENT)):
            # No other link-local address than this.
            namespace.ip("link", "set", device, "addrgenmode", "none")
            namespace.ip("address", "flush", "dev", device)
            namespace.ip("address", "add", address + "/64", "dev", device,
                         "nodad")
        self.clients[name] = host
        wait_for(lambda: not host.run("ping", "-n", "-c", 1, "-W", 1,
                                      SERVICE + "%eth0", check=False)
                 .returncode, name)

    def unplug(self, name):
        """Removes interface 'name', and returns the namespace of its
        client."""
        self.service.ip("link", "del", name)
        return self.clients.pop(name)

    def index(self, name):
        """Returns the index of the service's interface 'name'."""
        return int(self.service.ip("-o", "link", "show", name).split(":")[0])

    def curl(self, name, path, *options, address="[%s%%25eth0]" % SERVICE,
             check=True):
        """Returns what the client at 'name' gets for 'path'."""
        return self.clients[name].run(
            "curl", "-sS", "--max-time", 20, *options,
            "http://%s%s" % (address, path), check=check).stdout

    def ask(self, path, *options, **kwargs):
        """Returns what each client gets for 'path', by interface."""
        return {name: self.curl(name, path, *options, **kwargs).strip()
                for name in self.clients}

    def each(self, template="%s"):
        """Returns 'template' with each interface's name in it, by that."""
        return {name: template.replace("%s", name) for name in self.clients}

    def hammer(self, path, n=300, parallel=20, names=None, meanwhile=None):
        """The clients at 'names', by default all, ask for 'path' 'n' times at
        the same time, 'parallel' each.  Calls 'meanwhile' again and again until
        they are done.  Returns the set of answers that each got, by
        interface."""
        outputs = {name: self.lab.path("hammer-" + name)
                   for name in names or self.clients}
        for output in outputs.values():
            if os.path.exists(output):
                os.remove(output)
        processes = [
            self.clients[name].start(
                "curl", "-s", "--fail", "--max-time", 60, "--parallel",
                "--parallel-max", parallel, "--parallel-immediate",
                "http://[%s%%25eth0]%s?[1-%d]" % (SERVICE, path, n),
                log="hammer-" + name,
                # There curl shows how far it is, even if told not to.
                stderr=subprocess.DEVNULL)
            for name in outputs]
        while meanwhile and any(process.poll() is None
                                for process in processes):
            meanwhile()
        for process in processes:
            assert process.wait(90) == 0
        result = {}
        for name, output in outputs.items():
            with open(output) as f:
                lines = f.read().splitlines()
            assert len(lines) == n
            result[name] = set(lines)
        return result
