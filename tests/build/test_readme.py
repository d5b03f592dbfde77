# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""What README says about the controller, command by command, on a machine of
its own; and that it is still there when its programs or the machine itself have
been started anew."""

import os
import pathlib
import re
import shlex
import signal
import subprocess
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
SECTION = "## Use the controller"
DISTRIBUTION = "--prefix=/usr --sysconfdir=/etc --localstatedir=/var"
PROGRAMS = ("ovsdb-server", "ovs-vswitchd", "tasukid")

# The first process of the machine: buries the others.
INIT = """
import os, time
while True:
    try:
        os.wait()
    except ChildProcessError:
        time.sleep(0.05)
"""

# Where the files of this machine are seen, and what is changed of them goes
# away at the end.  The repository may be on a file system of its own.
FILES = r"""
mount -t tmpfs -o mode=755 none "$1"
cd "$1"
mkdir up1 work1 up2 work2 root
mount -t overlay -o lowerdir=/,upperdir=up1,workdir=work1 none root
mkdir -p "root/$2"
mount -t overlay -o "lowerdir=$2,upperdir=up2,workdir=work2" none "root/$2"
mount --rbind /dev root/dev
# There is no kernel module to load into the kernel that runs the tests.
for place in sbin usr/sbin; do ln -sf /bin/true root/$place/modprobe; done
echo ready
exec sleep infinity
"""

BOOT = r"""
mount -t proc proc "$1/proc"
mount -t sysfs sysfs "$1/sys"
mount -t tmpfs -o mode=755 run "$1/run"
ip link set lo up
exec chroot "$1" /usr/bin/python3 -c "$2"
"""


class Machine:
    """A root of files with its processes and its network."""

    def __init__(self, tmp_path):
        self.root = str(tmp_path / "root")
        self.files = subprocess.Popen(
            ["unshare", "--mount", "sh", "-euc", FILES, "sh", str(tmp_path),
             str(TOP)], stdout=subprocess.PIPE, text=True)
        assert self.files.stdout.readline() == "ready\n"
        self.power_on()

    def power_on(self):
        self.kernel = subprocess.Popen(
            ["nsenter", "-t", str(self.files.pid), "--mount", "unshare",
             "--mount", "--net", "--pid", "--fork", "--kill-child", "sh",
             "-euc", BOOT, "sh", self.root, INIT])
        children = pathlib.Path("/proc/%d/task/%d/children"
                                % (self.kernel.pid, self.kernel.pid))
        wait_for(lambda: children.read_text().split(), "the first process")
        self.init = children.read_text().split()[0]
        command_line = pathlib.Path("/proc/%s/cmdline" % self.init)
        wait_for(lambda: command_line.read_text().startswith("/usr/bin/python"),
                 "booting")

    def power_off(self):
        os.kill(int(self.init), signal.SIGKILL)
        self.kernel.wait(30)

    def destroy(self):
        self.power_off()
        self.files.kill()
        self.files.wait()
        self.files.stdout.close()

    def run(self, command, check=True):
        """Runs a line of shell on it, and returns what it says."""
        done = subprocess.run(
            ["nsenter", "-t", self.init, "-m", "-n", "-p", "-r", "-w",
             "bash", "-c", "cd %s && %s" % (shlex.quote(str(TOP)), command)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=1200, check=False,
            env={"HOME": "/root", "LC_ALL": "C", "PATH": "/usr/local/sbin:"
                 "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
        print("# %s\n%s" % (command, done.stdout))
        assert not check or not done.returncode, done.stdout
        return done.stdout

    def kill(self, program):
        self.run("kill -9 $(pidof %s)" % program)
        wait_for(lambda: not self.run("pidof " + program, check=False),
                 "the end of " + program)


def wait_for(condition, what, timeout=30):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def blocks():
    """Returns the lists of commands in README's section."""
    text = (TOP / "README.md").read_text().split(SECTION + "\n")[1]
    text = text.split("\n## ")[0]
    found = re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", text, re.MULTILINE)
    lines = [block.replace("\\\n", " ").splitlines() for block in found]
    return [[line.strip() for line in block
             if line.strip() and not line.strip().startswith("#")]
            for block in lines]


class Readme:
    """The section's commands, for 'prefix'."""

    def __init__(self, prefix):
        install, by_hand, self.configure = (
            [command.replace("/usr/local/share", prefix + "/share").replace(
                "/usr/local", "" if prefix == "/usr" else prefix)
             for command in block] for block in blocks()[:3])
        assert install[0] == "make install"
        assert install[-1].startswith("systemctl enable --now ")
        assert any("ovs-ctl" in command for command in by_hand)
        assert any("add-service" in command for command in self.configure)
        self.install = install[:-1]
        self.by_hand = by_hand
        self.units = install[-1].split()[3:]


class ByHand:
    """Who types README's commands when systemd is not there."""

    def __init__(self, machine, readme, _prefix):
        self.machine = machine
        self.commands = readme.by_hand

    def start(self):
        for command in self.commands:
            if not (command.startswith("tasukid") and self.machine.run(
                    "pidof tasukid", check=False)):
                self.machine.run(command)


