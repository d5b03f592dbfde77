# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""Commands run on a kernel of our own, on this machine's files.

A guest is a virtual machine that lives for one command.  It sees the file
system of the host and keeps to itself what it writes there; only its 'share'
directory is the same in both.  The kernel module is loaded before the command
starts."""

import argparse
import fcntl
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys

from .errors import LabError
from .lab import Lab, REPOSITORY, wait_for

TARBALL = "/usr/src/linux-source-6.1.tar.xz"
HELPERS = os.path.join(REPOSITORY, "utilities", "labs", "guest")

# What a kernel says when something is wrong with it.
COMPLAINT = re.compile(
    r"BUG:|WARNING:|INFO: |Oops|KASAN|UBSAN|general protection|Kernel panic"
    r"|unreferenced object|suspicious RCU|possible recursive|circular locking")
READY = "tasuki: guest ready"

COMMON = """

The command sees all files and may write anywhere: what it writes is gone when
it ends, and so are its processes and namespaces.  Only what it puts into
$TASUKI_SHARE is left, for --share.

The exit status is the command's, or 1 if the kernel complained."""

MODULES = ("openvswitch", "vport-geneve", "vport-gre", "vport-vxlan")


class Outcome:
    """How a guest's command ended.

    'status' is its exit status, or None if the guest died of something else;
    'complaints' the lines in which the kernel complained about itself since
    the modules were loaded; 'console' all that it said."""

    def __init__(self, status, console):
        self.status = status
        self.console = console
        self.complaints = [line for line in console.partition(READY)[2]
                           .splitlines() if COMPLAINT.search(line)]

    @property
    def good(self):
        return self.status == 0 and not self.complaints


