# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Open vSwitch, in a namespace of its own."""

import os
import signal

from .errors import LabError
from .lab import REPOSITORY, wait_for
from .namespace import Namespace, connect


def programs():
    """Returns the directory of this project's programs: $TASUKI_BIN, or
    build/bin of the repository."""
    path = os.environ.get("TASUKI_BIN",
                          os.path.join(REPOSITORY, "build", "bin"))
    if not os.path.exists(os.path.join(path, "ovs-vswitchd")):
        raise LabError("%s: no ovs-vswitchd there: run make first" % path)
    return path


def schema(name):
    """Returns the path of database schema 'name'."""
    directories = os.environ.get("TASUKI_SCHEMAS", "").split(":") + [
        os.path.join(REPOSITORY, "utilities/tasukid"),
        os.path.join(REPOSITORY, "build/src/openvswitch/vswitchd")]
    for directory in directories:
        path = os.path.join(directory, name)
        if os.path.exists(path):
            return path
    raise LabError("%s: not in %s" % (name, " ".join(directories).strip()))


class Switch:
    """ovsdb-server and ovs-vswitchd with one bridge, 'bridge'.

    Hosts that attach() makes are the switch's ports, under the same name.
    'vswitchd' is the program to run in place of the usual one, 'other_config'
    what to set for it in the database, 'namespace' where to run it if not in a
    new namespace of its own.

    'datapath' is the type of its bridges: "netdev" in userspace, "system" in
    the kernel, which takes a guest (see guest.py); by default what
    $TASUKI_DATAPATH says, or "netdev".  With $TASUKI_OFFLOAD=on hosts leave
    checksums and segmentation to a kernel datapath."""

    def __init__(self, lab, name="switch", bridge="br0", other_config=None,
                 vswitchd="ovs-vswitchd", namespace=None, datapath=None):
        self.lab = lab
        self.datapath = datapath or os.environ.get("TASUKI_DATAPATH", "netdev")
        self.offload = (self.datapath == "system"
                        and os.environ.get("TASUKI_OFFLOAD") == "on")
        self.namespace = namespace or Namespace(lab, name)
        self.bridge = bridge
        self.bin = programs()
        self.hosts = {}
        rundir = os.path.dirname(lab.path(name, "run", ""))
        self.environment = dict(
            os.environ, PATH=self.bin + ":" + os.environ["PATH"],
            OVS_RUNDIR=rundir, OVS_LOGDIR=rundir, OVS_DBDIR=rundir,
            OVS_SYSCONFDIR=rundir)
        self.rundir = rundir
        self._start_ovsdb()
        for key, value in (other_config or {}).items():
            self.vsctl("--no-wait", "set", "Open_vSwitch", ".",
                       "other_config:%s=%s" % (key, value))
        self.program = vswitchd
        self.start_vswitchd()
        self.add_bridge(bridge)

    def _start_ovsdb(self):
        databases = []
        for name, file_name in (("conf", "vswitch.ovsschema"),
                                ("tasuki", "tasuki.ovsschema")):
            path = os.path.join(self.rundir, name + ".db")
            self.run("ovsdb-tool", "create", path, schema(file_name))
            databases.append(path)
        self.start("ovsdb-server", "--no-chdir", "--pidfile",
                   "--remote=punix:" + os.path.join(self.rundir, "db.sock"),
                   *databases, log="ovsdb-server.log")
        wait_for(lambda: self.run("ovs-vsctl", "--timeout=5", "--no-wait",
                                  "init", check=False).returncode == 0,
                 "ovsdb-server")

    def start_vswitchd(self):
        """Starts ovs-vswitchd, or starts it again after kill()."""
        self.vswitchd = self.start(
            self.program, "--no-chdir", "--pidfile", "-vconsole:off", "-vfile:info",
            "--log-file=" + os.path.join(self.rundir, "ovs-vswitchd.log"),
            log="ovs-vswitchd.out")

    def start(self, program, *argv, **kwargs):
        """Starts one of the project's programs in the switch's namespace."""
        kwargs.setdefault("env", self.environment)
        return self.namespace.start(os.path.join(self.bin, program), *argv,
                                    **kwargs)

    def run(self, program, *argv, **kwargs):
        """Runs one of the project's programs in the switch's namespace."""
        kwargs.setdefault("env", self.environment)
        return self.namespace.run(os.path.join(self.bin, program), *argv,
                                  **kwargs)

    def vsctl(self, *argv):
        return self.run("ovs-vsctl", "--timeout=20", *argv).stdout

    def ofctl(self, *argv, version="OpenFlow13"):
        return self.run("ovs-ofctl", "-O", version, *argv).stdout

    def appctl(self, *argv, **kwargs):
        """Runs an ovs-vswitchd command and returns what it prints."""
        return self.run("ovs-appctl", "-T", "20", *argv, **kwargs).stdout

    def add_bridge(self, name, dpid=None, datapath=None):
        """Adds a bridge that forwards nothing until it is told what."""
        self.vsctl("add-br", name, "--", "set", "bridge", name,
                   "datapath_type=" + (datapath or self.datapath),
                   "fail_mode=secure",
                   *(["other-config:datapath-id=" + dpid] if dpid else []))

    def datapath_id(self, bridge=None):
        return self.vsctl("get", "bridge", bridge or self.bridge,
                          "datapath_id").strip().strip('"')

    def set_controller(self, target, bridge=None):
        bridge = bridge or self.bridge
        self.vsctl("set-controller", bridge, target, "--",
                   "set", "controller", bridge, "max_backoff=1000")

    def attach(self, name, address=None, bridge=None, mac=None, mtu=None,
               sysctls=None):
        """Makes a host 'name' with 'address' ("10.0.0.1/24") on its eth0,
        cabled to a switch port of the same name.  Returns its Namespace."""
        host = Namespace(self.lab, name, **(sysctls or {}))
        connect(host, "eth0", self.namespace, name, self.offload,
                self.offload)
        self.plug(host, address, bridge, mac, mtu)
        return host

    def plug(self, host, address=None, bridge=None, mac=None, mtu=None):
        """Makes interface host.name of the switch's namespace a port, the
        next free number, and gives the host its 'address' and MAC."""
        number = len(self.hosts) + 1
        host.port = number
        host.mac = mac or "02:00:00:00:00:%02x" % number
        host.ip("link", "set", host.eth, "address", host.mac,
                *(["mtu", str(mtu)] if mtu else []))
        if address:
            host.ip("address", "add", address, "dev", host.eth)
            host.address = address.partition("/")[0]
        self.add_port(host.name, number, bridge)
        self.hosts[host.name] = host

    def add_port(self, interface, number, bridge=None):
        self.vsctl("add-port", bridge or self.bridge, interface, "--",
                   "set", "interface", interface,
                   "ofport_request=%d" % number)

    def dump_flows(self, match="", bridge=None):
        """Returns the flow entries that match, one string each, without the
        fields that count or tell time."""
        text = self.ofctl("dump-flows", "--no-stats", bridge or self.bridge,
                          *([match] if match else []))
        return [line.strip() for line in text.splitlines()
                if "actions=" in line]

    def kill(self):
        """Ends ovs-vswitchd the hard way."""
        self.lab.stop(self.vswitchd, signal.SIGKILL)
