# SPDX-License-Identifier: Apache-2.0
# Copyright (c) 2026 the Tasuki developers.
"""One laboratory: its directory, its processes, and the end of both."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from . import journal
from .errors import LabError

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
DEBIAN_PACKAGES = {"nginx": "nginx-light", "ip": "iproute2",
                   "ping": "iputils-ping", "mn": "mininet"}


class Lab:
    """A laboratory.

    'directory' holds everything its programs read and write.  'verbose' is
    called with a line of text for each command that is run.
    """

    count = 0

    def __init__(self, verbose=None):
        if os.geteuid() != 0:
            raise LabError("network namespaces need root: run this as root")
        Lab.count += 1
        self.name = "tasuki-%d-%d" % (os.getpid(), Lab.count)
        self.verbose = verbose
        self.journal = journal.Journal(self.name)
        self.directory = tempfile.mkdtemp(prefix=self.name + "-")
        self.journal.note("directory", path=self.directory)
        # Daemons that drop root must reach what they serve.
        os.chmod(self.directory, 0o755)
        self.at_end = []
        self.handlers = {}

    def __enter__(self):
        # Python turns SIGINT into an exception by itself.  The others would
        # end the program without running anything.
        for sig in (signal.SIGTERM, signal.SIGHUP):
            self._handle(sig, _raise_exit)
        return self

    def _handle(self, sig, handler):
        # Signals are the main thread's, and pytest-xdist now and then runs its
        # tests in another: then one that ends the program leaves it to the
        # journal to clean up.
        if threading.current_thread() is threading.main_thread():
            self.handlers.setdefault(sig, signal.signal(sig, handler))

    def __exit__(self, *exc):
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._handle(sig, signal.SIG_IGN)
        try:
            self.close()
        finally:
            for sig, handler in self.handlers.items():
                signal.signal(sig, handler)

    def close(self):
        """Removes everything that the lab has made."""
        for function in reversed(self.at_end):
            function()
        self.journal.undo()

    def path(self, *parts):
        """Returns a path in the lab's directory, whose folders exist."""
        path = os.path.join(self.directory, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def set(self, path, value):
        """Writes 'value' to 'path', a setting of this machine such as a file
        in /proc/sys, until the lab ends."""
        with open(path) as f:
            self.journal.note("setting", path=path, value=f.read())
        with open(path, "w") as f:
            f.write(str(value))

    def run(self, *argv, check=True, timeout=60, **kwargs):
        """Runs a command to its end and returns its CompletedProcess, with
        output as text.  'check' raises LabError if the command fails."""
        argv = [str(arg) for arg in argv]
        self._tell(argv)
        try:
            done = subprocess.run(argv, text=True, timeout=timeout,
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, **kwargs)
        except FileNotFoundError:
            raise LabError(_missing(argv[0])) from None
        except subprocess.TimeoutExpired:
            raise LabError("%s: not done after %g s"
                           % (" ".join(argv), timeout)) from None
        if check and done.returncode:
            raise LabError("%s: exit status %d: %s"
                           % (" ".join(argv), done.returncode,
                              (done.stderr or done.stdout).strip()))
        return done

    def start(self, *argv, log=None, **kwargs):
        """Starts a program that lives as long as the lab, or less, and returns
        its Popen object.  It leads a process group of its own, and the kernel
        ends it if this program dies without cleaning up.

        Its output goes to file 'log' of the lab's directory, or nowhere.  Call
        it from the main thread: the kernel watches the thread.

        Its signals are the default ones.  A shell has what it starts with "&"
        ignore SIGINT, and programs honour that; but who stops a program of the
        lab means it."""
        argv = [str(arg) for arg in argv]
        if not shutil.which(argv[0]):
            raise LabError(_missing(argv[0]))
        self._tell(argv)
        out = open(self.path(log), "a") if log else subprocess.DEVNULL
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        kwargs.setdefault("stdout", out)
        kwargs.setdefault("stderr", subprocess.STDOUT if kwargs["stdout"] is out
                          else out)
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "env", "--default-signal"]
            + argv,
            start_new_session=True, **kwargs)
        if log:
            out.close()
        self.journal.note("process", pid=process.pid,
                          start=journal.start_time(process.pid), argv=argv)
        return process

    def stop(self, process, sig=signal.SIGTERM, timeout=5):
        """Ends 'process', which start() returned, and its process group."""
        if process.poll() is None:
            os.killpg(process.pid, sig)
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _tell(self, argv):
        if self.verbose:
            self.verbose("+ " + " ".join(argv))


def wait_for(condition, what, timeout=10, interval=0.02):
    """Calls 'condition' until it returns something true, and returns that.
    Raises LabError, saying 'what' was waited for, after 'timeout' seconds."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise LabError("%s: not after %g s" % (what, timeout))
        time.sleep(interval)


def _missing(program):
    return "%s: not found (Debian package %s)" % (
        program, DEBIAN_PACKAGES.get(program, program))


def _raise_exit(sig, _frame):
    raise SystemExit(128 + sig)