class Guest:
    """What all kinds of guests have in common.

    'vanilla' takes Linux's own module in place of ours.  The modules named in
    'load' are loaded; modprobe finds others."""

    def __init__(self, lab, vanilla=False, load=MODULES, memory="1G"):
        self.lab = lab
        self.memory = memory
        self.vanilla = vanilla
        self.load = load
        self.share = lab.path("guest", "")[:-1]
        self.process = None

    def run(self, *argv, timeout=600, env=None, cwd=None, stdin=None,
            stdout=None):
        """Runs a command in the guest and returns its Outcome.  Its output
        goes to 'stdout', this program's by default, standard error too."""
        self._modules()
        self._write("load", "".join(name + "\n" for name in self.load))
        self._write("command", _script(argv, env or os.environ,
                                       cwd or os.getcwd()))
        for name in ("status", "console", "kmemleak"):
            if os.path.exists(self._path(name)):
                os.unlink(self._path(name))
        self.process = self.start(stdin or subprocess.DEVNULL, stdout)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise LabError("%s: not done in the guest after %g s; see %s" % (
                shlex.join(argv), timeout, self._path("console"))) from None
        finally:
            self.lab.stop(self.process)
        status = self._read("status")
        return Outcome(int(status) if status else None,
                       self._read("console")
                       + _leaks(self._read("kmemleak")))

    def cpu_time(self):
        """Returns the seconds of the host's CPUs that the guest has taken."""
        ns = ticks = 0
        for directory in glob.glob("/proc/[0-9]*"):
            try:
                with open(directory + "/stat") as f:
                    fields = f.read().rpartition(")")[2].split()
                # start() has made it the leader of a session.
                if not self.process or int(fields[3]) != self.process.pid:
                    continue
                with open(directory + "/schedstat") as f:
                    ns += int(f.read().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue
            # Of those that have ended.
            ticks += sum(map(int, fields[13:15]))
        return ns / 1e9 + ticks / os.sysconf("SC_CLK_TCK")

    def copy_share(self, target):
        """Copies what the guest left, and its console, to 'target'."""
        os.makedirs(target, exist_ok=True)
        for name in os.listdir(self.share):
            path = self._path(name)
            if os.path.isfile(path):
                shutil.copy(path, target)
            elif os.path.isdir(path) and name not in ("root", "modules",
                                                      "uml"):
                shutil.copytree(path, os.path.join(target, name),
                                dirs_exist_ok=True)

    def _modules(self):
        """Fills directory 'modules' of 'share'."""
        release = self.release()
        root = self._path("root")
        directory = os.path.join(root, "lib", "modules", release)
        shutil.rmtree(root, ignore_errors=True)
        os.makedirs(directory)
        for path in self.find_modules():
            shutil.copy(path, directory)
        self.lab.run("depmod", "-b", root, release)
        shutil.copy(self.find_config(), self._path("config"))
        if not os.path.islink(self._path("modules")):
            os.symlink(os.path.relpath(directory, self.share),
                       self._path("modules"))

    def release(self):
        """Returns what "uname -r" will say in the guest."""
        raise NotImplementedError

    def find_modules(self):
        """Returns the paths of the modules, and of lists of those that are
        part of the kernel itself."""
        raise NotImplementedError

    def find_config(self):
        """Returns the path of the kernel's configuration."""
        raise NotImplementedError

    def start(self, stdin, stdout):
        """Starts the guest and returns its Popen object."""
        raise NotImplementedError

    def _path(self, name):
        return os.path.join(self.share, name)

    def _write(self, name, text):
        with open(self._path(name), "w") as f:
            f.write(text)

    def _read(self, name):
        try:
            with open(self._path(name), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""


class Uml(Guest):
    """User Mode Linux: native speed, one CPU.

    'kasan' takes the kernel that looks for errors, at a third of the speed;
    'older' a module of ours that was made before there were any actions."""

    def __init__(self, lab, kasan=False, older=False, **kwargs):
        kwargs.setdefault("memory", "2G" if kasan else "1G")
        super().__init__(lab, **kwargs)
        self.older = older
        self.tree = _helper("build-uml", *(["--kasan"] if kasan else []),
                            TARBALL).strip()

    def release(self):
        with open(os.path.join(self.tree, "include", "config",
                               "kernel.release")) as f:
            return f.read().strip()

    def find_modules(self):
        directory = os.path.join(self.tree, "vanilla")
        if not self.vanilla:
            directory = os.path.join(REPOSITORY, "build", "kernel-uml",
                                     os.path.basename(self.tree)
                                     + ("-older" if self.older else ""))
            build_module(directory, "--tree", self.tree, older=self.older)
        return (glob.glob(os.path.join(directory, "*.ko"))
                + glob.glob(os.path.join(self.tree, "modules.builtin*"))
                + [os.path.join(self.tree, "modules.order")])

    def find_config(self):
        return os.path.join(self.tree, ".config")

    def start(self, stdin, stdout):
        with open(self._path("console"), "w") as console:
            return self.lab.start(
                os.path.join(self.tree, "linux"), "mem=" + self.memory,
                "root=hostfs", "rootfstype=hostfs", "rootflags=/", "ro",
                "init=" + os.path.join(HELPERS, "uml-init"),
                "con=null", "con0=fd:0,fd:1",
                "con1=null,fd:%d" % console.fileno(), "console=tty1",
                "loglevel=7", "uml_dir=" + self.share, "umid=uml",
                "TASUKI_GUEST=" + self.share,
                stdin=stdin, stdout=stdout, pass_fds=[console.fileno()])


class Qemu(Guest):
    """QEMU without hardware virtualization, on the distribution's own kernel:
    many times slower than the machine, with several CPUs."""

    # What it takes to reach the host's files, in that order.
    DISK = ("fuse", "virtio_ring", "virtio", "virtiofs",
            "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci",
            "overlay")

    def __init__(self, lab, cpus=2, **kwargs):
        kwargs.setdefault("memory", "1536M")
        super().__init__(lab, **kwargs)
        self.cpus = cpus
        self.kernel = os.path.join(REPOSITORY, "build", "kernel")
        module = os.path.join(self.kernel, "openvswitch.ko")
        if not os.path.exists(module):
            raise LabError("%s: no such file: run make kernel first" % module)
        self._release = os.path.basename(os.path.dirname(
            os.path.realpath(module)))
        self.image = _helper("fetch-package",
                             "linux-image-" + self._release).strip()

    def release(self):
        return self._release

    def find_modules(self):
        theirs = os.path.join(self.image, "lib", "modules", self._release)
        os.symlink(os.path.join(theirs, "kernel"),
                   self._path("root/lib/modules/%s/kernel" % self._release))
        # modprobe takes the first of two that have one name, depmod decides
        # which that is: "updates" before "kernel".
        if not self.vanilla:
            updates = self._path("root/lib/modules/%s/updates" % self._release)
            os.makedirs(updates)
            for path in glob.glob(os.path.join(self.kernel, "*.ko")):
                self.lab.run("objcopy", "--strip-debug", path, os.path.join(
                    updates, os.path.basename(path)))
        return (glob.glob(os.path.join(theirs, "modules.builtin*"))
                + [os.path.join(theirs, "modules.order")])

    def find_config(self):
        return os.path.join(self.image, "boot", "config-" + self._release)

    def start(self, stdin, stdout):
        devices = []
        for tag, path in (("host", "/"), ("share", self.share)):
            sock = self._path(tag + ".sock")
            self.lab.start("/usr/lib/qemu/virtiofsd", "--socket-path=" + sock,
                           "-o", "source=" + path, "-o", "sandbox=chroot",
                           "-o", "cache=always", log="virtiofsd.log")
            wait_for(lambda: os.path.exists(sock), "virtiofsd")
            devices += ["-chardev", "socket,id=%s,path=%s" % (tag, sock),
                        "-device",
                        "vhost-user-fs-pci,chardev=%s,tag=%s" % (tag, tag)]
        return self.lab.start(
            "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max",
            "-smp", self.cpus, "-m", self.memory,
            "-object", "memory-backend-memfd,id=mem,share=on,size="
            + self.memory, "-numa", "node,memdev=mem",
            "-display", "none", "-nodefaults", "-no-reboot",
            "-serial", "stdio", "-serial", "file:" + self._path("console"),
            *devices,
            "-kernel", glob.glob(os.path.join(self.image, "boot",
                                              "vmlinuz-*"))[0],
            "-initrd", self._ramdisk(),
            "-append", "console=ttyS1 panic=-1 loglevel=7 TASUKI_GUEST=%s "
            "TASUKI_LABS=%s" % (self.share, HELPERS),
            stdin=stdin, stdout=stdout)

    def _ramdisk(self):
        """Returns the path of an initial ramdisk that finds the root."""
        tree = self.lab.path("ramdisk", "")[:-1]
        for name in ("bin", "proc", "dev", "host", "layer", "root", "modules"):
            os.makedirs(os.path.join(tree, name))
        shutil.copy("/bin/busybox", os.path.join(tree, "bin"))
        shutil.copy(os.path.join(HELPERS, "qemu-init"),
                    os.path.join(tree, "init"))
        with open(os.path.join(tree, "modules", "list"), "w") as f:
            for name in self.DISK:
                path, = glob.glob(os.path.join(
                    self.image, "lib/modules", self._release, "kernel", "**",
                    name + ".ko"), recursive=True)
                shutil.copy(path, os.path.join(tree, "modules"))
                f.write(name + ".ko\n")
        path = self.lab.path("ramdisk.cpio")
        names = subprocess.run(["find", "."], cwd=tree, check=True,
                               stdout=subprocess.PIPE).stdout
        with open(path, "wb") as f:
            subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=tree,
                           input=names, stdout=f, check=True)
        return path


def _leaks(kmemleak):
    """Returns that part of a report of kmemleak that is about memory which a
    module has asked for.  The rest is User Mode Linux's own, some of whose
    pointers kmemleak does not find."""
    return "".join(
        record for record in re.split(r"^(?=unreferenced object)", kmemleak,
                                      flags=re.MULTILINE)
        if re.search(r"\+0x[0-9a-f]+/0x[0-9a-f]+ \[\w+\]$", record,
                     re.MULTILINE))


def build_module(out, *where, older=False):
    """Builds our module into directory 'out'; 'where' says for which kernel,
    as to build-aux/build-module.  With 'older', its table of actions is
    empty."""
    sources = os.path.join(REPOSITORY, "build", "src", "linux")
    os.makedirs(out, exist_ok=True)
    os.makedirs(os.path.dirname(sources), exist_ok=True)
    with open(os.path.join(REPOSITORY, "build", "src", ".lock"), "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        _helper("prepare-linux", TARBALL, sources)
        if older:
            sources = _without_actions(sources)
        _helper("build-module", *where, sources, out)


def _without_actions(sources):
    """Returns a copy of 'sources', which prepare-linux has made, whose table
    of actions is as long but empty."""
    copy = sources + "-older"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(sources, copy)
    path = os.path.join(copy, "net", "openvswitch", "tasuki.c")
    with open(path) as f:
        text, n = re.subn(r"^\tTASUKI_ACTIONS\(TASUKI_ACTION_ENTRY\)$",
                          "\t[TASUKI_ACTION_ATTR_MAX] = NULL,", f.read(),
                          flags=re.MULTILINE)
    if not n:
        raise LabError("%s: no table of actions found" % path)
    with open(path, "w") as f:
        f.write(text)
    return copy


def _helper(name, *argv):
    """Runs a program of build-aux, which says on standard error what takes
    long, and returns its output."""
    done = subprocess.run([os.path.join(REPOSITORY, "build-aux", name), *argv],
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise LabError("%s: exit status %d" % (name, done.returncode))
    return done.stdout


def _script(argv, env, cwd):
    lines = ["export %s=%s" % (name, shlex.quote(value))
             for name, value in sorted(env.items())
             if re.fullmatch(r"[A-Za-z_]\w*", name)
             and name not in ("PWD", "OLDPWD", "SHLVL", "_", "HOME")]
    return "\n".join(lines + ["cd " + shlex.quote(cwd),
                              "exec " + shlex.join(argv), ""])


def main(kind, description, options=()):
    """The command line of a program that runs a command in a guest: 'kind' is
    its class, 'options' are those of its arguments that are options, with how
    to parse them."""
    parser = argparse.ArgumentParser(
        description=description + COMMON,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, how in options:
        parser.add_argument("--" + name, **how)
    parser.add_argument("--vanilla", action="store_true",
                        help="load Linux's own openvswitch.ko instead")
    parser.add_argument("--no-load", dest="load", action="store_const",
                        const=(), default=argparse.SUPPRESS,
                        help="load no module")
    parser.add_argument("--memory", metavar="SIZE", default=argparse.SUPPRESS,
                        help="memory of the guest, such as 2G")
    parser.add_argument("--timeout", type=float, default=600, metavar="S",
                        help="seconds to wait (default: 600)")
    parser.add_argument("--share", metavar="DIR",
                        help="put there what the command leaves, and the "
                        "kernel's messages")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = vars(parser.parse_args())
    command, timeout = args.pop("command"), args.pop("timeout")
    share = args.pop("share")
    if not command:
        parser.error("what should be run?")
    try:
        with Lab() as lab:
            guest = kind(lab, **args)
            outcome = guest.run(
                *command, timeout=timeout,
                stdin=sys.stdin if sys.stdin.isatty() else None,
                env=dict(os.environ, TASUKI_SHARE=guest.share))
            if share:
                guest.copy_share(share)
            _report(outcome)
    except LabError as error:
        sys.exit("%s: %s" % (os.path.basename(sys.argv[0]), error))
    sys.exit(1 if outcome.status is None
             else outcome.status or int(bool(outcome.complaints)))


def _report(outcome):
    """Says on standard error what was wrong besides the exit status."""
    if outcome.status is None:
        print("the guest died; its last words:", file=sys.stderr)
        print("\n".join(outcome.console.splitlines()[-30:]), file=sys.stderr)
    for line in outcome.complaints:
        print("kernel: " + line, file=sys.stderr)