class Systemd:
    """What systemd does with the units that were installed, as far as they
    say it.  (It does not run without a boot.)"""

    def __init__(self, machine, readme, prefix):
        self.machine = machine
        self.directory = prefix + "/lib/systemd/system"
        self.units = {unit: self.read(unit) for unit in readme.units}
        complaints = machine.run("systemd-analyze verify --man=no %s" % " ".join(
            "%s/%s.service" % (self.directory, unit) for unit in self.units))
        assert not [line for line in complaints.splitlines()
                    if any(unit + ".service" in line for unit in self.units)]
        # Each behind those that it needs.
        for unit, settings in self.units.items():
            for other in settings.get("After", "").split():
                assert other.removesuffix(".service") not in list(
                    self.units)[list(self.units).index(unit):]
            assert settings["WantedBy"] == "multi-user.target"
            assert settings["Restart"] == "on-failure"

    def read(self, unit):
        lines = self.machine.run("cat %s/%s.service" % (self.directory, unit))
        return dict(line.split("=", 1) for line in lines.splitlines()
                    if "=" in line and not line.startswith("#"))

    def start(self):
        for unit, settings in self.units.items():
            if not self.machine.run("pidof " + unit, check=False):
                self.execute(settings)
                assert self.machine.run("pidof " + unit) == self.machine.run(
                    "cat " + settings["PIDFile"])

    def execute(self, settings):
        command = " ".join(word for word in settings["ExecStart"].split()
                           if not word.startswith("$"))
        if "User" in settings:
            command = "setpriv --reuid=%s --regid=%s --init-groups %s %s" % (
                settings["User"], settings["User"],
                "--bounding-set=-all --inh-caps=-all --no-new-privs", command)
        if settings.get("ProtectSystem") == "strict":
            writable = "".join(
                "mount --bind {0} {0} && mount -o remount,rw,bind {0}; ".format(
                    place) for place in settings["ReadWritePaths"].split())
            command = "unshare --mount sh -euc %s" % shlex.quote(
                "%s mount -o remount,ro,bind /; exec %s" % (writable, command))
        self.machine.run(command)


def look(machine):
    """Returns what the programs say about what was configured, once they have
    come to rest."""
    before = None
    deadline = time.monotonic() + 60
    while True:
        now = machine.run(
            "tasuki-ctl show; ovs-vsctl get Controller . is_connected;"
            "ovs-ofctl -O OpenFlow15 --no-stats dump-flows br0 | sort",
            check=False)
        if now == before and all(word in now for word in (
                "www2", ": connected", "\ntrue\n", "nw_dst=192.0.2.1")):
            return now
        assert time.monotonic() < deadline
        before = now
        time.sleep(0.5)


def privileges(machine, program):
    """Returns the user of 'program', and its capabilities."""
    status = machine.run("cat /proc/$(pidof %s)/status" % program)
    uid = re.search(r"^Uid:\t(\d+)\t\1\t\1\t\1$", status, re.MULTILINE)[1]
    return (machine.run("id -un " + uid).strip(), int(re.search(
        r"^CapEff:\t(\w+)$", status, re.MULTILINE)[1], 16))


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    yield machine
    # For when it has failed.
    machine.run("tail -n 30 /usr/local/var/log/openvswitch/*.log "
                "/var/log/openvswitch/*.log", check=False)
    machine.destroy()


@pytest.mark.parametrize("prefix, started_by", [
    ("/usr/local", Systemd), ("/usr/local", ByHand), ("/usr", Systemd)])
def test_controller(machine, prefix, started_by):
    readme = Readme(prefix)
    if prefix == "/usr":
        assert "`./configure %s`" % DISTRIBUTION in re.sub(
            r"\s+", " ", (TOP / "README.md").read_text())
        machine.run("./configure --quiet " + DISTRIBUTION)
    for command in readme.install:
        machine.run(command)
    starter = started_by(machine, readme, prefix)
    starter.start()
    for command in readme.configure:
        machine.run(command.replace(
            # For want of the kernel's.
            "add-br br0", "add-br br0 -- set bridge br0 datapath_type=netdev"))
    seen = look(machine)

    for program in PROGRAMS:
        user, capabilities = privileges(machine, program)
        assert user == "openvswitch", program
        # CAP_NET_ADMIN, which is the switch's.
        assert bool(capabilities & 1 << 12) == (program == "ovs-vswitchd")
    if started_by is Systemd:
        assert privileges(machine, "tasukid")[1] == 0

    # Each alone, all of them as ovs-ctl does it, and the machine.
    for program in PROGRAMS:
        machine.kill(program)
        starter.start()
        assert look(machine) == seen, program
    machine.run("%s/share/openvswitch/scripts/ovs-ctl --system-id=random "
                "--ovs-user=openvswitch restart" % prefix)
    assert look(machine) == seen
    machine.power_off()
    machine.power_on()
    starter.start()
    assert look(machine) == seen

    # Who starts ovsdb-server in another way is told what to do.
    machine.run("ovs-appctl -t ovsdb-server ovsdb-server/remove-db Tasuki")
    said = machine.run("tasuki-ctl show", check=False)
    assert 'has no database "Tasuki"' in said
    machine.run(re.search('"(ovs-appctl .*?)"', said)[1])
    assert look(machine) == seen
